// @ts-check
// Memory: around what matters, or from an address that somebody asks for, linear or physical; what was read and written
// when; single bytes taken apart, edited, searched for. The text screen stands above, the CPU's tables below.
import { fill, h, patch, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { writerLink } from "../values.js";
import { Question, onAddress, pointAt } from "./x86-asking.js";
import { ExpressionError, evaluate, namesOf, registerValues } from "./x86-expression.js";
import { ROW, byteUnder, hexHead, hexRows, isLong, legend, merge, physicalOf } from "./x86-hex.js";
import { folded } from "./x86-fold.js";
import { keep, recall } from "./x86-kept.js";

/** Bytes that are shown from an address on. */
const SHOWN_BYTES = 160;
/** Height of a row of bytes, as in the style sheet, and the rows above and below the visible ones that are drawn too. */
const ROW_HEIGHT = 22;
const SPARE = 4;
const STEPS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ROW, ArrowDown: ROW });

/** @type {import("./index.js").Pane["mount"]} */
export function mount(body, ctx) {
  return new MemoryPane(body, ctx);
}

class MemoryPane {
  /** What is shown: "" = around what matters, a register's name, or "=" for the chosen address. */
  follow = "";
  address = 0n;
  /** What the machine answered for an address. @type {{base: number, bytes: string, tick: number, linear: boolean} | null} */
  answered = null;
  /** The byte that is looked at. -1: none */
  picked = -1;
  /** @type {[number, number] | null} */
  found = null;
  /** Addresses that the shown step read. @type {Set<number>} */
  reads = new Set();

  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    const fold = (/** @type {string} */ name, /** @type {string} */ title) => folded(name, title, () => void this.openTables());
    this.folds = { areas: fold("areas", t("x86.areas")), walk: fold("walk", t("x86.walk")), gdt: fold("gdt", t("x86.tables.gdt")), idt: fold("idt", t("x86.tables.idt")) };
    this.linear = recall("space", "linear") === "linear";
    this.place = h("input", { class: "goto", spellcheck: "false", autocomplete: "off", "aria-label": t("x86.memory.goto"), placeholder: t("x86.memory.hint") });
    this.following = h("select", { class: "pick", "aria-label": t("x86.memory.follow") });
    this.space = h("button", { type: "button", class: "btn edge", "aria-pressed": "false", title: t("x86.memory.space"), on: { click: () => this.toggleSpace() } });
    this.tools = h("form", { class: "xtools" }, this.place, this.following, this.space);
    this.wrong = h("p", { class: "none wrongtext", role: "alert", hidden: true });
    this.hex = h("div", { class: "bytes" });
    this.bar = h("div", { class: "bytebar", hidden: true });
    this.empty = h("p", { class: "empty" }, t("memory.empty"));
    this.block = h("div", { class: "block", hidden: true }, this.tools, this.wrong, this.bar, this.hex);
    fill(body, this.empty, this.block, Object.values(this.folds).map(({ node }) => node));
    this.question = new Question(ctx.session, (answer, tick) => this.answer(answer, tick));
    this.reading = new Question(ctx.session, (answer, tick) => this.readBy(answer, tick));
    this.tools.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.goTo(this.place.value.trim());
    });
    this.following.addEventListener("change", () => this.choose(this.following.value));
    this.hex.addEventListener("click", (event) => {
      const address = byteUnder(event);
      if (address !== null) this.pick(address);
    });
    this.hex.addEventListener("keydown", (event) => this.keydown(event));
    body.addEventListener("scroll", this.settle, { passive: true });
    this.resizer = new ResizeObserver(this.settle);
    this.resizer.observe(body);
    this.stop = onAddress((address) => this.show(address));
  }

  /** The text screen, once a machine has one. @type {import("./x86-screen.js").ScreenBlock | null} */
  screen = null;

  /** What stands below the screen is drawn when it is there: so nothing moves. */
  async fetchScreen() {
    this.empty.hidden = true;
    const { ScreenBlock } = await import("./x86-screen.js");
    if (this.screen) return;
    this.screen = new ScreenBlock(this.ctx);
    this.body.prepend(this.screen.node);
    this.ctx.store.touch(...Object.keys(this.ctx.store.state));
  }

  /** What fills the blocks below, once one is open. @type {Promise<import("./x86-tables.js").TablesBlock> | null} */
  tables = null;

  async openTables() {
    this.tables ??= import("./x86-tables.js").then(({ TablesBlock }) => new TablesBlock(this.ctx, this.folds));
    (await this.tables).ask();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  updateTables(state, changed) {
    const hidden = !state.view?.registers;
    const folds = Object.values(this.folds);
    for (const { node } of folds) node.hidden = hidden;
    // Only a process has a map.
    this.folds.areas.node.hidden = hidden || state.view.mode !== "user64";
    if (this.tables) void this.tables.then((tables) => tables.update(state, changed));
    else if (!hidden && folds.some(({ node }) => node.open && !node.hidden)) void this.openTables();
  }

  destroy() {
    this.stop();
    this.resizer.disconnect();
    this.body.removeEventListener("scroll", this.settle);
    void this.tables?.then((tables) => tables.destroy());
    this.question.drop();
    this.reading.drop();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!this.screen && (state.glance?.screen ?? state.view?.screen)) return void this.fetchScreen();
    this.screen?.update(state, changed);
    this.updateTables(state, changed);
    if (!["view", "viewTick", "trace", "program", "stale", "phase"].some((name) => changed.has(name))) return;
    this.ctx.section.classList.toggle("stale", state.stale);
    const there = Boolean(state.view?.memory);
    this.empty.hidden = there;
    this.block.hidden = !there;
    if (!there) {
      this.ctx.meta("");
      return;
    }
    if (changed.has("program")) this.answered = null;
    this.options(state);
    this.ctx.meta(state.stale ? t("pane.stale") : this.follow === "" ? t("memory.meta") : this.follow === "=" ? t("x86.memory.from", { at: this.address.toString(16) }) : t("x86.memory.follows", { name: this.follow.toUpperCase() }));
    if (this.follow && this.follow !== "=") this.address = registerValues(state.view).get(this.follow) ?? this.address;
    if (this.follow && !state.live) this.ask();
    if (this.readAt !== state.viewTick || changed.has("program")) {
      this.readAt = state.viewTick;
      this.reads = new Set();
      if (state.viewTick > 0 && !state.live) this.reading.ask({ kind: "accesses" });
    }
    this.draw(state);
  }

  /** The rows of bytes that are in sight, or nearly. */
  from = 0;
  to = 2 * SPARE;
  /** All rows, as they can be made. @type {(() => HTMLElement)[]} */
  rows = [];

  /** Find out which rows are in sight, and have them drawn. */
  settle = () => {
    const table = /** @type {HTMLElement | null} */ (this.hex.querySelector("tbody"));
    if (!table || !this.body.clientHeight) return;
    const above = this.body.getBoundingClientRect().top - table.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(above / ROW_HEIGHT) - SPARE);
    const to = Math.max(from + SPARE, Math.ceil((above + this.body.clientHeight) / ROW_HEIGHT) + SPARE);
    if (from === this.from && to === this.to) return;
    this.from = from;
    this.to = to;
    patch(table, this.inSight());
  };

  /** The rows in sight, between two that are as high as the others. */
  inSight() {
    // Out of sight altogether there are a few still: focus and search come to them.
    const from = Math.max(0, Math.min(this.from, this.rows.length - SPARE));
    const to = Math.max(this.to, from + SPARE);
    const space = (/** @type {string} */ key, /** @type {number} */ rows) => h("tr", { key, "aria-hidden": "true", style: { height: `${rows * ROW_HEIGHT}px` } });
    return [space("above", from), this.rows.slice(from, to).map((make) => make()), space("below", Math.max(0, this.rows.length - to))];
  }

  /** @param {import("../store.js").State} state */
  options(state) {
    const names = ["", ...(state.view.registers ?? []).map((/** @type {any} */ r) => r.name), ...(this.follow === "=" ? ["="] : [])];
    if (this.following.options.length !== names.length || this.following.options[1]?.value !== names[1]) {
      fill(this.following, names.map((name) => h("option", { value: name }, name === "" ? t("x86.memory.auto") : name === "=" ? t("x86.memory.fixed") : name.toUpperCase())));
    }
    this.following.value = this.follow;
    setText(this.space, t(this.linear ? "x86.memory.linear" : "x86.memory.physical"));
    this.space.setAttribute("aria-pressed", String(!this.linear));
  }

  /** @param {string} name */
  choose(name) {
    this.follow = name;
    this.answered = null;
    this.ctx.store.touch("view");
  }

  toggleSpace() {
    this.linear = !this.linear;
    keep("space", this.linear ? "linear" : "physical");
    if (this.follow === "") {
      this.address = BigInt(this.ctx.store.state.view?.memory?.[0]?.base ?? 0);
      this.follow = "=";
    }
    this.answered = null;
    this.ctx.store.touch("view");
  }

  /**
   * Show memory from an address on, in sight even where this pane has to share its place.
   * @param {bigint} address linear
   */
  show(address) {
    this.follow = "=";
    this.address = address;
    this.picked = Number(address);
    this.linear = true;
    this.answered = null;
    this.goes = true;
    if (!this.body.offsetParent) {
      for (const tab of document.querySelectorAll('[role=tab][data-tab="memory"]')) if (/** @type {HTMLElement} */ (tab).offsetParent) /** @type {HTMLElement} */ (tab).click();
    }
    this.ctx.store.touch("view");
  }

  /** @param {string} text an address, or after `/` what to search for */
  async goTo(text) {
    const { state } = this.ctx.store;
    this.wrong.hidden = true;
    try {
      if (text === "") this.choose("");
      else if (text.startsWith("/")) await this.search(text.slice(1));
      else {
        const address = evaluate(text, namesOf(state));
        this.follow = "=";
        this.address = address;
        this.picked = Number(address);
        this.answered = null;
        this.ctx.store.touch("view");
      }
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.wrong.hidden = false;
      fill(this.wrong, error.message);
    }
  }

  /**
   * The next place after the last one that holds these bytes.
   * @param {string} text `"a text"`, or bytes in hex
   */
  async search(text) {
    const bytes = pattern(text);
    const from = this.found ? this.found[0] + 1 : 0;
    const answer = await this.ctx.session.ask("inspect", { query: { kind: "find", bytes, from } });
    if (!answer) return;
    const { address } = answer.answer;
    if (address === null) throw new ExpressionError(t("x86.memory.nowhere", { text }));
    this.found = [address, address + bytes.length / 2];
    this.linear = false;
    this.follow = "=";
    this.address = BigInt(address);
    this.picked = address;
    this.answered = null;
    this.ctx.store.touch("view");
  }

  /** Ask for the bytes around the address. */
  ask() {
    const start = this.address - (this.address % BigInt(ROW)) - BigInt(2 * ROW);
    const base = start < 0n ? 0n : start;
    if (base > BigInt(Number.MAX_SAFE_INTEGER)) return;
    this.question.ask({ kind: "memory", address: Number(base), length: SHOWN_BYTES, ...(this.linear ? { space: "linear" } : {}) }, this.answered ? undefined : 0);
  }

  /**
   * @param {any} answer
   * @param {number} tick
   */
  answer(answer, tick) {
    this.answered = { base: answer.address, bytes: answer.bytes, tick, linear: this.linear };
    this.pages = answer.pages ?? null;
    this.draw(this.ctx.store.state);
    if (this.goes) this.body.scrollTop += this.block.getBoundingClientRect().top - this.body.getBoundingClientRect().top;
    this.goes = false;
    // The rows that are in sight may be others now, though nobody has scrolled.
    this.settle();
  }

  /** Somebody asked for an address: its bytes come into sight when they are there. */
  goes = false;

  /** The step that `reads` is of. */
  readAt = -1;

  /**
   * What the shown step read, if the machine has just seen it happen.
   * @param {any} answer
   * @param {number} tick
   */
  readBy(answer, tick) {
    const reads = answer.accesses.filter((/** @type {any} */ a) => a.tick === tick && a.reads);
    for (const { address, size } of reads) for (let i = 0; i < Math.min(size, 64); i++) this.reads.add(address + i);
    if (reads.length) this.draw(this.ctx.store.state);
  }

  /** @param {import("../store.js").State} state */
  draw(state) {
    const windows = this.follow === ""
      ? merge(state.view.memory)
      : this.answered
        ? this.windows(this.answered)
        : [];
    this.drawn = windows;
    const focused = this.hex.contains(document.activeElement);
    const marks = { picked: this.picked, found: this.found, reads: this.reads, linear: this.follow === "" || this.linear };
    this.rows = windows.flatMap((w) => [
      () => h("tr", { key: `gap ${w.base}`, class: "gaprow" }, h("th", { colspan: 3, scope: "rowgroup" }, this.heading(w))),
      ...(w.bytes.some((byte) => byte !== null) ? hexRows(state, w, marks) : []),
    ]);
    patch(this.hex,
      windows.length
        ? h("table", { class: "hex", role: "grid", tabindex: "0", "aria-label": t("x86.memory.grid") },
            hexHead(),
            h("tbody", {}, this.inSight()))
        : h("p", { class: "none" }, t("x86.memory.asking")),
      legend());
    if (focused) /** @type {HTMLElement | null} */ (this.hex.querySelector("table"))?.focus({ preventScroll: true });
    this.drawBar(state, windows);
  }

  /**
   * What was answered, page by page; bytes where no memory is are none.
   * @param {{base: number, bytes: string}} answered
   * @returns {import("./x86-hex.js").Window[]}
   */
  windows({ base, bytes }) {
    const all = bytes.match(/../g) ?? [];
    if (!this.linear || !this.pages) return [{ names: [t("x86.memory.isphysical")], base, bytes: all }];
    // Traces of a ring 3 program have its own addresses.
    const own = this.ctx.store.state.view?.mode === "user64";
    return this.pages.map((/** @type {any} */ page) => {
      const here = base + page.offset;
      const heading = page.physical === null ? t("x86.memory.unmapped", { at: here.toString(16) }) : page.physical === here ? t("x86.memory.islinear") : t("x86.memory.mapped", { at: page.physical.toString(16) });
      return { names: [heading], base: here, bytes: all.slice(page.offset, page.offset + page.length).map((byte, i) => (i < page.backed ? byte : null)), pages: own ? undefined : [{ offset: 0, length: page.length, physical: page.physical }] };
    });
  }

  /** @param {import("./x86-hex.js").Window} w */
  heading(w) {
    const words = (this.follow === "" ? w.names.map(windowName) : w.names).join(" · ");
    const from = w.base.toString(16);
    return [words, isLong(from) ? h("span", { class: "from" }, from) : null];
  }

  /** What is drawn. @type {import("./x86-hex.js").Window[]} */
  drawn = [];

  /**
   * A drawn byte; nothing where none is.
   * @param {number} address
   */
  byteAt(address) {
    const w = this.drawn.find((one) => address >= one.base && address < one.base + one.bytes.length);
    return w?.bytes[address - w.base] ?? null;
  }

  // ----- one byte --------------------------------------------------------------------------------------------------

  /** @param {number} address */
  pick(address) {
    this.picked = this.picked === address ? -1 : address;
    this.draw(this.ctx.store.state);
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    const step = STEPS[event.key];
    if (event.key === "Escape" && this.picked >= 0) this.pick(this.picked);
    else if (step !== undefined && this.picked >= 0) {
      if (this.byteAt(this.picked + step)) this.pick(this.picked + step);
    } else if (step !== undefined || event.key === "Enter") {
      const first = /** @type {HTMLElement | null} */ (this.hex.querySelector("[data-at]"));
      if (this.picked < 0 && first) this.pick(Number(first.dataset.at));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * What is known of the picked byte, and what can be done with it.
   * @param {import("../store.js").State} state
   * @param {import("./x86-hex.js").Window[]} windows
   */
  drawBar(state, windows) {
    const w = windows.find((one) => this.picked >= one.base && this.picked < one.base + one.bytes.length);
    const byte = w?.bytes[this.picked - w.base];
    this.bar.hidden = !byte;
    if (!w || !byte) return;
    const value = Number.parseInt(byte, 16);
    const cells = w.bytes.slice(this.picked - w.base, this.picked - w.base + 8);
    const wide = (/** @type {number} */ n) => (cells.length >= n ? [...cells.slice(0, n)].reverse().join("") : "");
    const physical = physicalOf(w, this.picked);
    const at = this.picked.toString(16).padStart(4, "0");
    const writer = state.trace.memoryWriters(physical, 1, state.viewTick)[0];
    const ask = () => this.ctx.session.toWriter({ kind: "memory", address: physical });
    fill(this.bar,
      h("span", { class: "m" }, h("b", {}, at), " ", h("span", {
        class: "value", tabindex: "0", "data-edit": physical >= 0, holds: { target: { kind: "memory", address: physical, length: 1 }, value: { t: "bits", s: byte }, label: `[${at}]` },
      }, byte), ` = ${value}${value > 127 ? ` = ${value - 256}` : ""}${value >= 32 && value < 127 ? ` '${String.fromCharCode(value)}'` : ""}`),
      h("span", { class: "m dim" }, [2, 4, 8].map(wide).filter(Boolean).map((text, i) => `${["w", "d", "q"][i]} ${text} `)),
      writer ? writerLink(writer, (tick) => this.ctx.session.goTo(tick)) : state.trace.knowsAll(state.viewTick) ? h("span", { class: "dim" }, t("x86.memory.never")) : h("button", { type: "button", class: "btn", on: { click: ask } }, t("x86.memory.who")),
      wide(2) ? h("button", { type: "button", class: "btn", title: t("x86.memory.asaddress"), on: { click: () => pointAt(BigInt(`0x${wide(state.view.registers?.[0]?.bits === 64 ? 8 : state.view.registers?.[0]?.bits === 32 ? 4 : 2) || 0}`)) } }, t("x86.memory.there")) : null);
  }
}

/**
 * Bytes in hex out of what somebody searches for; ExpressionError if it is neither text nor bytes.
 * @param {string} text
 */
function pattern(text) {
  const quoted = /^["'](.+?)["']?$/.exec(text.trim());
  const plain = text.trim().replace(/\s+/g, "");
  if (!quoted && /^([0-9a-f]{2})+$/i.test(plain)) return plain.toLowerCase();
  const letters = quoted ? quoted[1] : text.trim();
  if (!letters) throw new ExpressionError(t("x86.memory.nothing"));
  return [...new TextEncoder().encode(letters)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {string} name */
function windowName(name) {
  return has(`memory.window.${name}`) ? t(`memory.window.${name}`) : name;
}
