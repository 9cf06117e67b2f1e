// @ts-check
// The heap around one object: the object in full and page by page, what refers to it, and what it refers to, with a line to
// each. The way here is kept, to go back.
import { fill, h, svg } from "../dom.js";
import { t } from "../i18n.js";
import { valueNode, valueText } from "../values.js";
import { fieldWrites, isObject, tableParts } from "./lua-table.js";

/** @typedef {import("../trace.js").Value} Value */
/** @typedef {{id: number, kind: string, name: string, offset: number}} Stop   an object on the way, and the page of it */

/** Entries of a page; neighbours that are drawn, and their entries; places that refer to the object. */
const PAGE = 24;
const NEIGHBOURS = 12;
const FEW = 4;
const REFERRERS = 12;

export class Around {
  /** The way to the shown object. @type {Stop[]} */
  trail = [];
  #drawn = "";
  #asking = "";

  /**
   * @param {HTMLElement} root
   * @param {import("./index.js").Context} ctx
   */
  constructor(root, ctx) {
    this.root = root;
    this.ctx = ctx;
  }

  /** @param {number} id @param {string} kind */
  follow = (id, kind) => this.ctx.store.set({ object: { id, kind } });

  /** The first entry of the shown page. */
  get offset() {
    return this.trail.at(-1)?.offset ?? 0;
  }

  /** Forget the way here: another program, or the overview. */
  leave() {
    this.trail = [];
    this.#drawn = this.#asking = "";
    fill(this.root);
  }

  /** @param {import("../store.js").State} state */
  update(state) {
    const object = /** @type {{id: number, kind: string}} */ (state.object);
    const at = this.trail.findIndex((stop) => stop.id === object.id && stop.kind === object.kind);
    if (at >= 0) this.trail.length = at + 1;
    else this.trail.push({ ...object, name: nameOf(state.view, object), offset: 0 });
    void this.#ask();
  }

