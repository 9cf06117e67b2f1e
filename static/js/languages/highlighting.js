// @ts-check
// Colours for the source: a language tells the words of a line (`Words`), this keeps what is open at each line's start
// and decorates the lines in sight. A source has 64 KiB at most, so lines above the sight are simply read again.
import { EditorSelection, Prec, findClusterBreak } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin } from "@codemirror/view";
import { sightField } from "../sight.js";

/** From, to and kind of a word. @typedef {[number, number, string]} Word */
/**
 * @typedef {object} Words
 * @property {string} comment   what begins a comment to the end of the line
 * @property {RegExp} opens     a line that ends so is followed by deeper ones
 * @property {(text: string, open: string) => {words: Word[], open: string}} line  the words of a line; `open` says what
 *   a line leaves open for the next one, "" at the start
 */

/** @type {Record<string, Decoration>} */
const MARKS = {};
/** @param {string} kind */
const markOf = (kind) => (MARKS[kind] ??= Decoration.mark({ class: `tok-${kind}` }));
const PAIRS = "()[]{}";
const pairMark = Decoration.mark({ class: "cm-matchingBracket" });
/** Characters that are searched for the other bracket of a pair. */
const REACH = 20_000;

class Colours {
  /** What is open at the start of each line that is known. */
  #open = [""];

  /**
   * @param {Words} language
   * @param {EditorView} view
   */
  constructor(language, view) {
    this.language = language;
    this.decorations = this.#draw(view);
  }

  /** @param {import("@codemirror/view").ViewUpdate} update */
  update(update) {
    if (update.docChanged) {
      let first = update.state.doc.lines;
      update.changes.iterChanges((_fromA, _toA, fromB) => {
        first = Math.min(first, update.state.doc.lineAt(fromB).number);
      });
      this.#open.length = Math.min(this.#open.length, first);
    }
    const sight = update.startState.field(sightField) !== update.state.field(sightField);
    if (update.docChanged || update.viewportChanged || update.selectionSet || sight) this.decorations = this.#draw(update.view);
  }

  /**
   * The words of a line.
   * @param {import("@codemirror/state").Text} doc
   * @param {number} number counted from 1
   */
  #line(doc, number) {
    while (this.#open.length < number) {
      const n = this.#open.length;
      this.#open.push(this.language.line(doc.line(n).text, this.#open[n - 1]).open);
    }
    return this.language.line(doc.line(number).text, this.#open[number - 1]).words;
  }

  /** @param {EditorView} view */
  #draw(view) {
    const { doc } = view.state;
    const [first, last] = view.state.field(sightField);
    const marks = [];
    for (const { from, to } of view.visibleRanges) {
      for (let n = Math.max(first, doc.lineAt(from).number); n <= Math.min(last, doc.lineAt(to).number); n++) {
        const start = doc.line(n).from;
        for (const [a, b, kind] of this.#line(doc, n)) if (b > a) marks.push(markOf(kind).range(start + a, start + b));
      }
    }
    for (const at of this.#pair(view.state)) marks.push(pairMark.range(at, at + 1));
    return Decoration.set(marks, true);
  }

  /**
   * Whether a place is inside of a string or a comment.
   * @param {import("@codemirror/state").Text} doc
   * @param {number} at
   */
  #isText(doc, at) {
    const line = doc.lineAt(at);
    return this.#line(doc, line.number).some(([a, b, kind]) => a <= at - line.from && at - line.from < b && (kind === "string" || kind === "comment"));
  }

