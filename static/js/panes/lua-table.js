// @ts-check
// A Lua table as it is: array part and hash part apart, with what the shown step added, changed and removed.
import { h } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { changeNode, valueNode, valueText } from "../values.js";

/** @typedef {import("../trace.js").Value} Value */
/** @typedef {import("../trace.js").StepWrite} StepWrite */
/** @typedef {(id: number, kind: string) => void} Follow */

/** Types whose number leads to an object. */
const OBJECTS = new Set(["table", "function", "thread"]);

/** Whether a value refers to something that can be looked into. @param {Value} value */
export function isObject(value) {
  return value.id !== undefined && OBJECTS.has(value.t);
}

/**
 * What the step did to a table's fields, by the key's text.
 * @param {import("../trace.js").Step | null} step
 * @param {number} id
 * @returns {Map<string, StepWrite>}
 */
export function fieldWrites(step, id) {
  return new Map((step?.writes ?? []).filter((w) => w.kind === Write.FIELD && w.owner === id).map((w) => [valueText(w.key), w]));
}

/** @param {Value} value */
function isNothing(value) {
  return value.t === "absent" || value.t === "nil";
}

/** A sign with its word, so that a change shows without colour. @param {"added" | "changed" | "removed"} what */
export function sign(what) {
  const signs = { added: "+", changed: "≠", removed: "−" };
  const label = t(`heap.${what}`);
  return h("span", { class: `sign ${what}`, role: "img", "aria-label": label, title: label }, signs[what]);
}

/**
 * A value of a table with what the step did to it.
 * @param {Value} value
 * @param {StepWrite | undefined} write
 * @param {Follow} [follow]
 */
function field(value, write, follow) {
  if (!write) return valueNode(value, follow);
  if (isNothing(value)) return [sign("removed"), h("span", { class: "old" }, valueText(write.old))];
  if (isNothing(write.old)) return [sign("added"), h("span", { class: "wrote" }, valueNode(value, follow))];
  return [sign("changed"), changeNode(write.old, value)];
}

/**
 * The parts of a table.
 * @param {any} table as in docs/views.md
 * @param {{writes: Map<string, StepWrite>, follow?: Follow, offset?: number, cells: number, rows: number}} how
 */
export function tableParts(table, { writes, follow, offset = 0, cells, rows }) {
  const array = table.array.slice(0, cells);
  const hash = table.hash.slice(0, rows);
  const shown = new Set([...array.map((/** @type {any} */ _v, /** @type {number} */ i) => String(offset + i + 1)), ...hash.map((/** @type {any} */ [key]) => valueText(key))]);
  const gone = [...writes].filter(([key, write]) => !shown.has(key) && isNothing(write.value) && !isNothing(write.old));
  return [
    array.length
      ? [
        h("div", { class: "part" }, t("heap.array"), h("span", {}, t("heap.size", { n: table.array_size }))),
        h("div", { class: "arr" }, array.map((/** @type {Value} */ value, /** @type {number} */ i) =>
          h("div", { "data-to": isObject(value) ? value.id : null }, h("small", {}, String(offset + i + 1)), field(value, writes.get(String(offset + i + 1)), follow)))),
      ]
      : null,
    hash.length || gone.length
      ? [
        h("div", { class: "part" }, t("heap.hash"), h("span", {}, t("heap.size", { n: table.hash_size }))),
        h("table", {}, h("caption", { class: "sr" }, t("heap.hash")), h("tbody", {},
          hash.map((/** @type {[Value, Value]} */ [key, value]) =>
            h("tr", { "data-to": isObject(value) ? value.id : isObject(key) ? key.id : null }, h("th", { scope: "row" }, valueNode(key, follow)), h("td", {}, field(value, writes.get(valueText(key)), follow)))),
          gone.map(([, write]) => h("tr", { class: "gone" }, h("th", { scope: "row" }, valueNode(write.key)), h("td", {}, field({ t: "nil", s: "nil" }, write)))))),
      ]
      : null,
    table.metatable
      ? h("div", { class: "part", "data-to": table.metatable }, t("heap.metatable"), h("span", {}, follow ? valueNode({ t: "table", s: "", id: table.metatable }, follow) : `#${table.metatable}`))
      : null,
  ];
}
