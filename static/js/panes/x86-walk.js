// @ts-check
// The walk through the page tables for one linear address, as a picture: the address cut into indices, then each table
// with the entry that the walk takes, down to the physical address or the entry that ends it. SDM volume 3, chapter 4.
import { h, svg } from "../dom.js";
import { t } from "../i18n.js";
import { addressButton } from "./x86-asking.js";

/** @typedef {{table: string, shift: number, bits: number}} Level */

/** The tables of each kind of paging, outermost first. @type {Record<string, Level[]>} */
const LEVELS = {
  long: [{ table: "PML4", shift: 39, bits: 9 }, { table: "PDPT", shift: 30, bits: 9 }, { table: "PD", shift: 21, bits: 9 }, { table: "PT", shift: 12, bits: 9 }],
  pae: [{ table: "PDPT", shift: 30, bits: 2 }, { table: "PD", shift: 21, bits: 9 }, { table: "PT", shift: 12, bits: 9 }],
  plain: [{ table: "PD", shift: 22, bits: 10 }, { table: "PT", shift: 12, bits: 10 }],
};
/** Bits of an entry that are shown, set or not. */
const SHOWN = ["P", "W", "U", "A", "D", "PS", "G", "PWT", "PCD", "NX"];

/**
 * @param {any} view
 * @returns {keyof typeof LEVELS}
 */
function kindOf(view) {
  const has = (/** @type {string} */ name, /** @type {string} */ bit) =>
    view?.control?.find((/** @type {any} */ c) => c.name === name)?.bits.includes(bit) ?? false;
  return has("EFER", "LMA") ? "long" : has("CR4", "PAE") ? "pae" : "plain";
}

/**
 * @param {bigint} value
 * @param {number} digits
 */
function hex(value, digits) {
  return value.toString(16).padStart(digits, "0");
}

/**
 * @param {any} view
 * @param {any} answer of the `pages` query
 * @param {bigint} address
 */
export function walkPicture(view, answer, address) {
  const kind = kindOf(view);
  const width = kind === "long" ? 64 : 32;
  if (!answer.paging) {
    return h("p", { class: "none" }, t("x86.walk.off", { at: hex(address, 5) }));
  }
  const levels = LEVELS[kind];
  const entries = answer.entries;
  const ends = entries.findIndex((/** @type {any} */ e, /** @type {number} */ i) => e.bits.includes("PS") && i < levels.length - 1);
  const used = ends < 0 ? levels : levels.slice(0, ends + 1);
  const rest = used.at(-1)?.shift ?? 12;
  const rows = used.map((level, i) => levelRow(level, entries[i], i ? entries[i - 1] : null, address, width, view));
  const fails = entries.find((/** @type {any} */ e) => !e.bits.includes("P"));
  return h("div", { class: "walk" },
    h("ol", { class: "cut", "aria-label": t("x86.walk.cut") },
      kind === "long" ? part(t("x86.walk.sign"), (address >> 48n).toString(2).padStart(16, "0").replace(/^(0+|1+)$/, (s) => `${s[0]}…`), "", "63–48") : null,
      used.map((level) => {
        const index = (address >> BigInt(level.shift)) & ((1n << BigInt(level.bits)) - 1n);
        return part(level.table, index.toString(2).padStart(level.bits, "0"), index.toString(), `${level.shift + level.bits - 1}–${level.shift}`);
      }),
      part(t("x86.walk.offset"), hex(address & ((1n << BigInt(rest)) - 1n), Math.ceil(rest / 4)), "", `${rest - 1}–0`)),
    h("ol", { class: "levels" }, rows),
    answer.physical === null
      ? h("p", { class: "end wrong" }, h("b", {}, t("x86.walk.fault")), " ", t(fails ? "x86.walk.absent" : "x86.walk.nowhere", { table: used[Math.max(0, entries.length - 1)]?.table ?? "" }))
      : h("p", { class: "end" }, arrow(), t("x86.walk.physical"), " ", h("b", { class: "m" }, hex(BigInt(answer.physical), 8)), " ",
          h("span", { class: "dim" }, t(rest === 12 ? "x86.walk.small" : "x86.walk.big", { size: rest === 30 ? "1 GiB" : rest === 22 ? "4 MiB" : "2 MiB" }))));
}

/**
 * @param {string} name
 * @param {string} bits
 * @param {string} index
 * @param {string} range
 */
function part(name, bits, index, range) {
  return h("li", {}, h("b", {}, name), h("span", { class: "m" }, bits), h("small", {}, index ? t("x86.walk.index", { n: index }) : range));
}

