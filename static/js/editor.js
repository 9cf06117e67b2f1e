// @ts-check
// The source editor: CodeMirror with gutters for breakpoints, counts, line numbers and hues, the current line, and
// underlined diagnostics.
import {
  copyLineDown, copyLineUp, cursorCharLeft, cursorCharRight, cursorDocEnd, cursorDocStart, cursorGroupLeft, cursorGroupRight,
  cursorLineBoundaryBackward, cursorLineBoundaryForward, cursorLineDown, cursorLineUp, cursorPageDown, cursorPageUp,
  deleteGroupBackward, deleteGroupForward, deleteLine, history, historyKeymap,
  moveLineDown, moveLineUp, selectAll, selectCharLeft, selectCharRight, selectDocEnd, selectDocStart,
  selectGroupLeft, selectGroupRight, selectLine, selectLineBoundaryBackward, selectLineBoundaryForward, selectLineDown,
  selectLineUp, selectPageDown, selectPageUp, simplifySelection,
} from "@codemirror/commands";
import { Compartment, EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, gutter, gutterLineClass, keymap } from "@codemirror/view";
import { erase, highlighting, indent, newline, toggleComment } from "./languages/highlighting.js";
import { LANGUAGES, languageOf } from "./languages/index.js";
import { followSight, setSight, sightAt, sightField } from "./sight.js";
import { compact } from "./values.js";

/** The margin of a wish to have lines drawn that are about to be scrolled into sight; as a wish to scroll it is ignored. */
const AHEAD = -1;
/** Pixels beyond the visible ones that the editor wants to have drawn. */
const BEYOND = 260;

/** One level of a block. */
const UNIT = "  ";

/**
 * The keys of the editor. Picked one by one: the packaged list brings commands that need a syntax tree, and with them a
 * seventh of the first load.
 * @type {import("@codemirror/view").KeyBinding[]}
 */
const KEYMAP = [
  { key: "ArrowLeft", run: cursorCharLeft, shift: selectCharLeft, preventDefault: true },
  { key: "ArrowRight", run: cursorCharRight, shift: selectCharRight, preventDefault: true },
  { key: "Mod-ArrowLeft", mac: "Alt-ArrowLeft", run: cursorGroupLeft, shift: selectGroupLeft, preventDefault: true },
  { key: "Mod-ArrowRight", mac: "Alt-ArrowRight", run: cursorGroupRight, shift: selectGroupRight, preventDefault: true },
  { key: "ArrowUp", run: cursorLineUp, shift: selectLineUp, preventDefault: true },
  { key: "ArrowDown", run: cursorLineDown, shift: selectLineDown, preventDefault: true },
  { key: "PageUp", run: cursorPageUp, shift: selectPageUp },
  { key: "PageDown", run: cursorPageDown, shift: selectPageDown },
  { key: "Home", mac: "Cmd-ArrowLeft", run: cursorLineBoundaryBackward, shift: selectLineBoundaryBackward, preventDefault: true },
  { key: "End", mac: "Cmd-ArrowRight", run: cursorLineBoundaryForward, shift: selectLineBoundaryForward, preventDefault: true },
  { key: "Mod-Home", mac: "Cmd-ArrowUp", run: cursorDocStart, shift: selectDocStart },
  { key: "Mod-End", mac: "Cmd-ArrowDown", run: cursorDocEnd, shift: selectDocEnd },
  { key: "Mod-a", run: selectAll },
  { key: "Backspace", run: erase(false), shift: erase(false), preventDefault: true },
  { key: "Delete", run: erase(true), preventDefault: true },
  { key: "Mod-Backspace", mac: "Alt-Backspace", run: deleteGroupBackward, preventDefault: true },
  { key: "Mod-Delete", mac: "Alt-Delete", run: deleteGroupForward, preventDefault: true },
  { key: "Alt-ArrowUp", run: moveLineUp, shift: copyLineUp },
  { key: "Alt-ArrowDown", run: moveLineDown, shift: copyLineDown },
  { key: "Alt-l", mac: "Ctrl-l", run: selectLine },
  { key: "Escape", run: simplifySelection },
  { key: "Shift-Mod-k", run: deleteLine },
  { key: "Mod-[", run: indent(UNIT, true) },
  { key: "Mod-]", run: indent(UNIT, false) },
  { key: "Tab", run: indent(UNIT, false), shift: indent(UNIT, true) },
];

/**
 * What the gutters and lines show besides the text. Lines count from 1.
 * @typedef {object} Marks
 * @property {Map<number, string>} breakpoints  with their conditions, "" if none
 * @property {Map<number, number>} counts    how often the line ran
 * @property {boolean} counted               whether the counts are complete
 * @property {Map<number, number>} hues      1 … 8
 * @property {number} now                    the line of the shown step, or 0
 * @property {number} pair                   the line that the pointer is on elsewhere, or 0
 * @property {number[][]} spans              diagnostics: [line, column, end line, end column]
 * @property {string[]} messages             their messages
 * @property {import("./panes/rooms/adapter.js").Mark[]} names   names with a meaning of their own
 */

