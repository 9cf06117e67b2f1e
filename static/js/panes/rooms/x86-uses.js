// @ts-check
// What an instruction read in the shown step, with the values; and where the manual describes it.
import { Write } from "../../gen/protocol.js";
import { t } from "../../i18n.js";
import { partsOf, registerValues } from "../x86-expression.js";

/** Intel's own page of the manual's volumes. */
const MANUAL = "https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html";

/**
 * A register's value before the shown step, in as many hexadecimal digits as it has: what the step overwrote, else what
 * it still is.
 * @param {import("../../store.js").State} state
 * @param {import("../../trace.js").Step} step
 * @returns {(name: string) => string | undefined}
 */
function valuesBefore(state, step) {
  const names = state.program?.listing.registers ?? [];
  const old = new Map(step.writes.filter((w) => w.kind === Write.REGISTER).map((w) => [names[w.index], w.old.s]));
  /** @type {{name: string, value: string}[]} */
  const registers = (state.view?.registers ?? []).map((/** @type {any} */ r) => ({ ...r, value: old.get(r.name) ?? r.value }));
  const values = registerValues({ registers });
  /** @type {Map<string, number>} */
  const digits = new Map();
  for (const { name, value } of registers) {
    const full = name.toLowerCase();
    digits.set(full, value.length);
    for (const part of partsOf(full)) digits.set(part.name, part.bits / 4);
  }
  return (name) => values.get(name)?.toString(16).padStart(digits.get(name) ?? 0, "0");
}

/**
 * The registers that an instruction read, as they were before it.
 * @param {import("../../store.js").State} state
 * @param {import("../../program.js").Row} row
 * @param {import("../../program.js").Routine} _routine
 * @param {import("../../trace.js").Step} step
 * @returns {[string, import("../../trace.js").Value][]}
 */
export function read(state, row, _routine, step) {
  if (state.viewTick !== step.tick) return [];
  const before = valuesBefore(state, step);
  return (row.reads ?? []).flatMap((name) => {
    const value = before(name.toLowerCase());
    return value === undefined ? [] : [/** @type {[string, import("../../trace.js").Value]} */ ([name.toUpperCase(), { t: "bits", s: value }])];
  });
}

/**
 * Where Intel's manual describes an instruction: the volume by its first letter, conditional ones under one heading.
 * @param {string} op
 */
export function manual(op) {
  const name = (op.split(" ").at(-1) ?? "").toLowerCase();
  const family = /^j(?!mp)/.test(name) ? "Jcc" : /^set[a-z]/.test(name) ? "SETcc" : /^cmov/.test(name) ? "CMOVcc" : /^loop/.test(name) ? "LOOP/LOOPcc" : name.toUpperCase();
  const letter = family[0];
  const volume = letter <= "L" ? "2A" : letter <= "U" ? "2B" : letter === "V" ? "2C" : "2D";
  return { text: t("x86.manual", { volume, name: family }), href: MANUAL };
}
