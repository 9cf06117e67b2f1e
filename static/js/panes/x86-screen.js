// @ts-check
// The VGA text screen at the shown step, and the keyboard in front of it. While the keyboard field has the focus, what is
// typed goes to the machine as keys; Tab leaves it as any other field, and so does Escape pressed twice.
import css from "css:x86-screen";
import { h, setText } from "../dom.js";
import { Write } from "../gen/protocol.js";
import { moreWords, t } from "../i18n.js";
import { adoptStyle } from "./late.js";
import { CELL, COLUMNS, ROWS, attributesOf, draw } from "./x86-vga.js";

adoptStyle(css);
await moreWords({ en: () => import("words:en-x86-screen"), zh: () => import("words:zh-x86-screen") });

/** Where the screen's memory begins (engine/x86/screen.py). */
const TEXT_BASE = 0xb8000;
/** Milliseconds of a silence: a tick of the BIOS's timer. */
const SILENCE_MS = 55;
/** What the machine gets for keys that type no character. @type {Record<string, string>} */
const KEYS = {
  Enter: "\n", Backspace: "\b", Escape: "\x1b", ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C", ArrowLeft: "\x1b[D",
};
/** The row of keys for screens without a keyboard: what it shows, and what the machine gets. @type {[string, string, string][]} */
const ROW = [
  ["←", "\x1b[D", "left"], ["↑", "\x1b[A", "up"], ["↓", "\x1b[B", "down"], ["→", "\x1b[C", "right"],
  ["⏎", "\n", "enter"], ["␣", " ", "space"], ["Esc", "\x1b", "escape"], ["Tab", "\t", "tab"], ["⌫", "\b", "back"],
];

export class ScreenBlock {
  /** What the canvas shows. @type {import("./x86-vga.js").Screen | null} */
  drawn = null;
  /** Cells with a mark over them: written by the shown step, or the cursor. @type {Set<number>} */
  marked = new Set();
  /** Keys typed and not yet given. @type {string[]} */
  typed = [];
  /** Called when a key is typed or playing ends. */
  wake = () => {};
  /** When the last silence was given. */
  silentAt = 0;
  lastKey = "";

  /** @param {import("./index.js").Context} ctx */
  constructor(ctx) {
    this.ctx = ctx;
    this.canvas = h("canvas", { class: "vga", width: COLUMNS * CELL.width, height: ROWS * CELL.height, role: "img" });
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    this.field = h("input", {
      class: "keys", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": t("x86.screen.keyboard"),
      "aria-describedby": "vga-hint", on: { keydown: (/** @type {KeyboardEvent} */ e) => this.keydown(e), input: () => this.inserted(), blur: () => this.left(), pointermove: (/** @type {PointerEvent} */ e) => this.point(e), pointerleave: () => this.say(""), click: (/** @type {PointerEvent} */ e) => this.clicked(e) },
    });
    this.hint = h("p", { class: "hint", id: "vga-hint" });
    this.text = h("pre", { class: "sr", tabindex: "-1" });
    this.play = h("button", { type: "button", class: "btn edge", on: { click: () => this.toggle() } });
    this.large = h("button", { type: "button", class: "btn", "aria-pressed": "false", on: { click: () => this.enlarge() } }, t("x86.screen.large"));
    this.plain = h("button", { type: "button", class: "btn", "aria-pressed": "false", on: { click: () => this.asText() } }, t("x86.screen.text"));
    this.meta = h("span", { class: "meta" });
    this.touch = h("div", { class: "keyrow", role: "group", "aria-label": t("x86.screen.keys") }, ROW.map(([shown, key, name]) =>
      h("button", { type: "button", class: "btn edge", "aria-label": t(`x86.key.${name}`), on: { click: () => this.type(key) } }, shown)));
    this.node = h("section", { class: "block b-vga", "aria-label": t("x86.screen"), hidden: true },
      h("div", { class: "ph" }, h("h3", {}, t("x86.screen")), this.meta),
      h("div", { class: "glass" }, this.canvas, this.field), this.text,
      h("div", { class: "under" }, this.play, this.large, this.plain, this.hint), this.touch);
  }

  get store() {
    return this.ctx.store;
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["view", "viewTick", "glance", "program", "live", "waiting", "phase", "trace"].some((name) => changed.has(name))) return;
    const screen = state.glance?.screen ?? state.view?.screen;
    this.node.hidden = !screen;
    if (!screen) {
      this.drawn = null;
      return;
    }
    if (!state.live) this.wake();
    // Keys that were typed while it was at work wait until it asks; one that asks for nothing gets none.
    if (this.typed.length && state.phase === "ready" && !state.live) {
      if (state.waiting === null) this.typed = [];
      else void this.begin();
    }
    const ahead = Boolean(state.glance?.screen);
    this.show(screen, ahead ? new Set() : this.written(state));
    setText(this.meta, t(ahead || state.live ? "x86.screen.running" : "x86.screen.meta", { n: state.viewTick }));
    setText(this.play, t(state.live ? "x86.screen.stop" : "x86.screen.play"));
    this.play.hidden = !state.live && state.waiting === null;
    this.say("");
  }

  /**
   * The cells that the shown step wrote.
   * @param {import("../store.js").State} state
   */
  written(state) {
    const cells = new Set();
    for (const write of state.trace.step(state.viewTick)?.writes ?? []) {
      if (write.kind !== Write.MEMORY || write.index < TEXT_BASE || write.index >= TEXT_BASE + 2 * COLUMNS * ROWS) continue;
      for (let byte = 0; byte < write.value.s.length / 2; byte++) cells.add((write.index - TEXT_BASE + byte) >> 1);
    }
    return cells;
  }

  /**
   * @param {import("./x86-vga.js").Screen} screen
   * @param {Set<number>} written
   */
  show(screen, written) {
    const { cursor } = screen;
    const at = cursor.row * COLUMNS + cursor.column;
    draw(this.pen, screen, this.drawn, this.marked);
    const neighbours = [...written].flatMap((cell) => [cell - COLUMNS, cell - 1, cell, cell + 1, cell + COLUMNS]);
    this.marked = new Set(cursor.visible ? [...neighbours, at] : neighbours);
    this.pen.strokeStyle = "#ffb000";
    for (const cell of written) {
      this.pen.strokeRect((cell % COLUMNS) * CELL.width + 0.5, Math.floor(cell / COLUMNS) * CELL.height + 0.5, CELL.width - 1, CELL.height - 1);
    }
    if (cursor.visible) {
      this.pen.fillStyle = "#ffffff";
      this.pen.fillRect(cursor.column * CELL.width, cursor.row * CELL.height + 13, CELL.width, 2);
    }
    this.drawn = screen;
    const lines = screen.rows.map((row) => row.trimEnd());
    const text = lines.join("\n").trimEnd();
    setText(this.text, text);
    this.canvas.setAttribute("aria-label", text ? t("x86.screen.says", { text: lines.filter(Boolean).slice(0, 4).join(" / ") }) : t("x86.screen.blank"));
  }

  // ----- what the pointer is over ----------------------------------------------------------------------------------

  /** @param {PointerEvent} event */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * COLUMNS);
    const row = Math.floor(((event.clientY - box.top) / box.height) * ROWS);
    return column >= 0 && column < COLUMNS && row >= 0 && row < ROWS ? { row, column } : null;
  }

  /** @param {PointerEvent} event */
  point(event) {
    const at = this.cellAt(event);
    if (!at || !this.drawn) return this.say("");
    const attribute = attributesOf(this.drawn.attributes[at.row])[at.column];
    const letter = [...this.drawn.rows[at.row]][at.column];
    this.say(t("x86.screen.cell", {
      row: String(at.row), column: String(at.column), letter, ink: t(`x86.colour.${attribute & 15}`), ground: t(`x86.colour.${(attribute >> 4) & 7}`),
      at: (TEXT_BASE + 2 * (at.row * COLUMNS + at.column)).toString(16), blinks: attribute & 0x80 ? t("x86.screen.blinks") : "",
    }));
  }

  /**
   * With Shift a click asks who wrote the cell; without, it begins to play, if the program asks for keys.
   * @param {PointerEvent} event
   */
  clicked(event) {
    const at = this.cellAt(event);
    if (event.shiftKey && at) this.ctx.session.toWriter({ kind: "memory", address: TEXT_BASE + 2 * (at.row * COLUMNS + at.column), length: 2 });
    else if (this.store.state.waiting !== null) void this.begin();
  }

  /** @param {string} text what to say under the screen; "": how the keyboard stands */
  say(text) {
    const { live, waiting } = this.store.state;
    const focused = document.activeElement === this.field;
    setText(this.hint, text || t(focused ? "x86.screen.typing" : live || waiting !== null ? "x86.screen.ask" : "x86.screen.quiet"));
    this.node.classList.toggle("typing", focused);
  }

  // ----- the keyboard ----------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const twice = event.key === "Escape" && this.lastKey === "Escape";
    this.lastKey = event.key;
    if (twice) {
      this.field.blur();
      this.play.focus();
      return;
    }
    const key = KEYS[event.key] ?? (event.key.length === 1 ? event.key : "");
    if (!key) return;
    event.preventDefault();
    event.stopPropagation();
    this.type(key);
  }

  /** Characters that came without a key: from a keyboard on the screen, or pasted. */
  inserted() {
    for (const letter of this.field.value) this.type(letter);
    this.field.value = "";
  }

  /**
   * A key for the machine: given when it asks. It plays along from then on.
   * @param {string} key
   */
  type(key) {
    this.typed.push(key);
    this.wake();
    if (!this.store.state.live) void this.begin();
  }

  left() {
    this.say("");
  }

  toggle() {
    if (this.store.state.live) return this.ctx.session.pause();
    this.field.focus();
    void this.begin();
  }

  async begin() {
    const { state } = this.store;
    if (state.live || state.waiting === null || state.stale) return;
    await this.ctx.session.converse((polls) => this.next(polls));
    this.typed = [];
    this.wake = () => {};
  }

  /**
   * The next key, as soon as there is one; a program that only looks gets a silence after a while.
   * @param {boolean} polls
   * @returns {Promise<string | null>}
   */
  next(polls) {
    return new Promise((resolve) => {
      /** @type {ReturnType<typeof setTimeout> | 0} */
      let timer = 0;
      const answer = (/** @type {string | null} */ text) => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve(text);
      };
      this.wake = () => {
        if (!this.store.state.live) answer(null);
        else if (this.typed.length) answer(/** @type {string} */ (this.typed.shift()));
      };
      if (polls) {
        timer = setTimeout(() => {
          this.silentAt = performance.now();
          answer("\0");
        }, Math.max(0, this.silentAt + SILENCE_MS - performance.now()));
      }
      this.wake();
    });
  }

  // ----- how it is shown -------------------------------------------------------------------------------------------

  enlarge() {
    const on = this.node.classList.toggle("large");
    this.large.setAttribute("aria-pressed", String(on));
    setText(this.large, t(on ? "x86.screen.small" : "x86.screen.large"));
  }

  asText() {
    const on = this.text.classList.toggle("sr") === false;
    this.text.tabIndex = on ? 0 : -1;
    this.plain.setAttribute("aria-pressed", String(on));
  }
}
