// @ts-check
// Predict, then check: before a step is shown the page asks what it will change, and compares. For teachers: a link opens
// the page in this mode.
import { openDialog } from "../dialog.js";
import { h, patch } from "../dom.js";
import { laterWords, t } from "../i18n.js";
import { machine } from "../panes/index.js";
import { changeNode, valueText } from "../values.js";

/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("../trace.js").StepWrite} StepWrite */

/**
 * What of the next step can be asked for: its first write of a plain value.
 * @param {import("../trace.js").Step | null} step
 * @returns {StepWrite | null}
 */
export function askable(step) {
  return step?.writes.find((w) => w.value.t !== "absent" && (w.value.id === undefined || w.value.t === "function" || w.value.t === "table") && !(w.old.t === w.value.t && w.old.s === w.value.s && w.old.id === w.value.id)) ?? null;
}

/**
 * Whether an answer means a value. Case, quotes, a leading 0x and leading zeros do not matter; of a reference its kind is enough.
 * @param {string} answer
 * @param {import("../trace.js").Value} value
 */
export function means(answer, value) {
  const given = answer.trim().toLowerCase();
  if (!given) return false;
  if (value.t === "bits") {
    const bare = (/** @type {string} */ text) => text.replace(/^0x|h$/g, "").replace(/^0+(?=.)/, "");
    return bare(given) === bare(value.s.toLowerCase());
  }
  if (value.t === "string") return given.replace(/^(["'])(.*)\1$/, "$2") === value.s.toLowerCase().replace(/^"(.*)"$/, "$1");
  if (value.id !== undefined) return given.split(" ")[0] === value.s.toLowerCase() || given === valueText(value).toLowerCase() || given.split(" ")[0] === value.t;
  if (value.t === "integer" || value.t === "float") return given === value.s || (given !== "" && Number(given) === Number(value.s) && !/^0x/.test(given));
  return given === value.s.toLowerCase();
}

/**
 * Turn the mode on or off.
 * @param {Session} session
 */
export async function togglePredict(session) {
  await laterWords();
  const { store } = session;
  const on = store.state.predict === null;
  store.set({ predict: on ? { right: 0, asked: 0 } : null });
  document.getElementById("workbench")?.classList.toggle("predicting", on);
  session.gate = on ? () => ask(session) : null;
  store.set({ notice: { key: on ? "notice.predict" : "notice.nopredict", tone: "info" } });
}

/**
 * Ask for the next step, if there is something to ask. Answers whether it did.
 * @param {Session} session
 */
function ask(session) {
  const { state } = session;
  if (document.querySelector("dialog[open]") || state.stale || !state.program) return false;
  const step = state.trace.step(state.tick + 1);
  const write = askable(step);
  if (!step || !write) return false;
  void question(session, step, write);
  return true;
}

/**
 * @param {Session} session
 * @param {import("../trace.js").Step} step
 * @param {StepWrite} write
 */
async function question(session, step, write) {
  const { store, state } = session;
  const { adapter } = await machine(state.room);
  const at = state.program?.at(step.where);
  const place = adapter.place(state, write, step);
  const field = h("input", { id: "predicted", autocomplete: "off", spellcheck: "false" });
  const answer = h("div", { class: "answer", role: "status" });
  const check = h("button", { class: "btn run" }, t("predict.check"));
  const skip = h("button", { type: "button", class: "btn", on: { click: () => go() } }, t("predict.skip"));
  const form = h("form", { class: "fields" }, h("label", { for: "predicted" }, t("predict.ask", { name: place })), field, answer, h("div", { class: "ends" }, skip, " ", check));
  let checked = false;
  const go = () => {
    dialog.close();
    session.goTo(step.tick);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (checked) return go();
    if (!field.value.trim()) return field.focus();
    checked = true;
    const right = means(field.value, write.value);
    const { right: before, asked } = state.predict ?? { right: 0, asked: 0 };
    const count = { right: before + Number(right), asked: asked + 1 };
    store.set({ predict: count });
    patch(answer, h("p", { class: right ? "right" : "wrong" }, h("b", {}, right ? `✓ ${t("predict.right")}` : `✗ ${t("predict.wrong")}`), " ", place, " ", changeNode(write.old, write.value)),
      h("p", { class: "what" }, t("predict.count", { n: count.right, total: count.asked })));
    field.readOnly = true;
    skip.hidden = true;
    patch(check, t("predict.go"));
    check.focus();
  });
  const dialog = openDialog(t("predict.title", { n: step.tick }), [
    at ? h("p", {}, h("code", {}, `${at.row.op} ${at.row.args}`), at.row.line === null ? "" : t("say.line", { n: String(at.row.line) })) : null,
    at ? h("p", { class: "what" }, adapter.sentence(state, at.row, at.routine)) : null, form,
  ]);
  field.focus();
}