/** @type {Marks} */
const NOTHING = {
  breakpoints: new Map(),
  counts: new Map(),
  counted: true,
  hues: new Map(),
  now: 0,
  pair: 0,
  spans: [],
  messages: [],
  names: [],
};

/** @type {import("@codemirror/state").StateEffectType<Marks>} */
const setMarks = StateEffect.define();

const marksField = StateField.define({
  create: () => NOTHING,
  update(value, tr) {
    for (const effect of tr.effects) if (effect.is(setMarks)) value = effect.value;
    return value;
  },
});

class Dot extends GutterMarker {
  /** @param {string} kind */
  constructor(kind) {
    super();
    this.kind = kind;
  }
  /** @param {GutterMarker} other */
  eq(other) {
    return other instanceof Dot && other.kind === this.kind;
  }
  toDOM() {
    const node = document.createElement("span");
    node.className = this.kind;
    return node;
  }
}

/** Text in a gutter, without an element of its own: there are many. */
class Text extends GutterMarker {
  /** @param {string} text */
  constructor(text) {
    super();
    this.text = text;
  }
  /** @param {GutterMarker} other */
  eq(other) {
    return other instanceof Text && other.text === this.text;
  }
  toDOM() {
    return document.createTextNode(this.text);
  }
}

/** A line's hue: a class of the gutter's own element. */
class Hue extends GutterMarker {
  /** @param {number} hue 1 … 8 */
  constructor(hue) {
    super();
    this.elementClass = `hue h${hue}`;
  }
  /** @param {GutterMarker} other */
  eq(other) {
    return other instanceof Hue && other.elementClass === this.elementClass;
  }
}

/**
 * What is seen of marks when the lines `from` to `to` are in sight.
 * @param {Marks} marks
 * @param {number} from
 * @param {number} to
 */
function appearance({ counts, breakpoints, hues, ...rest }, from, to) {
  const counted = [];
  for (let line = from; line <= to; line++) counted.push(compact(counts.get(line) ?? 0));
  return [counted, [...breakpoints], [...hues], rest];
}

/**
 * The map of before if the one of now says the same: what depends on it alone is left as it is.
 * @template T
 * @param {Map<number, T>} now
 * @param {Map<number, T>} before
 */
function steady(now, before) {
  if (now.size !== before.size) return now;
  for (const [key, value] of now) if (before.get(key) !== value) return now;
  return before;
}

/**
 * A gutter that asks for each line's mark.
 * @param {string} name
 * @param {(keyof Marks)[]} of   what its marks depend on
 * @param {(marks: Marks, line: number) => GutterMarker | null} pick
 * @param {Record<string, any>} [more]
 */
function marked(name, of, pick, more = {}) {
  /** @param {import("@codemirror/view").ViewUpdate} update */
  const marksChanged = ({ startState, state }) => {
    const [before, now] = [startState.field(marksField), state.field(marksField)];
    return startState.field(sightField) !== state.field(sightField) || of.some((part) => before[part] !== now[part]);
  };
  return gutter({
    class: `gb-${name}`,
    lineMarker: (view, block) => {
      const { number } = view.state.doc.lineAt(block.from);
      const [from, to] = view.state.field(sightField);
      return number < from || number > to ? null : pick(view.state.field(marksField), number);
    },
    lineMarkerChange: marksChanged,
    ...more,
  });
}

/**
 * @param {EditorState} state
 * @param {number} line
 * @param {number} column counted from 1 in characters
 */
function offset(state, line, column) {
  const at = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
  const units = [...at.text].slice(0, Math.max(0, column - 1)).join("").length;
  return Math.min(at.to, at.from + units);
}

class NowLine extends GutterMarker {
  elementClass = "now";
}
const nowLine = new NowLine();

const gutterNow = gutterLineClass.compute(["doc", marksField], (state) => {
  const { now } = state.field(marksField);
  return now > 0 && now <= state.doc.lines ? RangeSet.of(nowLine.range(state.doc.line(now).from)) : RangeSet.empty;
});

/** The hues of a text's lines change with the program only. */
const hueField = StateField.define({
  create: () => Decoration.none,
  update(value, tr) {
    const { hues } = tr.state.field(marksField);
    if (!tr.docChanged && tr.startState.field(marksField).hues === hues) return value;
    const { doc } = tr.state;
    const lines = [...hues].filter(([n]) => n >= 1 && n <= doc.lines).sort(([a], [b]) => a - b);
    return Decoration.set(lines.map(([n, hue]) => Decoration.line({ class: `h${hue}` }).range(doc.line(n).from)));
  },
  provide: (field) => EditorView.decorations.from(field),
});

