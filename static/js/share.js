// @ts-check
// Sharing: a link that opens this program at this step.
import { fill, h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Ask the server for a link to what is shown.
 * @param {import("./store.js").State} state
 * @returns {Promise<{id: string, url: string}>}
 */
async function makeLink(state) {
  const breakpoints = state.breakpoints.length ? { breakpoints: state.breakpoints } : {};
  const answer = await fetch("/api/links", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ v: 1, room: state.room.name, files: state.files, options: state.options, tick: state.tick, ...breakpoints }),
  });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error?.message ?? body?.message ?? t("share.failed", { status: String(answer.status) }));
  return body;
}

/**
 * Make the link and show it in a dialog, ready to be copied.
 * @param {import("./store.js").State} state
 */
export async function share(state) {
  const body = h("div", { class: "sharebody", role: "status" }, t("share.making"));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "share-title" }, h("h2", { id: "share-title" }, t("share.title")), body,
    h("form", { method: "dialog" }, h("button", { class: "btn edge" }, t("dialog.close"))));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  try {
    const { url } = await makeLink(state);
    const whole = new URL(url, location.href).href;
    const field = h("input", { id: "share-link", readonly: true, value: whole, "aria-label": t("share.link") });
    const copy = h("button", { type: "button", class: "btn run", on: { click: () => copyText(field, copy) } }, t("share.copy"));
    fill(body, h("p", {}, t("share.what", { n: state.tick })), h("div", { class: "sharerow" }, field, copy));
    field.focus();
    field.select();
  } catch (error) {
    fill(body, h("p", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
  }
}

/**
 * @param {HTMLInputElement} field
 * @param {HTMLButtonElement} button
 */
async function copyText(field, button) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // Without the clipboard permission (plain HTTP on a LAN) the old command still copies the selection.
    document.execCommand("copy");
  }
  fill(button, t("share.copied"));
}
