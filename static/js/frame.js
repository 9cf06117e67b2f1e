// @ts-check
// Trace frames: their columns as typed arrays.
import { COLUMNS, HEADER_BYTES, TRACE_VERSION } from "./gen/protocol.js";

const PEAK_BITS = 6;
/** So many steps have one entry in `peaks`. */
export const PEAK = 1 << PEAK_BITS;
/** Bytes of one item of a column, by struct code. */
const SIZE = /** @type {Record<string, number>} */ ({ Q: 8, I: 4, H: 2, B: 1 });

/**
 * @typedef {object} Chunk
 * @property {number} first
 * @property {number} last
 * @property {Record<string, any>} cols    typed arrays by column; 64-bit columns as pairs of 32-bit halves
 * @property {Uint32Array} starts           index of each step's first write
 * @property {Uint16Array} peaks            the greatest depth of each PEAK steps
 * @property {Uint8Array} text
 * @property {number} flags                 the flags of all its steps together
 * @property {number} bytes                 what it takes
 */

/**
 * A frame's columns, put together from their planes (docs/protocol.md).
 * @param {ArrayBuffer} buffer
 * @returns {Chunk}
 */
export function decode(buffer) {
  const head = new DataView(buffer);
  if (head.getUint8(0) !== TRACE_VERSION) throw new Error("a trace frame of another version");
  const steps = head.getUint32(4, true);
  const writes = head.getUint32(8, true);
  const textBytes = head.getUint32(12, true);
  const first = Number(head.getBigUint64(16, true));
  const frame = new Uint8Array(buffer);
  const out = new ArrayBuffer(COLUMNS.reduce((sum, c) => sum + ((SIZE[c.code] * (c.per === "step" ? steps : writes) + 7) & ~7), 0));
  const bytes = new Uint8Array(out);
  /** @type {Record<string, any>} */
  const cols = {};
  let from = HEADER_BYTES + COLUMNS.length;
  let to = 0;
  COLUMNS.forEach((column, n) => {
    const count = column.per === "step" ? steps : writes;
    const size = SIZE[column.code];
    const mask = frame[HEADER_BYTES + n];
    for (let place = 0; place < size; place++) {
      const end = to + size * count;
      if ((mask >> place) & 1) {
        for (let at = to + place; at < end; at += size) bytes[at] = frame[from++];
      } else {
        // What is nothing stays as the buffer began.
        const value = frame[from++];
        if (value) for (let at = to + place; at < end; at += size) bytes[at] = value;
      }
    }
    if (size === 8) cols[column.name] = new Uint32Array(out, to, count * 2);
    else if (size === 4) cols[column.name] = new Uint32Array(out, to, count);
    else if (size === 2) cols[column.name] = new Uint16Array(out, to, count);
    else cols[column.name] = new Uint8Array(out, to, count);
    to += (size * count + 7) & ~7;
  });
  const starts = new Uint32Array(steps + 1);
  const peaks = new Uint16Array(Math.ceil(steps / PEAK));
  let flags = 0;
  for (let i = 0; i < steps; i++) {
    starts[i + 1] = starts[i] + cols.writes[i];
    flags |= cols.flags[i];
    if (cols.depth[i] > peaks[i >> PEAK_BITS]) peaks[i >> PEAK_BITS] = cols.depth[i];
  }
  return { first, last: first + steps - 1, cols, starts, peaks, text: frame.slice(from, from + textBytes), flags, bytes: out.byteLength + starts.byteLength + textBytes };
}
