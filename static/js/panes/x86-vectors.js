// @ts-check
// x87, MMX and SSE registers in lanes: bytes to doubles, with the lanes that the shown step changed.
import { fill, h } from "../dom.js";
import { moreWords, t } from "../i18n.js";
import { history, numberOf, writerNode } from "./x86-registers.js";
import { keep, recall } from "./x86-kept.js";

await moreWords({ en: () => import("words:en-x86-vectors"), zh: () => import("words:zh-x86-vectors") });

/** The ways to cut a register: bits of a lane, and whether it is a number with a point. @type {Record<string, {bits: number, float?: boolean, signed?: boolean}>} */
const LANES = {
  bytes: { bits: 8 }, words: { bits: 16 }, dwords: { bits: 32 }, qwords: { bits: 64 }, float: { bits: 32, float: true }, double: { bits: 64, float: true },
};

/**
 * One lane's text.
 * @param {bigint} value
 * @param {{bits: number, float?: boolean}} form
 */
export function laneText(value, form) {
  if (!form.float) return value.toString(16).padStart(form.bits / 4, "0");
  const bytes = new DataView(new ArrayBuffer(8));
  if (form.bits === 32) {
    bytes.setUint32(0, Number(value));
    const number = bytes.getFloat32(0);
    // The shortest text that means this float again.
    for (let digits = 1; digits <= 9; digits++) {
      const text = Number(number.toPrecision(digits));
      if (Math.fround(text) === number) return plain(text);
    }
    return plain(number);
  }
  bytes.setBigUint64(0, value);
  return plain(bytes.getFloat64(0));
}

/** @param {number} number */
function plain(number) {
  if (Object.is(number, -0)) return "-0";
  return String(number).replace("Infinity", "inf").replace("NaN", "nan");
}

export class VectorsBlock {
  /**
   * @param {import("./index.js").Context} ctx
   * @param {HTMLElement} fold the block to fill
   */
  constructor(ctx, fold) {
    this.ctx = ctx;
    this.lanes = recall("lanes", "dwords");
    this.body = h("div", {});
    fold.append(this.body);
  }

  draw() {
    const { state } = this.ctx.store;
    const fpu = state.view?.fpu;
    if (!fpu) return;
    const step = state.trace.step(state.viewTick);
    const pick = h("select", { class: "pick small", "aria-label": t("x86.vectors.lanes") }, Object.keys(LANES).map((name) => h("option", { value: name }, t(`x86.lanes.${name}`))));
    pick.value = this.lanes;
    pick.addEventListener("change", () => {
      this.lanes = pick.value;
      keep("lanes", this.lanes);
      this.draw();
    });
    const any = (/** @type {any[]} */ list) => list.some((r) => !/^0*$/.test(r.value));
    fill(this.body,
      h("div", { class: "xtools" }, h("span", { class: "dim" }, t("x86.vectors.as")), pick),
      h("ul", { class: "vec" }, fpu.xmm.filter((/** @type {any} */ x, /** @type {number} */ i) => i < 4 || any([x])).map((/** @type {any} */ x) => this.vector(state, step, x, [x.name, `${x.name}h`]))),
      fpu.ymm ? h("ul", { class: "vec" }, fpu.ymm.filter((/** @type {any} */ y) => any([y])).map((/** @type {any} */ y) => this.vector(state, step, y, [y.name.replace("y", "x"), `${y.name.replace("y", "x")}h`, y.name, `${y.name}h`]))) : null,
      this.st(state, step, fpu), this.words(fpu));
  }

  /**
   * A register cut into lanes, the highest first as in the manual; old values of changed lanes in the tooltip and above.
   * @param {import("../store.js").State} state
   * @param {import("../trace.js").Step | null} step
   * @param {any} register
   * @param {string[]} halves its names in the trace, the low half first
   */
  vector(state, step, register, halves) {
    const form = LANES[this.lanes];
    const now = BigInt(`0x${register.value || 0}`);
    let old = now;
    let writer = 0;
    halves.forEach((name, i) => {
      const seen = history(state, step, numberOf(state, name));
      writer = Math.max(writer, seen.writer);
      if (!seen.write) return;
      const shift = BigInt(64 * i);
      old = (old & ~(((1n << 64n) - 1n) << shift)) | (BigInt(`0x${seen.write.old.s || 0}`) << shift);
    });
    const lanes = [];
    const width = register.value.length * 4;
    for (let at = width - form.bits; at >= 0; at -= form.bits) {
      const cut = (/** @type {bigint} */ all) => (all >> BigInt(at)) & ((1n << BigInt(form.bits)) - 1n);
      const changed = cut(now) !== cut(old);
      const text = laneText(cut(now), form);
      lanes.push(h("span", { class: `${changed ? "wrote" : ""} ${cut(now) === 0n ? "z" : ""}`, title: t("x86.lane", { n: String(at / form.bits), was: laneText(cut(old), form) }) }, text, changed ? h("span", { class: "sr" }, t("flag.changed")) : null));
    }
    return h("li", {}, h("b", {}, register.name.toUpperCase()), h("span", { class: `lanes-of ${this.lanes}` }, lanes), halves.length ? h("span", { class: "w" }, writerNode(state, this.ctx, writer, register.name)) : null);
  }

  /**
   * The stack of x87: ST(0) is where TOP points; the same 64 bits are MMX registers.
   * @param {import("../store.js").State} state
   * @param {import("../trace.js").Step | null} step
   * @param {any} fpu
   */
  st(state, step, fpu) {
    const rows = fpu.st.map((/** @type {any} */ r) => {
      const { write, writer } = history(state, step, numberOf(state, `fp${r.physical}`));
      return h("tr", { class: r.used ? "" : "quiet" },
        h("th", { class: "r", scope: "row" }, `ST${r.name.replace(/\D/g, "")}`),
        h("td", {}, r.used ? h("span", { class: write ? "wrote" : "" }, r.text) : h("span", { class: "dim" }, t("x86.vectors.empty"))),
        h("td", { class: "nm" }, `MM${r.physical} ${r.value.slice(4)}`), h("td", { class: "w" }, writer ? writerNode(state, this.ctx, writer, `fp${r.physical}`) : null));
    });
    if (!fpu.st.some((/** @type {any} */ r) => r.used || !/^0*$/.test(r.value))) return null;
    return h("table", { class: "regs st" }, h("caption", { class: "sr" }, "x87"), h("tbody", {}, rows));
  }

  /** @param {any} fpu */
  words(fpu) {
    const chips = (/** @type {any[]} */ fields) => h("span", { class: "chips" }, fields.map((f) => h("span", { class: f.set ? "on" : "" }, f.name, h("span", { class: "sr" }, t(f.set ? "x86.bit.set" : "x86.bit.clear")))));
    return h("ul", { class: "ctl" },
      h("li", {}, h("b", {}, t("x86.vectors.control")), h("span", { class: "m" }, fpu.control.value), h("span", { class: "w" }, t("x86.vectors.rounds", { way: t(`x86.round.${fpu.control.rounding}`), n: String(fpu.control.precision) })), chips(fpu.control.fields)),
      h("li", {}, h("b", {}, t("x86.vectors.status")), h("span", { class: "m" }, fpu.status.value), h("span", { class: "w" }, `TOP ${fpu.status.top}`), chips(fpu.status.fields)),
      h("li", {}, h("b", {}, "MXCSR"), h("span", { class: "m" }, fpu.mxcsr.value), h("span", { class: "w" }, t(`x86.round.${fpu.mxcsr.rounding}`)), chips(fpu.mxcsr.fields)));
  }
}
