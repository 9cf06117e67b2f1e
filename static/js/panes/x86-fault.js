// @ts-check
// A fault with a face: which exception the shown step raised, what its error code says, and what the CPU did about it.
import { h } from "../dom.js";
import { has, moreWords, t } from "../i18n.js";
import { writerLink } from "../values.js";
import { addressButton } from "./x86-asking.js";
import { exceptionName, listed } from "./x86-exit-text.js";
import { symbolText } from "./x86-stack.js";

await moreWords({ en: () => import("words:en-x86-fault"), zh: () => import("words:zh-x86-fault") });

/** Exceptions shown before a shutdown: what led to it. */
const BEFORE = 3;

/**
 * The error code in words: for a page fault its bits, else the selector that it names (SDM volume 3, 6.13 and 6.15).
 * @param {any} d
 */
function codeNode(d) {
  if (d.error_code === undefined) return null;
  const code = d.error_code;
  if (d.vector === 14) {
    const bits = [["P", 0], ["W/R", 1], ["U/S", 2], ["RSVD", 3], ["I/D", 4]];
    const words = [t(code & 1 ? "x86.fault.protection" : "x86.fault.absent"), t(code & 2 ? "x86.fault.write" : code & 16 ? "x86.fault.fetch" : "x86.fault.read"), t(code & 4 ? "x86.fault.user" : "x86.fault.supervisor")];
    if (code & 8) words.push(t("x86.fault.reserved"));
    return h("div", { class: "codes" }, h("span", { class: "chips" }, bits.map(([name, bit]) => {
      const on = (code >> Number(bit)) & 1;
      return h("span", { class: on ? "on" : "" }, `${name} ${on}`);
    })), h("span", {}, listed(words)));
  }
  if (!code) return h("span", {}, t("x86.fault.nocode"));
  const table = code & 2 ? "IDT" : code & 4 ? "LDT" : "GDT";
  return h("span", {}, t("x86.fault.selector", { table, index: String(code >> 3) }), code & 1 ? ` ${t("x86.fault.external")}` : "");
}

/**
 * Where execution went on.
 * @param {import("../store.js").State} state
 * @param {any} d
 */
function wentNode(state, d) {
  if (d.rip !== undefined && d.to === undefined) return t("x86.fault.ended");
  const label = labelAt(state, d.to);
  return [t("x86.fault.looked", { n: d.vector.toString(16).padStart(2, "0") }), " ", addressButton(label || d.to.toString(16), BigInt(d.to)), "."];
}

/**
 * @param {import("../store.js").State} state
 * @param {number} address
 */
function labelAt(state, address) {
  const before = (state.program?.listing.labels ?? []).filter((/** @type {any} */ l) => l.address <= address);
  const near = before.reduce((/** @type {any} */ a, /** @type {any} */ b) => (!a || b.address >= a.address ? b : a), null);
  return near && address - near.address < 0x1000 ? symbolText({ name: near.name, offset: address - near.address }) : "";
}

/**
 * One exception.
 * @param {import("../store.js").State} state
 * @param {import("./index.js").Context} ctx
 * @param {{tick: number, data: any}} exit
 */
function face(state, ctx, { tick, data }) {
  const row = state.program?.at(state.trace.where(tick))?.row;
  const key = `x86.vector.${data.vector}`;
  return h("div", { class: "face" },
    h("h3", {}, h("span", { "aria-hidden": "true" }, "▲ "), exceptionName(data), " ", h("span", { class: "dim" }, t("x86.exit.vector", { n: data.vector.toString(16).padStart(2, "0") })), " ", tick === state.viewTick ? null : writerLink(tick, (n) => ctx.session.goTo(n))),
    has(key) ? h("p", {}, t(key)) : null,
    h("dl", { class: "facts" },
      row ? [h("dt", {}, t("x86.fault.by")), h("dd", {}, h("code", {}, `${row.op} ${row.args}`.trim()), " ", addressButton(Number(row.address).toString(16), BigInt(row.address ?? 0)))] : null,
      data.error_code !== undefined ? [h("dt", {}, t("x86.fault.code")), h("dd", {}, h("span", { class: "m" }, `${data.error_code.toString(16)} `), codeNode(data))] : null,
      data.address !== undefined ? [h("dt", {}, "CR2"), h("dd", {}, addressButton(data.address.toString(16), BigInt(data.address)))] : null,
      h("dt", {}, t("x86.fault.then")), h("dd", {}, wentNode(state, data))));
}

/**
 * The story of the shown step's fault, or null.
 * @param {import("../store.js").State} state
 * @param {import("./index.js").Context} ctx
 */
export function fault(state, ctx) {
  const { exits, viewTick } = state;
  const here = exits.filter((e) => e.tick === viewTick);
  const raised = here.filter((e) => e.data.reason === "exception");
  const shutdown = here.find((e) => e.data.reason === "KVM_EXIT_SHUTDOWN");
  const switched = here.find((e) => e.data.reason === "cpu_switched");
  if (!raised.length && !shutdown && !switched) return null;
  const before = shutdown ? exits.filter((e) => e.data.reason === "exception" && e.tick < viewTick).slice(-BEFORE) : [];
  const row = state.program?.at(state.trace.where(viewTick))?.row;
  return h("section", { class: `block b-fault ${raised.length || shutdown ? "" : "calm"}`, "aria-label": t("x86.fault") },
    switched ? h("p", {}, switched.data.message) : null,
    raised.map((e) => face(state, ctx, e)),
    shutdown ? h("div", { class: "face" }, h("h3", {}, h("span", { "aria-hidden": "true" }, "▲ "), t("x86.fault.triple")), h("p", {}, t("x86.fault.tripletext", { text: row ? `${row.op} ${row.args}`.trim() : "" })),
      before.length ? [h("p", { class: "dim" }, t("x86.fault.before")), before.map((e) => face(state, ctx, e))] : null) : null);
}
