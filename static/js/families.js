// @ts-check
// Which families of instructions ran where: a band under the silhouette, each column cut into the families' shares. The five
// most frequent ones have a hue and a pattern each, the others are together; a tooltip and a list say the same in words.
import { h, patch } from "./dom.js";
import { t } from "./i18n.js";
import { shownSpan } from "./span.js";

/** @typedef {import("./store.js").State} State */
/** @typedef {NonNullable<State["summary"]>} Summary */

/** Families with a look of their own. */
const NAMED = 5;
/** Pixels of a column at least: narrower ones would only flicker. */
const COLUMN = 4;
/** Families that a tooltip names at most. */
const TOLD = 4;
/** Milliseconds after the last change of the shown part until the machine is asked about it. */
const STILL_MS = 250;
/** Buckets of such a question: what the recording is asked in, too. */
const BUCKETS = 1024;
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
  /** What was asked about a part of the recording, and the summary of all of it at that time. @type {{part: Summary, whole: Summary} | null} */
  #near = null;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #timer = 0;
  #asked = "";

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./session.js").Session} session
   */
  constructor(store, session) {
    this.store = store;
    this.session = session;
    this.canvas = h("canvas", { class: "fam", role: "img" });
    this.list = h("ul", { class: "famlist", hidden: true });
    this.button = h("button", { type: "button", class: "fambtn", "aria-expanded": "false", on: { click: () => this.#toggle() } }, t("family.button"));
    this.canvas.addEventListener("pointermove", (event) => {
      const column = this.#columns[Math.floor((event.offsetX / this.canvas.clientWidth) * this.#columns.length)];
      this.canvas.title = column?.length ? this.#told(column.slice(0, TOLD)) : "";
    });
  }

  destroy() {
    clearTimeout(this.#timer);
  }

  /**
   * Ask the machine about the shown part once it stands still, if the summary of the whole recording is coarser.
   * @param {Summary} whole
   * @param {import("./span.js").Span} shown
   */
  #ask(whole, { from, to }) {
    const wanted = [from, to].join();
    const near = this.#near?.whole === whole ? this.#near.part : null;
    const width = Math.ceil((to - from) / BUCKETS);
    if (width >= whole.width || (near && near.from <= from + 1 && near.to >= to && near.width <= width)) {
      clearTimeout(this.#timer);
      this.#asked = "";
      return;
    }
    if (wanted === this.#asked) return;
    this.#asked = wanted;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const part = await this.session.ask("summary", { from: from + 1, to, buckets: BUCKETS });
      // What could not be asked now is asked when something changes the next time.
      if (wanted === this.#asked) this.#asked = "";
      if (!part?.complete || this.store.state.summary !== whole) return;
      this.#near = { part, whole };
      this.store.touch("summary");
    }, STILL_MS);
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
    this.#ask(summary, shown);
    const near = this.#near?.whole === summary ? this.#near.part : null;
    const key = [summary.from, summary.to, state.branch, shown.from, shown.to, near?.from, near?.to, width, look].join();
    if (key === this.#drawn || width < COLUMN) return;
    this.#drawn = key;
    this.#names = known.names;
    const count = Math.max(1, Math.min(Math.floor(width / COLUMN), shown.to - shown.from));
    this.#columns = Array.from({ length: count }, (_x, i) => {
      const [begin, end] = [i, i + 1].map((n) => shown.from + (n / count) * (shown.to - shown.from) + 1);
      const { families, from, width: each } = near && near.from <= begin && near.to + 1 >= end ? near : summary;
      const first = Math.floor((begin - from) / each);
      return shares(families?.counts.slice(first, Math.max(first + 1, Math.ceil((end - from) / each))) ?? []);
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