  /**
   * The bracket beside the cursor and its partner.
   * @param {import("@codemirror/state").EditorState} state
   */
  #pair({ doc, selection }) {
    const { head, empty } = selection.main;
    if (!empty) return [];
    for (const at of [head, head - 1]) {
      if (at < 0 || at >= doc.length) continue;
      const which = PAIRS.indexOf(doc.sliceString(at, at + 1));
      if (which < 0 || this.#isText(doc, at)) continue;
      const way = which % 2 ? -1 : 1;
      const from = way > 0 ? at : Math.max(0, at - REACH);
      const text = doc.sliceString(from, way > 0 ? at + REACH : at + 1);
      let depth = 0;
      for (let i = way > 0 ? 0 : text.length - 1; i >= 0 && i < text.length; i += way) {
        const kind = PAIRS.indexOf(text[i]);
        if (kind < 0 || kind >> 1 !== which >> 1 || this.#isText(doc, from + i)) continue;
        depth += kind === which ? 1 : -1;
        if (depth === 0) return [at, from + i];
      }
    }
    return [];
  }
}

/**
 * The editor's extensions for a language.
 * @param {Words} language
 */
export function highlighting(language) {
  // Inside of underlines that go over several words.
  return Prec.high(ViewPlugin.define((view) => new Colours(language, view), { decorations: (colours) => colours.decorations }));
}

/**
 * Enter: the new line is as deep as the one before, or deeper after what opens a block.
 * @param {() => Words | undefined} language
 * @param {string} unit
 */
export function newline(language, unit) {
  return (/** @type {EditorView} */ { state, dispatch }) => {
    const changes = state.changeByRange((range) => {
      const line = state.doc.lineAt(range.from);
      const before = line.text.slice(0, range.from - line.from);
      const indent = /^\s*/.exec(before)?.[0] ?? "";
      const insert = `\n${indent}${language()?.opens.test(before) ? unit : ""}`;
      return { changes: { from: range.from, to: range.to, insert }, range: EditorSelection.cursor(range.from + insert.length) };
    });
    dispatch(state.update(changes, { scrollIntoView: true, userEvent: "input" }));
    return true;
  };
}

/**
 * Comment the lines of the selection out, in one column; or in again, if all of them are comments. Empty lines stay.
 * @param {() => Words | undefined} language
 */
export function toggleComment(language) {
  return (/** @type {EditorView} */ { state, dispatch }) => {
    const sign = language()?.comment;
    if (!sign) return false;
    const lines = linesOf(state).map((n) => state.doc.line(n)).filter(({ text }, _i, all) => /\S/.test(text) || all.length === 1);
    const column = Math.min(...lines.map(({ text }) => /^\s*/.exec(text)?.[0].length ?? 0));
    const isComment = lines.every(({ text }) => text.trimStart().startsWith(sign));
    const changes = lines.map(({ from, text }) => {
      if (!isComment) return { from: from + column, insert: `${sign} ` };
      const at = text.indexOf(sign);
      return { from: from + at, to: from + at + sign.length + Number(text[at + sign.length] === " ") };
    });
    dispatch(state.update({ changes, userEvent: "input" }));
    return true;
  };
}

/** The numbers of the lines that the selection touches. @param {import("@codemirror/state").EditorState} state */
function linesOf({ doc, selection }) {
  const lines = new Set();
  for (const { from, to } of selection.ranges) {
    for (let n = doc.lineAt(from).number; n <= doc.lineAt(to).number; n++) lines.add(n);
  }
  return [...lines];
}

/**
 * Tab: every line of the selection goes one level in, or out; without a selection, spaces where the cursor is.
 * @param {string} unit
 * @param {boolean} out
 */
export function indent(unit, out) {
  return (/** @type {EditorView} */ { state, dispatch }) => {
    if (!out && state.selection.ranges.every((range) => range.empty)) {
      dispatch(state.update(state.replaceSelection(unit), { scrollIntoView: true, userEvent: "indent" }));
      return true;
    }
    const changes = linesOf(state).map((n) => {
      const { from, text } = state.doc.line(n);
      const deep = out ? (/^(?:\t| {1,2})/.exec(text)?.[0].length ?? 0) : 0;
      return { from, to: from + deep, insert: out || !text ? "" : unit };
    });
    dispatch(state.update({ changes, userEvent: "indent" }));
    return true;
  };
}

/**
 * Backspace and Delete: the selection, or the character on one side of the cursor, however many code points it has.
 * @param {boolean} forward
 */
export function erase(forward) {
  return (/** @type {EditorView} */ { state, dispatch }) => {
    const changes = state.changeByRange((range) => {
      let { from, to } = range;
      if (range.empty) {
        const line = state.doc.lineAt(from);
        const next = findClusterBreak(line.text, from - line.from, forward) + line.from;
        // At a line's end the character is the line break.
        const there = next === from ? from + (forward ? 1 : -1) : next;
        from = Math.max(0, Math.min(from, there));
        to = Math.min(state.doc.length, Math.max(to, there));
      }
      return { changes: { from, to }, range: EditorSelection.cursor(from) };
    });
    if (changes.changes.empty) return false;
    dispatch(state.update(changes, { scrollIntoView: true, userEvent: forward ? "delete.forward" : "delete.backward" }));
    return true;
  };
}
