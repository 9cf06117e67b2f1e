// @ts-check
// The stack as what it is: return addresses with their calls, frames, pointers followed from place to place.
import { columns, h } from "../dom.js";
import { t } from "../i18n.js";
import { writerLink } from "../values.js";
import { writersOf } from "./x86-hex.js";
import { addressButton } from "./x86-asking.js";

/** Words that are shown. */
const WORDS = 12;

/** @param {{name: string, offset: number} | undefined} symbol */
export function symbolText(symbol) {
  if (!symbol) return "";
  return symbol.offset ? `${symbol.name}+${symbol.offset.toString(16)}` : symbol.name;
}

/**
 * A chain of places, each behind an arrow: its name or address, then what is there. The first one's address stands before
 * it already, so that its arrow leads there.
 * @param {any[]} chain
 */
export function chainNode(chain) {
  const bare = !chain[0].symbol;
  return h("span", { class: "chain" }, chain.map((place, i) => [
    i || !bare ? h("span", { class: "to" }, "→") : null,
    addressButton(i === 0 && bare ? "→" : symbolText(place.symbol) || place.address.toString(16), BigInt(place.address)),
    place.text !== undefined ? h("span", { class: "v-str", title: place.text }, ` "${place.text}"`) : place.value !== undefined && i === chain.length - 1 ? h("span", { class: "m dim" }, ` ${place.value}`) : null,
  ]));
}

/**
 * @param {import("../store.js").State} state
 * @param {import("./index.js").Context} ctx
 */
export function stack(state, ctx) {
  const { view, trace, viewTick } = state;
  if (!view.stack?.words.length) return null;
  const { words, word, pointer } = view.stack;
  // Above the innermost frames nothing of the program may be: zeros at the end say nothing.
  let count = Math.min(WORDS, words.length);
  const empty = (/** @type {any} */ w) => /^0+$/.test(w.value) && !w.return && !w.frame;
  while (count > 2 && empty(words[count - 1])) count--;
  const shown = words.slice(0, count);
  const writers = writersOf(trace, { base: shown[0].address, pages: view.stack.pages }, word * count, viewTick);
  const rows = shown.map((/** @type {any} */ w, /** @type {number} */ i) => {
    const writer = Math.max(...writers.slice(w.address - shown[0].address, w.address - shown[0].address + word));
    const written = writer && writer === viewTick;
    return h("tr", { class: `${w.return ? "isreturn" : ""} ${w.frame ? "isframe" : ""} ${empty(w) ? "quiet" : ""}` },
      h("th", { class: "r", scope: "row" }, addressButton(w.address.toString(16).padStart(4, "0"), BigInt(w.address))),
      h("td", {}, written ? h("span", { class: "wrote" }, w.value) : w.value),
      h("td", { class: "nm" }, i === 0 ? h("b", {}, "SP ") : null, meaning(state, w)),
      h("td", { class: "w" }, writer ? writerLink(writer, (tick) => ctx.session.goTo(tick)) : null));
  });
  const width = word === 8 ? 132 : word === 4 ? 84 : 60;
  return h("section", { class: "block b-stk", "aria-label": t("pane.stack") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.stack")), h("span", { class: "meta" }, view.stack.frames.length ? t("x86.stack.frames", { n: view.stack.frames.length, at: pointer.toString(16) }) : t("x86.stack", { at: pointer.toString(16).padStart(4, "0") }))),
    h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.stack")), columns(26 + 7.4 * Math.max(4, String(pointer.toString(16)).length), width, 0, 58), h("tbody", {}, rows)));
}

/**
 * What a word of the stack is.
 * @param {import("../store.js").State} state
 * @param {any} w
 */
function meaning(state, w) {
  if (w.return) {
    const call = w.return.call === null ? null : state.program?.at(w.return.call)?.row;
    return h("span", { title: call ? `${call.op} ${call.args}` : null }, h("span", { class: "tag back" }, t(w.return.kind === "int" ? "x86.stack.int" : "x86.stack.return")), " ",
      addressButton(symbolText(w.return.symbol) || w.return.address.toString(16), BigInt(w.return.address)), call ? [" ", h("code", { class: "dim" }, `${call.op} ${call.args}`)] : null);
  }
  if (w.frame) return [h("span", { class: "tag frame" }, t("x86.stack.frame")), w.chain ? [" ", chainNode(w.chain)] : null];
  return w.chain && !/^0+$/.test(w.value) ? chainNode(w.chain) : null;
}
