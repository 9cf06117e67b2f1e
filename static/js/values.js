// @ts-check
// How values, changes and links to a step look everywhere on the page.
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./trace.js").Value} Value */

/** Style class of a value's type. @type {Record<string, string>} */
const CLASS = {
  integer: "v-int",
  float: "v-int",
  bits: "v-int",
  string: "v-str",
  function: "v-fn",
  native: "v-fn",
  thread: "v-fn",
  table: "v-tab",
  userdata: "v-tab",
  boolean: "v-bool",
  nil: "v-nil",
  absent: "v-nil",
};

/**
 * A value: its text in its type's colour, then `#id` for a reference.
 * @param {Value} value
 * @param {(id: number, kind: string) => void} [follow]   makes the number of a reference lead somewhere
 */
export function valueNode(value, follow) {
  const kind = CLASS[value.t] ?? "";
  if (value.t === "function" || value.t === "native") {
    const word = t(value.t === "native" ? "value.native" : "value.function");
    return h("span", { class: kind }, value.s === "function" ? word : `${word} ${value.s}`, id(value, follow));
  }
  if (value.t === "absent") return h("span", { class: kind }, t("value.absent"));
  return h("span", {}, h("span", { class: kind }, value.s), id(value, follow));
}

/**
 * @param {Value} value
 * @param {(id: number, kind: string) => void} [follow]
 */
function id(value, follow) {
  const number = value.id;
  if (number === undefined) return null;
  if (!follow || value.t === "userdata" || value.t === "native") return h("span", { class: "id" }, ` #${number}`);
  const label = t("value.show", { name: value.s, id: String(number) });
  return [" ", h("button", { class: "id go", type: "button", title: label, "aria-label": label, on: { click: () => follow(number, value.t) } }, `#${number}`)];
}

/**
 * The text of a value without colours, for labels and sentences.
 * @param {Value} value
 */
export function valueText(value) {
  if (value.t === "absent") return t("value.absent");
  if (value.id === undefined) return value.s;
  return `${value.s} #${value.id}`;
}

/**
 * Old value struck through, an arrow, the new value as a chip; the chip alone where nothing was before.
 * @param {Value} old
 * @param {Value} value
 * @param {string} [chip] class of the new value
 */
export function changeNode(old, value, chip = "wrote") {
  if (old.t === "absent") return h("span", { class: chip }, valueText(value));
  return h(
    "span",
    { class: "change" },
    h("span", { class: "old" }, h("span", { class: "sr" }, t("change.was")), valueText(old)),
    h("span", { class: "to", "aria-hidden": "true" }, "→"),
    h("span", { class: "sr" }, t("change.now")),
    h("span", { class: chip }, valueText(value)),
  );
}

/**
 * The link to the step that wrote something: `@N`.
 * @param {number} tick 0 draws nothing
 * @param {(tick: number) => void} go
 * @param {string} [label]  what the step did, if not just writing it
 */
export function writerLink(tick, go, label = t("writer.go", { n: tick })) {
  if (!tick) return null;
  return h("button", { class: "at", type: "button", title: label, "aria-label": label, on: { click: () => go(tick) } }, `@${tick}`);
}

/**
 * The same where the trace window does not reach back to the write: asks the machine for it.
 * @param {() => void} ask
 */
export function writerSearch(ask) {
  return h("button", { class: "at", type: "button", title: t("writer.ask"), "aria-label": t("writer.ask"), on: { click: ask } }, "@…");
}

/** The class of a value that an earlier step wrote: underlined while the write is at most this many steps old. */
export const RECENT_STEPS = 10;

/**
 * A count that fits a narrow column: 1234 is 1k.
 * @param {number} n
 */
export function compact(n) {
  if (n < 1000) return String(n);
  if (n < 1e6) return `${Math.floor(n / 1000)}k`;
  return `${Math.floor(n / 1e6)}M`;
}