  /**
   * One thing at the shown step; null if there is none, or the page has gone on.
   * @param {Record<string, any>} query
   */
  async #peek(query) {
    const { viewTick } = this.ctx.store.state;
    try {
      const seen = await this.ctx.session.wire.send("inspect", { query });
      return seen.tick === viewTick ? seen.answer : null;
    } catch {
      return null;
    }
  }

  async #ask() {
    const { state } = this.ctx.store;
    const object = state.object;
    const key = object ? `${object.kind} ${object.id} ${state.viewTick} ${this.offset}` : "";
    if (!object || key === this.#drawn || key === this.#asking || state.phase !== "ready") return;
    this.#asking = key;
    const answer = await this.#peek({ kind: object.kind, id: object.id, ...(object.kind === "table" ? { offset: this.offset, limit: PAGE } : {}) });
    if (this.#asking !== key) return;
    const wanted = answer ? references(object.kind, answer).slice(0, NEIGHBOURS) : [];
    const near = [];
    for (const one of wanted) {
      if (this.#asking !== key) return;
      near.push({ ...one, answer: await this.#peek({ kind: one.kind, id: one.id, ...(one.kind === "table" ? { limit: FEW } : {}) }) });
    }
    if (this.#asking !== key) return;
    this.#asking = "";
    this.#drawn = key;
    this.#draw(object, answer, near);
  }

  /**
   * @param {{id: number, kind: string}} object
   * @param {any} answer
   * @param {any[]} near
   */
  #draw(object, answer, near) {
    const { state } = this.ctx.store;
    const step = state.trace.step(state.viewTick);
    const name = this.trail.at(-1)?.name || nameOf(state.view, object);
    const had = this.root.contains(document.activeElement) ? document.activeElement?.getAttribute("data-keep") : null;
    fill(
      this.root,
      h("nav", { class: "trail", "aria-label": t("heap.way") },
        h("button", { type: "button", class: "btn edge", "data-keep": "back", on: { click: () => this.#back() } }, t("heap.back")),
        h("button", { type: "button", class: "at", on: { click: () => this.ctx.store.set({ object: null }) } }, t("heap.overview")),
        this.trail.map((stop, i) => [" › ", i === this.trail.length - 1
          ? h("b", {}, stop.name || t(`type.${stop.kind}`), h("span", { class: "id" }, ` #${stop.id}`))
          : h("button", { type: "button", class: "at", on: { click: () => this.follow(stop.id, stop.kind) } }, stop.name || t(`type.${stop.kind}`), h("span", { class: "id" }, ` #${stop.id}`))])),
      answer ? this.#referrers(state, object) : null,
      answer
        ? h("article", { class: "obj center", "data-node": object.id }, this.#head(object, name, answer), this.#content(object.kind, answer, step, true))
        : h("p", { class: "none" }, t("heap.gone", { kind: t(`type.${object.kind}`), id: String(object.id) })),
      near.map((one) => h("article", { class: "obj near", "data-node": one.id }, this.#head(one, one.name, one.answer, true), one.answer ? this.#content(one.kind, one.answer, step, false) : null)),
    );
    /** @type {HTMLElement | null} */ (had ? this.root.querySelector(`[data-keep="${had}"]`) : null)?.focus();
    this.wires();
  }

  #back() {
    const before = this.trail.at(-2);
    if (before) this.follow(before.id, before.kind);
    else this.ctx.store.set({ object: null });
  }

  /**
   * @param {{id: number, kind: string}} object
   * @param {string} name
   * @param {any} answer
   * @param {boolean} [leads]  the number leads there
   */
  #head({ id, kind }, name, answer, leads = false) {
    const number = leads
      ? h("button", { type: "button", class: "id go", "aria-label": t("value.show", { name: name || kind, id: String(id) }), on: { click: () => this.follow(id, kind) } }, `#${id}`)
      : h("span", { class: "id" }, `#${id}`);
    const note = kind === "table" && answer ? t("heap.entries", { n: answer.entries }) : kind === "upvalue" ? t("upvalue.closed") : t(`type.${kind}`);
    return h("header", {}, h("b", { class: kind === "table" ? "v-tab" : "" }, name || t(`type.${kind}`)), number, h("span", { class: "meta" }, note));
  }

  /**
   * @param {string} kind
   * @param {any} answer
   * @param {import("../trace.js").Step | null} step
   * @param {boolean} whole
   */
  #content(kind, answer, step, whole) {
    const most = whole ? PAGE : FEW;
    if (kind === "table") {
      const how = { writes: fieldWrites(step, answer.id), follow: this.follow, offset: whole ? this.offset : 0, cells: most, rows: most };
      return [tableParts(answer, how), whole ? this.#pages(answer) : answer.more ? h("div", { class: "part" }, t("heap.more")) : null];
    }
    /** @type {[string, Value, import("../dom.js").Child, number | undefined][]} */
    const rows = kind === "function"
      ? answer.upvalues.map((/** @type {any} */ u) => [u.name ?? "?", u.value, u.open ? t("upvalue.open") : this.#box(u), isBox(u) ? u.id : u.value.id])
      : kind === "upvalue"
        ? [["", answer.value, "", answer.value.id]]
        : answer.frames.map((/** @type {any} */ f) => [f.function.name ?? "?", f.function.id ? { t: "function", s: f.function.name ?? "?", id: f.function.id } : { t: "nil", s: "" },
          f.line === null ? t(f.kind === "host" ? "calls.host" : "calls.native") : t("calls.line", { n: String(f.line) }), f.function.id]);
    return h("table", {}, h("tbody", {}, rows.slice(0, most).map(([name, value, note, to]) =>
      h("tr", { "data-to": to ?? null }, h("th", { scope: "row" }, name), h("td", {}, valueNode(value, this.follow)), h("td", { class: "dim" }, note)))));
  }

  /** The number of a closed upvalue's box, which leads to it. @param {any} u */
  #box(u) {
    return h("button", { type: "button", class: "go", "aria-label": t("value.show", { name: u.name ?? "", id: String(u.id) }), on: { click: () => this.follow(u.id, "upvalue") } }, `UpVal #${u.id}`);
  }

  /** @param {any} table */
  #pages(table) {
    const shown = table.array.length + table.hash.length;
    if (!this.offset && !table.more) return null;
    const go = (/** @type {number} */ offset) => {
      const stop = this.trail.at(-1);
      if (stop) stop.offset = Math.max(0, offset);
      void this.#ask();
    };
    return h("div", { class: "pages" },
      h("button", { type: "button", class: "btn edge", "data-keep": "before", disabled: !this.offset, on: { click: () => go(this.offset - PAGE) } }, t("heap.before")),
      h("span", {}, t("heap.page", { from: this.offset + 1, to: this.offset + shown })),
      h("button", { type: "button", class: "btn edge", "data-keep": "after", disabled: !table.more, on: { click: () => go(this.offset + shown) } }, t("heap.after")));
  }

  /**
   * What refers to the object, as far as the running functions reach.
   * @param {import("../store.js").State} state
   * @param {{id: number, kind: string}} object
   */
  #referrers({ view }, object) {
    const is = (/** @type {Value} */ value) => value.id === object.id && value.t === object.kind;
    /** @type {import("../dom.js").Child[]} */
    const out = [];
    for (const thread of view?.threads ?? []) {
      for (const frame of thread.frames) {
        for (const r of frame.registers) {
          if (is(r.value)) out.push(t("place.caller", { register: `R${r.index}${r.name && !r.name.startsWith("(") ? ` (${r.name})` : ""}`, name: frame.function.name ?? "?" }));
        }
      }
    }
    for (const table of view?.heap?.tables ?? []) {
      const place = (/** @type {Value} */ key) => h("button", { type: "button", class: "at", on: { click: () => this.follow(table.id, "table") } }, t("place.field", { key: valueText(key), id: String(table.id) }));
      table.array.forEach((/** @type {Value} */ value, /** @type {number} */ i) => is(value) && out.push(place({ t: "integer", s: String(i + 1) })));
      for (const [key, value] of table.hash) if (is(value) || is(key)) out.push(place(key));
      if (object.kind === "table" && table.metatable === object.id) {
        out.push(h("button", { type: "button", class: "at", on: { click: () => this.follow(table.id, "table") } }, t("place.metatable", { id: String(table.id) })));
      }
    }
    for (const f of view?.heap?.functions ?? []) {
      for (const u of f.upvalues) {
        const cell = view.heap.upvalues.find((/** @type {any} */ one) => one.id === u.id);
        if (cell && (is(cell.value) || (object.kind === "upvalue" && u.id === object.id))) {
          out.push(h("button", { type: "button", class: "at", on: { click: () => this.follow(f.id, "function") } }, t("heap.upvalueof", { name: u.name ?? "?", owner: f.name ?? "?", id: String(f.id) })));
        }
      }
    }
    if (!out.length) return null;
    return h("p", { class: "referrers" }, t("heap.referrers"), " ", out.slice(0, REFERRERS).map((one) => h("span", {}, one)), out.length > REFERRERS ? h("span", { class: "dim" }, t("say.more", { n: out.length - REFERRERS })) : null);
  }

  /** A line from each place that refers to an object to the object, in the margin at the left. */
  wires() {
    this.root.querySelector(".wires")?.remove();
    const origin = this.root.getBoundingClientRect();
    const center = this.root.querySelector(".center");
    if (!origin.height || !center) return;
    /** @type {SVGElement[]} */
    const paths = [];
    let lane = 0;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".near"))) {
      const from = [...center.querySelectorAll(`[data-to="${card.dataset.node}"]`)].map((node) => node.getBoundingClientRect());
      if (!from.length) continue;
      const to = card.getBoundingClientRect();
      const edge = to.left - origin.left;
      const x = Math.max(3, edge - 6 - 2.5 * lane++);
      const y = to.top - origin.top + 12;
      for (const place of from) paths.push(svg("path", { class: "edge", d: `M${center.getBoundingClientRect().left - origin.left} ${place.top - origin.top + place.height / 2}H${x}V${y}H${edge - 4}` }));
      paths.push(svg("path", { class: "tip", d: `M${edge - 6} ${y - 3.5}l6 3.5-6 3.5z` }));
    }
    if (paths.length) this.root.append(svg("svg", { class: "wires", "aria-hidden": "true" }, paths));
  }
}

/**
 * Whether an upvalue is a box of its own. That of the globals is nearly everybody's: the table stands for it.
 * @param {any} u
 */
function isBox(u) {
  return !u.open && u.name !== "_ENV";
}

/**
 * Objects that an object refers to, each once, with what leads there.
 * @param {string} kind
 * @param {any} answer
 * @returns {{id: number, kind: string, name: string}[]}
 */
function references(kind, answer) {
  /** @type {Map<string, {id: number, kind: string, name: string}>} */
  const out = new Map();
  const add = (/** @type {Value} */ value, /** @type {string} */ name) => {
    const key = `${value.t} ${value.id}`;
    if (isObject(value) && !(value.id === answer.id && value.t === kind) && !out.has(key)) out.set(key, { id: Number(value.id), kind: value.t, name });
  };
  if (kind === "table") {
    if (answer.metatable) add({ t: "table", s: "", id: answer.metatable }, t("heap.metatable"));
    answer.array.forEach((/** @type {Value} */ value, /** @type {number} */ i) => add(value, `[${i + 1}]`));
    for (const [key, value] of answer.hash) {
      add(value, key.t === "string" ? key.s.slice(1, -1) : `[${valueText(key)}]`);
      add(key, valueText(key));
    }
  } else if (kind === "function") {
    for (const u of answer.upvalues) {
      if (isBox(u)) out.set(`upvalue ${u.id}`, { id: u.id, kind: "upvalue", name: u.name ?? "" });
      else add(u.value, u.name ?? "");
    }
  }
  if (kind === "upvalue") add(answer.value, "");
  if (kind === "thread") for (const f of answer.frames) if (f.function.id) add({ t: "function", s: "", id: f.function.id }, f.function.name ?? "");
  return [...out.values()];
}

/**
 * What an object is called where the frames reach it.
 * @param {any} view
 * @param {{id: number, kind: string}} object
 */
function nameOf(view, { id, kind }) {
  const among = kind === "table" ? view?.heap?.tables : kind === "function" ? view?.heap?.functions : kind === "thread" ? view?.threads : [];
  const named = (among ?? []).find((/** @type {any} */ one) => one.id === id)?.name;
  if (named) return named;
  for (const f of kind === "upvalue" ? (view?.heap?.functions ?? []) : []) {
    const cell = f.upvalues.find((/** @type {any} */ u) => u.id === id);
    if (cell) return cell.name ?? "";
  }
  return "";
}
