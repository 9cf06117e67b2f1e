// @ts-check
// x86: how its instructions read. The disassembly comes from the server; here it is told and taken apart.
import { h } from "../../dom.js";
import { Write } from "../../gen/protocol.js";
import { has, t } from "../../i18n.js";
import { explained } from "./explaining.js";
import { x86Fields } from "./x86-fields.js";
import { exceptionName } from "../x86-exit-text.js";
import { manual, read } from "./x86-uses.js";

/** The words that explain messages. @type {import("../../i18n.js").Words} */
const EXPLAINING = { en: () => import("words:en-explain-x86"), zh: () => import("words:zh-explain-x86") };

/** Mnemonics whose sentence is another one's. @type {Record<string, string>} */
const SAME = {
  jz: "je", jnz: "jne", jnae: "jb", jc: "jb", jnb: "jae", jnc: "jae", jna: "jbe", jnbe: "ja", jnge: "jl", jnl: "jge",
  jng: "jle", jnle: "jg", retn: "ret", sal: "shl", loopz: "loope", loopnz: "loopne", jmpe: "jmp",
  movsw: "movsb", movsd: "movsb", stosw: "stosb", stosd: "stosb", lodsw: "lodsb", lodsd: "lodsb", scasw: "scasb",
  cmpsw: "cmpsb", pushaw: "pusha", popaw: "popa", pushfw: "pushf", popfw: "popf", insb: "in", outsb: "out",
  stosq: "stosb", movsq: "movsb", lodsq: "lodsb", scasd: "scasb", scasq: "scasb", cmpsd: "cmpsb", cmpsq: "cmpsb", insw: "in", outsw: "out", insd: "in", outsd: "out",
  pushad: "pusha", popad: "popa", pushfd: "pushf", popfd: "popf", pushfq: "pushf", popfq: "popf", iretq: "iret", iretd: "iret", retf: "ret", movsxd: "movsx",
  jpe: "jp", jpo: "jnp", jecxz: "jcxz", jrcxz: "jcxz", cwde: "cbw", cdqe: "cbw", cdq: "cwd", cqo: "cwd", bts: "bt", btr: "bt", btc: "bt", sidt: "sgdt", xlat: "xlatb",
  les: "lds", lfs: "lds", lgs: "lds", lss: "lds", lfence: "mfence", sfence: "mfence", fldz: "fld1", fldpi: "fld1", fldl2e: "fld1", fldln2: "fld1", fldlg2: "fld1", fldl2t: "fld1",
  fild: "fld", fstp: "fst", fistp: "fst", fist: "fst", finit: "fninit", ucomiss: "comiss", ucomisd: "comiss", comisd: "comiss", movhlps: "movlhps",
};
/** Families whose sentence is one, by the shape of the name; operands of AVX forms have the target apart. @type {[RegExp, string][]} */
const FAMILIES = [
  [/^cmov/, "cmov"], [/^set/, "set"], [/^v?mov(aps|ups|apd|upd|dqa|dqu|d|q|ss|sd|nt.*)$/, "vmov"],
  [/^v?(add|sub|mul|div|min|max|sqrt)(ps|pd)$/, "packed"], [/^v?(add|sub|mul|div|min|max|sqrt)(ss|sd)$/, "scalar"],
  [/^v?p(add|sub|mul|min|max|avg)\w+$/, "packed"], [/^v?p?(xor|and|or|andn)(ps|pd|d|q)?$/, "bitwise"], [/^v?p?(cmp)\w+$/, "lanescmp"],
  [/^v?p?(shuf|unpck|perm|blend|broadcast|insert|extract)\w*$/, "shuffle"], [/^v?cvt/, "convert"], [/^f(add|sub|mul|div)/, "fpu"],
];
/** Names that both the string instructions and SSE have. */
const TWICE = new Set(["movsd", "cmpsd"]);

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
  parts: ["source", "disassembly", "registers", "flags", "segments", "control", "memory", "exits", "output"],
  columns: ["address", "line", "bytes", "op", "operands"],
  moduleEnding: "",
  stackOrder: false,
  explain: (message) => explained(import("./x86-messages.js"), EXPLAINING, message),
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
  brief(view) {
    const registers = view.registers.map((/** @type {any} */ r) => [r.name, { t: "bits", s: r.value }]);
    return [...registers, ...view.flags.bits.map((/** @type {any} */ b) => [b.name, { t: "bits", s: b.set ? "1" : "0" }])];
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
    const fields = row.data ? whole : (x86Fields(row.bytes ?? "", row.bits ?? 16) ?? whole);
    const size = t("decode.bytes", { n: bytes.length, at: hex4(row.address ?? 0) });
    return {
      title: [h("b", {}, row.op), " ", h("code", {}, row.args)],
      effect: "",
      note: size,
      fields,
      ...(row.data ? {} : { reference: manual(row.op) }),
    };
  },
  read,
  more(state, step) {
    const row = state.program?.at(step.where)?.row;
    const next = state.trace.where(step.tick + 1);
    const said = leftFor(state, step.tick);
    if (row && next >= 0 && /^(j(?!mp)|loop)/i.test(row.op)) said.unshift(t(next === row.jump ? "say.taken" : "say.nottaken"));
    return said;
  },
  sentence(_state, row) {
    const words = row.op.toLowerCase().split(" ");
    const name = words.at(-1) ?? "";
    const all = splitOperands(row.args);
    const [first = "", second = ""] = all;
    const vector = /[xyz]mm/.test(row.args);
    const known = vector && TWICE.has(name) ? "" : (SAME[name] ?? name);
    const family = has(`x86.op.${known}`) && !(vector && ["and", "or", "xor"].includes(known)) ? known : FAMILIES.find(([shape]) => shape.test(name))?.[1];
    if (!family) return t("x86.op.other", { text: `${row.op} ${row.args}`.trim() });
    const text = t(`x86.op.${family}`, { a: first, b: second || first, rest: all.slice(1).join(", ") || first });
    return words.length > 1 && words[0].startsWith("rep") ? t("x86.op.rep", { text }) : text;
  },
};

/**
 * What the machine left to its host for in a step, in sentences.
 * @param {import("../../store.js").State} state
 * @param {number} tick
 */
function leftFor(state, tick) {
  return state.exits.filter((e) => e.tick === tick).flatMap(({ data: d }) => {
    const value = typeof d.value === "number" ? d.value.toString(16).padStart(2 * (d.size ?? 1), "0") : "";
    if (d.reason === "KVM_EXIT_IO") return [t(`x86.say.${d.direction}.${d.device ? "device" : "nobody"}`, { port: d.port.toString(16), device: d.device ?? "", value, times: d.count })];
    if (d.reason === "KVM_EXIT_MMIO") return [t(`x86.say.mmio.${d.direction}`, { at: d.address.toString(16), value })];
    if (d.reason === "exception") return [t("x86.say.exception", { name: exceptionName(d) })];
    if (d.reason === "interrupt") return [t("x86.say.interrupt", { irq: String(d.irq), vector: d.vector.toString(16).padStart(2, "0") })];
    if (d.reason === "syscall") return [t("x86.say.syscall", { name: d.name, result: String(d.result ?? "") })];
    if (d.reason === "bios") return [t("x86.say.bios", { service: d.service, name: d.name })];
    return [];
  });
}

/**
 * Operands at top-level commas.
 * @param {string} text
 */
function splitOperands(text) {
  return text.split(/,\s*(?![^[]*\])/).map((part) => part.trim()).filter(Boolean);
}
