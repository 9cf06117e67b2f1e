// @ts-check
// The CPU's registers at a step that the machine was not asked about, told from the recorded writes.
import { Write } from "../../gen/protocol.js";
import { UNKNOWN, barrier, writtenValue } from "../../remade.js";

/** @typedef {import("../../store.js").State} State */

/**
 * The general registers and FLAGS at the shown tick, in the shapes of the view, or null where the window does not tell
 * all of them. Registers have the names that they have in the last view.
 * @param {State} state
 * @returns {{registers: any[], flags: any} | null}
 */
export function pastRegisters(state) {
  const { view, program } = state;
  if (!view?.registers) return null;
  const stop = barrier(state);
  const numbers = new Map((program?.listing.registers ?? []).map((/** @type {string} */ name, /** @type {number} */ n) => [name.toLowerCase(), n]));
  /** @param {string[]} names @param {string} shown */
  const hex = (names, shown) => {
    const number = names.map((name) => numbers.get(name)).find((n) => n !== undefined);
    if (number === undefined) return null;
    const value = writtenValue(state, stop, Write.REGISTER, 0, number, () => ({ t: "bits", s: shown }));
    return value === UNKNOWN || value.t !== "bits" ? null : value.s;
  };
  const ip = instructionPointer(state, hex);
  const registers = [];
  for (const r of view.registers) {
    const value = /^[er]?ip$/i.test(r.name) ? ip : hex([r.name.toLowerCase()], r.value);
    if (value === null) return null;
    const digits = r.bits / 4;
    registers.push({ ...r, value: value.padStart(digits, "0").slice(-digits) });
  }
  const value = hex(["flags", "eflags", "rflags"], view.flags.value);
  if (value === null) return null;
  const all = BigInt(`0x${value}`);
  const bits = view.flags.bits.map((/** @type {any} */ b) => ({ ...b, set: Boolean((all >> BigInt(b.bit)) & 1n) }));
  return { registers, flags: { value, bits } };
}

/**
 * The instruction pointer: steps do not write it down, rows have linear addresses. Told while CS and the mode are those of
 * the last view, so that the code segment's base is, too.
 * @param {State} state
 * @param {(names: string[], shown: string) => string | null} hex
 */
function instructionPointer({ view, program, trace, tick }, hex) {
  const cs = view.segments?.find((/** @type {any} */ s) => s.name === "CS");
  const cr0 = view.control?.find((/** @type {any} */ c) => c.name === "CR0");
  const address = program?.at(trace.where(tick + 1))?.row.address;
  if (!cs || !cr0 || address === undefined) return null;
  for (const { name, value } of [{ name: "cs", value: cs.selector }, { name: "cr0", value: cr0.value }]) {
    const then = hex([name], value);
    if (then === null || BigInt(`0x${then}`) !== BigInt(`0x${value}`)) return null;
  }
  return BigInt.asUintN(64, BigInt(address) - BigInt(`0x${cs.base}`)).toString(16);
}

/**
 * The state with what `pastRegisters` tells in place of the last view; what only the machine knows is not there.
 * @param {State} state
 * @returns {State | null}
 */
export function pastState(state) {
  const { trace, tick } = state;
  const told = trace.has(tick + 1) ? pastRegisters(state) : null;
  if (!told) return null;
  const view = { ...told, last: tick ? { where: trace.where(tick) } : null, next: { where: trace.where(tick + 1) }, pointers: [] };
  return { ...state, viewTick: tick, view };
}
