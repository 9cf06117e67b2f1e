// @ts-check
// The part of the recording that the timeline shows, and the visitor's focus window in it.

/** Fewer steps than this are not shown: a step would be a screen wide. */
const LEAST = 8;

/** @typedef {{from: number, to: number}} Span   ticks, both ends included */

/**
 * What the timeline shows.
 * @param {import("./store.js").State} state
 * @returns {Span}
 */
export function shownSpan({ span, frontier }) {
  return span ?? { from: 0, to: Math.max(1, frontier) };
}

/**
 * A span of this many ticks around a place that stays where it is on the screen; null for the whole recording.
 * @param {import("./store.js").State} state
 * @param {number} factor  above 1 shows less
 * @param {number} [around] a tick; the shown one if absent
 * @returns {Span | null}
 */
export function zoomedSpan(state, factor, around = state.tick) {
  const { from, to } = shownSpan(state);
  const length = Math.max(LEAST, (to - from) / factor);
  if (length >= state.frontier) return null;
  const part = to > from ? Math.min(1, Math.max(0, (around - from) / (to - from))) : 0.5;
  return placed(around - part * length, length, state.frontier);
}

/**
 * The span moved by a part of its length.
 * @param {import("./store.js").State} state
 * @param {number} part  1: by all of it, to the right
 * @returns {Span | null}
 */
export function movedSpan(state, part) {
  if (!state.span) return null;
  const { from, to } = state.span;
  return placed(from + part * (to - from), to - from, state.frontier);
}

/**
 * The span in which a tick is in sight: the same one if it is already.
 * @param {import("./store.js").State} state
 * @returns {Span | null}
 */
export function spanWith(state) {
  const { span, tick, frontier } = state;
  if (!span) return null;
  if (tick >= span.from && tick <= span.to && span.to <= frontier) return span;
  const length = span.to - span.from;
  return length >= frontier ? null : placed(tick - length / 3, length, frontier);
}

/**
 * @param {number} from
 * @param {number} length
 * @param {number} frontier
 * @returns {Span}
 */
function placed(from, length, frontier) {
  const start = Math.min(Math.max(0, from), frontier - length);
  return { from: Math.round(start), to: Math.round(start + length) };
}

/**
 * Round numbers for an axis over a span, with both ends.
 * @param {Span} span
 * @param {number} width in pixels
 */
export function ticksOf({ from, to }, width) {
  const wanted = (to - from) / Math.max(2, width / 140);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  const every = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((n) => n >= wanted) ?? power);
  const out = [from];
  for (let n = (Math.floor(from / every) + 1) * every; n < to - every * 0.4; n += every) if (n - from > every * 0.4) out.push(n);
  if (to > from) out.push(to);
  return out;
}
