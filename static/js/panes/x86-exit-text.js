// @ts-check
// Exits in words: what kind one is, what it says, and the fields of `kvm_run` that the host reads of it
// (linux/kvm.h, virt/kvm/api.rst).
import { has, language, t } from "../i18n.js";

/** Kinds that a visitor can ask for, and the reasons that belong to each. @type {Record<string, (data: any) => boolean>} */
export const KINDS = {
  ports: (d) => d.reason === "KVM_EXIT_IO",
  memory: (d) => d.reason === "KVM_EXIT_MMIO",
  interrupts: (d) => d.reason === "interrupt",
  faults: (d) => d.reason === "exception" || d.reason === "KVM_EXIT_SHUTDOWN",
  services: (d) => d.reason === "bios" || d.reason === "syscall",
  other: (d) => ["KVM_EXIT_HLT", "debug_exit", "cpu_switched"].includes(d.reason),
};

/** Numbers of exit reasons. @type {Record<string, number>} */
const NUMBERS = { KVM_EXIT_IO: 2, KVM_EXIT_DEBUG: 4, KVM_EXIT_HLT: 5, KVM_EXIT_MMIO: 6, KVM_EXIT_SHUTDOWN: 8 };

/** @param {number} value */
function hex(value) {
  return `0x${value.toString(16)}`;
}

/**
 * Parts of a sentence in a row.
 * @param {string[]} parts
 */
export function listed(parts) {
  return parts.filter(Boolean).join(language() === "zh" ? "，" : ", ");
}

/**
 * An exception's sign and its name in words.
 * @param {any} d
 */
export function exceptionName(d) {
  const key = `x86.exception.${d.vector}`;
  return has(key) ? `${d.name.split(" ")[0]} ${t(key)}` : d.name;
}

/** @param {any} d */
export function reasonText(d) {
  if (d.reason === "exception") return exceptionName(d);
  return ["interrupt", "bios", "syscall", "debug_exit", "cpu_switched"].includes(d.reason) ? t(`x86.exit.${d.reason}`) : String(d.reason);
}

/**
 * What an exit says besides its reason.
 * @param {any} d
 */
export function detailText(d) {
  switch (d.reason) {
    case "KVM_EXIT_IO":
      return t("x86.exit.io", { direction: d.direction, port: hex(d.port), size: d.size, times: d.count > 1 ? ` × ${d.count}` : "", device: d.device ?? t("x86.exit.unclaimed") });
    case "KVM_EXIT_MMIO":
      return t("x86.exit.mmio", { direction: d.direction, at: hex(d.address), size: d.size });
    case "exception":
      return listed([t("x86.exit.vector", { n: d.vector.toString(16).padStart(2, "0") }), d.error_code !== undefined ? t("x86.exit.code", { n: hex(d.error_code) }) : "", d.address !== undefined ? `CR2 ${d.address.toString(16)}` : "", d.to !== undefined ? `→ ${d.to.toString(16)}` : ""]);
    case "interrupt":
      return t("x86.exit.irq", { irq: String(d.irq), vector: d.vector.toString(16).padStart(2, "0"), to: d.to.toString(16) });
    case "syscall":
      return `${d.name}(${(d.arguments ?? []).join(", ")})`;
    case "bios":
      return `${d.service}, ah = ${d.function.toString(16).padStart(2, "0")}: ${d.name}`;
    case "debug_exit":
      return t("x86.exit.status", { n: String(d.status) });
    case "cpu_switched":
      return d.message;
    case "KVM_EXIT_SHUTDOWN":
      return t("x86.exit.triple");
    case "KVM_EXIT_HLT":
      return t("x86.exit.halt");
    default:
      return Object.entries(d).filter(([name]) => name !== "reason").map(([name, value]) => `${name} ${value}`).join(", ");
  }
}

/** @param {any} d */
export function dataText(d) {
  if (d.reason === "syscall") return d.result === null || d.result === undefined ? "" : `= ${d.result}${d.error ? ` ${d.error}` : ""}`;
  const values = d.values ?? (d.value === undefined || d.value === null ? [] : [d.value]);
  const digits = 2 * (d.size ?? 1);
  const text = values.slice(0, 8).map((/** @type {number} */ v) => v.toString(16).padStart(digits, "0")).join(" ");
  const letters = d.size === 1 ? values.slice(0, 16).map((/** @type {number} */ v) => (v >= 32 && v < 127 ? String.fromCharCode(v) : "·")).join("") : "";
  return [values.length > 8 ? `${text} …` : text, letters && /[^·]/.test(letters) ? `'${letters}'` : ""].filter(Boolean).join(" ");
}

/**
 * The fields of the shared `kvm_run` page that tell the host of this exit; empty where the host does it without one.
 * @param {any} d
 * @returns {[string, string][]}
 */
export function runFields(d) {
  const number = NUMBERS[d.reason];
  if (number === undefined) return [];
  /** @type {[string, string][]} */
  const out = [["exit_reason", `${number} (${d.reason})`]];
  if (d.reason === "KVM_EXIT_IO") {
    out.push(["io.direction", d.direction === "out" ? "1 (KVM_EXIT_IO_OUT)" : "0 (KVM_EXIT_IO_IN)"], ["io.size", String(d.size)], ["io.port", hex(d.port)], ["io.count", String(d.count)], ["*(run + io.data_offset)", dataText(d)]);
  } else if (d.reason === "KVM_EXIT_MMIO") {
    out.push(["mmio.phys_addr", hex(d.address)], ["mmio.len", String(d.size)], ["mmio.is_write", d.direction === "write" ? "1" : "0"], ["mmio.data", dataText(d)]);
  }
  return out;
}
