// @ts-check
// Where two recordings part, from their trace columns alone: no state is visited. Steps are paired by what they execute;
// where they part, the nearest place is looked for from which both go on alike.
import { Tag, Write } from "../gen/protocol.js";

/** @typedef {import("../trace.js").TraceWindow} TraceWindow */
/** @typedef {import("../program.js").Program} Program */

/**
 * A stretch in which the runs differ: `path`, other instructions were executed; `value`, the same ones wrote something else.
 * Ticks from `a`/`b` on, `toA`/`toB` not included.
 * @typedef {{kind: "path" | "value", a: number, toA: number, b: number, toB: number}} Difference
 * @typedef {{differences: Difference[], stepsA: number, stepsB: number, more: boolean}} Comparison
 */

/** Steps that must be alike for the runs to be together again, and how far that is looked for. */
const ALIKE = 6;
const FAR = 5000;
/** Differences that are collected. */
export const MOST = 500;

const decoder = new TextDecoder();
const REFERENCES = new Set([Tag.TABLE, Tag.FUNCTION, Tag.THREAD, Tag.USERDATA]);

/**
 * A number for what each row of the listings does, the same number where they do the same.
 */
class Names {
  /** @type {Map<string, number>} */
  #known = new Map();

  /**
   * @param {Program} program
   * @returns {Map<number, number>} by `where`
   */
  of(program) {
    const out = new Map();
    for (const [where, { row, routine }] of program.rows) {
      const text = `${routine.name} ${row.op} ${row.args} ${row.comment}`;
      let number = this.#known.get(text);
      if (number === undefined) this.#known.set(text, (number = this.#known.size + 1));
      out.set(where, number);
    }
    return out;
  }
}

/**
 * The steps from 1 on that the window holds without a gap.
 * @param {TraceWindow} trace
 */
export function heldFromStart(trace) {
  let last = 0;
  for (const chunk of trace.chunks) {
    if (chunk.first > last + 1) break;
    last = Math.max(last, chunk.last);
  }
  return last;
}

/**
 * What each step executes, by tick (0 is unused), and the chunk of each step.
 * @param {TraceWindow} trace
 * @param {Map<number, number>} names
 * @param {number} count
 */
function sequence(trace, names, count) {
  const keys = new Int32Array(count + 1);
  for (const { first, last, cols } of trace.chunks) {
    for (let tick = first; tick <= Math.min(last, count); tick++) keys[tick] = names.get(cols.where[tick - first]) ?? -cols.where[tick - first] - 1;
  }
  return keys;
}

/**
 * Finds steps by tick, quickly when asked in order.
 * @param {TraceWindow} trace
 */
function finder(trace) {
  let at = 0;
  return (/** @type {number} */ tick) => {
    while (at < trace.chunks.length - 1 && tick > trace.chunks[at].last) at++;
    while (at > 0 && tick < trace.chunks[at].first) at--;
    return trace.chunks[at];
  };
}

/**
 * Whether two steps wrote the same values. Numbers of objects may differ from run to run: only their types count.
 * @param {import("../trace.js").Chunk} a
 * @param {number} i
 * @param {import("../trace.js").Chunk} b
 * @param {number} j
 */
function sameWrites(a, i, b, j) {
  const count = a.starts[i + 1] - a.starts[i];
  if (count !== b.starts[j + 1] - b.starts[j]) return false;
  for (let n = 0; n < count; n++) {
    const v = a.starts[i] + n;
    const w = b.starts[j] + n;
    const { w_kind: kindA, w_new_tag: tagA } = a.cols;
    if (kindA[v] !== b.cols.w_kind[w] || tagA[v] !== b.cols.w_new_tag[w]) return false;
    if (kindA[v] === Write.FIELD && !sameValue(a, b, v, w, "w_key")) return false;
    if (!sameValue(a, b, v, w, "w_new")) return false;
  }
  return true;
}

/**
 * @param {import("../trace.js").Chunk} a
 * @param {import("../trace.js").Chunk} b
 * @param {number} v
 * @param {number} w
 * @param {"w_key" | "w_new"} column
 */
