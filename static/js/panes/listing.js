// @ts-check
// The listing: rows of the program with the current one in sight, the next one outlined, hues shared with the source,
// jump arrows and counts up to the shown step. Only the rows in sight are in the document.
import { fill, h, patch, rekey, svg } from "../dom.js";
import { t } from "../i18n.js";
import { changeNode, compact, valueText } from "../values.js";

/** @typedef {import("../program.js").Row} Row */
/** @typedef {import("../program.js").Routine} Routine */
/** @typedef {{kind: "head" | "fold" | "row", y: number, height: number, routine: Routine, row?: Row, first?: boolean, last?: boolean}} Item */

const HEIGHT = { head: 28, fold: 24, row: 20 };
/** Pixels above and below the visible part that are drawn too. */
const OVERSCAN = 40;
/** What a step read or wrote that the drawer lists at most, each. */
const EFFECTS = 6;
/** Width of the arrow column, as in the style sheet. */
const GUTTER = 40;
/** Characters that fit into a column, however wide the page is; a clip in each of many cells would be a frame's work. @type {Record<string, number>} */
const FITS = { pc: 3, line: 3, address: 4, op: 7, args: 7 };
const FITS_ELSE = 12;
/** In a pane less wide than this even short comments may not fit. */
const TIGHT = 480;

/** @type {import("./index.js").Pane} */
export default {
  id: "listing",
  titleKey: "pane.listing",
  turn: 2,
  mount: (body, ctx) => new ListingPane(body, ctx),
};

