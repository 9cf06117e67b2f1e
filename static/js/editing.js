// @ts-check
// Changing the past: a value of the shown step, in its place. Panes mark what can be changed with `data-edit` and say by
// `holds` (dom.js) what it is; this hears the wish, valueform.js, fetched with the first one, does the rest.
import { held, h } from "./dom.js";
import { t } from "./i18n.js";

const editCell = async (/** @type {HTMLElement} */ cell, /** @type {import("./session.js").Session} */ session) =>
  (await import("./valueform.js")).editCell(cell, session);

/**
 * Listen in `root` for wishes to change a value: a double click on one, Enter or F2 on a focused one, and the pencil that
 * shows where the pointer is.
 * @param {HTMLElement} root
 * @param {import("./session.js").Session} session
 * @returns {() => void}
 */
export function mountEditing(root, session) {
  /** @type {HTMLElement | null} */
  let over = null;
  const pencil = h("button", { type: "button", class: "pencil", tabindex: "-1", hidden: true, on: { click: () => over && void editCell(over, session) } }, "✎");
  root.append(pencil);
  const cellOf = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.("[data-edit]"));
  const pointed = (/** @type {Event} */ event) => {
    if (event.target === pencil) return;
    over = session.state.phase === "ready" && !session.state.stale ? cellOf(event) : null;
    const found = over && held(over);
    pencil.hidden = !found;
    if (!over || !found) return;
    const r = over.getBoundingClientRect();
    // Beside a short value, not over it.
    pencil.style.left = `${Math.round(r.width < 48 ? r.right : r.right - 24)}px`;
    pencil.style.top = `${Math.round(r.top + (r.height - 24) / 2)}px`;
    const label = t("pencil.change", { name: found.label });
    pencil.setAttribute("aria-label", label);
    pencil.title = label;
  };
  const double = (/** @type {MouseEvent} */ event) => {
    const cell = cellOf(event);
    if (cell) void editCell(cell, session);
  };
  const scrolled = () => {
    pencil.hidden = true;
  };
  root.addEventListener("pointerover", pointed);
  root.addEventListener("dblclick", double);
  root.addEventListener("scroll", scrolled, true);
  const stop = session.store.subscribe((_state, changed) => {
    if (changed.has("tick") || changed.has("program")) pencil.hidden = true;
  });
  return () => {
    stop();
    root.removeEventListener("pointerover", pointed);
    root.removeEventListener("dblclick", double);
    root.removeEventListener("scroll", scrolled, true);
    pencil.remove();
  };
}
