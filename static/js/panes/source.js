// @ts-check
// The source: always editable. Gutter: breakpoint, how often the line ran up to the shown step, number, hue.
import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";
import { lineKey } from "../program.js";

/** @typedef {import("../editor.js").Editor} Editor */

/** What besides the step the marks of the gutters and lines depend on. */
const MARKED_BY = ["program", "stale", "diagnostics", "breakpoints", "files", "file", "room", "phase"];

/** @type {import("./index.js").Pane} */
export default {
  id: "source",
  titleKey: "pane.source",
  turn: 1,
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
    /** Names with a meaning of their own at the shown step. @type {import("./rooms/adapter.js").Mark[]} */
    let names = [];
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
        onBreakpoint: (line) => session.breakpoints.toggleLine(line, name()),
        onCount: (line, back) => session.cycle({ line, file: name() }, back ? -1 : 1),
        onLine: (line) => document.dispatchEvent(new CustomEvent("glassbox-line", { detail: line })),
      });
      store.touch("files", "tick", "diagnostics");
    });
    host.addEventListener("keydown", (event) => {
      if (event.key !== "F9" || !editor) return;
      if (event.shiftKey) session.cycle({ line: editor.line, file: name() });
      else if (event.altKey) void condition(editor.line);
      else session.breakpoints.toggleLine(editor.line, name());
      event.preventDefault();
    });
    const condition = async (/** @type {number} */ line) => {
      const { askCondition } = await import("../condition.js");
      await askCondition(session, line, name());
    };
    host.addEventListener("contextmenu", (event) => {
      const gutter = /** @type {Element} */ (event.target).closest(".gb-bp, .gb-no");
      const line = gutter && editor ? editor.lineAt(event.clientY) : 0;
      if (!line) return;
      event.preventDefault();
      void condition(line);
    });
    const hovered = (/** @type {Event} */ event) => {
      const line = /** @type {CustomEvent} */ (event).detail;
      if (line === pair) return;
      pair = line;
      marks(store.state);
    };
    document.addEventListener("glassbox-line", hovered);

    /**
     * @param {import("../store.js").State} state
     * @param {boolean} [follows]   bring the line of the shown step into sight
     */
    function marks(state, follows = false) {
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
        breakpoints: new Map(breakpoints.flatMap((b) => ("line" in b && b.file === file ? [[b.line, b.condition ?? (b.hits ? String(b.hits) : "")]] : []))),
        counts,
        hues,
        now,
        pair,
        spans: mine.map((d) => d.span ?? []),
        messages: mine.map((d) => d.message),
        names: stale ? [] : names,
      }, follows && (now || tick === 0) ? now || 1 : 0);
    }

    /** @param {import("../store.js").State} state */
    async function findNames(state) {
      const { view, program } = state;
      const shown = state.files[state.file];
      const found = (view && program && !state.stale && (await ctx.adapter().marks?.(state, shown))) || [];
      if (gone || state.view !== view || state.files[state.file] !== shown || (!found.length && !names.length)) return;
      names = found;
      marks(state);
    }

    /** @param {import("../store.js").Diagnostic} d */
    function show(d) {
      const at = store.state.files.findIndex((f) => f.name === d.file);
      if (at >= 0) store.set({ file: at });
      // The editor shows the other file in the next frame.
      requestAnimationFrame(() => requestAnimationFrame(() => {
        editor?.reveal(d.span?.[0] ?? 1);
        editor?.view.focus();
      }));
    }

    /**
     * Show the file of the shown step, or of the first problem, when that has changed.
     * @param {import("../store.js").State} state
     * @param {Set<string>} changed
     */
    function follow(state, changed) {
      if (state.files.length < 2) return;
      const { trace, tick, program, stale } = state;
      const ran = trace.has(tick) ? trace.where(tick) : state.viewTick === tick ? state.view?.last?.where : undefined;
      const wrong = changed.has("diagnostics") ? state.diagnostics.find((d) => d.span)?.file : undefined;
      const moved = changed.has("tick") && !stale ? program?.at(ran)?.row.file : undefined;
      const at = state.files.findIndex((f) => f.name === (wrong ?? moved));
      if (at < 0 || at === state.file) return;
      // Others that hear of this change draw the file in this same frame.
      state.file = at;
      changed.add("file");
    }

    /** @param {import("../store.js").State} state */
    function drawTabs({ files, file }) {
      const ending = ctx.adapter().moduleEnding;
      const { room, options } = store.state;
      const opens = room.executables.length > 0;
      const takes = opens && room.executables.every((/** @type {[string, string]} */ [option, value]) => options[option] === value);
      tabs.hidden = !ending && files.length < 2 && !opens;
      const names = files.map((f) => f.name);
      const add = h("button", { type: "button", class: "file", "aria-label": t("source.add"), title: t("source.add"), on: { click: async () => {
        const { askName, freshName } = await import("../files.js");
        await askName(add, freshName(ending, names), names, (name) => session.arrange([...store.state.files, { name, text: "" }], names.length));
      } } }, "+");
      const rename = h("button", { type: "button", class: "file", on: { click: async () => {
        const { askName } = await import("../files.js");
        const others = names.filter((_n, i) => i !== file);
        await askName(rename, names[file], others, (name) => session.arrange(store.state.files.map((f, i) => (i === file ? { ...f, name } : f)), file));
      } } }, t("source.rename"));
      const remove = h("button", { type: "button", class: "file", on: { click: async () => {
        const { mayDelete } = await import("../files.js");
        if (await mayDelete(store.state.files[file])) session.arrange(store.state.files.filter((_f, i) => i !== file), file - 1);
      } } }, t("source.delete"));
      const give = h("button", { type: "button", class: "file", title: t("source.arguments.help"), on: {
        click: () => session.arrange([...store.state.files, { name: room.arguments_file, text: "" }], names.length),
      } }, t("source.arguments"));
      const open = h("button", { type: "button", class: "file", title: t("source.open.help"), on: { click: async () => {
        const { chooseFile } = await import("../files.js");
        await chooseFile(session, store);
      } } }, t("source.open"));
      const had = tabs.contains(document.activeElement);
      fill(tabs, names.map((one, i) => fileTab(one, i === file, () => store.set({ file: i }))), ending ? add : null,
        takes && !names.includes(room.arguments_file) ? give : null,
        h("span", { class: "gap" }), opens ? open : null, ending ? rename : null, file > 0 ? remove : null);
      if (had) /** @type {HTMLElement | null} */ (tabs.querySelector('[aria-pressed="true"]'))?.focus();
    }

    return {
      settle: () => editor?.settle(),
      // The editor asks for geometry whenever it is changed: this pane is the first that writes in a frame, so that the
      // page is still laid out then.
      update(state, changed) {
        follow(state, changed);
        const file = state.files[state.file];
        if (!file) return;
        if (changed.has("files") || changed.has("file") || changed.has("room") || changed.has("options")) {
          plain.textContent = file.text;
          editor?.setText(file.name, file.text);
          editor?.setLanguage(sourceLanguage(state));
          const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
          ctx.meta(t("source.meta", { name: file.name, n: lines }));
          drawTabs(state);
        }
        if (changed.has("example") || changed.has("files")) {
          const text = state.example?.about[language()] ?? state.example?.about.en;
          about.hidden = !text;
          fill(about, marked(text ?? ""));
        }
        ctx.section.classList.toggle("edited", state.stale);
        if (state.stale) ctx.meta(t("source.edited"));
        if (changed.has("view") || changed.has("program") || changed.has("file") || changed.has("stale")) void findNames(state);
        const moved = changed.has("tick") || changed.has("trace");
        if (moved || MARKED_BY.some((name) => changed.has(name))) {
          marks(state, moved && !state.stale);
        }
        if (changed.has("diagnostics")) {
          problems.hidden = !state.diagnostics.length;
          fill(problems, state.diagnostics.map((d) => problem(d, () => show(d), ctx.adapter().explain)));
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
 * The editor's language: the room's, or that of the option that picks one.
 * @param {import("../store.js").State} state
 */
function sourceLanguage({ room, options }) {
  const choice = room.options.find((/** @type {any} */ o) => o.languages.length);
  return choice?.languages[choice.values.indexOf(options[choice.name])] ?? room.language;
}

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
 * @param {() => void} go
 * @param {(message: string) => Promise<string>} explain
 */
function problem(d, go, explain) {
  const text = d.hint ? `${d.message} (${d.hint})` : d.message;
  const why = h("p", { class: "why" });
  void explain(d.message).then((words) => fill(why, marked(words)));
  if (!d.span) return h("li", {}, text, why);
  const [line] = d.span;
  return h("li", {}, h("button", { type: "button", on: { click: go } }, h("b", {}, t("source.line", { n: String(line) })), " ", text), why);
}

/**
 * A text in which `code` stands between backquotes.
 * @param {string} text
 */
function marked(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}
