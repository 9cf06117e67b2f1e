// @ts-check
// Values of the trace's columns as the panes show them.
import { Tag } from "./gen/protocol.js";

/**
 * A value as the panes show it; the same shape as in the views (docs/views.md). `absent`: there was nothing before.
 * @typedef {{t: string, s: string, id?: number}} Value
 */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A double as Lua's `%.14g` prints it.
 * @param {number} value
 */
export function formatFloat(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -5 || exponent >= 14) {
    const [digits, power] = value.toExponential(13).split("e");
    const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
    return `${short}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  const text = String(Number(value.toPrecision(14)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Escapes of the control characters 7 … 13. */
const ESCAPES = "abtnvfr";

/**
 * A string as it would stand between Lua's quotes, as in the views: bytes that are no UTF-8 as \xNN.
 * @param {Uint8Array} bytes
 * @param {boolean} isCut   there were more of them
 */
function quoted(bytes, isCut) {
  let out = "";
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at];
    const size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const text = size === 1 ? String.fromCharCode(byte) : character(bytes.subarray(at, at + size));
    if (!text && isCut && at + size > bytes.length && byte >= 0xc0) break;
    if (!text || byte < 32 || byte === 127) {
      out += byte >= 7 && byte <= 13 ? `\\${ESCAPES[byte - 7]}` : `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
      at++;
    } else {
      out += text === '"' || text === "\\" ? `\\${text}` : text;
      at += size;
    }
  }
  return isCut ? `"${out}…"` : `"${out}"`;
}

/** One character of UTF-8, "" if these bytes are none. @param {Uint8Array} bytes */
function character(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return "";
  }
}

/**
 * A value of a chunk's columns.
 * @param {import("./frame.js").Chunk} chunk
 * @param {string[]} natives   names of built-in functions
 * @param {number} tag
 * @param {number} lo
 * @param {number} hi
 * @returns {Value}
 */
export function traceValue(chunk, natives, tag, lo, hi) {
  switch (tag) {
    case Tag.ABSENT:
      return { t: "absent", s: "" };
    case Tag.NIL:
      return { t: "nil", s: "nil" };
    case Tag.FALSE:
    case Tag.TRUE:
      return { t: "boolean", s: tag === Tag.TRUE ? "true" : "false" };
    case Tag.INTEGER:
      return { t: "integer", s: BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo)).toString() };
    case Tag.FLOAT: {
      const bits = new DataView(new ArrayBuffer(8));
      bits.setUint32(0, lo, true);
      bits.setUint32(4, hi, true);
      return { t: "float", s: formatFloat(bits.getFloat64(0, true)) };
    }
    case Tag.STRING: {
      const count = chunk.text[lo];
      return { t: "string", s: quoted(chunk.text.subarray(lo + 1, lo + 1 + count), hi > count) };
    }
    case Tag.TABLE:
      return { t: "table", s: "table", id: lo };
    case Tag.FUNCTION:
      return { t: "function", s: "function", id: lo };
    case Tag.NATIVE:
      return { t: "native", s: natives[lo] ?? "native" };
    case Tag.THREAD:
      return { t: "thread", s: "thread", id: lo };
    case Tag.USERDATA:
      return { t: "userdata", s: "userdata", id: lo };
    default: {
      const digits = 2 << (tag - Tag.BITS8);
      const high = digits === 16 ? hi.toString(16).padStart(8, "0") : "";
      return { t: "bits", s: high + lo.toString(16).padStart(Math.min(digits, 8), "0") };
    }
  }
}
