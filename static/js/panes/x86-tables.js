// @ts-check
// The CPU's tables: the page walk of an address, GDT, LDT, TSS, IDT, and the map of a process. Fetched when somebody opens
// one, and asked for only while they are open.
import css from "css:x86-tables";
import { fill, h } from "../dom.js";
import { moreWords, t } from "../i18n.js";
import { adoptStyle } from "./late.js";
import { Question, addressButton, onAddress } from "./x86-asking.js";
import { ExpressionError, evaluate, namesOf, registerValues } from "./x86-expression.js";
import { areaTable, descriptorTable, gateTable, walkPicture } from "./x86-walk.js";

adoptStyle(css);
await moreWords({ en: () => import("words:en-x86-tables"), zh: () => import("words:zh-x86-tables") });

/** Bytes of a task state segment that hold its stacks (SDM volume 3, 8.2 and 8.7). */
const TSS_BYTES = 104;

export class TablesBlock {
  /** The linear address that the walk is for; null: the next instruction's. @type {bigint | null} */
  address = null;
  allGates = false;

  /**
   * @param {import("./index.js").Context} ctx
   * @param {Record<string, {node: HTMLDetailsElement, meta: HTMLElement}>} folds  the blocks to fill
   */
  constructor(ctx, { walk, gdt, idt, areas }) {
    this.ctx = ctx;
    this.place = h("input", { class: "goto", spellcheck: "false", autocomplete: "off", "aria-label": t("x86.walk.address"), placeholder: t("x86.walk.hint") });
    this.wrong = h("p", { class: "none wrongtext", role: "alert", hidden: true });
    const form = h("form", { class: "xtools" }, this.place, h("button", { class: "btn edge" }, t("x86.walk.show")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose();
    });
    this.walkBody = h("div", {});
    this.gdtBody = h("div", {});
    this.idtBody = h("div", {});
    this.areasBody = h("div", {});
    this.walk = walk;
    this.gdt = gdt;
    this.idt = idt;
    this.areas = areas;
    walk.node.append(form, this.wrong, this.walkBody);
    gdt.node.append(this.gdtBody);
    idt.node.append(this.idtBody);
    areas.node.append(this.areasBody);
    this.mapping = new Question(ctx.session, (answer) => this.showAreas(answer));
    this.local = new Question(ctx.session, (answer) => this.showLdt(answer));
    this.walking = new Question(ctx.session, (answer) => this.showWalk(answer));
    this.describing = new Question(ctx.session, (answer) => this.showGdt(answer));
    this.gating = new Question(ctx.session, (answer) => this.showIdt(answer));
    this.tasking = new Question(ctx.session, (answer) => this.showTask(answer));
    this.stop = onAddress((address) => {
      this.address = address;
      if (this.walk.node.open) this.askWalk();
    });
  }

