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
const setSight = StateEffect.define();

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
  const line = (/** @type {number} */ height) => state.doc.lineAt(view.lineBlockAtHeight(height).from).number;
  // The text begins below the editor's padding.
  const top = scrollDOM.getBoundingClientRect().top - view.documentTop;
  const from = Math.max(1, line(top) - SPARE);
  const to = line(top + scrollDOM.clientHeight) + SPARE;
  const known = state.field(sightField);
  return from !== known[0] || to !== known[1] ? [from, to] : null;
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
