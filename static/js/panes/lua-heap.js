// @ts-check
// Lua's heap: what the running frames reach. Tables with both parts, closures, and closed upvalues as boxes that are
// drawn once, with a wire from every closure that shares them.
import { fill, h, patch, svg } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { t } from "../i18n.js";
import { changeNode, valueNode } from "../values.js";
import { Around } from "./lua-around.js";
import { fieldWrites, sign, tableParts } from "./lua-table.js";

/** Objects, cells and rows that are drawn at most. */
const MOST = { objects: 24, cells: 32, rows: 24 };

/** A wire is drawn to a box at most this many pixels below its closure. */
const NEAR = 60;

/**
 * @param {HTMLElement} body
 * @param {import("./index.js").Context} ctx
 */
export function mount(body, ctx) {
  return new LuaHeap(body, ctx);
}

class LuaHeap {
  /** What the shown step made. @type {Set<string>} */
  born = new Set();
  /** Tables that the visitor unfolded. @type {Set<number>} */
  open = new Set();

  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    this.heap = h("div", { class: "heap" });
    this.one = h("div", { class: "heap around", hidden: true });
    this.around = new Around(this.one, ctx);
    fill(body, this.heap, this.one);
    this.resizer = new ResizeObserver(() => this.wires());
    this.resizer.observe(body);
  }

  wired = true;

  /** The wires need the geometry of what is drawn. */
  settle() {
    if (this.wired) return;
    this.wired = true;
    this.wires();
  }

  destroy() {
    this.resizer.disconnect();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["view", "viewTick", "trace", "program", "stale", "object"].some((name) => changed.has(name))) return;
    if (changed.has("program")) this.open.clear();
    this.ctx.section.classList.toggle("stale", state.stale);
    const heap = state.view?.heap;
    if (!heap) {
      this.ctx.meta("");
      patch(this.heap, h("p", { class: "none" }, t("heap.empty")));
      return;
    }
    this.heap.hidden = state.object !== null;
    this.one.hidden = !this.heap.hidden;
    if (changed.has("object")) this.body.scrollTop = 0;
    if (state.object) {
      this.ctx.meta(t("state.meta", { n: state.viewTick }));
      this.around.update(state);
      return;
    }
    this.around.leave();
    const step = state.trace.step(state.viewTick);
    this.born = bornIn(state, step);
    this.ctx.meta(t("heap.meta", { tables: heap.tables.length, functions: heap.functions.length, upvalues: heap.upvalues.length }));
    const names = new Map(heap.functions.flatMap((/** @type {any} */ f) => f.upvalues.map((/** @type {any} */ u) => [u.id, u.name])));
    // The box of _ENV holds the globals and is shared by nearly everything: its closures name the table instead.
    const closed = heap.upvalues.filter((/** @type {any} */ u) => !u.open && names.get(u.id) !== "_ENV");
    const owners = (/** @type {number} */ id) => heap.functions.filter((/** @type {any} */ f) => f.upvalues.some((/** @type {any} */ u) => u.id === id));
    heap.functions.sort((/** @type {any} */ a, /** @type {any} */ b) => a.id - b.id);
    const shared = new Set(closed.flatMap((/** @type {any} */ u) => owners(u.id).map((/** @type {any} */ f) => f.id)));
    const first = heap.functions.filter((/** @type {any} */ f) => shared.has(f.id));
    const rest = heap.functions.filter((/** @type {any} */ f) => !shared.has(f.id));
    const plain = heap.tables.filter((/** @type {any} */ one) => !isGlobals(one)).slice(0, MOST.objects);
    const globals = heap.tables.filter(isGlobals);
    patch(
      this.heap,
      first.length ? h("div", { class: "two" }, first.slice(0, 12).map((/** @type {any} */ f) => this.closure(f, heap))) : null,
      closed.length ? h("div", { class: "boxes" }, closed.slice(0, MOST.objects).map((/** @type {any} */ u) => this.box(u, names.get(u.id), owners(u.id).length, step))) : null,
      plain.map((/** @type {any} */ table) => this.table(table, step, plain.length <= 6)),
      rest.length ? h("div", { class: "two" }, rest.slice(0, 12).map((/** @type {any} */ f) => this.closure(f, heap))) : null,
      globals.map((/** @type {any} */ table) => this.table(table, step, false)),
      state.view.memory ? h("p", { class: "none" }, t("heap.memory", { bytes: state.view.memory.bytes, objects: state.view.memory.objects, n: state.view.memory.collections })) : null,
    );
    this.wired = false;
  }

  /**
   * @param {any} f
   * @param {any} heap
   */
  closure(f, heap) {
    const rows = f.upvalues.slice(0, MOST.rows).map((/** @type {any} */ u) => {
      const up = heap.upvalues.find((/** @type {any} */ one) => one.id === u.id);
      const name = h("th", { scope: "row" }, u.name ?? "");
      if (up?.open) return h("tr", {}, name, h("td", { class: "ref" }, this.slotName(up)));
      if (u.name === "_ENV" && up) return h("tr", {}, name, h("td", {}, valueNode(up.value, this.around.follow)));
      return h("tr", {}, name, h("td", { class: "cref", "data-box": u.id }, this.number("upvalue", u.id, u.name ?? "", "UpVal ")));
    });
    return h("article", { class: "obj fn" }, h("header", {}, h("b", {}, f.name ?? t("value.function")), this.number("function", f.id, f.name ?? ""), h("span", { class: "meta" }, t("value.function"))),
      rows.length ? h("table", {}, h("caption", { class: "sr" }, t("heap.upvalues", { name: f.name ?? "" })), h("tbody", {}, rows)) : null);
  }

  /**
   * The slot of an open upvalue by its frame's register.
   * @param {any} up
   */
  slotName(up) {
    const { view } = this.ctx.store.state;
    const thread = view.threads.find((/** @type {any} */ one) => one.id === up.thread);
    const frame = thread?.frames.find((/** @type {any} */ f) => f.kind === "lua" && f.base <= up.slot);
    return frame ? `${frame.function.name ?? "?"} R${up.slot - frame.base}` : t("heap.slot", { n: String(up.slot) });
  }

  /**
   * @param {any} u
   * @param {string | undefined} name
   * @param {number} owners
   * @param {import("../trace.js").Step | null} step
   */
  box(u, name, owners, step) {
    const write = step?.writes.findLast((w) => w.kind === Write.UPVALUE && w.owner === u.id);
    return h("article", { class: "obj uv", "data-uv": u.id },
      h("header", {}, h("b", {}, name ?? ""), this.number("upvalue", u.id, name ?? "", "UpVal "), h("span", { class: "meta" }, t("heap.closed", { n: owners }))),
      h("div", { class: "uvv" }, write ? changeNode(write.old, u.value) : valueNode(u.value, this.around.follow)));
  }

  /**
   * The number of an object, which leads to what is around it.
   * @param {string} kind
   * @param {number} id
   * @param {string} name
   * @param {string} [word]
   */
  number(kind, id, name, word = "") {
    const go = h("button", { type: "button", class: "id go", "aria-label": t("value.show", { name: word.trim() || name || kind, id: String(id) }), on: { click: () => this.around.follow(id, kind) } }, `${word}#${id}`);
    return this.born.has(`${kind} ${id}`) ? [sign("added"), go] : go;
  }

  /**
   * @param {any} table
   * @param {import("../trace.js").Step | null} step
   * @param {boolean} roomy few tables: all are unfolded
   */
  table(table, step, roomy) {
    const open = this.open.has(table.id) || roomy;
    const title = [h("b", { class: "v-tab" }, table.name ?? t("value.table")), this.number("table", table.id, table.name ?? "")];
    const count = t("heap.entries", { n: table.entries });
    if (!open || table.entries === 0) {
      const toggle = () => {
        this.open.add(table.id);
        this.update(this.ctx.store.state, new Set(["view"]));
      };
      return h("article", { class: "obj" }, h("header", {}, title, table.entries && !open
        ? h("button", { type: "button", class: "meta more", "aria-expanded": "false", on: { click: toggle } }, count, " ▸")
        : h("span", { class: "meta" }, count)));
    }
    const close = () => {
      this.open.delete(table.id);
      this.update(this.ctx.store.state, new Set(["view"]));
    };
    return h(
      "article",
      { class: "obj" },
      h("header", {}, title, roomy ? h("span", { class: "meta" }, count) : h("button", { type: "button", class: "meta more", "aria-expanded": "true", on: { click: close } }, count, " ▾")),
      tableParts(table, { writes: fieldWrites(step, table.id), follow: this.around.follow, cells: MOST.cells, rows: MOST.rows }),
      table.more || table.array.length > MOST.cells || table.hash.length > MOST.rows
        ? h("button", { type: "button", class: "part all", on: { click: () => this.around.follow(table.id, "table") } }, t("heap.all"))
        : null,
    );
  }

  /** A wire from every closure's closed upvalue to its box. */
  wires() {
    this.around.wires();
    this.heap.querySelector(".wires")?.remove();
    const origin = this.heap.getBoundingClientRect();
    if (!origin.height) return;
    /** @type {SVGElement[]} */
    const paths = [];
    for (const from of /** @type {NodeListOf<HTMLElement>} */ (this.heap.querySelectorAll("[data-box]"))) {
      const box = this.heap.querySelector(`[data-uv="${from.dataset.box}"]`)?.getBoundingClientRect();
      const card = from.closest(".obj")?.getBoundingClientRect();
      // Not across other cards: where they stand in one column, the number has to do.
      if (!box || !card || box.top < card.bottom || box.top - card.bottom > NEAR) continue;
      const x = Math.min(Math.max(card.left + card.width * 0.75, box.left + 8), box.right - 8) - origin.left;
      const y1 = card.bottom - origin.top;
      const y2 = box.top - origin.top - 1;
      paths.push(svg("path", { class: "x", d: `M${x} ${y1}V${y2 - 4}` }));
      paths.push(svg("path", { class: "xt", d: `M${x - 3.5} ${y2 - 6}h7l-3.5 6z` }));
    }
    if (paths.length) this.heap.append(svg("svg", { class: "wires", "aria-hidden": "true" }, paths));
  }
}

/** @param {any} table */
function isGlobals(table) {
  return table.name === "_G" || table.name === "_ENV";
}

/**
 * The objects that a step made, as "kind number": instructions that make one put it into a register.
 * @param {import("../store.js").State} state
 * @param {import("../trace.js").Step | null} step
 * @returns {Set<string>}
 */
function bornIn({ program }, step) {
  const op = step ? program?.at(step.where)?.row.op : "";
  if (!step || (op !== "NEWTABLE" && op !== "CLOSURE")) return new Set();
  return new Set(step.writes.filter((w) => w.kind === Write.SLOT && w.value.id !== undefined).map((w) => `${w.value.t} ${w.value.id}`));
}
