// @ts-check
// The timeline's track: a slider over the silhouette of the call depth, marks for what happened, the focus window and
// the playhead. What does not depend on the shown step is drawn once into two pictures, of the past and of the future;
// a frame of scrubbing moves the window through which the past is seen, and the head: neither is painted again.
import { fill, h, patch } from "./dom.js";
import { Families } from "./families.js";
import { Flag } from "./gen/protocol.js";
import { number, t } from "./i18n.js";
import { markShape } from "./icons.js";
import { shownSpan, spanWith, ticksOf, zoomedSpan, movedSpan } from "./span.js";

/** @typedef {import("./store.js").State} State */

/** Kinds of marks: name, flags. A step has one mark, of the first kind that it is. @type {[string, number][]} */
export const KINDS = [
  ["error", Flag.ERROR | Flag.FAULT],
  ["halt", Flag.HALT],
  ["coroutine", Flag.COROUTINE],
  ["input", Flag.INPUT],
  ["exit", Flag.EXIT | Flag.INTERRUPT],
  ["output", Flag.OUTPUT],
  ["compile", Flag.COMPILE],
  ["collection", Flag.COLLECTION],
];
/** Flags that put a mark on the track. */
export const MARKED = KINDS.reduce((mask, [, flags]) => mask | flags, 0);
/** Marks closer than this many pixels share one; more than so many marks share wider cells. */
const GRID = 12;
const MOST_MARKS = 60;
/** Height of one call level in the silhouette. */
const LEVEL = 12;

/** @typedef {{kind: string, tick: number, count: number}} Cell */

export class Track {
  #width = 0;
  #height = 0;
  /** Where the track begins in the window, as of the last press or turn of the wheel: asking lays the page out. */
  #left = 0;
  /** What the pictures and marks were drawn from. */
  #drawn = "";
  /** Redrawn when the theme changes. */
  #theme = 0;
  /** By tick. @type {{tick: number, node: HTMLElement}[]} */
  #marks = [];
  /** How many marks are at or before the shown step. */
  #passed = 0;
  /** How many steps there are of each kind. @type {Map<string, number>} */
  totals = new Map();

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./session.js").Session} session
   */
  constructor(store, session) {
    this.store = store;
    this.session = session;
    this.slider = h("div", { class: "slide", id: "slider", role: "slider", tabindex: "0", "aria-label": t("timeline.label"), "aria-valuemin": "0" });
    this.canvas = h("canvas", { class: "sil", "aria-hidden": "true" });
    this.past = h("canvas", { class: "sil" });
    this.cover = h("div", { class: "cover", "aria-hidden": "true" }, this.past);
    this.row = h("div", { class: "marks-row" });
    this.label = h("b", {}, "0");
    this.head = h("div", { class: "head" }, this.label);
    this.axis = h("div", { class: "axis", "aria-hidden": "true" });
    this.window = h("div", { class: "focusw", hidden: true }, h("span", {}));
    this.overview = h("div", { class: "overview", "aria-hidden": "true", hidden: true }, h("i", {}));
    this.families = new Families(store, session);
    this.node = h("div", { class: "track" }, this.slider, this.canvas, this.families.canvas, this.cover, this.row, this.window, this.overview, this.axis, this.head);
    this.#listen();
    this.resizer = new ResizeObserver(() => {
      this.#width = this.node.clientWidth;
      this.#height = this.canvas.clientHeight;
      this.draw(store.state);
    });
    this.resizer.observe(this.node);
    const recolour = () => {
      this.#theme++;
      this.draw(store.state);
    };
    this.themes = new MutationObserver(recolour);
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", recolour);
    this.recolour = recolour;
  }