  destroy() {
    this.stop();
    for (const question of [this.walking, this.describing, this.gating, this.tasking, this.local, this.mapping]) question.drop();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!state.view?.registers || state.live || !["view", "viewTick", "program", "phase"].some((name) => changed.has(name))) return;
    this.ask();
  }

  /** Ask for what is open. */
  ask() {
    if (this.areas.node.open && !this.areas.node.hidden) this.askAreas();
    if (this.walk.node.open) this.askWalk();
    if (this.gdt.node.open) this.askGdt();
    if (this.idt.node.open) this.askIdt();
  }

  choose() {
    const { state } = this.ctx.store;
    this.wrong.hidden = true;
    try {
      this.address = this.place.value.trim() ? evaluate(this.place.value, namesOf(state)) : null;
      this.askWalk();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.wrong.hidden = false;
      fill(this.wrong, error.message);
    }
  }

  /** The address that is walked: the chosen one, else that of the next instruction. */
  shown() {
    const { state } = this.ctx.store;
    return this.address ?? BigInt(state.program?.at(state.view?.next?.where)?.row.address ?? 0);
  }

  askWalk() {
    const address = this.shown();
    // The wire's numbers are JSON's; an address that they cannot hold exactly is nowhere in this machine.
    if (address > BigInt(Number.MAX_SAFE_INTEGER)) return fill(this.walkBody, h("p", { class: "none" }, t("x86.walk.far", { at: address.toString(16) })));
    this.walking.ask({ kind: "pages", address: Number(address) });
  }

  /** @param {any} answer */
  showWalk(answer) {
    this.walk.meta.textContent = this.address === null ? t("x86.walk.follows") : this.shown().toString(16);
    fill(this.walkBody, walkPicture(this.ctx.store.state.view, answer, this.shown()));
  }

  askGdt() {
    this.describing.ask({ kind: "gdt" });
  }

  /** The selectors that registers hold, with their privilege taken off. @param {any} view */
  used(view) {
    return new Set((view?.segments ?? []).map((/** @type {any} */ s) => Number.parseInt(s.selector, 16) & ~3).filter((/** @type {number} */ s) => s > 3)
      .map((/** @type {number} */ s) => s.toString(16).padStart(4, "0")));
  }

  /** @param {any} answer */
  showGdt(answer) {
    const { state } = this.ctx.store;
    const { view } = state;
    this.gdt.meta.textContent = t("x86.tables.at", { at: answer.base.toString(16), limit: answer.limit.toString(16) });
    const real = !view?.control?.find((/** @type {any} */ c) => c.name === "CR0")?.bits.includes("PE");
    this.ldt = h("div", {});
    this.task = h("div", {});
    this.global = answer.entries;
    fill(this.gdtBody, real ? h("p", { class: "none" }, t("x86.tables.real")) : descriptorTable(answer, this.used(view), t("x86.tables.gdt"), state), this.ldt, this.task);
    if (view?.segments?.some((/** @type {any} */ s) => s.name === "LDTR")) this.local.ask({ kind: "ldt" }, 0);
    const tss = answer.entries.find((/** @type {any} */ e) => e.type.startsWith("tss") && e.present);
    if (tss) this.tasking.ask({ kind: "memory", address: Number(BigInt(`0x${tss.base}`)), length: TSS_BYTES, space: "linear" }, 0);
  }

  /**
   * The local descriptors, to which selectors with bit 2 lead.
   * @param {any} answer
   */
  showLdt(answer) {
    if (!this.ldt) return;
    const { state } = this.ctx.store;
    fill(this.ldt, h("div", { class: "ph" }, h("h3", {}, t("x86.tables.ldt")),
      h("span", { class: "meta" }, t("x86.tables.at", { at: answer.base.toString(16), limit: answer.limit.toString(16) }))),
    descriptorTable(answer, this.used(state.view), t("x86.tables.ldt"), state, [...(this.global ?? []), ...answer.entries]));
  }

  askAreas() {
    this.mapping.ask({ kind: "areas" });
  }

  /** @param {any} answer */
  showAreas({ areas }) {
    const values = registerValues(this.ctx.store.state.view);
    const pointers = ["rip", "rsp"].flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [/** @type {[string, bigint]} */ ([name.toUpperCase(), value])];
    });
    this.areas.meta.textContent = t("x86.areas.count", { n: areas.length });
    fill(this.areasBody, areaTable(areas, pointers));
  }

  /**
   * The stacks in the task state segment: where the CPU goes on from ring 3, and for gates with a stack of their own.
   * @param {any} answer
   */
  showTask(answer) {
    if (!this.task) return;
    const long = this.ctx.store.state.view?.mode === "long64" || this.ctx.store.state.view?.mode === "user64";
    const at = (/** @type {number} */ offset, /** @type {number} */ size) => (answer.bytes.slice(2 * offset, 2 * (offset + size)).match(/../g) ?? []).reverse().join("");
    const stacks = long
      ? [["RSP0", at(4, 8)], ["RSP1", at(12, 8)], ["RSP2", at(20, 8)], ...Array.from({ length: 7 }, (_x, i) => [`IST${i + 1}`, at(36 + 8 * i, 8)])]
      : [["SS0:ESP0", `${at(8, 2)}:${at(4, 4)}`], ["CR3", at(28, 4)]];
    fill(this.task, h("div", { class: "ph" }, h("h3", {}, t("x86.tables.tss"))),
      h("table", { class: "regs" }, h("caption", { class: "sr" }, t("x86.tables.tss")), h("tbody", {}, stacks.map(([name, value]) =>
        h("tr", { class: /^[0:]+$/.test(value) ? "quiet" : "" }, h("th", { class: "r wide", scope: "row" }, name), h("td", {}, value.includes(":") ? value : addressButton(value)))))));
  }

  askIdt() {
    this.gating.ask({ kind: "idt" });
  }

  /** @param {any} answer */
  showIdt(answer) {
    this.idt.meta.textContent = t("x86.tables.at", { at: answer.base.toString(16), limit: answer.limit.toString(16) });
    const more = h("button", { type: "button", class: "btn", "aria-pressed": String(this.allGates), on: { click: () => {
      this.allGates = !this.allGates;
      this.showIdt(answer);
    } } }, t(this.allGates ? "x86.tables.some" : "x86.tables.all", { n: answer.entries.length }));
    fill(this.idtBody, gateTable(answer, this.ctx.store.state, this.allGates), answer.entries.length ? h("div", { class: "xtools" }, more) : null);
  }
}
