// @ts-check
// Values at the shown step from the recorded writes: forward from the last write that the trace window knows, or from the
// last view that the machine sent, undone or redone by the writes in between. What cannot be told so is UNKNOWN.
import { Flag } from "./gen/protocol.js";

/** @typedef {import("./store.js").State} State */
/** @typedef {import("./trace.js").Value} Value */

/** @type {Value} */
export const UNKNOWN = Object.freeze({ t: "unknown", s: "…" });

/**
 * The last tick at or before `tick` after which values may be others than the writes say: a step whose writes were too
 * many, or a change by the visitor. Writes up to it tell nothing of later ticks.
 * @param {State} state
 * @param {number} [tick]
 */
export function barrier({ trace, branches, branch, tick: shown }, tick = shown) {
  let last = trace.lastFlag(Flag.TRUNCATED, tick);
  for (let at = branches.find((one) => one.id === branch); at && at.parent !== null; at = branches.find((one) => one.id === at?.parent)) {
    if (at.tick <= tick) last = Math.max(last, at.tick);
  }
  return last;
}

/**
 * The value of a place with a whole-number key at the shown tick.
 * @param {State} state
 * @param {number} stop    `barrier` of the shown tick
 * @param {number} kind    a Write
 * @param {number} owner
 * @param {number} key
 * @param {() => Value | undefined} shown   its value in the last view
 * @returns {Value}
 */
export function writtenValue(state, stop, kind, owner, key, shown) {
  const { trace, tick, viewTick } = state;
  const writer = trace.lastWriter(kind, owner, key, tick);
  if (writer > stop) return trace.written(writer, kind, owner, key)?.value ?? UNKNOWN;
  const [from, to] = viewTick < tick ? [viewTick, tick] : [tick, viewTick];
  // All steps between must be known, and tell everything. (A change is made after the step of its tick.)
  if (trace.knownFrom(to) > from + 1 || barrier(state, to) > from) return UNKNOWN;
  if (viewTick > tick) {
    const later = trace.nextWriter(kind, owner, key, tick, viewTick);
    if (later) return trace.written(later, kind, owner, key)?.old ?? UNKNOWN;
  }
  return shown() ?? UNKNOWN;
}
