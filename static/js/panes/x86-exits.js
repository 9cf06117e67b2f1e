// @ts-check
// Every time the machine left to its host: why, with what, at which step. Besides, the calls to KVM that run it.
import { fill, h, keepInSight, patch } from "../dom.js";
import { t } from "../i18n.js";
import { writerLink } from "../values.js";
import { KINDS, dataText, detailText, reasonText, runFields } from "./x86-exit-text.js";
import { keep, recall } from "./x86-kept.js";

/** Height of an exit's row, as in the style sheet, and the exits that are in the document besides those that find room. */
const ROW = 22;
const SPARE = 4;

/** @type {import("./index.js").Pane["mount"]} */
export function mount(body, ctx) {
  return new ExitsPane(body, ctx);
}

class ExitsPane {
  /** The exit whose fields are unfolded, by its number in the list. */
  picked = -1;

  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    this.kind = recall("exits", "all");
    this.list = h("div", {});
    this.calls = h("div", {});
    const names = ["all", ...Object.keys(KINDS), "calls"];
    this.pick = h("select", { class: "pick small", "aria-label": t("x86.exits.show") }, names.map((name) => h("option", { value: name }, t(`x86.exits.${name}`))));
    this.pick.value = names.includes(this.kind) ? this.kind : "all";
    this.pick.addEventListener("change", () => {
      this.kind = this.pick.value;
      keep("exits", this.kind);
      this.picked = -1;
      ctx.store.touch("exits");
    });
    ctx.section.querySelector(".ph h2")?.after(this.pick);
    fill(body, this.list, this.calls);
    this.resizer = new ResizeObserver(() => {
      this.room = body.clientHeight;
      if (!this.list.hidden) this.draw(ctx.store.state);
    });
    this.resizer.observe(body);
  }

  /** The calls to KVM, once somebody has chosen them. @type {Promise<import("./x86-calls.js").CallsView> | null} */
  view = null;

  /** Fetch what shows the calls, and have it ask for them. */
  async ask() {
    this.view ??= import("./x86-calls.js").then(({ CallsView }) => new CallsView(this.calls, this.ctx));
    (await this.view).ask();
  }

  /** Height of the visible part. */
  room = 0;

  destroy() {
    this.resizer.disconnect();
    this.pick.remove();
    void this.view?.then((view) => view.drop());
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["exits", "tick", "program", "stale", "view", "phase"].some((name) => changed.has(name))) return;
    const { exits, program } = state;
    this.ctx.section.classList.toggle("stale", state.stale);
    this.ctx.meta(exits.length ? t("exits.meta", { n: exits.length }) : "");
    const watching = this.kind === "calls" && program !== null;
    this.list.hidden = watching;
    this.calls.hidden = !watching;
    if (watching) {
      if (!state.live) void this.ask();
    } else this.draw(state);
  }

  /** @param {import("../store.js").State} state */
  draw(state) {
    const { tick } = state;
    const test = KINDS[this.kind];
    const exits = test ? state.exits.filter((e) => test(e.data)) : state.exits;
    if (!exits.length) {
      patch(this.list, h("p", { class: "empty" }, t(!state.program ? "exits.empty" : state.exits.length ? "x86.exits.nokind" : "exits.none")));
      return;
    }
    const done = countUpTo(exits, tick);
    const count = Math.ceil(this.room / ROW) + SPARE;
    const from = Math.max(0, Math.min(done - (count >> 1), exits.length - count));
    const focused = this.list.contains(document.activeElement) ? this.picked : -1;
    patch(this.list, h("table", { class: "exits" },
      h("caption", { class: "sr" }, t("pane.exits")),
      h("thead", {}, h("tr", {}, ["step", "reason", "detail", "data"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
      h("tbody", {}, exits.slice(from, from + count).flatMap((e, i) => this.rows(e, from + i, e.tick > tick, from + i === done - 1)))));
    if (focused >= 0) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-exit="${focused}"]`))?.focus({ preventScroll: true });
    else keepInSight(this.body, this.list.querySelector("tr.last"));
  }

  /**
   * @param {{tick: number, data: any}} exit
   * @param {number} index
   * @param {boolean} future
   * @param {boolean} last
   */
  rows({ tick, data }, index, future, last) {
    const fields = runFields(data);
    const open = this.picked === index;
    const name = reasonText(data);
    const reason = fields.length
      ? h("button", { type: "button", class: "regname", "data-exit": index, "aria-expanded": String(open), title: t("x86.exits.fields"), on: { click: () => {
          this.picked = open ? -1 : index;
          this.draw(this.ctx.store.state);
          /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-exit="${index}"]`))?.focus();
        } } }, name)
      : name;
    const wrong = data.reason === "exception" || data.reason === "KVM_EXIT_SHUTDOWN";
    return [
      h("tr", { class: `${future ? "future" : ""} ${last ? "last" : ""} ${wrong ? "wrongrow" : ""}` },
        h("td", {}, writerLink(tick, (n) => this.ctx.session.goTo(n))), h("td", {}, wrong ? h("span", { "aria-hidden": "true" }, "▲ ") : null, reason), h("td", {}, detailText(data)), h("td", {}, dataText(data))),
      open ? h("tr", { class: "widths" }, h("td", { colspan: "4" }, h("dl", { class: "facts m" }, fields.map(([field, value]) => [h("dt", {}, `run->${field}`), h("dd", {}, value)])))) : null,
    ];
  }
}

/**
 * How many exits happened up to a step; they are in its order.
 * @param {{tick: number}[]} exits
 * @param {number} tick
 */
function countUpTo(exits, tick) {
  let [low, high] = [0, exits.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (exits[middle].tick <= tick) low = middle + 1;
    else high = middle;
  }
  return low;
}
