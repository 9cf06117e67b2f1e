// @ts-check
// FLAGS: each flag as a cell, what the shown instruction did with it, who set them last and who goes by them.
import { h } from "../dom.js";
import { language, t } from "../i18n.js";
import { writerLink } from "../values.js";
import { history, numberOf } from "./x86-registers.js";

/** How far back the instruction that set the flags is looked for. */
const LOOK_BACK = 5000;
/** Flags that an arithmetic instruction leaves, in the order in which they are told. */
const TOLD = ["ZF", "SF", "CF", "OF", "PF"];

/** When a conditional instruction does its work. @type {Record<string, (f: Record<string, boolean>) => boolean>} */
const CONDITIONS = {
  o: (f) => f.OF, no: (f) => !f.OF, b: (f) => f.CF, ae: (f) => !f.CF, e: (f) => f.ZF, ne: (f) => !f.ZF, be: (f) => f.CF || f.ZF, a: (f) => !f.CF && !f.ZF,
  s: (f) => f.SF, ns: (f) => !f.SF, p: (f) => f.PF, np: (f) => !f.PF, l: (f) => f.SF !== f.OF, ge: (f) => f.SF === f.OF, le: (f) => f.ZF || f.SF !== f.OF, g: (f) => !f.ZF && f.SF === f.OF,
};
/** Other names of the same conditions. @type {Record<string, string>} */
const SAME = { z: "e", nz: "ne", c: "b", nae: "b", nc: "ae", nb: "ae", na: "be", nbe: "a", nge: "l", nl: "ge", ng: "le", nle: "g", pe: "p", po: "np" };

/**
 * What an instruction does to a flag: a word of the catalogue, or "".
 * @param {any} row
 * @param {string} flag
 */
function effect(row, flag) {
  const f = row?.flags ?? {};
  for (const part of ["undefined", "clears", "sets", "writes"]) if (f[part]?.includes(flag)) return part;
  return f.reads?.includes(flag) ? "reads" : "";
}

/**
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @param {import("./index.js").Context} ctx
 */
export function flags(state, step, ctx) {
  const { flags: f } = state.view;
  const number = ["flags", "eflags", "rflags"].map((n) => numberOf(state, n)).find((n) => n >= 0) ?? -1;
  const { write } = history(state, step, number);
  const before = write ? BigInt(`0x${write.old.s || 0}`) : null;
  const row = step ? state.program?.at(step.where)?.row : null;
  // The trap flag is the stepper's own business: it is shown only if the program sets it.
  const shown = f.bits.filter((/** @type {any} */ b) => b.name !== "TF" || b.set);
  const cells = shown.map((/** @type {any} */ b) => {
    const changed = before !== null && Boolean((before >> BigInt(b.bit)) & 1n) !== b.set;
    const did = effect(row, b.name);
    const label = t(b.set ? "flag.set" : "flag.clear", { name: b.name, word: t(`x86.flag.${b.name}`) });
    return h("div", { class: `${b.set ? "set" : ""} ${changed ? "changed" : ""}`, title: label }, `${b.name} ${b.set ? 1 : 0}`,
      h("small", {}, t(`x86.flag.${b.name}`)),
      h("small", { class: `effect ${did}` }, did ? t(`x86.effect.${did}`) : "\u00a0"), changed ? h("span", { class: "sr" }, t("flag.changed")) : null);
  });
  return h("section", { class: "block b-flags", "aria-label": t("pane.flags") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.flags")), h("span", { class: "meta" }, f.value.padStart(4, "0"))),
    h("div", { class: `flags n${shown.length}` }, cells),
    story(state, ctx, Object.fromEntries(f.bits.map((/** @type {any} */ b) => [b.name, b.set]))));
}

/**
 * Who set the flags, what they say about its result, and what goes by them now.
 * @param {import("../store.js").State} state
 * @param {import("./index.js").Context} ctx
 * @param {Record<string, boolean>} values
 */
function story(state, ctx, values) {
  const { trace, viewTick, program, view } = state;
  const last = program?.at(trace.where(viewTick))?.row;
  const next = program?.at(view.next?.where)?.row;
  let setter = 0;
  for (let n = viewTick; n > Math.max(0, viewTick - LOOK_BACK) && trace.has(n); n--) {
    const flags = /** @type {any} */ (program?.at(trace.where(n))?.row)?.flags;
    if (flags && (flags.writes || flags.clears || flags.sets)) {
      setter = n;
      break;
    }
  }
  const by = setter ? program?.at(trace.where(setter))?.row : null;
  const used = verdict(last, values, trace.where(viewTick + 1) >= 0 ? trace.where(viewTick + 1) : (view.next?.where ?? -1), true) ?? verdict(next, values, -1, false);
  if (!by && !used) return null;
  return h("p", { class: "note" },
    by ? [t("flag.by"), " ", h("code", {}, `${by.op} ${by.args}`), " ", writerLink(setter, (tick) => ctx.session.goTo(tick)), reading(by, values)] : null,
    used ? [" ", used] : null);
}

/**
 * What the flags say about a result, in words.
 * @param {any} row the instruction that set them
 * @param {Record<string, boolean>} values
 */
function reading(row, values) {
  const end = language() === "zh" ? "。" : ".";
  // What only loads flags has no result that they could tell of.
  const told = /^(iret|popf|sahf|sysret|syscall|vmcall)/.test(row.op) ? [] : TOLD.filter((name) => row.flags?.writes?.includes(name));
  if (!told.length) return end;
  const subtracts = /^(sub|sbb|cmp|neg|dec|scas|cmps)/.test(row.op.split(" ").at(-1) ?? "");
  const words = told.filter((name) => values[name] || name === "ZF").map((name) =>
    t(`x86.says.${name}.${name === "CF" && subtracts && values[name] ? "borrow" : values[name] ? 1 : 0}`));
  return `: ${new Intl.ListFormat(document.documentElement.lang).format(words)}${end}`;
}

/**
 * What a conditional instruction makes of the flags.
 * @param {any} row
 * @param {Record<string, boolean>} values
 * @param {number} went the row that came after it
 * @param {boolean} done it has been executed
 */
function verdict(row, values, went, done) {
  const found = /^(j|set|cmov)(n?[a-z]{1,3})$/.exec(row?.op?.toLowerCase() ?? "");
  if (!found || found[2] === "mp" || /cxz/.test(found[2])) return null;
  const condition = CONDITIONS[SAME[found[2]] ?? found[2]];
  const reads = /** @type {string[]} */ (row.flags?.reads ?? []);
  if (!condition) return null;
  const holds = done && found[1] === "j" && went >= 0 ? went === row.jump : condition(values);
  const why = reads.map((name) => `${name} = ${values[name] ? 1 : 0}`).join(", ");
  const key = found[1] === "j" ? "jump" : "other";
  return [h("code", {}, row.op), " ", t(`x86.goes.${key}.${done ? "did" : "will"}.${holds ? "yes" : "no"}`, { why })];
}
