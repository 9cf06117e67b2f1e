// @ts-check
// Lua: how its instructions read. Facts about instructions come from the opcode table (gen/opcodes.js).
import { h } from "../../dom.js";
import { EVENTS, FIELDS, LAYOUTS, MANUAL, OFFSETS, OPCODES } from "../../gen/opcodes.js";
import { Write } from "../../gen/protocol.js";
import { t } from "../../i18n.js";
import { valueText } from "../../values.js";
import { explained } from "./explaining.js";

/** The words that explain messages. @type {import("../../i18n.js").Words} */
const EXPLAINING = { en: () => import("words:en-explain-lua"), zh: () => import("words:zh-explain-lua") };

/** @typedef {import("../../program.js").Row} Row */
/** @typedef {import("../../program.js").Routine} Routine */

/** @type {Map<string, any>} */
const BY_NAME = new Map(OPCODES.map((/** @type {any} */ op) => [op.name, op]));

/**
 * The bit fields of an instruction, high to low, by the operand's name: what is stored and how wide it is.
 * @param {any} op
 * @param {Row} row
 */
function bitFields(op, row) {
  const layouts = /** @type {Record<string, readonly string[]>} */ (LAYOUTS);
  const places = /** @type {Record<string, {position: number, size: number}>} */ (FIELDS);
  return layouts[op.format].map((name) => {
    const { position, size } = places[name];
    const stored = Math.floor(Number(row.word) / 2 ** position) % 2 ** size;
    return { name: op.format === "iAsBx" && name === "Bx" ? "sBx" : name, stored, bits: stored.toString(2).padStart(size, "0") };
  });
}

/**
 * What is taken off a stored signed operand to get its value.
 * @param {string} name
 */
function excess(name) {
  return name === "sBx" ? OFFSETS.sBx : name === "sJ" ? OFFSETS.sJ : OFFSETS.sC;
}

/** Signs of the operators behind metamethod events. @type {Record<string, string>} */
const SIGNS = {
  add: "+", sub: "-", mul: "*", mod: "%", pow: "^", div: "/", idiv: "//", band: "&", bor: "|", bxor: "~", shl: "<<",
  shr: ">>", unm: "-", bnot: "~", lt: "<", le: "<=", concat: "..", eq: "==", len: "#",
};

/**
 * The operands of an instruction, with signed ones as their value.
 * @param {Row} row
 * @returns {Record<string, number>}
 */
export function operands(row) {
  const op = BY_NAME.get(row.op);
  /** @type {Record<string, number>} */
  const out = {};
  if (!op) return out;
  for (const { name, stored } of bitFields(op, row)) {
    out[name] = op.fields[name] === "sI" || name === "sJ" ? stored - excess(name) : stored;
  }
  return out;
}

/**
 * Registers that an operand expression of the opcode table names: `B`, `A+3`, `A..A+B`, `C?`.
 * @param {string} text
 * @param {Record<string, number>} o
 * @returns {number[]}
 */
function registers(text, o) {
  if (text.endsWith("?")) return o.k ? [] : registers(text.slice(0, -1), o);
  const ends = text.split("..").map((end) =>
    end.split(/(?=[+-])/).reduce((sum, term) => {
      const sign = term[0] === "-" ? -1 : 1;
      const name = term.replace(/^[+-]/, "");
      return sum + sign * (/^\d+$/.test(name) ? Number(name) : (o[name] ?? Number.NaN));
    }, 0),
  );
  if (ends.some(Number.isNaN)) return [];
  const out = [];
  for (let r = ends[0]; r <= (ends[1] ?? ends[0]) && out.length < 64; r++) out.push(r);
  return out;
}

/**
 * Registers that the instruction reads, relative to its frame.
 * @param {Row} row
 * @returns {Set<number>}
 */
export function reads(row) {
  const op = BY_NAME.get(row.op);
  if (!op) return new Set();
  const o = operands(row);
  return new Set(op.reads.flatMap((/** @type {string} */ text) => registers(text, o)));
}

/**
 * The name of a register at an instruction, or null.
 * @param {Routine} routine
 * @param {number} register
 * @param {number} pc from 1
 * @param {boolean} written  the instruction writes it: then the name may begin after it
 */
function localName(routine, register, pc, written) {
  const active = (at = pc) => (routine.locals ?? []).filter((v) => v.start <= at && at < v.end);
  const name = active()[register]?.name ?? (written ? active(pc + 1)[register]?.name : undefined);
  return name && !name.startsWith("(") ? name : null;
}