class ListingPane {
  /** @type {Item[]} */
  items = [];
  /** @type {Map<number, Item>} */
  byWhere = new Map();
  height = 0;
  /** Functions that the visitor unfolded (true) or folded (false). @type {Map<number, boolean>} */
  folds = new Map();
  order = "";
  pair = 0;
  frame = 0;

  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    const adapter = ctx.adapter();
    ctx.title(t(adapter.listingKey));
    this.tbody = h("tbody");
    const columns = adapter.columns;
    const heads = columns.map((c) => h("th", { scope: "col", class: `c-${c}` }, t(`column.${c}`)));
    this.table = h(
      "table",
      { class: `lst ${columns.includes("bytes") ? "wide" : ""}` },
      h("caption", { class: "sr" }, t(adapter.listingKey)),
      h("thead", {}, h("tr", {}, h("th", { class: "g", scope: "col" }, h("span", { class: "sr" }, t("column.jumps"))), heads,
        h("th", { class: "ht", scope: "col" }, t("column.ran")))),
      this.tbody,
    );
    this.arrows = svg("svg", { class: "arrows", width: GUTTER, "aria-hidden": "true" });
    this.drawer = h("div", { class: "decode" });
    this.empty = h("p", { class: "empty" }, t("listing.empty"));
    fill(body, this.table, this.arrows, this.empty);
    ctx.section.append(this.drawer);
    body.addEventListener("scroll", this.onScroll, { passive: true });
    body.addEventListener("click", this.onClick);
    body.addEventListener("pointerover", this.onOver);
    body.addEventListener("pointerleave", () => this.hover(0));
    document.addEventListener("glassbox-line", this.onLine);
    this.resizer = new ResizeObserver(() => {
      this.room = body.clientHeight;
      this.table.classList.toggle("tight", body.clientWidth < TIGHT);
      this.onScroll();
    });
    this.resizer.observe(body);
  }

  destroy() {
    this.resizer.disconnect();
    this.drawer.remove();
    document.removeEventListener("glassbox-line", this.onLine);
    cancelAnimationFrame(this.frame);
  }

  /** Height of the visible part, and how far it is scrolled: asking the document would lay it out. */
  room = 0;
  top = 0;

  onScroll = () => {
    const top = this.body.scrollTop;
    // We scrolled ourselves and have drawn this already.
    if (top === this.top && this.drawnTop === top && this.drawnRoom === this.room) return;
    this.top = top;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  };

  /** @param {MouseEvent} event */
  onClick = (event) => {
    const target = /** @type {Element} */ (event.target);
    const fold = /** @type {HTMLElement | null} */ (target.closest("[data-fold]"));
    if (fold) {
      const id = Number(fold.dataset.fold);
      this.folds.set(id, !this.isOpen(this.ctx.store.state.program?.routines.find((r) => r.id === id)));
      this.layout(this.ctx.store.state);
      this.draw();
      return;
    }
    const row = /** @type {HTMLElement | null} */ (target.closest("tr[data-where]"));
    if (!row) return;
    const where = Number(row.dataset.where);
    if (target.closest(".ht")) this.ctx.session.cycle({ where }, event.shiftKey ? -1 : 1);
    else if (target.closest(".g")) this.ctx.session.breakpoints.toggleRow(where);
    else this.ctx.store.set({ pick: this.ctx.store.state.pick === String(where) ? "" : String(where) });
  };

  /** @param {Event} event */
  onOver = (event) => {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("tr[data-line]"));
    this.hover(Number(row?.dataset.line ?? 0));
  };

  /** @param {number} line */
  hover(line) {
    if (line !== this.pair) document.dispatchEvent(new CustomEvent("glassbox-line", { detail: line }));
  }

  /** @param {Event} event */
  onLine = (event) => {
    const line = /** @type {CustomEvent} */ (event).detail;
    if (line === this.pair) return;
    this.pair = line;
    for (const row of this.tbody.querySelectorAll("tr[data-line]")) {
      row.classList.toggle("pair", line !== 0 && /** @type {HTMLElement} */ (row).dataset.line === String(line));
    }
  };

  /** @param {Routine | undefined} routine */
  isOpen(routine) {
    if (!routine) return false;
    return this.folds.get(routine.id) ?? (!this.ctx.adapter().stackOrder || this.running.has(routine.id));
  }

  /** Functions on the call stack. @type {Set<number>} */
  running = new Set();
  /** Rows that wait for a call to return. @type {Set<number>} */
  waiting = new Set();

  /**
   * Order the functions and give every row its place.
   * @param {import("../store.js").State} state
   */
  layout(state) {
    const { program } = state;
    this.items = [];
    this.byWhere.clear();
    let y = 0;
    for (const routine of program ? this.ordered(state) : []) {
      const open = this.isOpen(routine);
      const kind = open ? "head" : "fold";
      this.items.push({ kind, y, height: HEIGHT[kind], routine });
      y += HEIGHT[kind];
      if (!open) continue;
      routine.rows.forEach((row, i) => {
        const before = routine.rows[i - 1];
        const after = routine.rows[i + 1];
        const item = /** @type {Item} */ ({ kind: "row", y, height: HEIGHT.row, routine, row });
        item.first = !before || before.line !== row.line;
        item.last = !after || after.line !== row.line;
        this.items.push(item);
        this.byWhere.set(row.where, item);
        y += HEIGHT.row;
      });
    }
    this.height = y;
  }

  /** @param {import("../store.js").State} state */
  ordered(state) {
    const routines = state.program?.routines ?? [];
    if (!this.ctx.adapter().stackOrder) return routines;
    const rank = new Map([...this.running].map((id, i) => [id, i]));
    return [...routines].sort((a, b) => (rank.get(a.id) ?? 1e6 + a.id) - (rank.get(b.id) ?? 1e6 + b.id));
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    const { program, trace, tick } = state;
    this.empty.hidden = program !== null;
    // Which functions are open depends on the call stack: before it is known everything would jump.
    const knows = program !== null && (state.view !== null || state.phase === "ready");
    this.table.hidden = !knows;
    this.ctx.section.classList.toggle("stale", state.stale);
    if (changed.has("program")) {
      this.folds.clear();
      this.order = "";
    }
    if (!program || !knows) {
      fill(this.tbody);
      fill(this.arrows);
      this.drawer.hidden = true;
      this.ctx.meta("");
      return;
    }
    this.now = trace.has(tick) ? trace.where(tick) : state.viewTick === tick ? (state.view?.last?.where ?? -1) : -1;
    this.next = trace.has(tick + 1) ? trace.where(tick + 1) : state.viewTick === tick ? (state.view?.next?.where ?? -1) : -1;
    this.callers(state);
    const order = `${[...this.running].join()} ${program.rows.size}`;
    if (order !== this.order || changed.has("program")) {
      this.order = order;
      this.layout(state);
    }
    this.ctx.meta(state.stale ? t("pane.stale") : t("listing.meta", { n: program.rows.size }));
    if (changed.has("tick") || changed.has("program") || changed.has("view") || changed.has("level")) this.reveal();
    this.draw();
    this.drawDrawer(state);
  }

  drawnTop = -1;
  drawnRoom = -1;
  scrolls = false;

  /** Scroll to where `reveal` wants to be, once the rows are there. */
  settle() {
    if (this.scrolls) this.body.scrollTop = this.top;
    this.scrolls = false;
  }

  now = -1;
  next = -1;
  /** Where the caller waits that the visitor looks at; -1: nobody looks at one. */
  looked = -1;
  /** Whether the counts are complete; else they say only what the trace window has seen. */
  counted = true;

  /**
   * Who is on the call stack: from the view, and from the trace while the view is on its way.
   * @param {import("../store.js").State} state
   */
  callers(state) {
    const program = /** @type {import("../program.js").Program} */ (state.program);
    const current = program.at(this.now)?.routine.id;
    const next = program.at(this.next)?.routine.id;
    const lead = next ?? current;
    const ids = lead === undefined ? [] : [lead];
    this.waiting.clear();
    this.looked = -1;
    const frames = this.ctx.adapter().frames(state.view);
    frames.forEach((frame, level) => {
      if (frame.routine === null) return;
      ids.push(frame.routine);
      const routine = program.routines.find((r) => r.id === frame.routine);
      const row = routine?.rows[(frame.pc ?? 0) - 1];
      if (level > 0 && row && state.viewTick === state.tick) this.waiting.add(row.where);
      if (level > 0 && row && level === state.level) this.looked = row.where;
    });
    if (current !== undefined) ids.push(current);
    this.running = new Set(ids);
  }

  /** Keep the current row, or that of the caller that is looked at, away from the edges. */
  reveal() {
    const item = this.byWhere.get(this.looked) ?? this.byWhere.get(this.now) ?? this.byWhere.get(this.next);
    if (!item) return;
    const room = this.room - 24;
    if (room <= 0) return;
    const at = item.y - this.top;
    // Where everything moves a row in sight is enough; it gets its place when it rests.
    const [from, to] = this.ctx.store.state.moving ? [0, 0.95] : [0.2, 0.75];
    if (at >= room * from && at <= room * to) return;
    this.top = Math.max(0, Math.min(item.y - room * 0.45, this.height + 24 - this.room));
    this.scrolls = true;
  }

  draw() {
    const { state } = this.ctx.store;
    if (!state.program || this.room === 0) return;
    this.drawnTop = this.top;
    this.drawnRoom = this.room;
    const top = this.top - OVERSCAN;
    const bottom = this.top + this.room + OVERSCAN;
    const shown = this.items.filter((item) => item.y + item.height > top && item.y < bottom);
    const counts = state.trace.countsAt(state.tick);
    this.counted = state.trace.knowsAll(state.tick);
    const before = shown[0]?.y ?? 0;
    const last = shown.at(-1);
    const after = this.height - (last ? last.y + last.height : 0);
    const most = Math.max(1, ...shown.map((i) => (i.row ? (counts[i.row.where] ?? 0) : 0)));
    this.recycle(shown);
    patch(this.tbody, spacer(before, "before"), shown.map((item) => this.item(item, state, counts, most)), spacer(after, "after"));
    this.drawArrows(top, bottom);
  }

  /**
   * Where most rows leave, let them become those that come: a row is cheaper to write than to make.
   * @param {Item[]} shown
   */
  recycle(shown) {
    const rows = /** @type {HTMLElement[]} */ ([...this.tbody.children]).filter((tr) => tr.dataset.where);
    const wanted = shown.flatMap(({ row }) => (row ? [row.where] : []));
    const stay = new Set(wanted);
    if (2 * rows.filter((tr) => stay.has(Number(tr.dataset.where))).length > rows.length) return;
    // The focus would go along to another row.
    if (this.tbody.contains(document.activeElement)) return;
    rows.forEach((tr, i) => rekey(tr, wanted[i] ?? `spare ${i}`));
  }

  /**
   * @param {Item} item
   * @param {import("../store.js").State} state
   * @param {Uint32Array} counts
   * @param {number} most
   */
  item(item, state, counts, most) {
    const span = this.ctx.adapter().columns.length + 2;
    if (item.kind !== "row" || !item.row) return this.headRow(item, counts, span);
    const { row } = item;
    const ran = counts[row.where] ?? 0;
    const names = [];
    if (item.first) names.push("first");
    if (item.last) names.push("last");
    if (!ran) names.push("cold");
    if (row.where === this.now) names.push("now");
    if (row.where === this.next) names.push("next");
    if (this.waiting.has(row.where)) names.push("wait");
    if (state.pick === String(row.where)) names.push("picked");
    if (row.line !== null && row.line === this.pair) names.push("pair");
    const stop = state.breakpoints.some((b) => "where" in b && b.where === row.where) || state.places.some((p) => p.where === row.where);
    const adapter = this.ctx.adapter();
    const label = `${row.op} ${row.args}`;
    return h(
      "tr",
      {
        key: row.where,
        class: names.join(" "),
        "data-where": row.where,
        "data-line": row.line,
        "aria-current": row.where === this.now ? "step" : null,
      },
      h("td", { class: "g" }, h("button", {
        type: "button", class: "stop", tabindex: "-1", "aria-pressed": String(stop), "aria-label": t("listing.breakpoint", { text: label }),
        title: t("listing.breakpoint", { text: label }),
      })),
      adapter.columns.map((column) => this.cell(item, column, adapter)),
      ran
        ? h("td", { class: "ht", title: t("listing.cycle"), style: { "--ran": `${heat(ran, most)}px` } }, `${compact(ran)}${this.counted ? "×" : "+"}`)
        : h("td", { class: "ht", title: t("listing.never") }, "·"),
    );
  }

  /**
   * @param {Item} item
   * @param {string} column
   * @param {import("./rooms/adapter.js").Adapter} adapter
   */
  cell(item, column, adapter) {
    const row = /** @type {Row} */ (item.row);
    const cut = (/** @type {string} */ text) => (text.length > (FITS[column] ?? FITS_ELSE) ? " cut" : "");
    if (column === "line") {
      const line = item.first && row.line !== null ? String(row.line) : "";
      // The hue is the cell's: as the row's it would be inherited by all of them, and each styled anew.
      return h("td", { class: `ln h${this.ctx.store.state.program?.hue(row)}${cut(line)}` }, line);
    }
    if (column === "op") return h("td", { class: `op${cut(row.op)}`, title: adapter.tip(row) }, row.op);
    if (column === "operands") {
      return h("td", { class: "cm ink cut" }, row.args, row.comment ? [" ", h("span", { class: "dim" }, row.comment)] : null);
    }
    const classes = /** @type {Record<string, string>} */ ({ pc: "pc", address: "pc ad", args: "ar", bytes: "ar by", comment: "cm" });
    const text = adapter.cell(row, column);
    const cue = column === "comment" ? adapter.cue(this.ctx.store.state, row, item.routine) : "";
    return h("td", { class: (classes[column] ?? "") + cut(text) }, cue ? h("span", { class: cue }, text) : text);
  }

  /**
   * @param {Item} item
   * @param {Uint32Array} counts
   * @param {number} span
   */
  headRow(item, counts, span) {
    const { routine } = item;
    const heading = this.ctx.adapter().heading(routine);
    if (item.kind === "head") {
      const inside = this.ctx.adapter().stackOrder && !this.running.has(routine.id)
        ? h("button", { type: "button", "data-fold": routine.id, "aria-expanded": "true" }, "▾ ", heading)
        : heading;
      return h("tr", { key: `head ${routine.id}`, class: "fn" }, h("th", { colspan: span, scope: "rowgroup" }, inside));
    }
    const first = routine.rows[0];
    const calls = first ? (counts[first.where] ?? 0) : 0;
    return h("tr", { key: `fold ${routine.id}`, class: "fold" }, h("th", { colspan: span, scope: "rowgroup" },
      h("button", { type: "button", "data-fold": routine.id, "aria-expanded": "false" }, "▸ ", heading,
        calls ? t("listing.called", { n: calls }) : t("listing.notcalled"))));
  }

  /**
   * Jumps whose span is in sight; the innermost stand next to the rows.
   * @param {number} top
   * @param {number} bottom
   */
  drawArrows(top, bottom) {
    const program = this.ctx.store.state.program;
    this.arrows.setAttribute("height", String(this.height));
    const offset = 24;
    /** @type {{from: number, to: number, taken: boolean}[]} */
    const jumps = [];
    for (const item of this.items) {
      if (!item.row || !program) continue;
      const target = program.target(item.row, item.routine);
      const goal = target && this.byWhere.get(target.where);
      if (!goal) continue;
      const [lo, hi] = item.y < goal.y ? [item.y, goal.y] : [goal.y, item.y];
      if (hi < top || lo > bottom) continue;
      const taken = item.row.where === this.now && target.where === this.next;
      jumps.push({ from: item.y + 10 + offset, to: goal.y + 10 + offset, taken });
    }
    jumps.sort((a, b) => Math.abs(a.from - a.to) - Math.abs(b.from - b.to));
    /** @type {{lane: number, lo: number, hi: number}[]} */
    const used = [];
    const paths = jumps.slice(0, 60).flatMap((jump) => {
      const lo = Math.min(jump.from, jump.to);
      const hi = Math.max(jump.from, jump.to);
      let lane = 0;
      while (used.some((u) => u.lane === lane && u.lo <= hi && u.hi >= lo)) lane++;
      if (lane > 3) return [];
      used.push({ lane, lo, hi });
      const down = jump.to > jump.from;
      const x = GUTTER - 12 - lane * 6 + 0.5;
      const y1 = jump.from + (down ? 3 : -3) + 0.5;
      const y2 = jump.to + (down ? -3 : 3) + 0.5;
      const name = jump.taken ? " taken" : "";
      return [
        svg("path", { class: `jump${name}`, d: `M${GUTTER - 4} ${y1}H${x}V${y2}H${GUTTER - 6}` }),
        svg("path", { class: `tip${name}`, d: `M${GUTTER - 7} ${y2 - 3}l5 3-5 3z` }),
      ];
    });
    patch(this.arrows, paths);
  }

  /** @param {import("../store.js").State} state */
  drawDrawer(state) {
    const picked = state.pick === "" ? this.now : Number(state.pick);
    const at = state.program?.at(picked) ?? state.program?.at(this.next);
    this.drawer.hidden = !at;
    if (!at) return;
    const adapter = this.ctx.adapter();
    const decoded = adapter.decode(state, at.row, at.routine);
    patch(
      this.drawer,
      h("p", {}, decoded.title, decoded.effect ? [" ", h("code", {}, decoded.effect)] : null, " ", h("span", { class: "dim" }, decoded.note),
        decoded.reference ? [" ", h("a", { href: decoded.reference.href, rel: "noreferrer", target: "_blank" }, decoded.reference.text)] : null),
      picked === this.now ? null : h("p", { class: "what" }, adapter.sentence(state, at.row, at.routine)),
      h("div", { class: "bits", role: "group", "aria-label": t("decode.label") }, decoded.fields.map((field) =>
        h("span", { class: field.use === "write" ? "wr" : field.use === "read" ? "rd" : "" }, field.bits, h("small", {}, field.label)))),
      this.effects(state, at),
    );
  }

  /**
   * What the shown step read and wrote, if it is the one that is taken apart.
   * @param {import("../store.js").State} state
   * @param {{row: Row, routine: Routine}} at
   */
  effects(state, { row, routine }) {
    const step = row.where === this.now ? state.trace.step(state.tick) : null;
    // There in any case, so that the rows above it stand still while stepping.
    if (!step) return h("dl", { class: "effects" });
    const adapter = this.ctx.adapter();
    const read = adapter.read?.(state, row, routine, step) ?? [];
    const written = step.writes.filter((w) => w.old.t !== w.value.t || w.old.s !== w.value.s || w.old.id !== w.value.id);
    const more = (/** @type {any[]} */ list) => (list.length > EFFECTS ? h("span", { class: "dim" }, t("say.more", { n: list.length - EFFECTS })) : null);
    return h("dl", { class: "effects" },
      read.length ? [h("dt", {}, t("decode.reads")), h("dd", {}, read.slice(0, EFFECTS).map(([name, value]) =>
        h("span", {}, name, " ", h("span", { class: "isread" }, valueText(value)))), more(read))] : null,
      written.length ? [h("dt", {}, t(read.length ? "decode.writes" : "decode.wrote")), h("dd", {}, written.slice(0, EFFECTS).map((w) =>
        h("span", {}, adapter.place(state, w, step), " ", changeNode(w.old, w.value))), more(written))] : null);
  }
}

/**
 * @param {number} height
 * @param {string} key
 */
function spacer(height, key) {
  return h("tr", { key, class: "space", "aria-hidden": "true", style: { height: `${height}px` } });
}

/**
 * Pixels of the bar beside a count: its logarithm.
 * @param {number} ran
 * @param {number} most
 */
function heat(ran, most) {
  return 3 + Math.round((13 * Math.log2(1 + ran)) / Math.log2(1 + most));
}
