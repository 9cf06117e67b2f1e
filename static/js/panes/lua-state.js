// @ts-check
// Lua's state at one step: registers of the shown frame and its callers, its upvalues, the call stack, coroutines.
import { columns, fill, h, svg } from "../dom.js";
import { Flag, Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { reads } from "./rooms/lua.js";
import { RECENT_STEPS, changeNode, valueNode, writerLink, writerSearch } from "../values.js";

/** Registers, upvalues and frames that are drawn at most. */
const MOST = 120;
/** How far back the call of a frame is looked for. */
const LOOK_BACK = 20000;

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
    this.resizer = new ResizeObserver(() => this.wires());
    this.resizer.observe(body);
  }

  destroy() {
    this.resizer.disconnect();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["view", "viewTick", "level", "program", "trace", "stale", "tick"].some((name) => changed.has(name))) return;
    const { view, viewTick } = state;
    this.ctx.section.classList.toggle("stale", state.stale);
    if (!view?.threads) {
      this.ctx.meta("");
      fill(this.body, h("p", { class: "empty" }, t("state.empty")));
      return;
    }
    this.ctx.meta(state.stale ? t("pane.stale") : t("state.meta", { n: viewTick }));
    const thread = view.threads.find((/** @type {any} */ one) => one.id === view.thread) ?? view.threads[0];
    const frames = thread.frames.filter((/** @type {any} */ f) => f.kind !== "host");
    const shown = frames.find((/** @type {any} */ f) => f.level === state.level) ?? frames[0];
    const step = state.trace.step(viewTick);
    const { scrollTop } = this.body;
    fill(
      this.body,
      h("div", { class: "block b-regs" }, shown ? this.registers(state, thread, frames, shown, step) : h("p", { class: "empty" }, t("state.noframe"))),
      this.upvalues(state, shown, step),
      this.calls(state, thread, shown),
      view.threads.length > 1 ? this.threads(view) : null,
    );
    this.body.scrollTop = scrollTop;
    this.wires();
  }

  /** @param {number} tick */
  go = (tick) => this.ctx.session.goTo(tick);

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
    let left = MOST;
    const groups = frames.slice(from, from + 3).filter((f) => f.registers.length || f === shown).map((frame, i) => {
      const above = i > 0 ? frames[from + i - 1] : null;
      const rows = frame.registers.slice(0, left).filter((/** @type {any} */ r) => !above || r.slot < above.base);
      left -= rows.length;
      const named = nameTemporaries(frame.registers);
      return [
        h("tr", { class: "sub" }, h("th", { colspan: "4", scope: "rowgroup" }, h("b", {}, frame.function.name ?? "?"), " ", this.frameNote(frame, above, from + i))),
        rows.map((/** @type {any} */ r) => this.register(state, thread, frame, r, step, named)),
      ];
    });
    return h(
      "table",
      { class: "regs" },
      h("caption", { class: "sr" }, t("state.caption", { n: state.viewTick })),
      columns(46, 92, 0, Math.max(58, 24 + 8 * String(state.viewTick).length)),
      h("thead", { class: "sr" }, h("tr", {}, ["register", "name", "value", "writer"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
      h("tbody", {}, groups),
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
    const value = write
      ? changeNode(write.old, r.value)
      : read
        ? [h("span", { class: "isread" }, valueNode(r.value)), " ", h("span", { class: "rdl" }, t("state.readnow"))]
        : h("span", { class: recent ? "recent" : "" }, valueNode(r.value));
    return h(
      "tr",
      { class: r.upvalue ? "slot-open" : "", "data-slot": r.slot },
      h("th", { class: "r", scope: "row" }, `R${r.index}`),
      h("td", { class: `nm ${local ? "" : "tmp"}` }, local ? r.name : (named.get(r.index) ?? t("state.temporary"))),
      h("td", {}, value),
      h("td", { class: "w" }, this.writer(writer, { kind: "slot", thread: thread.id, slot: r.slot })),
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
        ? h("ul", { class: "ups" }, ups.slice(0, MOST).map((/** @type {any} */ u) => this.upvalue(state, u, step)))
        : h("p", { class: "none" }, t("state.noupvalues")),
    );
  }

  /**
   * @param {import("../store.js").State} state
   * @param {any} u
   * @param {import("../trace.js").Step | null} step
   */
  upvalue(state, u, step) {
    const { trace, view, viewTick } = state;
    const write = step?.writes.findLast((w) =>
      (w.kind === Write.UPVALUE && w.owner === u.id) || (u.open && w.kind === Write.SLOT && w.owner === u.thread && w.index === u.slot));
    const writer = Math.max(
      upvalueWriter(trace, u.id, viewTick),
      u.open ? trace.lastWriter(Write.SLOT, u.thread, u.slot, viewTick) : 0,
    );
    const value = write ? changeNode(write.old, u.value) : valueNode(u.value);
    const owner = view.threads.find((/** @type {any} */ one) => one.id === u.thread)?.frames.find((/** @type {any} */ f) => f.level === u.frame);
    const home = owner && typeof u.register === "number"
      ? t("upvalue.register", { register: `R${u.register}`, name: owner.function.name ?? "?" })
      : t("upvalue.slot", { n: String(u.slot) });
    return h(
      "li",
      { class: "up" },
      h("span", { class: "dim" }, `U${u.index}`),
      h("span", { class: "upname" }, u.name ?? ""),
      h("span", { class: `tag ${u.open ? "open" : "closed"}` }, t(u.open ? "upvalue.open" : "upvalue.closed")),
      u.open
        ? h("span", { class: "ref", "data-wire": u.slot }, value, " ", h("small", {}, home))
        : h("span", {}, h("span", { class: "box" }, value)),
      this.writer(writer, { kind: "upvalue", id: u.id }),
    );
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

  /**
   * @param {import("../store.js").State} state
   * @param {any} thread
   * @param {any} shown
   */
  calls(state, thread, shown) {
    const entries = callSteps(state.trace, state.viewTick);
    const depth = thread.frames.filter((/** @type {any} */ f) => f.kind !== "host").length;
    const frames = thread.frames.slice(0, MOST);
    return h(
      "section",
      { class: "block b-calls", "aria-label": t("pane.calls") },
      h("div", { class: "ph" }, h("h3", {}, t("pane.calls")), h("span", { class: "meta" }, t("calls.meta", { n: depth }))),
      h("ol", { class: "calls" }, frames.map((/** @type {any} */ f, /** @type {number} */ i) => {
        const number = `CI ${thread.frames.length - 1 - i}`;
        if (f.kind === "host") return h("li", { class: "host" }, h("span", { class: "dim" }, number), h("span", { class: "dim" }, t("calls.host")), h("small", {}, t("calls.boundary")));
        const note = f.kind === "native"
          ? t("calls.native")
          : [t("calls.pc", { n: String(f.pc ?? 0) }), f.line === null ? "" : t("calls.line", { n: String(f.line) }), t("calls.base", { n: String(f.base) }),
            f.wants < 0 ? t("calls.all") : t("calls.wants", { n: f.wants }), f.tail ? t("calls.tail") : ""].filter(Boolean).join(", ");
        const entry = entries.get(i);
        return h("li", {}, h("button", { type: "button", "aria-current": f === shown ? "true" : null, on: { click: () => this.ctx.store.set({ level: f.level }) } },
          h("span", {}, number), h("span", { class: "fname" }, f.function.name ?? "?"), h("small", {}, note), h("small", {}, entry ? `@${entry}` : "")));
      })),
    );
  }

  /** @param {any} view */
  threads(view) {
    return h(
      "section",
      { class: "block b-threads", "aria-label": t("pane.threads") },
      h("div", { class: "ph" }, h("h3", {}, t("pane.threads")), h("span", { class: "meta" }, t("threads.meta", { n: view.threads.length }))),
      h("table", { class: "regs" }, h("caption", { class: "sr" }, t("pane.threads")), columns(58, 110, 0), h("tbody", {}, view.threads.slice(0, 40).map((/** @type {any} */ one) =>
        h("tr", { class: one.id === view.thread ? "active" : "" },
          h("th", { class: "r", scope: "row" }, `#${one.id}`),
          h("td", {}, one.name ?? ""),
          h("td", { class: "nm" }, t(`thread.${one.status}`), one.frames.length && one.frames[0].line ? t("threads.line", { n: String(one.frames[0].line) }) : ""))))),
    );
  }

  /** Draw the line from each open upvalue to its slot, where both are in one column. */
  wires() {
    this.body.querySelector(".wires")?.remove();
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

/**
 * The step that called each frame on the stack, by level.
 * @param {import("../trace.js").TraceWindow} trace
 * @param {number} tick
 * @returns {Map<number, number>}
 */
function callSteps(trace, tick) {
  const out = new Map();
  let depth = trace.depth(tick + 1) || trace.depth(tick);
  const innermost = depth;
  for (let n = tick; n > Math.max(0, tick - LOOK_BACK) && depth > 1; n--) {
    if (trace.depth(n) >= depth || !(trace.flags(n) & Flag.CALL)) continue;
    depth = trace.depth(n);
    out.set(innermost - depth - 1, n);
  }
  return out;
}