const decorations = EditorView.decorations.compute(["doc", marksField], (state) => {
  const marks = state.field(marksField);
  const set = [];
  for (const [n, name] of /** @type {[number, string][]} */ ([[marks.now, "now"], [marks.pair, "pair"]])) {
    if (n >= 1 && n <= state.doc.lines) set.push(Decoration.line({ class: name }).range(state.doc.line(n).from));
  }
  for (const { from, to, kind, title } of marks.names) {
    if (to <= state.doc.length) set.push(Decoration.mark({ class: kind, attributes: { title } }).range(from, to));
  }
  marks.spans.forEach(([line, column, endLine, endColumn], i) => {
    let from = offset(state, line, column);
    let to = offset(state, endLine, endColumn);
    if (to <= from) {
      // Nothing to underline at the end of a line: take the character before.
      const whole = state.doc.lineAt(from);
      to = Math.min(whole.to, from + 1);
      if (to <= from) from = Math.max(whole.from, from - 1);
    }
    if (to > from) set.push(Decoration.mark({ class: "gb-wrong", attributes: { title: marks.messages[i] } }).range(from, to));
  });
  return Decoration.set(set, true);
});

/**
 * @typedef {object} EditorOptions
 * @property {string} nonce
 * @property {string} label
 * @property {(text: string) => void} onChange
 * @property {(line: number) => void} onBreakpoint
 * @property {(line: number, back: boolean) => void} onCount  the count of a line was pressed
 * @property {(line: number) => void} onLine     the pointer is on this line (0 = none)
 */

export class Editor {
  #language = new Compartment();
  /** Text, cursor and undo history of the files that are not shown. @type {Map<string, EditorState>} */
  #others = new Map();
  #file = "";
  /** The language's name. */
  #name = "";
  /** Set while the text is replaced by us, which is not the visitor's edit. */
  #quiet = false;

