// @ts-check
// The condition of a line's breakpoint: a dialog, fetched when somebody wants one.
import { h } from "./dom.js";
import { laterWords, t } from "./i18n.js";

/**
 * @param {import("./session.js").Session} session
 * @param {number} line
 * @param {string} file
 */
export async function askCondition(session, line, file) {
  await laterWords();
  const known = /** @type {any} */ (session.state.breakpoints.find((b) => "line" in b && b.line === line && b.file === file));
  const condition = h("input", { id: "condition", spellcheck: "false", autocomplete: "off", value: known?.condition ?? "", placeholder: 'i > 3 and name ~= "x"' });
  const hits = h("input", { id: "hits", type: "number", min: 1, value: known?.hits ?? 1 });
  const form = h("form", { method: "dialog", class: "fields" },
    h("label", { for: "condition" }, t("condition.if")), condition,
    h("label", { for: "hits" }, t("condition.hits")), hits,
    h("div", { class: "ends" }, h("button", { class: "btn run", value: "set" }, t("condition.set")), " ",
      known ? h("button", { class: "btn edge", value: "clear", formnovalidate: true }, t("condition.clear")) : null, " ",
      h("button", { class: "btn", value: "", formnovalidate: true }, t("condition.cancel"))));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "condition-title" },
    h("h2", { id: "condition-title" }, t("condition.title", { n: String(line), name: file })), form);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "clear") session.breakpoints.toggleLine(line, file);
    if (dialog.returnValue === "set") session.breakpoints.setLine(line, file, condition.value.trim(), Number(hits.value));
  });
  dialog.showModal();
  condition.focus();
}
