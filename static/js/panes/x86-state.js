// @ts-check
// The CPU's state at one step: general registers, FLAGS, stack, segments, control registers, vector registers.
import { fill, h, patch } from "../dom.js";
import { t } from "../i18n.js";
import { pastState } from "./rooms/x86-past.js";
import { flags } from "./x86-flags.js";
import { folded } from "./x86-fold.js";
import { keep, recall } from "./x86-kept.js";
import { FORMATS } from "./x86-numbers.js";
import { registers } from "./x86-registers.js";
import { stack } from "./x86-stack.js";
import { control, segments } from "./x86-system.js";

/** @type {import("./index.js").Pane["mount"]} */
export function mount(body, ctx) {
  return new StatePane(body, ctx);
}

class StatePane {
  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    this.vectors = folded("vectors", t("x86.vectors"), () => void this.drawVectors());
    this.main = h("div", { class: "parts" });
    this.pile = h("div", { class: "parts" });
    this.rest = h("div", { class: "parts" });
    this.pick = h("select", { class: "pick small", "aria-label": t("x86.format") }, FORMATS.map((name) => h("option", { value: name }, t(`x86.format.${name}`))));
    this.pick.value = recall("format", "hex");
    this.pick.addEventListener("change", () => {
      this.looks.format = this.pick.value;
      keep("format", this.pick.value);
      this.draw(ctx.store.state);
    });
    ctx.section.querySelector(".ph h2")?.after(this.pick);
    fill(body, this.main, this.pile, this.vectors.node, this.rest);
    this.looks = {
      format: recall("format", "hex"),
      open: new Set(/** @type {string[]} */ (recall("unfolded", []))),
      toggle: (/** @type {string} */ name) => {
        if (!this.looks.open.delete(name)) this.looks.open.add(name);
        keep("unfolded", [...this.looks.open]);
        this.again(name);
      },
    };
  }

  /** @param {string} name the register whose button keeps the focus */
  again(name) {
    this.draw(this.ctx.store.state);
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll(".regname"));
    for (const button of buttons) if (button.textContent?.toLowerCase() === name) button.focus();
  }

  destroy() {
    this.pick.remove();
  }

  /**
   * @param {import("../store.js").State} state
   * @param {Set<string>} changed
   */
  update(state, changed) {
    if (!["tick", "view", "viewTick", "program", "trace", "stale", "exits"].some((name) => changed.has(name))) return;
    const { view, viewTick } = state;
    this.ctx.section.classList.toggle("stale", state.stale);
    if (!view?.registers) {
      this.ctx.meta("");
      patch(this.main, h("p", { class: "empty" }, t("state.empty")));
      patch(this.pile);
      patch(this.rest);
      this.updateVectors(state);
      return;
    }
    this.ctx.meta(state.stale ? t("pane.stale") : t("state.meta", { n: viewTick }));
    this.draw(state);
  }

  /** What draws the vector registers, once they are unfolded. @type {Promise<import("./x86-vectors.js").VectorsBlock> | null} */
  lanes = null;

  async drawVectors() {
    this.lanes ??= import("./x86-vectors.js").then(({ VectorsBlock }) => new VectorsBlock(this.ctx, this.vectors.node));
    (await this.lanes).draw();
  }

  /** @param {import("../store.js").State} state */
  updateVectors({ view }) {
    const fpu = view?.fpu;
    this.vectors.node.hidden = !fpu;
    if (!fpu) return;
    const used = fpu.xmm.filter((/** @type {any} */ x) => !/^0*$/.test(x.value)).length;
    this.vectors.meta.textContent = t("x86.vectors.meta", { st: fpu.st.filter((/** @type {any} */ s) => s.used).length, xmm: used });
    if (this.vectors.node.open) void this.drawVectors();
  }

  /** What tells a fault, once there was one. @type {typeof import("./x86-fault.js").fault | null} */
  fault = null;

  /** What stands below the fault's story is drawn along with it: so nothing moves. */
  async fetchFault() {
    this.fault = (await import("./x86-fault.js")).fault;
    this.draw(this.ctx.store.state);
  }

  /** @param {import("../store.js").State} state */
  draw(state) {
    const story = raised(state);
    if (story && !this.fault) return void this.fetchFault();
    const past = state.viewTick === state.tick || state.stale ? null : pastState(state);
    this.ctx.section.classList.toggle("kept", state.viewTick !== state.tick && !past);
    if (past) this.ctx.meta(t("state.meta", { n: past.viewTick }));
    const now = past ?? state;
    const step = now.trace.step(now.viewTick);
    patch(this.main, past || !story ? null : this.fault?.(state, this.ctx) ?? null, registers(now, step, this.ctx, this.looks), flags(now, step, this.ctx));
    // The rest only the machine can tell: it stays, and says of which step it is.
    for (const part of [this.pile, this.vectors.node, this.rest]) {
      for (const head of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll(".ph"))) {
        if (past) head.dataset.asof = t("pane.asof", { n: state.viewTick });
        else delete head.dataset.asof;
      }
    }
    if (past) return;
    patch(this.pile, stack(state, this.ctx));
    this.updateVectors(state);
    patch(this.rest, segments(state, now.trace.step(state.viewTick), this.ctx, this.looks), control(state, step, this.ctx));
  }
}

/**
 * Whether the shown step has a story: an exception, the end that follows three of them, or another CPU that went on.
 * @param {import("../store.js").State} state
 */
function raised({ exits, viewTick }) {
  return exits.some(({ tick, data }) => tick === viewTick && ["exception", "KVM_EXIT_SHUTDOWN", "cpu_switched"].includes(data.reason));
}
