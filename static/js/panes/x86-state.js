// @ts-check
// The CPU's state at one step: general registers, FLAGS, segments, control registers, the stack's top words.
import { columns, fill, h } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { changeNode, writerLink, writerSearch } from "../values.js";

/** Words of the stack that are shown. */
const STACK_WORDS = 8;

/** @type {import("./index.js").Pane} */
export default {
  id: "x86-state",
  titleKey: "pane.registers",
  tabKey: "tab.cpu",
  mount(body, ctx) {
    const go = (/** @type {number} */ tick) => ctx.session.goTo(tick);
    return {
      update(state, changed) {
        if (!["view", "viewTick", "program", "trace", "stale"].some((name) => changed.has(name))) return;
        const { view, viewTick } = state;
        ctx.section.classList.toggle("stale", state.stale);
        if (!view?.registers) {
          ctx.meta("");
          fill(body, h("p", { class: "empty" }, t("state.empty")));
          return;
        }
        ctx.meta(state.stale ? t("pane.stale") : t("state.meta", { n: viewTick }));
        const step = state.trace.step(viewTick);
        const { scrollTop } = body;
        fill(body, registers(state, step, go, ctx.session.toWriter), flags(state, step, go), stack(state, go), segments(state), control(view));
        body.scrollTop = scrollTop;
      },
    };
  },
};

/**
 * The trace's number of a register.
 * @param {import("../store.js").State} state
 * @param {string} name
 */
function numberOf(state, name) {
  return (state.program?.listing.registers ?? []).findIndex((/** @type {string} */ r) => r.toUpperCase() === name.toUpperCase());
}

/**
 * @param {import("../store.js").State} state
 * @param {string} name
 */
function writerOf(state, name) {
  const number = numberOf(state, name);
  return number < 0 ? 0 : state.trace.lastWriter(Write.REGISTER, 0, number, state.viewTick);
}

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {(tick: number) => void} go
 * @param {(target: Record<string, any>) => void} ask
 */
