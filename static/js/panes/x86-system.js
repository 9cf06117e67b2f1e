// @ts-check
// Segment registers with what the CPU keeps of their descriptors, and the control registers bit by bit.
import { columns, h } from "../dom.js";
import { has, t } from "../i18n.js";
import { listed } from "./x86-exit-text.js";
import { addressButton } from "./x86-asking.js";
import { history, numberOf, writerNode } from "./x86-registers.js";

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {import("./index.js").Context} ctx
 * @param {{open: Set<string>, toggle: (name: string) => void}} looks
 */
export function segments(state, step, ctx, looks) {
  const rows = (state.view.segments ?? []).filter((/** @type {any} */ s) => !["FS", "GS"].includes(s.name.toUpperCase()) || s.selector !== "0000" || Number.parseInt(s.base, 16) !== 0);
  if (!rows.length) return null;
  return h("section", { class: "block b-seg", "aria-label": t("pane.segments") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.segments")), h("span", { class: "meta" }, rows[0].cache ? t("x86.mode", { mode: state.view.mode ?? "", cpu: state.view.cpu ?? "" }) : t("x86.segments.real"))),
    h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.segments")), columns(48, 112, 0, 58), h("tbody", {}, rows.flatMap((/** @type {any} */ s) => segment(state, step, ctx, looks, s)))));
}

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {import("./index.js").Context} ctx
 * @param {{open: Set<string>, toggle: (name: string) => void}} looks
 * @param {any} s
 */
function segment(state, step, ctx, looks, s) {
  const { write, writer } = history(state, step, numberOf(state, s.name));
  const name = s.name.toLowerCase();
  const open = looks.open.has(name) && Boolean(s.cache);
  const old = write?.old.s.slice(-4);
  const label = s.cache
    ? h("button", { type: "button", class: "regname", "aria-expanded": String(open), title: t("x86.cache.title", { name: s.name }), on: { click: () => looks.toggle(name) } }, s.name)
    : s.name;
  const range = h("span", { class: "m dim" }, t("x86.segment", { base: s.base, limit: s.limit }));
  const row = h("tr", { class: open ? "opened" : "" },
    h("th", { class: "r", scope: "row" }, label),
    h("td", {}, old && old !== s.selector ? [h("span", { class: "old" }, old), h("span", { class: "to" }, "→"), h("span", { class: "wrote" }, s.selector)] : s.selector),
    h("td", { class: "nm" }, s.cache ? (s.cache.type === "null" ? t("x86.tables.null") : [h("b", {}, `${s.cache.type} ${s.cache.bits} ${s.cache.allows}`), ` DPL ${s.cache.dpl}`]) : range),
    h("td", { class: "w" }, writerNode(state, ctx, writer, s.name)));
  return open ? [row, cacheRow(s)] : [row];
}

/** @param {any} s */
function cacheRow(s) {
  const { cache } = s;
  const words = [
    ["x86.cache.selector", t("x86.cache.parts", { table: cache.table, index: String(cache.index), rpl: String(cache.rpl) })],
    ["x86.cache.range", null],
    ["x86.cache.rights", listed([cache.present ? t("x86.cache.present") : t("x86.tables.absent"), t(cache.accessed ? "x86.cache.accessed" : "x86.cache.fresh"),
      cache.conforming ? t("x86.cache.conforming") : "", cache.expands_down ? t("x86.cache.down") : "", t(cache.pages ? "x86.cache.pages" : "x86.cache.bytes")])],
  ];
  return h("tr", { class: "widths" }, h("td", { colspan: "4" }, h("dl", { class: "facts" }, words.map(([key, text]) =>
    [h("dt", {}, t(/** @type {string} */ (key))), h("dd", {}, text ?? [addressButton(s.base), " … ", h("span", { class: "m" }, `+${s.limit}`), h("span", { class: "dim" }, ` ${t("x86.cache.attributes", { n: s.attributes })}`)])]))));
}

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {import("./index.js").Context} ctx
 */
export function control(state, step, ctx) {
  const rows = state.view.control ?? [];
  if (!rows.length) return null;
  return h("section", { class: "block b-ctl", "aria-label": t("pane.control") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.control")), h("span", { class: "meta" }, state.view.mode ?? "")),
    has(`x86.is.${state.view.mode}`) ? h("p", { class: "note" }, t(`x86.is.${state.view.mode}`), " ", t(`x86.on.${state.view.cpu}`)) : null,
    h("ul", { class: "ctl" }, rows.map((/** @type {any} */ c) => {
      const { write, writer } = history(state, step, numberOf(state, c.name));
      const before = write ? BigInt(`0x${write.old.s || 0}`) : null;
      const address = ["CR2", "CR3"].includes(c.name);
      return h("li", {},
        h("b", {}, c.name), h("span", { class: `m ${write ? "wrote" : ""}` }, address ? addressButton(c.value) : c.value), h("span", { class: "w" }, writerNode(state, ctx, writer, c.name)),
        address ? h("small", { class: "what" }, t(`x86.control.${c.name}`)) : h("span", { class: "chips" }, (c.fields ?? []).map((/** @type {any} */ bit) => {
          const changed = before !== null && Boolean((before >> BigInt(bit.bit)) & 1n) !== bit.set;
          const key = `x86.cr.${bit.name}`;
          return h("span", { class: `${bit.set ? "on" : ""} ${changed ? "changed" : ""}`, title: `${c.name}.${bit.name} (${bit.bit})${has(key) ? `: ${t(key)}` : ""}` }, bit.name,
            h("span", { class: "sr" }, t(bit.set ? "x86.bit.set" : "x86.bit.clear"), changed ? t("flag.changed") : ""));
        })));
    })));
}