/**
 * @param {Routine} routine
 * @param {number} register
 * @param {number} pc
 * @param {boolean} written
 */
function registerText(routine, register, pc, written) {
  const name = localName(routine, register, pc, written);
  return name ? `R${register} (${name})` : `R${register}`;
}

/**
 * What an operand stands for, in words or names.
 * @param {any} state
 * @param {Routine} routine
 * @param {Row} row
 * @param {string} kind of the operand
 * @param {number} value
 * @param {boolean} constant
 * @param {boolean} [written]   it names a register that is written and not read
 */
function operandText(state, routine, row, kind, value, constant, written = false) {
  const literal = () => (routine.constants?.[value] ? valueText(routine.constants[value]) : `K${value}`);
  switch (kind) {
    case "R":
      return registerText(routine, value, row.pc ?? 1, written);
    case "U":
      return routine.upvalues?.[value]?.name || `U${value}`;
    case "K":
      return literal();
    case "RK":
      return constant ? literal() : registerText(routine, value, row.pc ?? 1, written);
    case "P": {
      const child = state.program?.routines.filter((/** @type {any} */ r) => r.parent === routine.id)[value];
      return child?.name ?? `P${value}`;
    }
    case "E":
      return `__${EVENTS[value] ?? value}`;
    case "bool":
      return value ? "true" : "false";
    default:
      return String(value);
  }
}

/**
 * Whether an operand names a register that the instruction writes without reading it first.
 * @param {any} op
 * @param {string} name
 */
function isOnlyWritten(op, name) {
  const among = (/** @type {string[]} */ texts) => texts.some((text) => text.replace("?", "") === name || text.startsWith(`${name}..`));
  return among(op.writes) && !among(op.reads);
}

/**
 * Values of a narration's placeholders.
 * @param {any} state
 * @param {Row} row
 * @param {Routine} routine
 */
function placeholders(state, row, routine) {
  const op = BY_NAME.get(row.op);
  const o = operands(row);
  /** @type {Record<string, string>} */
  const out = {};
  for (const [name, kind] of Object.entries(op.fields)) {
    out[name] = operandText(state, routine, row, String(kind), o[name], Boolean(o.k), isOnlyWritten(op, name));
  }
  const extra = routine.rows[row.pc ?? 0];
  const ax = extra?.op === "EXTRAARG" ? operands(extra).Ax : 0;
  const countOr = (/** @type {number} */ n, /** @type {string} */ key) => (n < 0 ? t(`${key}.all`) : t(key, { n }));
  out.target = String(row.jump ?? "");
  out.K = operandText(state, routine, row, "K", ax, true);
  out.op = SIGNS[EVENTS[o.C]] ?? "";
  out.args = countOr(o.B - 1, "count.arguments");
  out.results = countOr((op.name === "RETURN" ? o.B : o.C) - 1, "count.results");
  if (op.name === "VARARG") out.results = countOr(o.C - 1, "count.values");
  out.count = op.name === "SETLIST" ? countOr(o.B || -1, "count.values") : String(o.B);
  if (op.name === "LOADNIL") out.range = o.B ? t("count.range", { from: out.A, to: registerText(routine, o.A + o.B, row.pc ?? 1, true) }) : out.A;
  if (op.name === "SHRI") {
    out.way = t(o.C < 0 ? "count.left" : "count.right");
    out.bits = String(Math.abs(o.C));
  }
  out.size = String(o.C + (o.k ? 256 * ax : 0));
  out.first = String(o.C + (o.k ? 256 * ax : 0) + 1);
  return out;
}

/**
 * The upvalue that an instruction uses, as the view has it: of the call in progress, or of a closure that is within reach.
 * @param {any} state
 * @param {Row} row
 * @param {Routine} routine
 */
function upvalueOf(state, row, routine) {
  const op = BY_NAME.get(row.op);
  const operand = op && Object.keys(op.fields).find((name) => op.fields[name] === "U");
  if (!operand) return undefined;
  const thread = state.view?.threads?.find((/** @type {any} */ one) => one.id === state.view.thread);
  const frame = thread?.frames.find((/** @type {any} */ f) => f.function?.proto === routine.id);
  const index = operands(row)[operand];
  if (frame) return frame.upvalues[index];
  const { functions, upvalues } = state.view?.heap ?? { functions: [] };
  const named = functions.find((/** @type {any} */ f) => f.proto === routine.id)?.upvalues[index];
  const cell = named && upvalues.find((/** @type {any} */ u) => u.id === named.id);
  return cell && { ...cell, name: named.name };
}

