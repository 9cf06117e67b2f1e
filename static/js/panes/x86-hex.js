// @ts-check
// Rows of eight bytes with what each of them means at the shown step: written, read, next instruction, stack pointer.
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { RECENT_STEPS } from "../values.js";

export const ROW = 8;
/** Digits of an address that a row has room for. */
const LONG = 8;

/**
 * A stretch of memory; null where there is none. `pages`: where the page tables put it, if that is elsewhere.
 * @typedef {{offset: number, length: number, physical: number | null}} Page
 * @typedef {{names: string[], base: number, bytes: (string | null)[], pages?: Page[]}} Window
 */

/**
 * The physical address of a byte of a stretch; -1: no page is mapped there.
 * @param {{base: number, pages?: Page[]}} w
 * @param {number} address
 */
export function physicalOf(w, address) {
  if (!w.pages) return address;
  const offset = address - w.base;
  const page = w.pages.find((p) => offset >= p.offset && offset < p.offset + p.length);
  return page && page.physical !== null ? page.physical + offset - page.offset : -1;
}

/**
 * The last writers of a stretch's bytes.
 * @param {import("../trace.js").TraceWindow} trace
 * @param {{base: number, pages?: Page[]}} w
 * @param {number} length
 * @param {number} tick
 * @returns {number[]}
 */
export function writersOf(trace, w, length, tick) {
  const pages = w.pages ?? [{ offset: 0, length, physical: w.base }];
  return pages.flatMap((p) => (p.physical === null ? new Array(p.length).fill(0) : trace.memoryWriters(p.physical, p.length, tick)));
}

/**
 * Windows in address order; those that touch or overlap become one.
 * @param {{name: string, base: number, bytes: string, pages?: Page[]}[]} windows
 */
export function merge(windows) {
  /** @type {Window[]} */
  const out = [];
  for (const w of [...windows].sort((a, b) => a.base - b.base)) {
    const bytes = w.bytes.match(/../g) ?? [];
    const last = out.at(-1);
    const gap = last ? w.base - (last.base + last.bytes.length) : 1;
    if (last && gap <= 0) {
      if (!last.names.includes(w.name)) last.names.push(w.name);
      const from = gap ? -gap : 0;
      const at = last.bytes.length;
      if (last.pages || w.pages) {
        const own = w.pages ?? [{ offset: 0, length: bytes.length, physical: w.base }];
        last.pages ??= [{ offset: 0, length: at, physical: last.base }];
        last.pages.push(...own.flatMap((p) => {
          const skip = Math.max(0, from - p.offset);
          if (skip >= p.length) return [];
          return [{ offset: at + p.offset + skip - from, length: p.length - skip, physical: p.physical === null ? null : p.physical + skip }];
        }));
      }
      last.bytes.push(...bytes.slice(from));
    } else out.push({ names: [w.name], base: w.base, bytes: [...bytes], pages: w.pages ? [...w.pages] : undefined });
  }
  return out;
}

/**
 * The linear address of the stack's top.
 * @param {any} view
 */
export function stackPointer(view) {
  const sp = view?.registers?.find((/** @type {any} */ r) => /^[er]?sp$/i.test(r.name));
  if (!sp) return -1;
  if (view.stack) return view.stack.pointer;
  const ss = view.segments?.find((/** @type {any} */ s) => s.name.toUpperCase() === "SS");
  return Number(BigInt(`0x${sp.value || 0}`) + (ss ? BigInt(`0x${ss.base || 0}`) : 0n));
}

/**
 * Columns of a row's text before a byte: two digits and a space each, and one more space in the middle.
 * @param {number} index in the row
 */
const column = (index) => 3 * index + (index >= ROW / 2 ? 1 : 0);

/**
 * The address of the byte under a place of a row; null between two of them that look different.
 * @param {MouseEvent} event
 */
export function byteUnder(event) {
  const run = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-at]"));
  if (!run) return null;
  const first = Number(run.dataset.at);
  const { left, width } = run.getBoundingClientRect();
  // Half of a gap belongs to the byte behind it.
  const at = column(first % ROW) + ((event.clientX - left) / width) * (run.textContent?.length ?? 1) + 0.5;
  const index = Math.floor((at - (at >= column(ROW / 2) ? 1 : 0)) / 3);
  return first - (first % ROW) + Math.max(first % ROW, Math.min(index, ROW - 1));
}

/**
 * The bytes of a row as text: those that look alike and stand together are one element, the plain ones and the gaps none
 * of their own.
 * @param {{at: number, text: string, look: string, writer: number, picked: boolean}[]} bytes
 */
