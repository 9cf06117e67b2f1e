// @ts-check
// What frames hold at a step that the machine was not asked about, told from the recorded writes: the registers of the
// running function and of the two that wait for it. What the writes do not tell is left out or says that it is unknown.
import { Flag, Write } from "../../gen/protocol.js";
import { barrier, writtenValue } from "../../remade.js";

/** @typedef {import("../../store.js").State} State */
/** @typedef {import("../../trace.js").Value} Value */
/** @typedef {import("../../program.js").Routine} Routine */
/** @typedef {{index: number, slot: number, name: string | null, readonly value: Value, upvalue: null}} Register */
/** @typedef {{level: number, kind: "lua", function: {name: string | null, proto: number}, base: number, pc: number, registers: Register[], upvalues: never[]}} Frame */

/** Frames that are told: the running one and those that wait for it. */
const FRAMES = 3;

/** Registers in use before each row of a function, and which counts as open. @type {WeakMap<Routine, number[][]>} */
const inUse = new WeakMap();

/**
 * The innermost frames at the shown tick, or null where the window cannot tell which registers there are.
 * @param {State} state
 * @returns {{thread: number, frames: Frame[]} | null}
 */
export function pastFrames(state) {
  const { trace, program, tick } = state;
  const next = trace.place(tick + 1);
  const at = program?.at(next?.where);
  if (!next || !at || !hasUse(at.routine) || "open" in at.row) return null;
  // An error that nobody caught takes all frames away.
  if (trace.flags(tick) & Flag.ERROR && next.depth === 0) return null;
  const known = values(state, next.thread);
  const frames = [frame(0, at, next.base, Infinity, known)];
  let { depth, base } = next;
  for (let level = 1; level < FRAMES; level++) {
    const waiting = trace.callerOf(tick, next.thread, depth);
    const row = program?.at(waiting?.where);
    if (!waiting || !row) break;
    const end = row.row.op === "CALL" ? waiting.base + Number(row.row.args.split(" ")[0]) + 1 : base;
    frames.push(frame(level, row, waiting.base, end, known));
    ({ depth, base } = waiting);
  }
  return { thread: next.thread, frames };
}

/** @param {Routine} routine */
function hasUse(routine) {
  return "live" in routine.rows[0];
}

/**
 * @param {number} level
 * @param {{row: import("../../program.js").Row, routine: Routine, index: number}} at
 * @param {number} base
 * @param {number} end   the first slot that is not the frame's any more
 * @param {(slot: number) => Value} known
 * @returns {Frame}
 */
function frame(level, { row, routine, index }, base, end, known) {
  const pc = row.pc ?? 1;
  const names = localNames(routine, pc);
  const registers = useOf(routine)[index].filter((register) => base + register < end).map((register) => ({
    index: register,
    slot: base + register,
    name: names[register] ?? null,
    get value() {
      return known(base + register);
    },
    upvalue: null,
  }));
  return { level, kind: "lua", function: { name: routine.name, proto: routine.id }, base, pc, registers, upvalues: [] };
}

/** @param {Routine} routine */
function useOf(routine) {
  let rows = inUse.get(routine);
  if (!rows) {
    /** @type {number[]} */
    let live = [];
    rows = routine.rows.map((row) => {
      if (row.live !== undefined) live = row.live ? row.live.split(" ").flatMap(range) : [];
      return live;
    });
    inUse.set(routine, rows);
  }
  return rows;
}

/** The numbers of `3` or `3-7`. @param {string} text */
function range(text) {
  const [first, last = first] = text.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_x, i) => first + i);
}

/**
 * Names of the registers that hold variables before instruction `pc`.
 * @param {Routine} routine
 * @param {number} pc from 1
 */
function localNames(routine, pc) {
  return (routine.locals ?? []).filter(({ start, end }) => start <= pc && pc < end).map(({ name }) => name);
}

/**
 * What a stack slot of a coroutine holds at the shown tick.
 * @param {State} state
 * @param {number} thread
 * @returns {(slot: number) => Value}
 */
function values(state, thread) {
  const stop = barrier(state);
  const named = namesOf(state.view);
  return (slot) => {
    const value = writtenValue(state, stop, Write.SLOT, thread, slot, () => shownSlot(state.view, thread, slot));
    const name = value.t === "function" && value.s === "function" ? named.get(value.id ?? 0) : undefined;
    return name ? { ...value, s: name } : value;
  };
}

/**
 * @param {any} view
 * @param {number} thread
 * @param {number} slot
 * @returns {Value | undefined}
 */
function shownSlot(view, thread, slot) {
  const frames = view?.threads?.find((/** @type {any} */ one) => one.id === thread)?.frames ?? [];
  for (const { registers } of frames) {
    const found = registers?.find((/** @type {any} */ r) => r.slot === slot);
    if (found) return found.value;
  }
  return undefined;
}

/** What the shown view calls functions, by identity. @param {any} view */
function namesOf(view) {
  /** @type {Map<number, string>} */
  const out = new Map();
  const add = (/** @type {any} */ value) => value?.t === "function" && out.set(value.id, value.s);
  for (const { frames } of view?.threads ?? []) for (const { registers } of frames) for (const { value } of registers ?? []) add(value);
  return out;
}