function registers(state, step, go, ask) {
  // A register that nobody wrote has its reset value, if the trace is there to say so.
  const known = state.trace.knowsAll(state.viewTick);
  const rows = state.view.registers.map((/** @type {any} */ r) => {
    const number = numberOf(state, r.name);
    const write = step?.writes.findLast((w) => w.kind === Write.REGISTER && w.index === number);
    const width = r.bits / 4;
    const hex = r.value.padStart(width, "0");
    const zero = /^0+$/.test(hex);
    const value = { t: "bits", s: hex };
    const old = write ? { t: "bits", s: write.old.s.slice(-width).padStart(width, "0") } : value;
    const ip = /^[er]?ip$/i.test(r.name);
    const writer = ip ? 0 : writerOf(state, r.name);
    const shown = write && old.s !== hex ? changeNode(old, value, ip ? "" : "wrote") : h("span", { class: zero ? "v-nil" : "" }, hex);
    return h("tr", {}, h("th", { class: "r", scope: "row" }, r.name.toUpperCase()), h("td", {}, shown),
      h("td", { class: "dec" }, zero ? "" : decimal(hex)), h("td", { class: "nm" }, parts(state, r.name, hex)),
      h("td", { class: "w" }, writer ? writerLink(writer, go) : ip ? null : !known ? writerSearch(() => ask({ kind: "register", register: r.name })) : h("span", { class: "dim" }, t("x86.reset"))));
  });
  return h("div", { class: "block b-regs" }, h("table", { class: "regs xr" },
    h("caption", { class: "sr" }, t("state.caption", { n: state.viewTick })),
    h("thead", { class: "sr" }, h("tr", {}, ["register", "value", "decimal", "parts", "writer"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
    h("tbody", {}, rows)));
}

/** @param {string} hex */
function decimal(hex) {
  return hex.length > 8 ? "" : String(Number.parseInt(hex, 16));
}

/**
 * What else to say of a register: its halves, or the label that it points at.
 * @param {import("../store.js").State} state
 * @param {string} name
 * @param {string} hex
 */
function parts(state, name, hex) {
  const upper = name.toUpperCase();
  if (/^[ER]?[ABCD]X$/.test(upper) && !/^0+$/.test(hex)) {
    const letter = upper.at(-2);
    return `${letter}H ${hex.slice(-4, -2)}, ${letter}L ${hex.slice(-2)}`;
  }
  const address = Number.parseInt(hex, 16);
  const label = (state.program?.listing.labels ?? []).find((/** @type {any} */ l) => l.address === address);
  if (/IP$/.test(upper)) {
    const next = state.program?.at(state.view.next?.where);
    return next ? t("x86.next", { text: `${next.row.op} ${next.row.args}`.trim() }) : "";
  }
  return label && address !== 0 && /[SD]I$|[SB]P$|BX$/.test(upper) ? label.name : "";
}

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {(tick: number) => void} go
 */
function flags(state, step, go) {
  const { flags: f } = state.view;
  const number = ["FLAGS", "EFLAGS", "RFLAGS"].map((n) => numberOf(state, n)).find((n) => n >= 0) ?? -1;
  const write = step?.writes.findLast((w) => w.kind === Write.REGISTER && w.index === number);
  const before = write ? BigInt(`0x${write.old.s || 0}`) : null;
  const writer = number < 0 ? 0 : state.trace.lastWriter(Write.REGISTER, 0, number, state.viewTick);
  const by = state.program?.at(writer ? state.trace.where(writer) : null)?.row;
  // The trap flag is the stepper's own business: it is shown only if the program sets it.
  const shown = f.bits.filter((/** @type {any} */ b) => b.name !== "TF" || b.set);
  const cells = shown.map((/** @type {any} */ b) => {
    const changed = before !== null && Boolean((before >> BigInt(b.bit)) & 1n) !== b.set;
    const label = t(b.set ? "flag.set" : "flag.clear", { name: b.name, word: b.word });
    return h("div", { class: `${b.set ? "set" : ""} ${changed ? "changed" : ""}`, title: label }, `${b.name} ${b.set ? 1 : 0}`,
      h("small", {}, b.word), changed ? h("span", { class: "sr" }, t("flag.changed")) : null);
  });
  return h("section", { class: "block", "aria-label": t("pane.flags") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.flags")), h("span", { class: "meta" }, f.value.padStart(4, "0"))),
    h("div", { class: "flags" }, cells),
    by ? h("p", { class: "note" }, t("flag.by"), " ", h("code", {}, `${by.op} ${by.args}`), " ", writerLink(writer, go)) : null);
}

/**
 * The words at and above the stack pointer, from the memory window that the view offers.
 * @param {import("../store.js").State} state
 * @param {(tick: number) => void} go
 */
function stack(state, go) {
  const { view } = state;
  const window = view.memory?.find((/** @type {any} */ m) => m.name === "sp");
  const sp = view.registers.find((/** @type {any} */ r) => /^[er]?sp$/i.test(r.name));
  if (!window || !sp) return null;
  const ss = view.segments?.find((/** @type {any} */ s) => s.name.toUpperCase() === "SS");
  const base = ss ? Number(BigInt(`0x${ss.base}`)) : 0;
  const size = sp.bits / 8;
  const top = Number.parseInt(sp.value, 16);
  const rows = [];
  for (let i = 0; i < STACK_WORDS; i++) {
    const address = base + top + i * size;
    const at = (address - window.base) * 2;
    if (at < 0 || at + size * 2 > window.bytes.length) break;
    const bytes = window.bytes.slice(at, at + size * 2).match(/../g) ?? [];
    const writer = Math.max(...state.trace.memoryWriters(address, size, state.viewTick));
    if (i > 1 && !writer) break;
    rows.push(h("tr", { class: writer ? "" : "quiet" }, h("th", { class: "r", scope: "row" }, (top + i * size).toString(16).padStart(4, "0")),
      h("td", {}, [...bytes].reverse().join("")), h("td", { class: "nm" }, i === 0 ? t("x86.top") : ""), h("td", { class: "w" }, writerLink(writer, go))));
  }
  if (!rows.length) return null;
  return h("section", { class: "block b-stk", "aria-label": t("pane.stack") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.stack")), h("span", { class: "meta" }, t("x86.stack", { at: sp.value.padStart(4, "0") }))),
    h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.stack")), columns(60, 92, 0, 58), h("tbody", {}, rows)));
}

/** @param {import("../store.js").State} state */
function segments(state) {
  const rows = (state.view.segments ?? []).map((/** @type {any} */ s) =>
    h("tr", {}, h("th", { class: "r", scope: "row" }, s.name.toUpperCase()), h("td", {}, hexText(s.selector, 4)),
      h("td", { class: "nm" }, t("x86.segment", { base: hexText(s.base, 5), limit: hexText(s.limit, 4) }))));
  return rows.length
    ? h("section", { class: "block b-seg", "aria-label": t("pane.segments") },
        h("div", { class: "ph" }, h("h3", {}, t("pane.segments")), h("span", { class: "meta" }, t("x86.mode", { mode: state.view.mode ?? "", cpu: state.view.cpu ?? "" }))),
        h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.segments")), columns(60, 92, 0), h("tbody", {}, rows)))
    : null;
}

/**
 * @param {string | number} value hexadecimal text, or a number
 * @param {number} width
 */
function hexText(value, width) {
  return (typeof value === "number" ? value.toString(16) : value).padStart(width, "0");
}

/** @param {any} view */
function control(view) {
  const rows = (view.control ?? []).map((/** @type {any} */ c) =>
    h("tr", {}, h("th", { class: "r", scope: "row" }, c.name), h("td", {}, c.value), h("td", { class: "nm" }, c.bits.join(" "))));
  return rows.length
    ? h("section", { class: "block", "aria-label": t("pane.control") }, h("div", { class: "ph" }, h("h3", {}, t("pane.control"))),
        h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.control")), columns(60, 140, 0), h("tbody", {}, rows)))
    : null;
}
