// @ts-check
// The general registers: old and new value, who wrote it, what it points at; unfolded, all its widths and formats.
import { columns, h } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { RECENT_STEPS, changeNode, writerLink, writerSearch } from "../values.js";
import { partsOf } from "./x86-expression.js";
import { characters, formatted, fromHex } from "./x86-numbers.js";
import { chainNode } from "./x86-stack.js";
import { addressButton } from "./x86-asking.js";

/** @typedef {import("../store.js").State} State */
/** @typedef {import("../trace.js").Step} Step */
/** @typedef {{format: string, open: Set<string>, toggle: (name: string) => void}} Looks */

/**
 * The trace's number of a register; -1 if there is none of this name.
 * @param {State} state
 * @param {string} name
 */
export function numberOf(state, name) {
  const wanted = name.toLowerCase();
  return (state.program?.listing.registers ?? []).findIndex((/** @type {string} */ r) => r.toLowerCase() === wanted);
}

/**
 * What the shown step did to a register, and who wrote it last.
 * @param {State} state
 * @param {Step | null} step
 * @param {number} number
 */
export function history(state, step, number) {
  const write = number < 0 ? undefined : step?.writes.findLast((w) => w.kind === Write.REGISTER && w.owner === 0 && w.index === number);
  const writer = number < 0 ? 0 : state.trace.lastWriter(Write.REGISTER, 0, number, state.viewTick);
  return { write, writer };
}

/**
 * The link to the last write: known from the window, or to be asked for; the reset value where nobody wrote.
 * @param {State} state
 * @param {import("./index.js").Context} ctx
 * @param {number} writer
 * @param {string} name
 */
export function writerNode(state, ctx, writer, name) {
  if (writer) return writerLink(writer, (tick) => ctx.session.goTo(tick));
  if (!state.trace.knowsAll(state.viewTick)) return writerSearch(() => ctx.session.toWriter({ kind: "register", register: name }));
  return t("x86.reset");
}

/**
 * @param {State} state
 * @param {Step | null} step
 * @param {import("./index.js").Context} ctx
 * @param {Looks} looks
 */
