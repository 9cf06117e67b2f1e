// @ts-check
// Which lines of the source are visible. The editor itself keeps a thousand pixels above and below them in the document;
// gutters and colours for all of these would be a quarter of the page's elements, so these lines have only their text.
import { StateEffect, StateField } from "@codemirror/state";
import { EditorView, ViewPlugin } from "@codemirror/view";

/** Lines above and below the visible ones that have their gutters and colours too. */
const SPARE = 6;
/** What is taken as visible before anything was laid out. */
const FIRST = 40;

/** @type {import("@codemirror/state").StateEffectType<[number, number]>} */
export const setSight = StateEffect.define();

/** First and last line that are complete, counted from 1. */
export const sightField = StateField.define({
  create: () => /** @type {[number, number]} */ ([1, FIRST]),
  update(value, tr) {
    for (const effect of tr.effects) if (effect.is(setSight)) value = effect.value;
    return value;
  },
});

/** @type {WeakSet<EditorView>} */
const destroyed = new WeakSet();

/**
 * Look which lines are visible when the editor measures itself the next time: asking it at once would lay the page out.
 * @param {EditorView} view
 */
function look(view) {
  view.requestMeasure({
    key: look,
    read: linesInSight,
    write: (lines) => {
      // The editor may be changed when it has measured, and only if it is still there.
      if (lines) queueMicrotask(() => destroyed.has(view) || view.dispatch({ effects: setSight.of(lines) }));
    },
  });
}

/**
 * The lines to draw completely, null if they are those that are.
 * @param {EditorView} view
 * @returns {[number, number] | null}
 */
function linesInSight(view) {
  const { scrollDOM, state } = view;
  if (!view.dom.isConnected || !scrollDOM.clientHeight) return null;
  // The text begins below the editor's padding.
  const lines = sightAt(view, scrollDOM.getBoundingClientRect().top - view.documentTop, scrollDOM.clientHeight);
  const known = state.field(sightField);
  return lines[0] !== known[0] || lines[1] !== known[1] ? lines : null;
}

/**
 * The lines to draw completely when the visible part begins at a height of the text.
 * @param {EditorView} view
 * @param {number} top
 * @param {number} room
 * @returns {[number, number]}
 */
export function sightAt(view, top, room) {
  const line = (/** @type {number} */ height) => view.state.doc.lineAt(view.lineBlockAtHeight(height).from).number;
  return [Math.max(1, line(top) - SPARE), line(top + room) + SPARE];
}

/** Keeps `sightField` right while the visitor scrolls, types and resizes. */
export function followSight() {
  const follower = ViewPlugin.define((view) => {
    destroyed.delete(view); // of another text, which has its own followers
    let frame = requestAnimationFrame(() => look(view));
    return {
      update(update) {
        if (!update.docChanged && !update.geometryChanged && !update.viewportChanged) return;
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(() => look(view));
      },
      destroy: () => {
        destroyed.add(view);
        cancelAnimationFrame(frame);
      },
    };
  });
  return [sightField, follower, EditorView.domEventHandlers({ scroll: (_event, view) => look(view) })];
}
