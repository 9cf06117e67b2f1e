// @ts-check
// How a hypervisor works, as something one watches: the calls that made the machine, and those that run it, in order and
// with their arguments. First as a drawing of the life of a virtual machine, then as the log.
import css from "css:x86-calls";
import { fill, h } from "../dom.js";
import { moreWords, number, t } from "../i18n.js";
import { writerLink } from "../values.js";
import { adoptStyle } from "./late.js";
import { Question } from "./x86-asking.js";

adoptStyle(css);
await moreWords({ en: () => import("words:en-x86-calls"), zh: () => import("words:zh-x86-calls") });

/** Calls of the log that are shown at once. */
const PAGE = 64;

/**
 * Arguments as they are written in C.
 * @param {Record<string, any>} given
 */
function argumentsText(given) {
  return Object.entries(given).map(([name, value]) => `${name} = ${typeof value === "number" && value > 9 ? `0x${value.toString(16)}` : value}`).join(", ");
}

/**
 * What a call came to.
 * @param {any} call
 */
function resultText(call) {
  if (call.error) return call.error;
  if (call.exit) {
    const { reason, ...rest } = call.exit;
    return `${reason}${Object.keys(rest).length ? ` {${argumentsText(rest)}}` : ""}`;
  }
  if (call.ended) return t("x86.calls.stretch", { n: call.ended.steps, from: number(call.ended.from) });
  return call.result ? `= ${call.result}` : "";
}

export class CallsView {
  /** How many calls before the last one the shown page ends. */
  back = 0;
  /** @type {any} */
  setup = null;
  /** @type {any} */
  log = null;
  quiet = true;

  /**
   * @param {HTMLElement} body
   * @param {import("./index.js").Context} ctx
   */
  constructor(body, ctx) {
    this.body = body;
    this.ctx = ctx;
    this.asking = new Question(ctx.session, (answer) => {
      this.setup = answer;
      this.logging.ask({ kind: "calls", when: "run", offset: this.from(), limit: 256 }, 0);
    });
    this.logging = new Question(ctx.session, (answer) => {
      // A first answer tells how many there are; the page wanted may be another one then.
      const count = answer.count;
      if (this.log?.count !== count && answer.offset + answer.calls.length < count - this.back) {
        this.log = answer;
        this.logging.ask({ kind: "calls", when: "run", offset: this.from(), limit: 256 }, 0);
        return;
      }
      this.log = answer;
      this.draw();
    });
  }

  from() {
    return Math.max(this.log?.first ?? 0, (this.log?.count ?? 0) - this.back - 256);
  }

  ask() {
    this.asking.ask({ kind: "calls", when: "setup", limit: 256 });
  }

  drop() {
    this.asking.drop();
    this.logging.drop();
  }

  draw() {
    const { state } = this.ctx.store;
    if (!this.setup || !state.view) return;
    const { scrollTop } = this.body;
    fill(this.body, this.life(state), this.table());
    this.body.scrollTop = scrollTop;
  }

  /**
   * The life of the machine: what made it, then the loop of running and handling.
   * @param {import("../store.js").State} state
   */
  life(state) {
    const made = grouped(this.setup.calls);
    const begun = grouped((this.log?.calls ?? []).slice(0, this.log?.offset ? 0 : 8).filter((/** @type {any} */ c) => c.tick === 0 && !c.exit && !c.ended));
    const kvm = this.setup.cpu === "kvm";
    const counts = new Map();
    for (const { tick, data } of state.exits) if (tick <= state.tick) counts.set(data.reason, (counts.get(data.reason) ?? 0) + 1);
    const here = new Set(state.exits.filter((e) => e.tick === state.tick).map((e) => e.data.reason));
    const outside = ["KVM_EXIT_IO", "KVM_EXIT_MMIO", "KVM_EXIT_HLT", "KVM_EXIT_SHUTDOWN"].filter((reason) => counts.has(reason));
    return h("section", { class: "life", "aria-label": t("x86.life") },
      h("p", { class: "hint" }, t(kvm ? "x86.life.kvm" : "x86.life.unicorn")),
      h("ol", { class: "boxes-row", "aria-label": t("x86.life.made") }, [...made, ...begun].map(({ call, times }) =>
        h("li", {}, h("b", {}, call.name), times > 1 ? ` × ${times}` : null, h("small", {}, boxNote(call))))),
      h("div", { class: "loop", role: "group", "aria-label": t("x86.life.loop") },
        h("div", { class: "stage" }, h("b", {}, kvm ? "ioctl(vcpu, KVM_RUN)" : "uc_emu_start"), h("small", {}, t("x86.life.guest", { n: state.tick }))),
        h("span", { class: "to", "aria-hidden": "true" }, "⇄"),
        h("ul", { class: "stage-exits" },
          h("li", { class: here.size ? "" : "here" }, h("b", {}, kvm ? "KVM_EXIT_DEBUG" : "UC_HOOK_CODE"), h("small", {}, t("x86.life.step"))),
          outside.map((reason) => h("li", { class: here.has(reason) ? "here" : "" }, h("b", {}, reason), h("small", {}, t(`x86.life.${reason}`, { n: counts.get(reason) })))))));
  }