export function registers(state, step, ctx, looks) {
  const { view } = state;
  const rows = view.registers.flatMap((/** @type {any} */ r) => {
    const open = looks.open.has(r.name.toLowerCase());
    return [row(state, step, ctx, looks, r, open), open ? detail(r, looks) : null];
  });
  return h("div", { class: "block b-regs" },
    h("table", { class: "regs xr" },
      h("caption", { class: "sr" }, t("state.caption", { n: state.viewTick })),
      columns(48, valueWidth(view.registers[0].bits, looks.format), 0, Math.max(58, 24 + 8 * String(state.viewTick).length)),
      h("thead", { class: "sr" }, h("tr", {}, ["register", "value", "parts", "writer"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
      h("tbody", {}, rows)));
}

/**
 * @param {State} state
 * @param {Step | null} step
 * @param {import("./index.js").Context} ctx
 * @param {Looks} looks
 * @param {any} r
 * @param {boolean} open
 */
function row(state, step, ctx, looks, r, open) {
  const number = numberOf(state, r.name);
  const { write, writer } = history(state, step, number);
  const ip = /^[er]?ip$/i.test(r.name);
  const value = fromHex(r.value);
  const now = formatted(value, r.bits, looks.format);
  const before = write ? formatted(BigInt.asUintN(r.bits, fromHex(write.old.s)), r.bits, looks.format) : now;
  const recent = writer && state.viewTick - writer <= RECENT_STEPS && !ip;
  const changes = write !== undefined && before !== now;
  // Two long values leave no room for a note.
  const wide = (changes && r.bits > 16 && looks.format !== "hex") || (changes && r.bits === 64) || looks.format === "binary";
  const shown = changes
    ? changeNode({ t: "bits", s: before }, { t: "bits", s: now }, ip ? "" : "wrote")
    : recent || value === 0n ? h("span", { class: recent ? "recent" : "v-nil" }, now) : now;
  return h("tr", { class: open ? "opened" : "" },
    h("th", { class: "r", scope: "row" }, h("button", { type: "button", class: "regname", "aria-expanded": String(open), title: t("x86.widths", { name: r.name.toUpperCase() }), on: { click: () => looks.toggle(r.name.toLowerCase()) } }, r.name.toUpperCase())),
    h("td", { class: looks.format === "binary" ? "long" : "", colspan: wide ? 2 : null, "data-edit": true, holds: { target: { kind: "register", register: r.name }, value: { t: "bits", s: r.value.padStart(r.bits / 4, "0") }, label: r.name.toUpperCase() } }, shown),
    wide ? null : h("td", { class: "nm" }, note(state, r, number, ip, looks, value)),
    h("td", { class: "w" }, ip ? null : writerNode(state, ctx, writer, r.name)));
}

/**
 * What else to say: where it points, else its halves or the number in decimal.
 * @param {State} state
 * @param {any} r
 * @param {number} number
 * @param {boolean} ip
 * @param {Looks} looks
 * @param {bigint} value
 */
function note(state, r, number, ip, looks, value) {
  if (ip) {
    const next = state.program?.at(state.view.next?.where);
    return next ? t("x86.next", { text: `${next.row.op} ${next.row.args}`.trim() }) : "";
  }
  const chain = state.view.pointers?.find((/** @type {any} */ p) => p.register === number)?.chain;
  // Small numbers are numbers first of all: that a program begins at 0 does not make every zero a pointer.
  if (chain && value >= 0x10n && isPointer(r, chain)) return chainNode(chain);
  if (value === 0n || looks.format === "unsigned" || r.bits === 64) return "";
  const letter = /^[er]?([abcd])x$/i.exec(r.name)?.[1]?.toUpperCase();
  const decimal = value < 1n << 32n ? value.toString() : "";
  if (!letter || r.bits !== 16) return h("span", { class: "dec" }, decimal);
  const hex = r.value.padStart(4, "0");
  return [h("span", { class: "dec" }, decimal), " ", `${letter}H ${hex.slice(-4, -2)}, ${letter}L ${hex.slice(-2)}`];
}

/**
 * Whether to show where a value points: in 16 bits nearly every number could be an address of the stack.
 * @param {any} r
 * @param {any[]} chain
 */
function isPointer(r, chain) {
  return r.bits > 16 || /[sb]p$|[sd]i$/i.test(r.name) || (chain[0].symbol && chain[0].symbol.offset === 0);
}

/**
 * Pixels for a value.
 * @param {number} bits
 * @param {string} format
 */
function valueWidth(bits, format) {
  if (format === "binary") return 150;
  return { 16: 112, 32: 150, 64: 140 }[bits] ?? 112;
}

/**
 * All widths of a register in every format.
 * @param {any} r
 * @param {Looks} looks
 */
function detail(r, looks) {
  const whole = fromHex(r.value);
  const parts = [{ name: r.name.toLowerCase(), bits: r.bits, shift: 0 }, ...partsOf(r.name.toLowerCase())];
  return h("tr", { class: "widths" }, h("td", { colspan: "4" },
    h("table", {},
      h("caption", { class: "sr" }, t("x86.widths", { name: r.name.toUpperCase() })),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "sr" }, t("column.register"))), ["hex", "unsigned", "signed", "ascii"].map((name) => h("th", { scope: "col" }, t(`x86.format.${name}`))))),
      h("tbody", {}, parts.map((part) => {
        const value = (whole >> BigInt(part.shift)) & ((1n << BigInt(part.bits)) - 1n);
        return h("tr", {}, h("th", { scope: "row" }, part.name.toUpperCase()), h("td", {}, formatted(value, part.bits, "hex")), h("td", {}, value.toString()),
          h("td", {}, BigInt.asIntN(part.bits, value).toString()), h("td", {}, characters(value, part.bits)));
      }))),
    h("p", { class: "m" }, formatted(whole, r.bits, "binary")),
    h("p", {}, addressButton(t("x86.memory.asplace"), whole))));
}
