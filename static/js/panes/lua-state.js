// @ts-check
// Lua's state at one step: registers of the shown frame and its callers, and its upvalues; lua-calls.js adds the rest.
import { columns, h, patch, svg } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { callStack, coroutines } from "./lua-calls.js";
import { reads } from "./rooms/lua.js";
import { RECENT_STEPS, changeNode, valueNode, valueText, writerLink, writerSearch } from "../values.js";

/** Upvalues that are drawn at most. */
const MOST = 120;
/** Height of a register's row, as in the style sheet, and the rows above and below the visible ones that are drawn too. */
const ROW = 24;
const SPARE = 12;
/** Characters of a name and of a value that fit: a clip in each of many cells would be a frame's work. */
const FITS = { name: 9, value: 10 };
/** So many rows are drawn without looking at which of them are in sight. */
const FEW = 60;

/** @type {import("./index.js").Pane} */
export default {
  id: "lua-state",
  titleKey: "pane.registers",
  tabKey: "tab.state",
  mount: (body, ctx) => new LuaState(body, ctx),
};

class LuaState {
  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    this.resizer = new ResizeObserver(() => {
      this.room = body.clientHeight;
      if (this.rows.length > FEW) this.drawRows();
      this.wires();
    });
    this.resizer.observe(body);
    void import("./rooms/lua-past.js").then((past) => {
      this.past = past;
    });
    body.addEventListener("scroll", this.onScroll, { passive: true });
  }

  /** The registers' rows as they can be made; only those in sight are. @type {(() => HTMLElement)[]} */
  rows = [];
  /** Height of the visible part, and how far it is scrolled. */
  room = 0;
  top = 0;

  onScroll = () => {
    this.top = this.body.scrollTop;
    if (this.rows.length <= FEW) return;
    this.drawRows();
    this.wires();
  };

  /** The rows in sight, between two that are as high as the others. */
  rowsInSight() {
    if (this.rows.length <= FEW) return this.rows.map((make) => make());
    // Who drags does not scroll.
    const spare = this.ctx.store.state.moving ? 1 : SPARE;
    const count = Math.ceil(this.room / ROW) + 2 * spare;
    const from = Math.max(0, Math.min(Math.floor(this.top / ROW) - spare, this.rows.length - count));
    const to = Math.min(this.rows.length, from + count);
    return [gap("above", from), this.rows.slice(from, to).map((make) => make()), gap("below", this.rows.length - to)];
  }

  drawRows() {
    const tbody = this.body.querySelector(".b-regs tbody");
    if (tbody) patch(tbody, this.rowsInSight());
  }

  destroy() {
    this.resizer.disconnect();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["tick", "view", "viewTick", "level", "thread", "program", "trace", "stale"].some((name) => changed.has(name))) return;
    if (state.viewTick !== state.tick && this.drawPast(state)) return;
    const { view, viewTick } = state;
    this.ctx.section.classList.toggle("stale", state.stale);
    if (!view?.threads) {
      this.ctx.meta("");
      patch(this.body, h("p", { class: "empty" }, t("state.empty")));
      return;
    }
    this.ctx.meta(state.stale ? t("pane.stale") : t("state.meta", { n: viewTick }));
    const thread = view.threads.find((/** @type {any} */ one) => one.id === (state.thread || view.thread)) ?? view.threads[0];
    const frames = thread.frames.filter((/** @type {any} */ f) => f.kind !== "host");
    const shown = frames.find((/** @type {any} */ f) => f.level === state.level) ?? frames[0];
    const step = state.trace.step(viewTick);
    this.ctx.section.classList.toggle("kept", viewTick !== state.tick);
    this.keep(null);
    patch(
      this.body,
      h("div", { class: "block b-regs" }, shown ? this.registers(state, thread, frames, shown, step) : h("p", { class: "empty" }, t("state.noframe"))),
      this.upvalues(state, shown, step),
      callStack(state, thread, shown, (level) => this.show(thread.id, level)),
      view.threads.length > 1 ? coroutines(view, thread, shown, this.show) : null,
    );
    this.wired = false;
  }

  /** @type {typeof import("./rooms/lua-past.js") | null} */
  past = null;

  /**
   * Draw the registers at the shown step from the trace window; what only the machine can tell stays as it is, and the
   * mark of the pane says of which step. Answers whether that could be done.
   * @param {import("../store.js").State} state
   */
  drawPast(state) {
    const told = state.view?.threads && !state.stale ? this.past?.pastFrames(state) : null;
    const block = this.body.querySelector(".b-regs");
    if (!told || !block) return false;
    this.ctx.meta(t("state.meta", { n: state.tick }));
    const made = { ...state, viewTick: state.tick };
    patch(block, this.registers(made, { id: told.thread }, told.frames, told.frames[0], state.trace.step(state.tick)));
    this.keep(state.viewTick);
    return true;
  }

  /** The step of the blocks that are not drawn anew, null if they are. @type {number | null} */
  kept = null;

  /** @param {number | null} tick */
  keep(tick) {
    if (tick === this.kept) return;
    this.kept = tick;
    if (tick !== null) {
      this.ctx.section.classList.remove("kept");
      this.unwire();
    }
    for (const head of /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll(":scope > .block:not(.b-regs) > .ph"))) {
      if (tick === null) delete head.dataset.asof;
      else head.dataset.asof = t("pane.asof", { n: tick });
    }
  }

  wired = true;

  /** The wires need the geometry of what is drawn. */
  settle() {
    if (this.wired) return;
    this.wired = true;
    this.wires();
  }

  /** @param {number} tick */
  go = (tick) => this.ctx.session.goTo(tick);

  /**
   * Look at a frame of a coroutine.
   * @param {number} thread
   * @param {number} level
   */
  show = (thread, level) => this.ctx.store.set({ thread, level });

  /** Show what a reference leads to, where the page has a place for it. @param {number} id @param {string} kind */
  follow = (id, kind) => {
    this.ctx.store.set({ object: { id, kind } });
    // Where the heap shares its spot, turn to it.
    for (const tab of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[role="tab"][data-tab="memory"]'))) if (tab.offsetParent) tab.click();
  };

  /** @param {import("../values.js").Value} value */
  value(value) {
    return valueNode(value, document.getElementById("pane-memory") ? this.follow : undefined);
  }

  /**
   * The shown frame's registers, then those of the frames that called it.
   * @param {import("../store.js").State} state
   * @param {any} thread
   * @param {any[]} frames
   * @param {any} shown
   * @param {import("../trace.js").Step | null} step
   */
  registers(state, thread, frames, shown, step) {
    const from = frames.indexOf(shown);
    this.rows = frames.slice(from, from + 3).filter((f) => f.registers.length || f === shown).flatMap((frame, i) => {
      const above = i > 0 ? frames[from + i - 1] : null;
      const rows = frame.registers.filter((/** @type {any} */ r) => !above || r.slot < above.base);
      const named = nameTemporaries(frame.registers);
      return [
        () => h("tr", { key: `frame ${frame.level}`, class: "sub" }, h("th", { colspan: "4", scope: "rowgroup" }, h("b", {}, frame.function.name ?? "?"), " ", this.frameNote(frame, above, from + i))),
        ...rows.map((/** @type {any} */ r) => () => this.register(state, thread, frame, r, step, named)),
      ];
    });
    return h(
      "table",
      { class: "regs" },
      h("caption", { class: "sr" }, t("state.caption", { n: state.viewTick })),
      columns(46, 92, 0, Math.max(58, 24 + 8 * String(state.viewTick).length)),
      h("thead", { class: "sr" }, h("tr", {}, ["register", "name", "value", "writer"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
      h("tbody", {}, this.rowsInSight()),
    );
  }

  /**
   * @param {any} frame
   * @param {any} above the frame that this one called
   * @param {number} level
   */
  frameNote(frame, above, level) {
    const base = t(level === 0 ? "state.top" : "state.base", { n: String(frame.base) });
    if (!above) return base;
    const hidden = frame.registers.filter((/** @type {any} */ r) => r.slot >= above.base).length;
    const first = above.base - frame.base;
    if (!hidden || first < 0) return base;
    return `${base} ${t("state.overlap", { from: `R${first}`, name: above.function.name ?? "?" })}`;
  }

  /**
   * @param {import("../store.js").State} state
   * @param {any} thread
   * @param {any} frame
   * @param {any} r
   * @param {import("../trace.js").Step | null} step
   * @param {Map<number, string>} named
   */
  register(state, thread, frame, r, step, named) {
    const write = step?.writes.findLast((w) => w.kind === Write.SLOT && w.owner === thread.id && w.index === r.slot);
    const writer = state.trace.lastWriter(Write.SLOT, thread.id, r.slot, state.viewTick);
    const last = step ? state.program?.at(step.where) : undefined;
    const read = !write && step && last && step.base === frame.base && step.thread === thread.id && reads(last.row).has(r.index);
    const recent = writer && state.viewTick - writer <= RECENT_STEPS;
    const local = r.name && !r.name.startsWith("(");
    const name = local ? r.name : (named.get(r.index) ?? t("state.temporary"));
    const value = write
      ? changeNode(write.old, r.value)
      : read
        ? [h("span", { class: "isread" }, this.value(r.value)), " ", h("span", { class: "rdl" }, t("state.readnow"))]
        : h("span", { class: recent ? "recent" : "" }, this.value(r.value));
    return h(
      "tr",
      { key: r.slot, class: r.upvalue ? "slot-open" : "", "data-slot": r.slot, same: JSON.stringify([r, write?.old, read, recent, writer, named.get(r.index), thread.id, state.trace.knowsAll(state.viewTick)]) },
      h("th", { class: "r fit", scope: "row" }, `R${r.index}`),
      h("td", { class: `nm ${local ? "" : "tmp"} ${name.length > FITS.name ? "" : "fit"}` }, name),
      h("td", { class: write || read || valueText(r.value).length > FITS.value ? null : "fit", "data-edit": true, holds: { target: { kind: "slot", thread: thread.id, slot: r.slot }, value: r.value, label: `R${r.index} ${local ? r.name : ""}`.trim() } }, value),
      h("td", { class: "w fit" }, this.writer(writer, { kind: "slot", thread: thread.id, slot: r.slot })),
    );
  }

  /**
   * Upvalues of the shown function: open ones point at their slot, closed ones have a box of their own.
   * @param {import("../store.js").State} state
   * @param {any} shown
   * @param {import("../trace.js").Step | null} step
   */
  upvalues(state, shown, step) {
    const ups = shown?.upvalues ?? [];
    const who = shown?.function ? t("state.of", { name: shown.function.name ?? "", id: String(shown.function.id) }) : "";
    return h(
      "section",
      { class: "block b-ups", "aria-label": t("pane.upvalues") },
      h("div", { class: "ph" }, h("h3", {}, t("pane.upvalues")), h("span", { class: "meta" }, ups.length ? who : "")),
      ups.length
        ? h("ul", { class: "ups" }, ups.slice(0, MOST).map((/** @type {any} */ u) => this.upvalue(state, u, step, shown)))
        : h("p", { class: "none" }, t("state.noupvalues")),
    );
  }

  /**
   * @param {import("../store.js").State} state
   * @param {any} u
   * @param {import("../trace.js").Step | null} step
   * @param {any} shown
   */
  upvalue(state, u, step, shown) {
    const { trace, view, viewTick } = state;
    const write = step?.writes.findLast((w) =>
      (w.kind === Write.UPVALUE && w.owner === u.id) || (u.open && w.kind === Write.SLOT && w.owner === u.thread && w.index === u.slot));
    const writer = Math.max(
      upvalueWriter(trace, u.id, viewTick),
      u.open ? trace.lastWriter(Write.SLOT, u.thread, u.slot, viewTick) : 0,
    );
    const value = h("span", { "data-edit": true, holds: { target: { kind: "upvalue", id: u.id }, value: u.value, label: `U${u.index} ${u.name ?? ""}`.trim() } },
      write ? changeNode(write.old, u.value) : this.value(u.value));
    const closing = u.open ? 0 : trace.lastWriter(Write.UPVALUE, u.id, -1, viewTick);
    const owner = view.threads.find((/** @type {any} */ one) => one.id === u.thread)?.frames.find((/** @type {any} */ f) => f.level === u.frame);
    const home = owner && typeof u.register === "number"
      ? t("upvalue.register", { register: `R${u.register}`, name: owner.function.name ?? "?" })
      : t("upvalue.slot", { n: String(u.slot) });
    return h(
      "li",
      { class: "up" },
      h("span", { class: "dim" }, `U${u.index}`),
      h("span", { class: "upname" }, u.name ?? ""),
      h("span", { class: `tag ${u.open ? "open" : "closed"}` }, t(u.open ? "upvalue.open" : "upvalue.closed"), closing ? [" ", writerLink(closing, this.go, t("upvalue.closedat", { n: closing }))] : null),
      u.open
        ? h("span", { class: "ref", "data-wire": u.slot }, value, " ", h("small", {}, home))
        : h("span", {}, h("span", { class: "box" }, value)),
      this.writer(writer, { kind: "upvalue", id: u.id }),
      this.sharers(view, u, shown),
    );
  }

  /**
   * The other closures that hold the same cell.
   * @param {any} view
   * @param {any} u
   * @param {any} shown
   */
  sharers(view, u, shown) {
    // An open one has its wire to the slot; the globals' box is nearly everybody's.
    if (u.open || u.name === "_ENV") return null;
    const others = (view.heap?.functions ?? []).filter((/** @type {any} */ f) => f.id !== shown.function.id && f.upvalues.some((/** @type {any} */ one) => one.id === u.id));
    if (!others.length) return null;
    const names = others.slice(0, 6).map((/** @type {any} */ f) => `${f.name ?? "?"} #${f.id}`).join(", ");
    return h("small", { class: "shared" }, t("upvalue.sharedwith", { names: others.length > 6 ? `${names} …` : names }));
  }

  /**
   * The way to the step that wrote something: known from the trace window, or to be asked for.
   * @param {number} tick 0: the window does not know
   * @param {Record<string, any>} target
   */
  writer(tick, target) {
    const { trace, viewTick } = this.ctx.store.state;
    if (tick || trace.knowsAll(viewTick)) return writerLink(tick, this.go);
    return writerSearch(() => this.ctx.session.toWriter(target));
  }

  unwire() {
    this.body.querySelector(".wires")?.remove();
  }

  /** Draw the line from each open upvalue to its slot, where both are in one column. */
  wires() {
    this.unwire();
    if (this.kept !== null) return;
    const refs = /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll("[data-wire]"));
    const origin = this.body.getBoundingClientRect();
    if (!origin.height) return;
    /** @type {SVGElement[]} */
    const paths = [];
    let lane = 0;
    for (const ref of refs) {
      const slot = /** @type {HTMLElement | null} */ (this.body.querySelector(`tr[data-slot="${ref.dataset.wire}"]`));
      const item = ref.closest(".up");
      if (!slot || !item) continue;
      const f = item.getBoundingClientRect();
      const s = slot.getBoundingClientRect();
      if (Math.abs(f.left - s.left) > 40) continue;
      const x = s.left - origin.left;
      const y1 = f.top - origin.top + f.height / 2 + this.body.scrollTop;
      const y2 = s.top - origin.top + 12 + this.body.scrollTop;
      const inset = Math.max(2, 6 - 2 * lane++);
      paths.push(svg("path", { class: "o", d: `M${x + 11} ${y1}H${x + inset}V${y2}H${x + 7}` }));
      paths.push(svg("path", { class: "ot", d: `M${x + 6} ${y2 - 3.5}l5 3.5-5 3.5z` }));
    }
    if (paths.length) this.body.append(svg("svg", { class: "wires", "aria-hidden": "true", height: this.body.scrollHeight }, paths));
  }
}

/**
 * A row in place of so many others.
 * @param {string} key
 * @param {number} rows
 */
function gap(key, rows) {
  return h("tr", { key, class: "gap", "aria-hidden": "true", style: { height: `${rows * ROW}px` } });
}

/**
 * Names for the hidden variables of loops: three `(for state)` in a row count, four iterate.
 * @param {any[]} registers
 * @returns {Map<number, string>}
 */
function nameTemporaries(registers) {
  const out = new Map();
  for (let i = 0; i < registers.length; i++) {
    let n = 0;
    while (registers[i + n]?.name === "(for state)") n++;
    const keys = n === 3 ? ["for.index", "for.count", "for.step"] : n === 4 ? ["for.iterator", "for.state", "for.control", "for.closing"] : [];
    keys.forEach((key, k) => out.set(registers[i + k].index, t(key)));
    i += n;
  }
  return out;
}

/**
 * The last step that wrote an upvalue through any closure. Its index differs from closure to closure.
 * @param {import("../trace.js").TraceWindow} trace
 * @param {number} id
 * @param {number} tick
 */
function upvalueWriter(trace, id, tick) {
  let last = trace.lastWriter(Write.UPVALUE, id, -1, tick);
  for (let index = 0; index < 8; index++) last = Math.max(last, trace.lastWriter(Write.UPVALUE, id, index, tick));
  return last;
}