  /**
   * @param {HTMLElement} parent
   * @param {EditorOptions} options
   */
  constructor(parent, options) {
    const press = {
      /** @type {(view: EditorView, block: any, event: Event) => boolean} */
      mousedown: (view, block, event) => {
        options.onBreakpoint(view.state.doc.lineAt(block.from).number);
        event.preventDefault();
        return true;
      },
    };
    const pressCount = {
      /** @type {(view: EditorView, block: any, event: Event) => boolean} */
      mousedown: (view, block, event) => {
        options.onCount(view.state.doc.lineAt(block.from).number, /** @type {MouseEvent} */ (event).shiftKey);
        event.preventDefault();
        return true;
      },
    };
    const dot = new Dot("dot");
    const dotIf = new Dot("dot if");
    this.extensions = [
      EditorView.cspNonce.of(options.nonce),
      EditorView.contentAttributes.of({ "aria-label": options.label, tabindex: "0" }),
      marksField,
      hueField,
      followSight(),
      marked("bp", ["breakpoints"], (m, n) => (m.breakpoints.get(n) ? dotIf : m.breakpoints.has(n) ? dot : null), {
        domEventHandlers: press,
        initialSpacer: () => dot,
      }),
      marked("hits", ["counts", "counted"], (m, n) => (m.counts.get(n) ? new Text(`${compact(m.counts.get(n) ?? 0)}${m.counted ? "×" : "+"}`) : null), {
        domEventHandlers: pressCount,
      }),
      marked("no", [], (_m, n) => new Text(String(n)), {
        domEventHandlers: press,
        initialSpacer: () => new Text("00"),
      }),
      marked("hue", ["hues"], (m, n) => (m.hues.get(n) ? new Hue(m.hues.get(n) ?? 0) : null), { domEventHandlers: pressCount }),
      decorations,
      gutterNow,
      history(),
      EditorState.tabSize.of(8),
      this.#language.of([]),
      EditorView.scrollHandler.of((_view, _range, { yMargin }) => yMargin === AHEAD),
      keymap.of([{ key: "Enter", run: newline(() => LANGUAGES[this.#name], UNIT) }, { key: "Mod-/", run: toggleComment(() => LANGUAGES[this.#name]) }, ...KEYMAP, ...historyKeymap]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && !this.#quiet) options.onChange(update.state.doc.toString());
      }),
      EditorView.domEventHandlers({
        mousemove: (event, view) => {
          const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
          options.onLine(at === null ? 0 : view.state.doc.lineAt(at).number);
        },
        mouseleave: () => options.onLine(0),
      }),
    ];
    this.view = new EditorView({ parent, state: EditorState.create({ extensions: this.extensions }) });
    // While nothing is selected in the document the editor looks for that with every change, which lays the page out.
    const selection = getSelection();
    if (selection && !selection.rangeCount) selection.collapse(document.body, 0);
    const { scrollDOM } = this.view;
    this.#resizer = new ResizeObserver(() => {
      this.#room = scrollDOM.clientHeight;
    });
    this.#resizer.observe(scrollDOM);
    scrollDOM.addEventListener("scroll", () => {
      this.#top = scrollDOM.scrollTop;
    }, { passive: true });
  }

  /** How far the text is scrolled, and the height of what is visible: asking the document would lay it out. */
  #top = 0;
  #room = 0;
  /** @type {ResizeObserver} */
  #resizer;

  /** The line of the cursor. */
  get line() {
    return this.view.state.doc.lineAt(this.view.state.selection.main.head).number;
  }

  /**
   * The line at a height of the window, or 0.
   * @param {number} y
   */
  lineAt(y) {
    const block = this.view.lineBlockAtHeight(y - this.view.documentTop);
    return y > this.view.documentTop + this.view.contentHeight ? 0 : this.view.state.doc.lineAt(block.from).number;
  }

  /** @param {string} name the language that the room or its option names */
  async setLanguage(name) {
    this.#name = name;
    const language = LANGUAGES[name] ?? (await languageOf(name));
    if (name !== this.#name) return;
    this.view.dispatch({ effects: this.#language.reconfigure(language ? highlighting(language) : []) });
  }

  /**
   * Show a file. Each keeps its own cursor and undo history, as long as its text is what it was.
   * @param {string} file its name
   * @param {string} text
   */
  setText(file, text) {
    const same = this.view.state.doc.toString() === text;
    if (file === this.#file && same) return;
    if (file !== this.#file) this.#others.set(this.#file, this.view.state);
    const kept = this.#others.get(file);
    this.#file = file;
    this.#quiet = true;
    this.#looks = "";
    this.view.setState(kept?.doc.toString() === text ? kept : EditorState.create({ doc: text, extensions: this.extensions }));
    this.#quiet = false;
  }

  /**
   * Show marks, unless they look as those that are shown. A line to be brought into sight is there after `settle`: the
   * lines that will be visible then are drawn already now, so that a step is one change of the document.
   * @param {Marks} marks
   * @param {number} [line]   0: none
   */
  setMarks(marks, line = 0) {
    const known = this.view.state.field(sightField);
    this.#goal = this.#goalOf(line);
    const sight = this.#goal === null ? known : sightAt(this.view, this.#goal - this.view.documentPadding.top, this.#room);
    const [from, to] = sight;
    const looks = JSON.stringify([this.#file, from, to, appearance(marks, from, to)]);
    if (looks === this.#looks) return;
    this.#looks = looks;
    const before = this.view.state.field(marksField);
    const breakpoints = steady(marks.breakpoints, before.breakpoints);
    const counts = steady(marks.counts, before.counts);
    const hues = steady(marks.hues, before.hues);
    const effects = [setMarks.of({ ...marks, breakpoints, counts, hues }), ...(sight === known ? [] : [setSight.of(sight)])];
    this.view.dispatch({ effects: [...effects, ...this.#ahead()] });
  }

  /** Effects that have the lines drawn that are about to be in sight; else the editor would find them missing in the next frame. */
  #ahead() {
    if (this.#goal === null) return [];
    const { viewport, documentPadding } = this.view;
    const top = this.#goal - documentPadding.top;
    const first = this.view.lineBlockAtHeight(top - BEYOND).from;
    if (first < viewport.from) return [EditorView.scrollIntoView(first, { y: "start", yMargin: AHEAD })];
    const last = this.view.lineBlockAtHeight(top + this.#room + BEYOND).to;
    return last > viewport.to ? [EditorView.scrollIntoView(last, { y: "end", yMargin: AHEAD })] : [];
  }

  /** What the marks in sight look like. */
  #looks = "";

  /** How far the text is to be scrolled, null: as it is. @type {number | null} */
  #goal = null;

  /** How far the text must be scrolled for a line to be in sight, null if it is. @param {number} line */
  #goalOf(line) {
    const { doc } = this.view.state;
    if (line < 1 || line > doc.lines) return null;
    const block = this.view.lineBlockAt(doc.line(line).from);
    if (block.top >= this.#top + 20 && block.bottom <= this.#top + this.#room - 20) return null;
    const most = this.view.contentHeight - this.#room;
    return Math.max(0, Math.min(Math.round(block.top - this.#room * 0.4), most));
  }

  /** Scroll to where `setMarks` wants to be. */
  settle() {
    if (this.#goal === null) return;
    this.view.scrollDOM.scrollTop = this.#top = this.#goal;
    this.#goal = null;
  }

  /**
   * Bring a line into sight unless it is.
   * @param {number} line
   */
  reveal(line) {
    this.#goal = this.#goalOf(line);
    this.settle();
  }

  destroy() {
    this.#resizer.disconnect();
    this.view.destroy();
  }
}