function arrow() {
  return svg("svg", { class: "down", viewBox: "0 0 12 14", "aria-hidden": "true" }, svg("path", { d: "M6 0v10M2.5 7.5 6 12l3.5-4.5" }));
}

/**
 * One table with the entry that the walk takes.
 * @param {Level} level
 * @param {any} entry undefined: the walk does not come here
 * @param {any} before the entry that leads here
 * @param {bigint} address
 * @param {number} width
 * @param {any} view
 */
function levelRow(level, entry, before, address, width, view) {
  const index = Number((address >> BigInt(level.shift)) & ((1n << BigInt(level.bits)) - 1n));
  const from = before ? t("x86.walk.from", { at: hex(BigInt(before.next), 4) }) : `CR3 ${view?.control?.find((/** @type {any} */ c) => c.name === "CR3")?.value ?? ""}`;
  if (!entry) return h("li", { class: "unreached" }, h("span", { class: "name" }, level.table), h("span", { class: "dim" }, t("x86.walk.unreached")));
  const names = SHOWN.filter((bit) => bit !== "NX" || width === 64).filter((bit) => !(["D", "G"].includes(bit) && level.table !== "PT" && !entry.bits.includes("PS")));
  return h("li", { class: entry.bits.includes("P") ? "" : "wrong" },
    arrow(),
    h("span", { class: "name" }, h("b", {}, level.table), " ", h("small", {}, from)),
    h("span", { class: "entry" },
      h("span", { class: "slot" }, `[${index}]`), h("span", { class: "m value" }, BigInt(`0x${entry.value}`).toString(16).padStart(width === 64 ? 12 : 8, "0")),
      h("small", {}, t("x86.walk.at", { at: hex(BigInt(entry.at), 4) }))),
    h("span", { class: "chips" }, names.map((bit) => {
      const on = entry.bits.includes(bit);
      return h("span", { class: on ? "on" : "", title: t(`x86.page.${bit}`) }, bit, h("span", { class: "sr" }, t(on ? "x86.bit.set" : "x86.bit.clear")));
    })));
}

/**
 * The GDT or LDT as a table.
 * @param {any} answer
 * @param {Set<string>} used selectors that registers hold, RPL taken off
 * @param {string} title
 * @param {import("../store.js").State} state
 * @param {any[]} [global] the GDT's entries, where a gate of another table leads
 */
export function descriptorTable(answer, used, title, state, global = answer.entries) {
  if (!answer.entries.length) return h("p", { class: "none" }, t("x86.tables.none"));
  return h("table", { class: "regs gdt" },
    h("caption", { class: "sr" }, title),
    h("thead", {}, h("tr", {}, ["selector", "type", "base", "limit", "dpl"].map((c) => h("th", { scope: "col" }, t(`x86.column.${c}`))))),
    h("tbody", {}, answer.entries.map((/** @type {any} */ e) => {
      const active = used.has(e.selector);
      const nothing = e.type === "null";
      const absent = e.present || nothing ? null : [" ", h("span", { class: "wrongtext" }, t("x86.tables.absent"))];
      return h("tr", { class: `${active ? "active" : ""} ${e.present || nothing ? "" : "absent"} ${e.gate ? "isgate" : ""}` },
        h("th", { class: "r", scope: "row" }, e.selector, active ? h("span", { class: "sr" }, t("x86.tables.inuse")) : null),
        h("td", { title: e.value }, nothing ? h("span", { class: "dim" }, t("x86.tables.null")) : [e.type, " ", h("span", { class: "dim" }, `${["code", "data"].includes(e.type) ? `${e.bits} ${e.allows}` : ""}`), absent]),
        e.gate ? h("td", { colspan: "2" }, gateTarget(e, global, state)) : [h("td", {}, nothing ? "" : addressButton(e.base)), h("td", {}, nothing ? "" : e.limit)],
        h("td", {}, nothing ? "" : String(e.dpl)));
    })));
}

/**
 * Where a gate leads: an arrow, the far address, its label, and how many parameters it copies to the inner stack.
 * @param {any} entry
 * @param {any[]} global
 * @param {import("../store.js").State} state
 */