function sameValue(a, b, v, w, column) {
  const tag = a.cols[`${column}_tag`][v];
  if (tag !== b.cols[`${column}_tag`][w]) return false;
  if (REFERENCES.has(tag)) return true;
  const [lo, hi] = [a.cols[column][2 * v], a.cols[column][2 * v + 1]];
  if (tag !== Tag.STRING) return lo === b.cols[column][2 * w] && hi === b.cols[column][2 * w + 1];
  return hi === b.cols[column][2 * w + 1] && text(a, lo) === text(b, b.cols[column][2 * w]);
}

/** @param {import("../trace.js").Chunk} chunk @param {number} at */
function text(chunk, at) {
  return decoder.decode(chunk.text.subarray(at + 1, at + 1 + chunk.text[at]));
}

/**
 * Where each stretch of ALIKE steps occurs, so that the nearest one is found.
 * @param {Int32Array} keys
 */
function occurrences(keys) {
  /** @type {Map<string, number[]>} */
  const out = new Map();
  for (let tick = 1; tick + ALIKE <= keys.length; tick++) {
    const gram = keys.subarray(tick, tick + ALIKE).join();
    const ticks = out.get(gram);
    if (ticks) ticks.push(tick);
    else out.set(gram, [tick]);
  }
  return out;
}

/**
 * The first of an ascending list that is `from` or later.
 * @param {number[]} ticks
 * @param {number} from
 */
function atLeast(ticks, from) {
  let lo = 0;
  let hi = ticks.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (ticks[mid] < from) lo = mid + 1;
    else hi = mid;
  }
  return ticks[lo] ?? Infinity;
}

/**
 * The nearest pair of steps from which on both runs do the same for a while.
 * @param {Int32Array} keysA
 * @param {number} i
 * @param {number} j
 * @param {Map<string, number[]>} inB
 * @returns {[number, number] | null}
 */
function together(keysA, i, j, inB) {
  /** @type {[number, number] | null} */
  let best = null;
  let cost = FAR;
  for (let skip = 0; skip < cost && i + skip + ALIKE <= keysA.length; skip++) {
    const found = atLeast(inB.get(keysA.subarray(i + skip, i + skip + ALIKE).join()) ?? [], j);
    if (skip + found - j < cost) {
      cost = skip + found - j;
      best = [i + skip, found];
    }
  }
  return best;
}

/**
 * Compare two recordings, as far as the windows hold them from their first step on.
 * @param {{program: Program, trace: TraceWindow}} a
 * @param {{program: Program, trace: TraceWindow}} b
 * @returns {Comparison}
 */
export function compare(a, b) {
  const names = new Names();
  const stepsA = heldFromStart(a.trace);
  const stepsB = heldFromStart(b.trace);
  const keysA = sequence(a.trace, names.of(a.program), stepsA);
  const keysB = sequence(b.trace, names.of(b.program), stepsB);
  const [chunkA, chunkB] = [finder(a.trace), finder(b.trace)];
  /** @type {Map<string, number[]> | null} */
  let inB = null;
  /** @type {Difference[]} */
  const differences = [];
  let i = 1;
  let j = 1;
  while (differences.length < MOST && (i <= stepsA || j <= stepsB)) {
    if (i <= stepsA && j <= stepsB && keysA[i] === keysB[j]) {
      const [p, q] = [chunkA(i), chunkB(j)];
      if (!sameWrites(p, i - p.first, q, j - q.first)) {
        const last = differences.at(-1);
        if (last?.kind === "value" && last.toA === i && last.toB === j) [last.toA, last.toB] = [i + 1, j + 1];
        else differences.push({ kind: "value", a: i, toA: i + 1, b: j, toB: j + 1 });
      }
      i++;
      j++;
      continue;
    }
    inB ??= occurrences(keysB);
    const [toA, toB] = together(keysA, i, j, inB) ?? [stepsA + 1, stepsB + 1];
    differences.push({ kind: "path", a: i, toA, b: j, toB });
    [i, j] = [toA, toB];
  }
  return { differences, stepsA, stepsB, more: differences.length >= MOST };
}
