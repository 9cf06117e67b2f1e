// @ts-check
// The focus window: a stretch of the recording with a name, outlined on the timeline. Made by dragging with Shift, or
// here with numbers.
import { closeButton, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { laterWords, number, t } from "./i18n.js";

/** Steps on either side that the proposal for an empty window takes. */
const AROUND = 20;
const LONGEST_NAME = 40;

/** @typedef {import("./store.js").State} State */

/**
 * The running call of the shown step: from its first step to its last one, as far as the page holds them.
 * @param {State} state
 * @returns {{from: number, to: number, name: string} | null}
 */
export function callAround({ tick, frontier, trace, program }) {
  const depth = trace.depth(tick + 1) || trace.depth(tick);
  if (!depth) return null;
  let from = tick;
  while (from > 0 && trace.depth(from) >= depth) from--;
  let to = tick + 1;
  while (to <= frontier && trace.depth(to) >= depth) to++;
  const at = program?.at(trace.has(tick + 1) ? trace.where(tick + 1) : trace.where(tick));
  return { from, to: Math.min(frontier, to - 1), name: at?.routine.name ?? "" };
}

/** @param {import("./session.js").Session} session */
export async function focusDialog(session) {
  await laterWords();
  const { store, state } = session;
  const call = callAround(state);
  const proposal = state.focus ?? call ?? { from: Math.max(0, state.tick - AROUND), to: Math.min(state.frontier, state.tick + AROUND), name: "" };
  const field = (/** @type {string} */ id, /** @type {Record<string, any>} */ props) => h("input", { id: `focus-${id}`, autocomplete: "off", ...props });
  const limits = { type: "number", min: 0, max: state.frontier, step: 1, required: true };
  const from = field("from", { ...limits, value: proposal.from });
  const to = field("to", { ...limits, value: proposal.to });
  const name = field("name", { maxlength: LONGEST_NAME, value: proposal.name });
  const label = (/** @type {HTMLInputElement} */ input, /** @type {string} */ text) => [h("label", { for: input.id }, text), input];
  const take = (/** @type {{from: number, to: number, name: string}} */ one) => {
    from.value = String(one.from);
    to.value = String(one.to);
    name.value = one.name;
  };
  const wrong = h("p", { class: "wrong", role: "alert" });
  const form = h("form", { class: "fields", novalidate: true },
    call ? h("button", { type: "button", class: "btn edge", on: { click: () => take(call) } },
      t("window.call", { name: call.name, n: number(call.to - call.from) })) : null,
    label(name, t("window.name")), label(from, t("window.from")), label(to, t("window.to")), wrong,
    h("div", { class: "ends" },
      state.focus ? h("button", { type: "button", class: "btn", on: { click: () => {
        store.set({ focus: null });
        dialog.close();
      } } }, t("window.remove")) : null, " ",
      h("button", { class: "btn edge", value: "set" }, t("window.set")), " ",
      h("button", { class: "btn run", value: "zoom" }, t("window.zoom"))));
  const dialog = openDialog(t("window.title"), [h("p", { class: "what" }, t("window.about")), form, closeButton(t("dialog.close"))]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [a, b] = [from, to].map((input) => (/^\d+$/.test(input.value.trim()) ? Number(input.value) : Number.NaN));
    if (!(a >= 0 && b > a && b <= state.frontier)) {
      wrong.textContent = t("window.wrong", { n: state.frontier });
      (Number.isFinite(a) && a <= state.frontier ? to : from).focus();
      return;
    }
    store.set({ focus: { from: a, to: b, name: name.value.trim() } });
    const pressed = /** @type {HTMLButtonElement | null} */ (event.submitter);
    if (pressed?.value === "zoom") {
      const margin = Math.max(2, Math.round((b - a) * 0.05));
      store.set({ span: { from: Math.max(0, a - margin), to: Math.min(state.frontier, Math.max(b + margin, a + 8)) } });
      if (state.tick < a || state.tick > b) session.goTo(a);
    }
    dialog.close();
  });
  name.focus();
  name.select();
}
