// @ts-check
// The source: always editable. Gutter: breakpoint, how often the line ran up to the shown step, number, hue.
import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";
import { lineKey } from "../program.js";

/** @typedef {import("../editor.js").Editor} Editor */

/** @type {import("./index.js").Pane} */
export default {
  id: "source",
  titleKey: "pane.source",
  mount(body, ctx) {
    const { store, session } = ctx;
    const name = () => store.state.files[store.state.file]?.name ?? "";
    const tabs = h("div", { class: "files", role: "group", "aria-label": t("source.files") });
    const host = h("div", { class: "editor" });
    const problems = h("ol", { class: "problems", "aria-label": t("source.problems"), "aria-live": "polite" });
    body.classList.add("holds-editor");
    body.removeAttribute("tabindex");
    const about = h("p", { class: "about", tabindex: "0", "aria-label": t("source.about") });
    fill(body, about, tabs, host, problems);
    let pair = 0;
    // Until the editor has arrived its text is there to read.
    const plain = h("pre", { class: "plain" });
    fill(host, plain);
    /** @type {Editor | null} */
    let editor = null;
    let gone = false;
    void import("../editor.js").then(({ Editor }) => {
      if (gone) return;
      fill(host);
      editor = new Editor(host, {
        nonce: ctx.nonce,
        label: t("source.label"),
        onChange: (text) => session.edit(text),
        onBreakpoint: (line) => session.toggleLine(line, name()),
        onLine: (line) => document.dispatchEvent(new CustomEvent("glassbox-line", { detail: line })),
      });
      store.touch("files", "tick", "diagnostics");
    });
    host.addEventListener("keydown", (event) => {
      if (event.key !== "F9" || !editor) return;
      session.toggleLine(editor.line, name());
      event.preventDefault();
    });
    const hovered = (/** @type {Event} */ event) => {
      const line = /** @type {CustomEvent} */ (event).detail;
      if (line === pair) return;
      pair = line;
      marks(store.state);
    };
    document.addEventListener("glassbox-line", hovered);

    /** @param {import("../store.js").State} state */
    function marks(state) {
      const { program, trace, tick, stale, diagnostics, breakpoints } = state;
      const file = name();
      /** @type {Map<number, number>} */
      const counts = new Map();
      /** @type {Map<number, number>} */
      const hues = new Map();
      let now = 0;
      if (program && !stale) {
        const ran = trace.countsAt(tick);
        for (const [key, wheres] of program.lines) {
          const line = Number(key.slice(0, key.indexOf(":")));
          if (key !== lineKey(file, line)) continue;
          hues.set(line, program.hues.get(key) ?? 0);
          const most = Math.max(...wheres.map((w) => ran[w] ?? 0));
          if (most) counts.set(line, most);
        }
        const at = program.at(trace.has(tick) ? trace.where(tick) : state.view?.last?.where);
        if (at && at.row.file === file && at.row.line !== null) now = at.row.line;
      }
      const mine = diagnostics.filter((d) => d.span && d.file === file);
      editor?.setMarks({
        counted: trace.knowsAll(tick),
        breakpoints: new Set(breakpoints.flatMap((b) => ("line" in b && b.file === file ? [b.line] : []))),
        counts,
        hues,
        now,
        pair,
        spans: mine.map((d) => d.span ?? []),
        messages: mine.map((d) => d.message),
      });
      return now;
    }

    return {
      update(state, changed) {
        const file = state.files[state.file];
        if (!file) return;
        if (changed.has("files") || changed.has("file") || changed.has("room")) {
          plain.textContent = file.text;
          editor?.setLanguage(state.room.language);
          editor?.setText(file.text);
          const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
          ctx.meta(t("source.meta", { name: file.name, n: lines }));
          tabs.hidden = state.files.length < 2;
          fill(tabs, state.files.map((f, i) => fileTab(f.name, i === state.file, () => store.set({ file: i }))));
        }
        if (changed.has("example") || changed.has("files")) {
          const text = state.example?.about[language()] ?? state.example?.about.en;
          about.hidden = !text;
          fill(about, marked(text ?? ""));
        }
        ctx.section.classList.toggle("edited", state.stale);
        if (state.stale) ctx.meta(t("source.edited"));
        const now = marks(state);
        if (now && (changed.has("tick") || changed.has("trace"))) editor?.reveal(now);
        if (changed.has("diagnostics")) {
          problems.hidden = !state.diagnostics.length;
          fill(problems, state.diagnostics.map((d) => problem(d, editor)));
          const first = state.diagnostics.find((d) => d.span && d.file === file.name);
          if (first?.span) editor?.reveal(first.span[0]);
        }
      },
      destroy() {
        document.removeEventListener("glassbox-line", hovered);
        gone = true;
        editor?.destroy();
      },
    };
  },
};

/**
 * @param {string} name
 * @param {boolean} shown
 * @param {() => void} show
 */
function fileTab(name, shown, show) {
  return h("button", { type: "button", class: "file", "aria-pressed": String(shown), on: { click: show } }, name);
}

/**
 * @param {import("../store.js").Diagnostic} d
 * @param {Editor | null} editor
 */
function problem(d, editor) {
  const text = d.hint ? `${d.message} (${d.hint})` : d.message;
  if (!d.span) return h("li", {}, text);
  const [line] = d.span;
  const go = () => {
    editor?.reveal(line);
    editor?.view.focus();
  };
  return h("li", {}, h("button", { type: "button", on: { click: go } }, h("b", {}, t("source.line", { n: String(line) })), " ", text));
}

/**
 * A text in which `code` stands between backquotes.
 * @param {string} text
 */
function marked(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}