  destroy() {
    this.families.destroy();
    this.resizer.disconnect();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.recolour);
  }

  /** @param {number} tick */
  #x(tick) {
    const { from, to } = shownSpan(this.store.state);
    return to > from ? ((tick - from) / (to - from)) * this.#width : 0;
  }

  /** @param {PointerEvent | WheelEvent} event */
  #tickAt(event) {
    const { from, to } = shownSpan(this.store.state);
    return Math.round(from + Math.min(1, Math.max(0, (event.clientX - this.#left) / this.#width)) * (to - from));
  }

  #listen() {
    const { node, session, store } = this;
    const keys = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: 100, PageUp: -100 });
    this.slider.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in keys) session.stepBy(keys[event.key]);
      else if (event.key === "Home") session.first();
      else if (event.key === "End") session.last();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    /** Pointers that are down, by id, with their place. @type {Map<number, number>} */
    const down = new Map();
    /** Where a selection began; -1: the pointer scrubs. */
    let anchor = -1;
    node.addEventListener("pointerdown", (event) => {
      if (/** @type {Element} */ (event.target).closest(".ev") || event.button !== 0) return;
      session.stop();
      this.#left = node.getBoundingClientRect().left;
      node.setPointerCapture(event.pointerId);
      down.set(event.pointerId, event.clientX);
      this.slider.focus({ preventScroll: true });
      anchor = event.shiftKey ? this.#tickAt(event) : -1;
      if (anchor < 0 && down.size === 1) session.goTo(this.#tickAt(event), true);
    });
    node.addEventListener("pointermove", (event) => {
      if (!event.buttons || !node.hasPointerCapture(event.pointerId)) return;
      const before = spread(down);
      down.set(event.pointerId, event.clientX);
      const at = this.#tickAt(event);
      if (down.size === 2) {
        // Two fingers: closer together or further apart.
        const factor = spread(down) / Math.max(1, before);
        if (Number.isFinite(factor) && factor > 0) store.set({ span: zoomedSpan(store.state, factor, at) });
      } else if (anchor >= 0) {
        if (at !== anchor) store.set({ focus: { from: Math.min(anchor, at), to: Math.max(anchor, at), name: store.state.focus?.name ?? "" } });
      } else session.goTo(at, true);
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      node.addEventListener(type, (event) => {
        if (down.delete(/** @type {PointerEvent} */ (event).pointerId) && !down.size) void session.arrive();
      });
    }
    node.addEventListener("wheel", (event) => {
      // Where the page itself scrolls, the wheel is the page's; Ctrl or Cmd makes it ours.
      const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
      if (scrolls && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.#left = node.getBoundingClientRect().left;
      const { state } = store;
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        store.set({ span: movedSpan(state, (event.deltaX || event.deltaY) / Math.max(200, this.#width)) });
      } else store.set({ span: zoomedSpan(state, 1.0015 ** -event.deltaY, this.#tickAt(event)) });
    }, { passive: false });
    this.row.addEventListener("click", (event) => {
      const ev = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-go]"));
      if (ev) session.goTo(Number(ev.dataset.go));
    });
  }

  /** @param {State} state */
  draw(state) {
    // A step out of sight brings the span along; who draws after us in this frame finds it moved already.
    state.span = spanWith(state);
    if (!this.#width) return;
    const { trace, frontier, notes, span, focus, branches, branch } = state;
    const stops = new Set(state.places.map((p) => p.where));
    const key = JSON.stringify([trace.version, state.summary?.to, frontier, this.#width, this.#height, [...stops], notes, span, branches, branch, this.#theme]);
    if (key !== this.#drawn) {
      this.#drawn = key;
      this.#drawPictures(state);
      this.#drawMarks(state, stops);
      const shown = shownSpan(state);
      patch(this.axis, ticksOf(shown, this.#width).map((n) => h("span", { style: { left: `${Math.round(this.#x(n))}px` } }, number(n))));
      this.overview.hidden = !span;
      if (span) {
        const part = /** @type {HTMLElement} */ (this.overview.firstElementChild);
        part.style.left = `${(100 * span.from) / frontier}%`;
        part.style.width = `${(100 * (span.to - span.from)) / frontier}%`;
      }
    }
    this.families.draw(state, this.#width, String(this.#theme));
    this.#drawFocus(focus, state);
    this.#drawHead(state);
  }

  /** @param {State} state */
  #drawHead({ tick, program }) {
    const x = this.#x(tick);
    this.head.hidden = !program;
    this.head.style.transform = `translateX(${x}px)`;
    this.head.classList.toggle("at-start", x < this.#width * 0.02);
    this.head.classList.toggle("at-end", x > this.#width * 0.98);
    const text = number(tick);
    if (this.label.textContent !== text) this.label.textContent = text;
    // In whole pixels of the screen.
    const ratio = devicePixelRatio || 1;
    const hidden = this.#width - Math.min(this.#width, Math.max(0, Math.round(x * ratio) / ratio));
    this.cover.style.transform = `translateX(${-hidden}px)`;
    this.past.style.transform = `translateX(${hidden}px)`;
    // Only marks between the last shown step and this one change.
    const marks = this.#marks;
    while (this.#passed < marks.length && marks[this.#passed].tick <= tick) marks[this.#passed++].node.classList.remove("future");
    while (this.#passed > 0 && marks[this.#passed - 1].tick > tick) marks[--this.#passed].node.classList.add("future");
  }

  /**
   * @param {State["focus"]} focus
   * @param {State} state
   */
  #drawFocus(focus, state) {
    const { from, to } = shownSpan(state);
    const shows = focus !== null && focus.to >= from && focus.from <= to && focus.from <= state.frontier;
    this.window.hidden = !shows;
    if (!shows) return;
    const left = Math.max(0, this.#x(focus.from));
    this.window.style.left = `${left}px`;
    this.window.style.width = `${Math.max(3, Math.min(this.#width, this.#x(Math.min(focus.to, state.frontier))) - left)}px`;
    const text = focus.name ? t("focus.shown", { name: focus.name }) : t("focus.unnamed");
    const name = /** @type {HTMLElement} */ (this.window.firstElementChild);
    if (name.textContent !== text) name.textContent = text;
  }

  /** @param {State} state */
  #drawPictures(state) {
    const ratio = devicePixelRatio || 1;
    const width = Math.round(this.#width * ratio);
    const height = Math.round(this.#height * ratio);
    const shown = shownSpan(state);
    const heights = silhouette(state, shown, Math.max(1, Math.min(Math.round(this.#width), shown.to - shown.from)));
    const deepest = heights.reduce((a, b) => Math.max(a, b), 1);
    const level = Math.min(LEVEL, (this.#height - 1) / deepest) * ratio;
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    for (const canvas of [this.canvas, this.past]) {
      canvas.width = width;
      canvas.height = height;
    }
    for (const [canvas, name] of /** @type {[HTMLCanvasElement, string][]} */ ([[this.past, "--sil-past"], [this.canvas, "--sil-future"]])) {
      const pen = canvas.getContext("2d");
      if (!pen || !state.frontier) continue;
      pen.fillStyle = colour(name);
      const each = width / heights.length;
      for (let i = 0; i < heights.length;) {
        let end = i + 1;
        while (end < heights.length && heights[end] === heights[i]) end++;
        // Whole pixels: half covered ones would be seams.
        const x = Math.round(i * each);
        pen.fillRect(x, height - heights[i] * level, Math.round(end * each) - x, heights[i] * level);
        i = end;
      }
      pen.fillStyle = colour("--line-2");
      pen.fillRect(0, height - ratio, width, ratio);
      this.#drawFork(pen, state, ratio, height, colour("--ink"));
    }
  }

  /**
   * Where the shown branch leaves its parent: a dashed line over the silhouette.
   * @param {CanvasRenderingContext2D} pen
   * @param {State} state
   * @param {number} ratio
   * @param {number} height
   * @param {string} colour
   */
  #drawFork(pen, { branches, branch }, ratio, height, colour) {
    pen.strokeStyle = colour;
    pen.lineWidth = ratio;
    for (let at = branches.find((one) => one.id === branch); at && at.parent !== null; at = branches.find((one) => one.id === at?.parent)) {
      const x = Math.round(this.#x(at.tick) * ratio) + 0.5;
      pen.setLineDash([3 * ratio, 3 * ratio]);
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, height);
      pen.stroke();
    }
  }

  /**
   * @param {State} state
   * @param {Set<number>} stops
   */
  #drawMarks(state, stops) {
    const { trace, frontier, notes, branches, branch } = state;
    const shown = shownSpan(state);
    /** @type {[string, number][]} */
    const found = [];
    this.totals = new Map();
    for (const { tick } of notes) if (tick <= frontier) found.push(["note", tick]);
    for (const one of branches) if (one.parent !== null && (one.parent === branch || one.id === branch)) found.push(["branch", one.tick]);
    trace.scan(MARKED, stops, (tick, flags, where) => {
      const kinds = KINDS.filter(([, mask]) => flags & mask).map(([kind]) => kind);
      if (stops.has(where)) kinds.unshift("breakpoint");
      for (const kind of kinds) this.totals.set(kind, (this.totals.get(kind) ?? 0) + 1);
      if (tick >= shown.from && tick <= shown.to) found.push([kinds[0], tick]);
    });
    /** @type {Map<string, Cell>} */
    let cells = new Map();
    for (let grid = GRID; ; grid *= 2) {
      cells = new Map();
      for (const [kind, tick] of found) {
        const cell = `${kind} ${Math.floor(this.#x(tick - 0.5) / grid)}`;
        const known = cells.get(cell);
        if (known) known.count++;
        else cells.set(cell, { kind, tick, count: 1 });
      }
      if (cells.size <= MOST_MARKS || grid > this.#width) break;
    }
    const sorted = [...cells.values()].sort((a, b) => a.tick - b.tick);
    const printed = new Map(state.outputs.map((o) => [o.tick, o.text]));
    this.#marks = sorted.map((cell) => {
      const text = tipOf(cell, state, printed);
      return {
        tick: cell.tick,
        node: h("button", { type: "button", class: `ev future ${cell.kind === "error" ? "err" : cell.kind === "breakpoint" ? "bp" : ""}`, tabindex: "-1", "data-go": cell.tick,
          title: text, "aria-label": text, style: { left: `${Math.max(0, Math.round(this.#x(cell.tick - 0.5)))}px`, "--shape": markShape(cell.kind) } }),
      };
    });
    this.#passed = 0;
    fill(this.row, this.#marks.map(({ node }) => node));
  }
}

/** How far apart two pointers are. @param {Map<number, number>} down */
function spread(down) {
  const [a, b] = [...down.values()];
  return b === undefined ? 0 : Math.abs(a - b);
}

/**
 * Call depths of a span in buckets; beyond the trace window the machine says what it looked like from afar.
 * @param {State} state
 * @param {import("./span.js").Span} shown
 * @param {number} buckets
 */
function silhouette({ trace, summary, frontier }, { from, to }, buckets) {
  if (!frontier) return new Uint16Array(1);
  const depths = trace.silhouette(from, to, buckets);
  if (!summary) return depths;
  // Of what ran untraced there are samples; between two of them the earlier one stands.
  const { high, width } = summary;
  let last = high.find((depth) => depth > 0) ?? 0;
  const known = high.map((depth) => (last = depth || last));
  return depths.map((depth, i) => depth || (known[Math.floor((from + (i / buckets) * (to - from) + 1 - summary.from) / width)] ?? 0));
}

/**
 * What a mark says when one points at it.
 * @param {Cell} cell
 * @param {State} state
 * @param {Map<number, string>} printed
 */
function tipOf({ kind, tick, count }, { trace, program, notes, branches }, printed) {
  const row = program?.at(trace.where(tick))?.row;
  let what = t(`mark.${kind}`);
  if (kind === "note") what += `: ${notes.find((note) => note.tick === tick)?.text}`;
  if (kind === "branch") what += `: ${branches.filter((one) => one.tick === tick && one.parent !== null).map((one) => one.name).join(", ")}`;
  if (kind === "output" && printed.has(tick)) what += `: ${(printed.get(tick) ?? "").trimEnd()}`;
  return `${t("mark.at", { n: tick })}${what}${count > 1 ? ` ${t("mark.more", { n: count - 1 })}` : row ? ` (${row.op} ${row.args})` : ""}`;
}
