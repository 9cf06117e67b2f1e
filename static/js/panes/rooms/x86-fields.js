// @ts-check
// x86 instruction bytes taken apart: prefixes, REX, VEX, EVEX, opcode, ModRM, SIB, displacement, immediate. Facts: Intel
// SDM volume 2, chapter 2 (formats) and appendix A (opcode maps). Bytes that fit no form known here are answered as null.
import { t } from "../../i18n.js";

/** @typedef {import("./adapter.js").Field} Field */
/** @typedef {16 | 32 | 64} Width */

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/**
 * What follows an opcode: `m` a ModRM byte, then immediates: `b` one byte, `w` two, `z` two or four by operand size,
 * `v` as `z` or eight with REX.W, `a` an offset of the address size, `j` and `J` relative targets of one byte and of the
 * operand size. Ranges of opcodes, first one that fits counts.
 * @typedef {[number, number, string][]} Forms
 */

/** @type {Forms} */
const ONE = [
  [0x62, 0x63, "m"], [0x68, 0x68, "z"], [0x69, 0x69, "mz"], [0x6a, 0x6a, "b"], [0x6b, 0x6b, "mb"], [0x70, 0x7f, "j"],
  [0x80, 0x80, "mb"], [0x81, 0x81, "mz"], [0x82, 0x83, "mb"], [0x84, 0x8f, "m"], [0x9a, 0x9a, "zw"], [0xa0, 0xa3, "a"],
  [0xa8, 0xa8, "b"], [0xa9, 0xa9, "z"], [0xb0, 0xb7, "b"], [0xb8, 0xbf, "v"], [0xc0, 0xc1, "mb"], [0xc2, 0xc2, "w"],
  [0xc4, 0xc5, "m"], [0xc6, 0xc6, "mb"], [0xc7, 0xc7, "mz"], [0xc8, 0xc8, "wb"], [0xca, 0xca, "w"], [0xcd, 0xcd, "b"],
  [0xd0, 0xd3, "m"], [0xd4, 0xd5, "b"], [0xd8, 0xdf, "m"], [0xe0, 0xe3, "j"], [0xe4, 0xe7, "b"], [0xe8, 0xe9, "J"],
  [0xea, 0xea, "zw"], [0xeb, 0xeb, "j"], [0xf6, 0xf7, "m"], [0xfe, 0xff, "m"], [0x40, 0xff, ""],
];

/** After 0F, and after VEX with that map. @type {Forms} */
const TWO = [
  [0x05, 0x0b, ""], [0x30, 0x37, ""], [0x70, 0x73, "mb"], [0x77, 0x77, ""], [0x80, 0x8f, "J"], [0xa0, 0xa2, ""],
  [0xa4, 0xa4, "mb"], [0xa8, 0xaa, ""], [0xac, 0xac, "mb"], [0xba, 0xba, "mb"], [0xc2, 0xc2, "mb"], [0xc4, 0xc6, "mb"],
  [0xc8, 0xcf, ""], [0x00, 0xff, "m"],
];

/** Arithmetic in the first quarter of the map: ModRM forms, then two with an immediate, then pushes and adjustments. */
const QUARTER = ["m", "m", "m", "m", "b", "z", "", ""];

/** The opcode maps by number, as VEX counts them: 0 is the one without an escape. */
const MAPS = { ONE: 0, TWO: 1, THREE_38: 2, THREE_3A: 3 };

/**
 * @param {number} opcode
 * @param {number} map
 */
function formOf(opcode, map) {
  if (map === MAPS.THREE_38) return "m";
  if (map === MAPS.THREE_3A) return "mb";
  if (map === MAPS.ONE && opcode < 0x40) return QUARTER[opcode & 7];
  return (map === MAPS.TWO ? TWO : ONE).find(([from, to]) => from <= opcode && opcode <= to)?.[2] ?? "?";
}

/** @param {number[]} bytes */
function hex(bytes) {
  return bytes.map((b) => b.toString(16).padStart(2, "0")).join(" ");
}

/**
 * @param {number} value
 * @param {number} size
 */
function bits(value, size) {
  return value.toString(2).padStart(size, "0");
}

class Splitter {
  /** @type {Field[]} */
  fields = [];
  at = 0;
  map = MAPS.ONE;
  wide = false;
  vector = "";

  /**
   * @param {number[]} bytes
   * @param {Width} width of the code segment
   */
  constructor(bytes, width) {
    this.bytes = bytes;
    this.width = width;
    this.operand = width === 16 ? 16 : 32;
    /** @type {number} */
    this.address = width;
  }

  /**
   * @param {number} count
   * @param {string} label
   */
  take(count, label) {
    if (count) this.fields.push({ bits: hex(this.bytes.slice(this.at, this.at + count)), label });
    this.at += count;
  }