/**
 * What a stack slot held before a step; undefined where neither the trace window nor the view knows.
 * @param {import("../../store.js").State} state
 * @param {import("../../trace.js").Step} step
 * @param {number} slot
 */
function slotBefore({ trace, view, viewTick }, step, slot) {
  const here = (/** @type {import("../../trace.js").StepWrite} */ w) => w.kind === Write.SLOT && w.owner === step.thread && w.index === slot;
  const now = step.writes.find(here);
  if (now) return now.old;
  const writer = trace.lastWriter(Write.SLOT, step.thread, slot, step.tick - 1);
  if (writer) return trace.step(writer)?.writes.findLast(here)?.value;
  if (viewTick !== step.tick) return undefined;
  const frames = view?.threads?.find((/** @type {any} */ one) => one.id === step.thread)?.frames ?? [];
  return frames.flatMap((/** @type {any} */ f) => f.registers).find((/** @type {any} */ r) => r.slot === slot)?.value;
}

/** @type {import("./adapter.js").Adapter} */
export const lua = {
  name: "lua",
  listingKey: "pane.listing",
  parts: ["source", "listing", "registers", "upvalues", "calls", "threads", "heap", "constants", "output"],
  columns: ["pc", "line", "op", "args", "comment"],
  moduleEnding: ".lua",
  stackOrder: true,
  explain: (message) => explained(import("./lua-messages.js"), EXPLAINING, message),
  cell(row, column) {
    if (column === "pc") return String(row.pc);
    if (column === "args") return row.args;
    return row.comment;
  },
  heading(routine) {
    const ups = routine.upvalues?.length ?? 0;
    const args = { from: String(routine.line_defined), to: String(routine.last_line), slots: routine.slots ?? 0, ups };
    return [h("b", {}, routine.name ?? ""), " ", t(routine.line_defined ? "lua.heading" : "lua.main", args)];
  },
  frames(view) {
    const thread = view?.threads?.find((/** @type {any} */ one) => one.id === view.thread);
    return (thread?.frames ?? []).map((/** @type {any} */ f) => ({ routine: f.function?.proto ?? null, pc: f.pc }));
  },
  place(state, write, step) {
    const at = state.program?.at(step.where);
    switch (write.kind) {
      case Write.SLOT: {
        const register = write.index - step.base;
        if (register >= 0 && at) return registerText(at.routine, register, at.row.pc ?? 1, true);
        // A result for a caller.
        const frames = state.viewTick === step.tick ? (state.view?.threads?.find((/** @type {any} */ one) => one.id === write.owner)?.frames ?? []) : [];
        const frame = frames.find((/** @type {any} */ f) => f.kind === "lua" && f.base <= write.index);
        if (frame) return t("place.caller", { register: `R${write.index - frame.base}`, name: frame.function.name ?? "?" });
        return t("place.slot", { n: String(write.index) });
      }
      case Write.UPVALUE: {
        const name = write.index >= 0 ? at?.routine.upvalues?.[write.index]?.name : null;
        return t("place.upvalue", { name: name ?? `#${write.owner}` });
      }
      case Write.FIELD:
        return t("place.field", { key: valueText(write.key), id: String(write.owner) });
      case Write.METATABLE:
        return t("place.metatable", { id: String(write.owner) });
      default:
        return "";
    }
  },
  read(state, row, routine, step) {
    /** @type {[string, import("../../trace.js").Value][]} */
    const out = [];
    for (const register of reads(row)) {
      const value = slotBefore(state, step, step.base + register);
      if (value && value.t !== "absent") out.push([registerText(routine, register, row.pc ?? 1, false), value]);
    }
    const up = row.op === "SETUPVAL" || state.viewTick !== step.tick ? undefined : upvalueOf(state, row, routine);
    if (up) out.push([t("place.upvalue", { name: up.name ?? "" }), up.value]);
    return out;
  },
  brief(view) {
    const thread = view.threads?.find((/** @type {any} */ one) => one.id === view.thread);
    const frame = thread?.frames.find((/** @type {any} */ f) => f.kind === "lua");
    const registers = (frame?.registers ?? []).map((/** @type {any} */ r) => [`R${r.index}${r.name && !r.name.startsWith("(") ? ` (${r.name})` : ""}`, r.value]);
    const upvalues = (frame?.upvalues ?? []).map((/** @type {any} */ u) => [t("place.upvalue", { name: u.name ?? `U${u.index}` }), u.value]);
    return [...registers, ...upvalues];
  },
  tip(row) {
    const op = BY_NAME.get(row.op);
    return op ? `${op.name} ${Object.keys(op.fields).join(" ")}\n${op.effect}${op.note ? `\n${op.note}` : ""}` : "";
  },
  cue(state, row, routine) {
    const up = row.comment === "" ? undefined : upvalueOf(state, row, routine);
    // Every function that uses a global has _ENV: marking it would only be noise.
    return up && up.name !== "_ENV" ? (up.open ? "uo" : "uc") : "";
  },
  async marks(state, file) {
    return (await import("./lua-captures.js")).marksOf(state, file);
  },
  more(state, step) {
    const at = state.program?.at(step.where);
    if (!at) return [];
    const { row, routine } = at;
    const next = state.trace.where(step.tick + 1);
    if (BY_NAME.get(row.op)?.isTest && next >= 0) return [t(next === row.where + 2 ? "say.nottaken" : "say.taken")];
    // The TFORLOOP after a TFORCALL is a part of its step, unless a Lua function is called.
    const loop = row.op === "FORLOOP" ? row : row.op === "TFORCALL" ? routine.rows[row.pc ?? 0] : undefined;
    if (loop && next >= 0 && state.trace.depth(step.tick + 1) <= step.depth) {
      return [t(next === state.program?.target(loop, routine)?.where ? "say.loopson" : "say.loopends")];
    }
    const up = state.viewTick === step.tick ? upvalueOf(state, row, routine) : undefined;
    if (!up || up.name === "_ENV") return [];
    const name = up.name ?? "";
    if (up.open) {
      const owner = state.view.threads.find((/** @type {any} */ one) => one.id === up.thread)?.frames.find((/** @type {any} */ f) => f.level === up.frame);
      return [owner ? t("say.openin", { name, register: `R${up.register}`, owner: owner.function.name ?? "?" }) : t("say.open", { name })];
    }
    const owners = (state.view.heap?.functions ?? []).filter((/** @type {any} */ f) => f.upvalues.some((/** @type {any} */ u) => u.id === up.id));
    const names = owners.map((/** @type {any} */ f) => `${f.name ?? ""} #${f.id}`);
    const since = state.trace.lastWriter(Write.UPVALUE, up.id, -1, step.tick);
    const args = { name, names: names.join(", "), n: since };
    if (!since) return [t(names.length > 1 ? "say.shared" : "say.closed", args)];
    return [t(names.length > 1 ? "say.sharedsince" : "say.closedsince", args)];
  },
  decode(state, row, routine) {
    const op = BY_NAME.get(row.op);
    if (!op) return { title: [row.op], effect: "", note: "", fields: [] };
    const o = operands(row);
    const written = new Set(op.writes);
    const fields = bitFields(op, row).map(({ name, bits }) => {
      if (name === "op") return { bits, label: t("decode.op", { n: String(op.code) }) };
      const kind = op.fields[name];
      const base = `${name} ${o[name]}`;
      if (!["R", "U", "K", "RK", "P", "E"].includes(kind)) return { bits, label: base };
      const label = `${base}: ${operandText(state, routine, row, kind, o[name], Boolean(o.k), isOnlyWritten(op, name))}`;
      const isRegister = kind === "R" || (kind === "RK" && !o.k);
      const writes = (isRegister && [...written].some((w) => w === name || w.startsWith(`${name}..`))) ||
        (kind === "U" && row.op === "SETUPVAL");
      const read = (isRegister && op.reads.some((/** @type {string} */ r) => r.replace("?", "") === name)) ||
        (kind === "U" && !writes);
      return { bits, label, use: /** @type {"read" | "write" | undefined} */ (writes ? "write" : read ? "read" : undefined) };
    });
    return {
      title: [h("b", {}, op.name), " ", h("code", {}, Object.keys(op.fields).join(" "))],
      effect: op.effect,
      note: row.word ?? "",
      fields,
      reference: { text: t("decode.manual", { text: op.manual }), href: `${MANUAL}#${op.manual}` },
    };
  },
  sentence(state, row, routine) {
    return BY_NAME.has(row.op) ? t(`op.${row.op}`, placeholders(state, row, routine)) : row.op;
  },
};
