// @ts-check
// Which families of instructions ran where: a band under the silhouette, each column cut into the families' shares. The five
// most frequent ones have a hue and a pattern each, the others are together; a tooltip and a list say the same in words.
import { h, patch } from "./dom.js";
import { t } from "./i18n.js";
import { shownSpan } from "./span.js";

/** @typedef {import("./store.js").State} State */

/** Families with a look of their own. */
const NAMED = 5;
/** Pixels of a column at least: narrower ones would only flicker. */
const COLUMN = 4;
/** Families that a tooltip names at most. */
const TOLD = 4;
/** Pixels of a pattern's tile, in which one of these is drawn over the hue's paler tone. */
const TILE = 5;
/** @type {((pen: CanvasRenderingContext2D, s: number) => void)[]} */
const PATTERNS = [
  (pen, s) => pen.fillRect(0, 0, s, s),
  (pen, s) => {
    pen.moveTo(-1, s + 1);
    pen.lineTo(s + 1, -1);
    pen.stroke();
  },
  (pen, s) => pen.fillRect(0, 0, s / 2.5, s / 2.5),
  (pen, s) => pen.fillRect(0, 0, s / 3, s),
  (pen, s) => pen.fillRect(0, 0, s, s / 3),
];

export class Families {
  #drawn = "";
  /** Shares of each column of the shown span: [family's number, share] by share. @type {[number, number][][]} */
  #columns = [];
  /** @type {string[]} */
  #names = [];

  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    this.canvas = h("canvas", { class: "fam", role: "img" });
    this.list = h("ul", { class: "famlist", hidden: true });
    this.button = h("button", { type: "button", class: "fambtn", "aria-expanded": "false", on: { click: () => this.#toggle() } }, t("family.button"));
    this.canvas.addEventListener("pointermove", (event) => {
      const column = this.#columns[Math.floor((event.offsetX / this.canvas.clientWidth) * this.#columns.length)];
      this.canvas.title = column?.length ? this.#told(column.slice(0, TOLD)) : "";
    });
  }

  #toggle() {
    this.list.hidden = !this.list.hidden;
    this.button.setAttribute("aria-expanded", String(!this.list.hidden));
  }

  /** @param {number} number */
  #name(number) {
    return number < 0 ? t("family.others") : t(`family.${this.#names[number]}`);
  }

  /** @param {[number, number][]} shares */
  #told(shares) {
    return shares.map(([number, share]) => t("family.share", { name: this.#name(number), n: percent(share) })).join(", ");
  }

  /**
   * @param {State} state
   * @param {number} width in pixels
   * @param {string} look changes when colours do
   */
  draw(state, width, look) {
    const { summary } = state;
    const known = summary?.families;
    this.canvas.hidden = this.button.hidden = !known;
    if (!summary || !known) {
      this.list.hidden = true;
      this.#drawn = "";
      return;
    }
    const shown = shownSpan(state);
    const key = [summary.from, summary.to, state.branch, shown.from, shown.to, width, look].join();
    if (key === this.#drawn || width < COLUMN) return;
    this.#drawn = key;
    this.#names = known.names;
    const count = Math.max(1, Math.min(Math.floor(width / COLUMN), shown.to - shown.from));
    this.#columns = Array.from({ length: count }, (_x, i) => {
      const at = (/** @type {number} */ n) => (shown.from + (n / count) * (shown.to - shown.from) + 1 - summary.from) / summary.width;
      const begin = Math.floor(at(i));
      return shares(known.counts.slice(begin, Math.max(begin + 1, Math.ceil(at(i + 1)))));
    });
    const all = new Map();
    for (const column of this.#columns) for (const [number, share] of column) all.set(number, (all.get(number) ?? 0) + share);
    const total = [...all.values()].reduce((sum, share) => sum + share, 0) || 1;
    const ranked = /** @type {[number, number][]} */ ([...all].map(([number, share]) => [number, share / total]));
    ranked.sort((a, b) => b[1] - a[1]);
    const named = ranked.slice(0, NAMED);
    const rest = ranked.slice(NAMED).reduce((sum, [, share]) => sum + share, 0);
    const told = /** @type {[number, number][]} */ (rest > 0 ? [...named, [-1, rest]] : named);
    this.canvas.setAttribute("aria-label", t("family.label", { text: this.#told(told) }));
    this.#paint(named.map(([number]) => number));
    patch(this.list, told.map(([number, share], i) => h("li", {}, swatch(number < 0 ? -1 : i), this.#name(number), " ", h("b", {}, `${percent(share)} %`))));
  }

  /** @param {number[]} named families from the bottom up */
  #paint(named) {
    const ratio = devicePixelRatio || 1;
    const width = (this.canvas.width = Math.round(this.canvas.clientWidth * ratio));
    const height = (this.canvas.height = Math.round(this.canvas.clientHeight * ratio));
    const pen = this.canvas.getContext("2d");
    if (!pen) return;
    const fills = named.map((_n, i) => fillOf(pen, i, ratio));
    this.#columns.forEach((column, i) => {
      const x = Math.round((i / this.#columns.length) * width);
      const end = Math.round(((i + 1) / this.#columns.length) * width);
      let y = height;
      for (const [rank, number] of named.entries()) {
        const share = column.find(([one]) => one === number)?.[1] ?? 0;
        pen.fillStyle = fills[rank];
        pen.fillRect(x, y - share * height, end - x, share * height);
        y -= share * height;
      }
    });
  }
}

/**
 * The shares of families in some buckets, the greatest first.
 * @param {number[][]} buckets
 * @returns {[number, number][]}
 */
function shares(buckets) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  let total = 0;
  for (const counts of buckets) {
    counts.forEach((count, number) => {
      if (count) sums.set(number, (sums.get(number) ?? 0) + count);
      total += count;
    });
  }
  return [...sums].map(([number, sum]) => /** @type {[number, number]} */ ([number, sum / total])).sort((a, b) => b[1] - a[1]);
}

/** @param {number} share */
function percent(share) {
  return share > 0 && share < 0.01 ? "< 1" : String(Math.round(share * 100));
}

/**
 * The look of the family of a rank.
 * @param {CanvasRenderingContext2D} pen
 * @param {number} rank
 * @param {number} ratio
 */
function fillOf(pen, rank, ratio) {
  const tile = document.createElement("canvas");
  const size = (tile.width = tile.height = Math.round(TILE * ratio));
  const draw = tile.getContext("2d");
  if (!draw) return "";
  const hue = getComputedStyle(document.documentElement).getPropertyValue(`--h${rank + 1}`).trim();
  draw.fillStyle = draw.strokeStyle = hue;
  draw.lineWidth = ratio;
  draw.globalAlpha = 0.2;
  draw.fillRect(0, 0, size, size);
  draw.globalAlpha = 0.6;
  draw.beginPath();
  PATTERNS[rank](draw, size);
  return pen.createPattern(tile, "repeat") ?? hue;
}

/** @param {number} rank -1: the others */
function swatch(rank) {
  const canvas = h("canvas", { class: "swatch", width: 28, height: 20, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  if (pen && rank >= 0) {
    pen.fillStyle = fillOf(pen, rank, 2);
    pen.fillRect(0, 0, 28, 20);
  }
  return canvas;
}