function runs(bytes) {
  /** @type {import("../dom.js").Child[]} */
  const out = [];
  let place = 0;
  for (let i = 0; i < bytes.length;) {
    const { at, look, writer, picked } = bytes[i];
    let text = bytes[i].text;
    let end = i + 1;
    while (end < bytes.length && bytes[end].at === bytes[end - 1].at + 1 && bytes[end].look === look && bytes[end].writer === writer) {
      text += `${bytes[end].at % ROW === ROW / 2 ? "  " : " "}${bytes[end].text}`;
      end++;
    }
    const from = column(at % ROW);
    if (from > place) out.push(" ".repeat(from - place));
    place = from + text.length;
    out.push(h("span", { class: look || null, title: writer ? t("memory.written", { n: writer }) : null, "data-at": at, "aria-current": picked ? "true" : null }, text));
    i = end;
  }
  return out;
}

/**
 * The rows of a stretch, as they can be made: only those in sight are.
 * @param {import("../store.js").State} state
 * @param {Window} w
 * @param {{picked: number, found: [number, number] | null, reads: Set<number>, linear: boolean}} marks
 * @returns {(() => HTMLElement)[]}
 */
export function hexRows(state, w, marks) {
  const { view, viewTick, trace } = state;
  const writers = writersOf(trace, w, w.bytes.length, viewTick);
  const next = state.program?.at(view.next?.where)?.row;
  const ipAt = marks.linear ? (next?.address ?? -1) : -1;
  const ipEnd = ipAt + (next?.bytes?.length ?? 0) / 2;
  const spAt = marks.linear ? stackPointer(view) : -1;
  const labels = new Map((state.program?.listing.labels ?? []).map((/** @type {any} */ l) => [l.address, l.name]));
  const made = (/** @type {number} */ row) => {
    /** @type {string[]} */
    const words = [];
    if (ipAt >= row && ipAt < row + ROW) words.push("IP");
    if (spAt >= row && spAt < row + ROW) words.push("SP");
    /** @type {string[]} */
    const named = [];
    const bytes = [];
    let ascii = "";
    for (let a = row; a < row + ROW; a++) {
      const i = a - w.base;
      const byte = w.bytes[i] ?? null;
      if (byte === null) {
        ascii += " ";
        continue;
      }
      const writer = writers[i];
      if (marks.linear && labels.has(a)) named.push(labels.get(a));
      const names = [];
      if (writer === viewTick && writer) names.push("wr");
      else if (marks.reads.has(a)) names.push("rd");
      else if (writer) names.push(viewTick - writer <= RECENT_STEPS ? "recently" : "wo");
      // A zero among others belongs to them; only a stretch of zeros steps back.
      else if (byte === "00" && (w.bytes[i - 1] === "00" || w.bytes[i + 1] === "00")) names.push("z");
      if (a >= ipAt && a < ipEnd) names.push("ip");
      if (a === spAt) names.push("spm");
      if (a === marks.picked) names.push("picked");
      if (marks.found && a >= marks.found[0] && a < marks.found[1]) names.push("found");
      bytes.push({ at: a, text: byte, look: names.join(" "), writer: writer ?? 0, picked: a === marks.picked });
      const code = Number.parseInt(byte, 16);
      ascii += code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
    }
    const address = row.toString(16).padStart(4, "0");
    return h("tr", { key: row }, h("th", { class: "ad", scope: "row", title: address, "aria-label": address }, shortened(address)), h("td", { class: "by" }, runs(bytes)),
      h("td", { class: "asc", title: named.join(", ") || null }, ascii, words.map((m) => h("b", {}, m)), named.slice(0, 2).map((name) => h("i", { class: "label" }, name))));
  };
  const first = Math.floor(w.base / ROW) * ROW;
  return Array.from({ length: Math.ceil((w.base + w.bytes.length - first) / ROW) }, (_x, i) => () => made(first + i * ROW));
}

/**
 * Whether a row has no room for an address.
 * @param {string} address
 */
export function isLong(address) {
  return address.length > LONG;
}

/**
 * An address as its row has room for it: of a long one its end, as the heading above says the whole.
 * @param {string} address
 */
function shortened(address) {
  return isLong(address) ? `…${address.slice(-5)}` : address;
}

/** Head of the table of bytes. */
export function hexHead() {
  const digits = Array.from({ length: ROW }, (_x, i) => `+${i.toString(16)}`);
  return h("thead", {}, h("tr", {}, h("th", { class: "ad", scope: "col" }, t("column.address")),
    h("th", { class: "by", scope: "col" }, `${digits.slice(0, ROW / 2).join(" ")}  ${digits.slice(ROW / 2).join(" ")}`),
    h("th", { class: "asc", scope: "col" }, t("column.ascii"))));
}

/** What the tints say. */
export function legend() {
  const item = (/** @type {string} */ mark, /** @type {string} */ key) => h("span", {}, h("i", { class: mark }), t(key));
  return h("div", { class: "marks" }, item("wr", "memory.now"), item("rd", "x86.memory.read"), item("recently", "memory.recently"), item("wo", "memory.earlier"), item("ip", "memory.ip"), item("spm", "memory.sp"));
}
