// @ts-check
// Dialogs: opened in the middle, closed with Escape or a button, and the focus goes back to where it was.
import { h } from "./dom.js";

let made = 0;

/**
 * Show a dialog. Its title names it.
 * @param {string} title
 * @param {import("./dom.js").Child[]} children
 * @param {string} [extra] class
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, children, extra = "") {
  const back = document.activeElement;
  const id = `dialog-${++made}`;
  const dialog = h("dialog", { class: `dialog ${extra}`, "aria-labelledby": id }, h("h2", { id }, title), children);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    // This event comes late: whoever has gone on to something else meanwhile keeps the focus there.
    const isElsewhere = document.activeElement !== document.body && !dialog.contains(document.activeElement);
    dialog.remove();
    if (isElsewhere || document.querySelector("dialog[open]")) return;
    if (back instanceof HTMLElement && back.isConnected) back.focus({ preventScroll: true });
  });
  // A press on the dark around it closes it, too.
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog && !inside(dialog, event)) dialog.close();
  });
  dialog.showModal();
  return dialog;
}

/**
 * @param {HTMLElement} node
 * @param {PointerEvent} event
 */
function inside(node, event) {
  const r = node.getBoundingClientRect();
  return event.clientX >= r.left && event.clientX <= r.right && event.clientY >= r.top && event.clientY <= r.bottom;
}

/**
 * A button that closes the dialog around it.
 * @param {string} text
 */
export function closeButton(text) {
  return h("form", { method: "dialog" }, h("button", { class: "btn edge" }, text));
}
