// @ts-check
// What the program printed: up to the shown step in ink, what is still to come dimmed.
import { fill, h, keepInSight, patch } from "../dom.js";
import { t } from "../i18n.js";
import { writerLink } from "../values.js";

/** Lines that are in the document at once, around the shown step. */
const WINDOW = 240;

/** @typedef {{tick: number, stream: string, parts: {tick: number, text: string}[]}} Line */

/** @type {import("./index.js").Pane} */
export default {
  id: "output",
  titleKey: "pane.output",
  turn: 1,
  mount(body, ctx) {
    const list = h("ol", { class: "out", "aria-label": t("pane.output") });
    const field = h("input", { autocomplete: "off", "aria-label": t("input.label") });
    const form = h("form", { class: "ask", hidden: true }, h("label", {}, t("input.label")), field,
      h("button", { class: "btn edge" }, t("input.give")),
      h("button", { class: "btn", type: "button", on: { click: () => void ctx.session.input("", true) } }, t("input.end")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void ctx.session.input(`${field.value}\n`, false);
      field.value = "";
    });
    fill(body, list, form);
    /** @type {Line[]} */
    let lines = [];
    /** The line of the shown step, to be brought into sight. */
    let shownLine = -1;
    return {
      settle() {
        if (shownLine >= 0) keepInSight(body, list.children[shownLine]);
        shownLine = -1;
      },
      update(state, changed) {
        if (!["outputs", "tick", "program", "stale", "phase", "waiting"].some((name) => changed.has(name))) return;
        if (changed.has("outputs") || changed.has("program")) lines = split(state.outputs);
        ctx.section.classList.toggle("stale", state.stale);
        form.hidden = state.waiting === null || state.stale;
        if (!lines.length) {
          ctx.meta("");
          patch(list, h("li", { class: "none" }, state.program ? t("output.none") : t("output.empty")));
          return;
        }
        const { tick } = state;
        const done = lines.filter((line) => line.tick <= tick).length;
        ctx.meta(t("output.meta", { done, n: lines.length }));
        const from = Math.max(0, Math.min(done - WINDOW / 2, lines.length - WINDOW));
        const shown = lines.slice(from, from + WINDOW);
        const go = (/** @type {number} */ n) => ctx.session.goTo(n);
        const items = shown.map((line) => row(line, tick, go));
        if (done < lines.length) items.splice(done - from, 0, divider());
        patch(list, from ? h("li", { class: "none" }, t("output.earlier", { n: from })) : null, items);
        shownLine = Math.max(0, done - from - 1) + (from ? 1 : 0);
      },
    };
  },
};

/**
 * Lines of the output; a line belongs to the step that began it.
 * @param {{tick: number, stream: string, text: string}[]} outputs
 */
function split(outputs) {
  /** @type {Line[]} */
  const lines = [];
  /** @type {Line | null} */
  let open = null;
  for (const { tick, stream, text } of outputs) {
    const parts = text.split("\n");
    parts.forEach((part, i) => {
      if (i > 0) open = null;
      if (part === "" && i === parts.length - 1) return;
      if (!open) {
        open = { tick, stream, parts: [] };
        lines.push(open);
      }
      open.parts.push({ tick, text: part });
    });
  }
  return lines;
}

/**
 * @param {Line} line
 * @param {number} tick
 * @param {(tick: number) => void} go
 */
function row(line, tick, go) {
  const parts = line.parts.map((part) => (part.tick > tick ? h("span", { class: "f" }, part.text) : part.text));
  return h("li", { class: `${line.tick > tick ? "future" : ""} ${line.stream === "stderr" ? "wrong" : ""}` }, writerLink(line.tick, go), h("pre", {}, parts));
}

function divider() {
  return h("li", { class: "nowline" }, h("span", {}, t("output.below")));
}
