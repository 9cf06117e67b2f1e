// @ts-check
// x86 instruction bytes taken apart: prefixes, opcode, ModRM, SIB, displacement, immediate. Facts: Intel SDM volume 2,
// chapter 2 (formats) and appendix A (opcode maps). Bytes that fit no form known here are answered as null.
import { t } from "../../i18n.js";

/** @typedef {import("./adapter.js").Field} Field */

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/**
 * What follows an opcode: `m` a ModRM byte, then immediates: `b` one byte, `w` two, `z` two or four by operand size,
 * `a` an offset of the address size, `j` and `J` relative targets of one byte and of the operand size. Ranges of
 * opcodes, first one that fits counts.
 * @typedef {[number, number, string][]} Forms
 */

/** @type {Forms} */
const ONE = [
  [0x62, 0x63, "m"], [0x68, 0x68, "z"], [0x69, 0x69, "mz"], [0x6a, 0x6a, "b"], [0x6b, 0x6b, "mb"], [0x70, 0x7f, "j"],
  [0x80, 0x80, "mb"], [0x81, 0x81, "mz"], [0x82, 0x83, "mb"], [0x84, 0x8f, "m"], [0x9a, 0x9a, "zw"], [0xa0, 0xa3, "a"],
  [0xa8, 0xa8, "b"], [0xa9, 0xa9, "z"], [0xb0, 0xb7, "b"], [0xb8, 0xbf, "z"], [0xc0, 0xc1, "mb"], [0xc2, 0xc2, "w"],
  [0xc4, 0xc5, "m"], [0xc6, 0xc6, "mb"], [0xc7, 0xc7, "mz"], [0xc8, 0xc8, "wb"], [0xca, 0xca, "w"], [0xcd, 0xcd, "b"],
  [0xd0, 0xd3, "m"], [0xd4, 0xd5, "b"], [0xd8, 0xdf, "m"], [0xe0, 0xe3, "j"], [0xe4, 0xe7, "b"], [0xe8, 0xe9, "J"],
  [0xea, 0xea, "zw"], [0xeb, 0xeb, "j"], [0xf6, 0xf7, "m"], [0xfe, 0xff, "m"], [0x40, 0xff, ""],
];

/** After 0F. @type {Forms} */
const TWO = [
  [0x05, 0x0b, ""], [0x30, 0x37, ""], [0x70, 0x73, "mb"], [0x77, 0x77, ""], [0x80, 0x8f, "J"], [0xa0, 0xa2, ""],
  [0xa4, 0xa4, "mb"], [0xa8, 0xaa, ""], [0xac, 0xac, "mb"], [0xba, 0xba, "mb"], [0xc2, 0xc2, "mb"], [0xc4, 0xc6, "mb"],
  [0xc8, 0xcf, ""], [0x38, 0x3f, "?"], [0x00, 0xff, "m"],
];

/** Arithmetic in the first quarter of the map: ModRM forms, then two with an immediate, then pushes and adjustments. */
const QUARTER = ["m", "m", "m", "m", "b", "z", "", ""];

/**
 * @param {number} opcode
 * @param {boolean} long after 0F
 */
function formOf(opcode, long) {
  if (!long && opcode < 0x40) return QUARTER[opcode & 7];
  return (long ? TWO : ONE).find(([from, to]) => from <= opcode && opcode <= to)?.[2] ?? "?";
}

/** @param {number[]} bytes */
function hex(bytes) {
  return bytes.map((b) => b.toString(16).padStart(2, "0")).join(" ");
}

/**
 * The fields of an instruction whose code segment has this width, or null when the bytes do not come out even.
 * @param {number[]} bytes
 * @param {16 | 32} width
 * @returns {Field[] | null}
 */
function split(bytes, width) {
  /** @type {Field[]} */
  const fields = [];
  let at = 0;
  const take = (/** @type {number} */ count, /** @type {string} */ label) => {
    if (count) fields.push({ bits: hex(bytes.slice(at, at + count)), label });
    at += count;
  };
  let [operand, address] = [width, width];
  while (PREFIXES.has(bytes[at])) {
    if (bytes[at] === 0x66) operand = width === 16 ? 32 : 16;
    if (bytes[at] === 0x67) address = width === 16 ? 32 : 16;
    take(1, t("decode.prefix"));
  }
  const long = bytes[at] === 0x0f;
  const opcode = bytes[at + (long ? 1 : 0)];
  if (opcode === undefined) return null;
  let form = formOf(opcode, long);
  if (form === "?") return null;
  take(long ? 2 : 1, t("decode.opcode"));
  if (form.startsWith("m")) {
    const modrm = bytes[at];
    if (modrm === undefined) return null;
    const [mod, reg, rm] = [modrm >> 6, (modrm >> 3) & 7, modrm & 7];
    // TEST is the one of its group that has an immediate.
    if (!long && (opcode === 0xf6 || opcode === 0xf7) && reg < 2) form += opcode === 0xf6 ? "b" : "z";
    take(1, t("x86.modrm", { mod: bits(mod, 2), reg: bits(reg, 3), rm: bits(rm, 3) }));
    const sib = address === 32 && mod !== 3 && rm === 4 ? bytes[at] : -1;
    if (sib >= 0) take(1, t("x86.sib", { scale: String(1 << (sib >> 6)), index: bits((sib >> 3) & 7, 3), base: bits(sib & 7, 3) }));
    const full = address / 8;
    const bare = address === 16 ? rm === 6 : rm === 5 || (sib & 7) === 5;
    const size = mod === 3 ? 0 : mod === 1 ? 1 : mod === 2 || bare ? full : 0;
    take(size, t("x86.displacement"));
  }
  for (const part of form.replace("m", "")) {
    const size = { b: 1, j: 1, w: 2, z: operand / 8, J: operand / 8, a: address / 8 }[part] ?? 0;
    take(size, t(part === "j" || part === "J" ? "x86.relative" : part === "a" ? "x86.displacement" : "x86.immediate"));
  }
  return at === bytes.length ? fields : null;
}

/**
 * @param {number} value
 * @param {number} size
 */
function bits(value, size) {
  return value.toString(2).padStart(size, "0");
}

/**
 * The fields of an instruction. Only code of the right width comes out even, so that the bytes say which one it is.
 * @param {string} bytes in hex
 * @returns {Field[] | null}
 */
export function x86Fields(bytes) {
  const all = (bytes.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  return split(all, 16) ?? split(all, 32);
}