  prefixes() {
    const { bytes, width } = this;
    while (PREFIXES.has(bytes[this.at])) {
      if (bytes[this.at] === 0x66) this.operand = width === 16 ? 32 : 16;
      if (bytes[this.at] === 0x67) this.address = width === 16 ? 32 : width === 32 ? 16 : 32;
      this.take(1, t("decode.prefix"));
    }
    const next = bytes[this.at];
    if (width === 64 && next >= 0x40 && next <= 0x4f) {
      this.wide = (next & 8) !== 0;
      this.take(1, t("x86.rex", { w: bits((next >> 3) & 1, 1), r: bits((next >> 2) & 1, 1), x: bits((next >> 1) & 1, 1), b: bits(next & 1, 1) }));
    }
  }

  /** A vector prefix instead of escapes. Outside of 64-bit code the bytes mean it only where ModRM would name a register. */
  vex() {
    const { bytes, at, width } = this;
    const [first, p1 = 0, p2 = 0, p3 = 0] = bytes.slice(at, at + 4);
    const meant = width === 64 || (width === 32 && p1 >= 0xc0);
    if (!meant || ![0xc5, 0xc4, 0x62].includes(first)) return;
    const last = first === 0xc5 ? p1 : p2;
    this.vector = first === 0x62 ? "EVEX" : "VEX";
    this.map = first === 0xc5 ? MAPS.TWO : p1 & (first === 0x62 ? 7 : 31);
    const length = first === 0x62 ? (p3 >> 5) & 3 : (last >> 2) & 1;
    this.take(first === 0xc5 ? 2 : first === 0xc4 ? 3 : 4, t("x86.vex", {
      kind: this.vector, map: ["0F", "0F", "0F 38", "0F 3A"][this.map] ?? String(this.map), w: bits(first === 0xc5 ? 0 : last >> 7, 1), v: bits((last >> 3) & 15, 4),
      length: String(128 << length), pp: bits(last & 3, 2),
    }));
  }

  opcode() {
    const { bytes } = this;
    let count = 1;
    if (!this.vector && bytes[this.at] === 0x0f) {
      const second = bytes[this.at + 1];
      this.map = second === 0x38 ? MAPS.THREE_38 : second === 0x3a ? MAPS.THREE_3A : MAPS.TWO;
      count = this.map === MAPS.TWO ? 2 : 3;
    }
    const opcode = bytes[this.at + count - 1];
    if (opcode === undefined) return null;
    const form = formOf(opcode, this.map);
    if (form === "?") return null;
    this.take(count, t("decode.opcode"));
    return { opcode, form };
  }

  /**
   * @param {number} opcode
   * @param {string} form
   */
  operands(opcode, form) {
    let rest = form.replace("m", "");
    if (form.startsWith("m")) {
      const modrm = this.bytes[this.at];
      if (modrm === undefined) return false;
      // TEST is the one of its group that has an immediate.
      if (this.map === MAPS.ONE && (opcode === 0xf6 || opcode === 0xf7) && ((modrm >> 3) & 7) < 2) rest += opcode === 0xf6 ? "b" : "z";
      this.modrm(modrm);
    }
    const z = this.operand === 16 ? 2 : 4;
    const sizes = /** @type {Record<string, number>} */ ({ b: 1, j: 1, w: 2, z, J: this.width === 64 ? 4 : z, v: this.wide ? 8 : z, a: this.address / 8 });
    for (const part of rest) this.take(sizes[part] ?? 0, t(part === "j" || part === "J" ? "x86.relative" : part === "a" ? "x86.displacement" : "x86.immediate"));
    return true;
  }

  /** @param {number} modrm */
  modrm(modrm) {
    const [mod, reg, rm] = [modrm >> 6, (modrm >> 3) & 7, modrm & 7];
    this.take(1, t("x86.modrm", { mod: bits(mod, 2), reg: bits(reg, 3), rm: bits(rm, 3) }));
    const sib = this.address !== 16 && mod !== 3 && rm === 4 ? this.bytes[this.at] : -1;
    if (sib >= 0) this.take(1, t("x86.sib", { scale: String(1 << (sib >> 6)), index: bits((sib >> 3) & 7, 3), base: bits(sib & 7, 3) }));
    const full = this.address === 16 ? 2 : 4;
    const bare = this.address === 16 ? rm === 6 : rm === 5 || (sib >= 0 && (sib & 7) === 5);
    this.take(mod === 3 ? 0 : mod === 1 ? 1 : mod === 2 || bare ? full : 0, t("x86.displacement"));
  }
}

/**
 * The fields of an instruction whose code segment has this width, or null when the bytes do not come out even.
 * @param {number[]} bytes
 * @param {Width} width
 * @returns {Field[] | null}
 */
function split(bytes, width) {
  const splitter = new Splitter(bytes, width);
  splitter.prefixes();
  splitter.vex();
  const found = splitter.opcode();
  if (!found || !splitter.operands(found.opcode, found.form)) return null;
  return splitter.at === bytes.length ? splitter.fields : null;
}

/**
 * The fields of an instruction.
 * @param {string} bytes in hex
 * @param {Width} width of its code segment
 * @returns {Field[] | null}
 */
export function x86Fields(bytes, width) {
  return split((bytes.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)), width);
}
