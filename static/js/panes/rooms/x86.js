// @ts-check
// x86: how its instructions read. The disassembly comes from the server; here it is told and taken apart.
import { h } from "../../dom.js";
import { Write } from "../../gen/protocol.js";
import { has, t } from "../../i18n.js";
import { x86Fields } from "./x86-fields.js";

/** Mnemonics whose sentence is another one's. @type {Record<string, string>} */
const SAME = {
  jz: "je", jnz: "jne", jnae: "jb", jc: "jb", jnb: "jae", jnc: "jae", jna: "jbe", jnbe: "ja", jnge: "jl", jnl: "jge",
  jng: "jle", jnle: "jg", retn: "ret", sal: "shl", loopz: "loope", loopnz: "loopne", jmpe: "jmp",
  movsw: "movsb", movsd: "movsb", stosw: "stosb", stosd: "stosb", lodsw: "lodsb", lodsd: "lodsb", scasw: "scasb",
  cmpsw: "cmpsb", pushaw: "pusha", popaw: "popa", pushfw: "pushf", popfw: "popf", insb: "in", outsb: "out",
};

/** @param {number} address */
export function hex4(address) {
  return address.toString(16).padStart(4, "0");
}

/** @param {string} bytes */
function pairs(bytes) {
  return bytes.match(/../g) ?? [];
}

/** @type {import("./adapter.js").Adapter} */
export const x86 = {
  name: "x86",
  listingKey: "pane.disassembly",
  columns: ["address", "line", "bytes", "op", "operands"],
  moduleEnding: "",
  stackOrder: false,
  cell(row, column) {
    if (column === "address") return hex4(row.address ?? 0);
    if (column === "bytes") {
      const all = pairs(row.bytes ?? "");
      return all.length > 4 ? `${all.slice(0, 3).join(" ")} …` : all.join(" ");
    }
    return row.args;
  },
  heading(routine) {
    const first = routine.rows[0]?.address ?? 0;
    const last = routine.rows.at(-1)?.address ?? first;
    return [h("b", {}, routine.name ?? t("x86.nameless")), " ", t("x86.heading", { from: hex4(first), to: hex4(last) })];
  },
  frames() {
    return [];
  },
  place(state, write) {
    if (write.kind === Write.REGISTER) return (state.program?.listing.registers?.[write.index] ?? `r${write.index}`).toUpperCase();
    return t("place.memory", { at: hex4(write.index) });
  },
  tip(row) {
    return `${hex4(row.address ?? 0)}: ${row.bytes ?? ""}`;
  },
  cue() {
    return "";
  },
  decode(_state, row) {
    const bytes = pairs(row.bytes ?? "");
    const whole = [{ bits: bytes.join(" "), label: t(row.data ? "decode.data" : "x86.whole") }];
    const fields = row.data ? whole : (x86Fields(row.bytes ?? "") ?? whole);
    return {
      title: [h("b", {}, row.op), " ", h("code", {}, row.args)],
      effect: "",
      note: t("decode.bytes", { n: bytes.length, at: hex4(row.address ?? 0) }),
      fields,
    };
  },
  more(state, step) {
    const row = state.program?.at(step.where)?.row;
    const next = state.trace.where(step.tick + 1);
    if (!row || next < 0 || !/^(j(?!mp)|loop)/i.test(row.op)) return [];
    return [t(next === row.jump ? "say.taken" : "say.nottaken")];
  },
  sentence(_state, row) {
    const words = row.op.toLowerCase().split(" ");
    const name = words.at(-1) ?? "";
    const base = SAME[name] ?? name;
    const key = `x86.op.${base}`;
    const [first = "", second = ""] = splitOperands(row.args);
    if (!has(key)) return t("x86.op.other", { text: `${row.op} ${row.args}`.trim() });
    const text = t(key, { a: first, b: second || first });
    return words.length > 1 && words[0].startsWith("rep") ? t("x86.op.rep", { text }) : text;
  },
};

/**
 * Operands at top-level commas.
 * @param {string} text
 */
function splitOperands(text) {
  return text.split(/,\s*(?![^[]*\])/).map((part) => part.trim()).filter(Boolean);
}