function gateTarget({ type, gate }, global, state) {
  if (type === "task gate") return ["→ ", t("x86.tables.task", { selector: gate.selector })];
  const segment = global.find((one) => Number.parseInt(one.selector, 16) === (Number.parseInt(gate.selector, 16) & ~3));
  const to = BigInt(`0x${gate.offset}`) + BigInt(`0x${segment && segment.bits !== 64 ? segment.base : 0}`);
  return ["→ ", addressButton(`${gate.selector}:${gate.offset}`, to), labelAt(state, to),
    gate.parameters ? [" ", h("span", { class: "dim" }, t("x86.tables.parameters", { n: gate.parameters }))] : null];
}

/**
 * @param {import("../store.js").State} state
 * @param {bigint} address
 */
function labelAt(state, address) {
  const label = state.program?.listing.labels?.find((/** @type {any} */ l) => BigInt(l.address) === address);
  return label ? [" ", h("b", {}, label.name)] : null;
}

/**
 * What a process has mapped: each area with what may be done there, what it is for, and which registers point into it.
 * @param {any[]} areas in the order of their addresses
 * @param {[string, bigint][]} pointers names of registers with their values
 */
export function areaTable(areas, pointers) {
  return [h("table", { class: "regs areas" },
    h("caption", { class: "sr" }, t("x86.areas")),
    h("thead", {}, h("tr", {}, ["from", "size", "allows", "use"].map((c) => h("th", { scope: "col" }, t(`x86.column.${c}`))))),
    h("tbody", {}, areas.map((area) => {
      const inside = pointers.filter(([, value]) => value >= BigInt(area.start) && value < BigInt(area.end)).map(([name]) => name);
      return h("tr", { class: inside.includes("RIP") ? "active" : "" },
        h("th", { class: "r", scope: "row", title: `${area.start.toString(16)}–${(area.end - 1).toString(16)}` }, addressButton(area.start.toString(16), BigInt(area.start))),
        h("td", {}, size(area.end - area.start)), h("td", {}, area.allows),
        h("td", { class: "nm" }, t(`x86.area.${purpose(area)}`), area.name && !area.name.startsWith("[") ? [" ", h("span", { class: "dim" }, area.name)] : null, inside.map((name) => [" ", h("b", {}, name)])));
    }))), h("p", { class: "note" }, t("x86.areas.rest"))];
}

/** @param {{name: string, allows: string}} area */
function purpose({ name, allows }) {
  if (name === "[stack]" || name === "[heap]") return name.slice(1, -1);
  if (!name) return "mapped";
  return allows.includes("x") ? "code" : allows.includes("w") ? "data" : "constants";
}

/** @param {number} bytes */
function size(bytes) {
  return bytes % (1 << 20) ? `${bytes / 1024} KiB` : `${bytes / (1 << 20)} MiB`;
}

/** How many gates are shown before somebody asks for all. */
const GATES = 32;

/**
 * The IDT, or real mode's vectors: those that lead somewhere, with what is at their end.
 * @param {any} answer
 * @param {import("../store.js").State} state
 * @param {boolean} all
 */
export function gateTable(answer, state, all) {
  const leads = (/** @type {any} */ e) => (e.type === "vector" ? e.offset !== "0" || e.selector !== "0000" : e.present);
  const entries = answer.entries.filter((/** @type {any} */ e) => all || leads(e));
  if (!entries.length) return h("p", { class: "none" }, t("x86.tables.nogates", { n: answer.entries.length }));
  return h("table", { class: "regs idt" },
    h("caption", { class: "sr" }, t("x86.tables.idt")),
    h("thead", {}, h("tr", {}, ["vector", "type", "handler", "dpl"].map((c) => h("th", { scope: "col" }, t(`x86.column.${c}`))))),
    h("tbody", {}, entries.slice(0, all ? 256 : GATES).map((/** @type {any} */ e) => {
      const real = e.type === "vector";
      const to = real ? BigInt(`0x${e.selector}`) * 16n + BigInt(`0x${e.offset}`) : BigInt(`0x${e.offset}`);
      return h("tr", { class: leads(e) ? "" : "quiet" },
        h("th", { class: "r", scope: "row" }, e.vector.toString(16).padStart(2, "0")),
        h("td", { class: "nm" }, vectorName(e.vector), real ? null : [" ", h("span", { class: "dim" }, e.type)], e.ist ? ` IST${e.ist}` : ""),
        h("td", {}, leads(e) ? addressButton(`${e.selector}:${e.offset}`, to) : "", leads(e) ? labelAt(state, to) : null),
        h("td", {}, e.dpl === undefined ? "" : String(e.dpl)));
    })));
}

/** @param {number} vector */
export function vectorName(vector) {
  const names = ["#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF", "", "#MF", "#AC", "#MC", "#XM"];
  return names[vector] ?? "";
}