  table() {
    const calls = (this.log?.calls ?? []).filter((/** @type {any} */ c) => !this.quiet || !(c.exit?.reason === "KVM_EXIT_DEBUG"));
    const shown = calls.slice(-PAGE);
    const hidden = (this.log?.calls.length ?? 0) - calls.length;
    const button = (/** @type {string} */ key, /** @type {boolean} */ off, /** @type {() => void} */ run) => h("button", { type: "button", class: "btn", disabled: off, on: { click: run } }, t(key));
    const turn = (/** @type {number} */ by) => () => {
      this.back = Math.max(0, this.back + by);
      this.logging.ask({ kind: "calls", when: "run", offset: this.from(), limit: 256 }, 0);
    };
    return [
      h("div", { class: "xtools" },
        h("span", { class: "dim" }, t("x86.calls.count", { n: this.log?.count ?? 0 })),
        button("x86.calls.earlier", this.from() <= (this.log?.first ?? 0), turn(256)), button("x86.calls.later", this.back === 0, turn(-256)),
        h("button", { type: "button", class: "btn", "aria-pressed": String(this.quiet), on: { click: () => {
          this.quiet = !this.quiet;
          this.draw();
        } } }, t("x86.calls.quiet")), hidden ? h("span", { class: "dim" }, t("x86.calls.hidden", { n: hidden })) : null),
      h("table", { class: "exits calls-log" },
        h("caption", { class: "sr" }, t("x86.calls")),
        h("thead", {}, h("tr", {}, ["step", "fd", "call", "result"].map((c) => h("th", { scope: "col" }, t(`x86.column.${c}`))))),
        h("tbody", {}, shown.map((/** @type {any} */ c) => h("tr", { class: c.tick === this.ctx.store.state.tick ? "last" : "" },
          h("td", {}, c.tick ? writerLink(c.tick, (tick) => this.ctx.session.goTo(tick)) : "0"), h("td", { class: "dim" }, c.on),
          h("td", {}, h("b", {}, c.name), " ", h("span", { class: "dim" }, argumentsText(c.arguments))), h("td", {}, resultText(c)))))),
    ];
  }
}

/**
 * Calls of the same name that follow each other become one box.
 * @param {any[]} calls
 */
function grouped(calls) {
  /** @type {{call: any, times: number}[]} */
  const out = [];
  for (const call of calls) {
    const last = out.at(-1);
    if (last && last.call.name === call.name) last.times++;
    else out.push({ call, times: 1 });
  }
  return out;
}

/**
 * What to say in a box: the number that the call brought, or what it set.
 * @param {any} call
 */
function boxNote(call) {
  if (["open", "KVM_CREATE_VM", "KVM_CREATE_VCPU"].includes(call.name)) return t("x86.life.fd", { n: call.result });
  const { memory_size: size, guest_phys_addr: at, rip, cs } = call.arguments;
  if (size !== undefined) return t("x86.life.memory", { size: size >> 10, at: at.toString(16) });
  if (rip !== undefined) return `rip = ${rip.toString(16)}`;
  if (cs !== undefined) return `cs = ${cs.toString(16)}`;
  if (call.name === "mmap" || call.name === "KVM_GET_VCPU_MMAP_SIZE") return t("x86.life.bytes", { n: call.arguments.length ?? call.result });
  return call.result ? `= ${call.result}` : "";
}
