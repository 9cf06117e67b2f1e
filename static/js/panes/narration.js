// @ts-check
// The step in words: what the instruction does, then what it changed just now. Read out on request: each step, or this one.
import { fill, h, patch } from "../dom.js";
import { Flag, Write } from "../gen/protocol.js";
import { laterWords, t } from "../i18n.js";
import { remember, remembered } from "../preferences.js";
import { changeNode, valueText } from "../values.js";

/** Changes that are told one by one; the rest is counted. */
const TOLD = 4;

/** Words for what a step did besides its writes. @type {[number, string][]} */
export const EVENTS = [
  [Flag.UPVALUE_OPEN, "say.upvalue_open"],
  [Flag.UPVALUE_CLOSE, "say.upvalue_close"],
  [Flag.COROUTINE, "say.coroutine"],
  [Flag.COLLECTION, "say.collection"],
  [Flag.ERROR, "say.error"],
  [Flag.OUTPUT, "say.output"],
  [Flag.EXIT, "say.exit"],
  [Flag.HALT, "say.halt"],
  [Flag.FAULT, "say.fault"],
  [Flag.INTERRUPT, "say.interrupt"],
  [Flag.TRUNCATED, "say.truncated"],
];

/** @type {import("./index.js").Pane} */
export default {
  id: "narration",
  titleKey: "pane.narration",
  shortKey: "tab.narration",
  turn: 1,
  mount(body, ctx) {
    const say = h("div", { class: "say", "aria-atomic": "true" });
    // What is read out once.
    const spoken = h("div", { class: "sr", role: "status" });
    const aloud = h("button", { type: "button", class: "at aloud", on: { click: () => {
      remember("aloud", remembered("aloud") ? null : "on");
      listenIn();
    } } }, t("say.aloud"));
    const listenIn = () => {
      const on = remembered("aloud") !== null;
      aloud.setAttribute("aria-pressed", String(on));
      if (on) say.setAttribute("aria-live", "polite");
      else say.removeAttribute("aria-live");
    };
    listenIn();
    ctx.section.querySelector(".ph h2")?.after(aloud);
    const readOut = () => {
      // The same words again are news only to a region that was empty.
      spoken.textContent = "";
      requestAnimationFrame(() => {
        spoken.textContent = [...say.children].map((part) => part.textContent).join(" ");
      });
    };
    document.addEventListener("glassbox-read", readOut);
    const pinned = h("div", { class: "pinned" });
    const add = h("button", { type: "button", class: "at", id: "note-add", on: { click: async () => (await notes()).add() } }, t("say.addnote"));
    fill(body, say, add, pinned, spoken);
    /** @type {Promise<ReturnType<typeof import("../notes.js").mountNotes>> | null} */
    let loading = null;
    const notes = () => (loading ??= Promise.all([import("../notes.js"), laterWords()]).then(([{ mountNotes }]) => mountNotes(pinned, ctx)));
    let moved = false;
    // Asking how far it is scrolled would lay the page out.
    let scrolled = false;
    body.addEventListener("scroll", () => {
      scrolled = true;
    }, { passive: true });
    return {
      destroy() {
        document.removeEventListener("glassbox-read", readOut);
        aloud.remove();
      },
      settle() {
        if (moved && scrolled && !body.contains(document.activeElement)) {
          body.scrollTop = 0;
          scrolled = false;
        }
        moved = false;
      },
      update(state, changed) {
        add.hidden = !state.program;
        if (loading || state.notes.length) void notes().then((list) => list.update());
        if (!["tick", "trace", "program", "view", "phase", "stale"].some((name) => changed.has(name))) return;
        ctx.section.classList.toggle("stale", state.stale);
        const { program, tick, trace } = state;
        if (changed.has("tick")) moved = true;
        const step = trace.step(tick);
        const at = step ? program?.at(step.where) : program?.at(state.viewTick === tick ? state.view?.last?.where : null);
        if (!program || tick === 0 || !at) {
          const next = program?.at(trace.has(1) ? trace.where(1) : state.view?.next?.where);
          ctx.meta("");
          if (!program) patch(say, h("p", {}, t("say.empty")));
          else if (tick > 0) patch(say, h("p", {}, t("say.unknown", { n: tick })));
          else {
            patch(say, h("p", {}, t("say.start")), next ? h("p", {}, t("say.next"), " ", ctx.adapter().sentence(state, next.row, next.routine)) : null);
          }
          return;
        }
        const { row, routine } = at;
        const where = routine.name ? t("say.where", { n: tick, name: routine.name }) : t("say.step", { n: tick });
        ctx.meta(row.line === null ? where : `${where}${t("say.line", { n: String(row.line) })}`);
        const changes = step ? step.writes.filter((w) => w.old.s !== w.value.s || w.old.t !== w.value.t || w.old.id !== w.value.id) : [];
        const told = changes.slice(0, TOLD).map((w) =>
          h("li", {}, h("span", { class: w.kind === Write.UPVALUE ? "cl" : "rd" }, ctx.adapter().place(state, w, /** @type {any} */ (step))), " ",
            w.old.t === "absent" ? h("span", { class: "wr" }, `= ${valueText(w.value)}`) : changeNode(w.old, w.value, "wr")));
        if (changes.length > TOLD) told.push(h("li", {}, t("say.more", { n: changes.length - TOLD })));
        const read = step ? (ctx.adapter().read?.(state, row, routine, step) ?? []).slice(0, TOLD) : [];
        const flags = step?.flags ?? 0;
        const events = step ? ctx.adapter().more(state, step) : [];
        events.push(...EVENTS.filter(([flag]) => flags & flag).map(([, key]) => t(key)));
        const ran = step ? trace.countsAt(tick)[step.where] : 0;
        if (ran > 1 && trace.knowsAll(tick)) events.push(t("say.nth", { n: ran }));
        if (tick === state.frontier && state.ended) events.push(t(`ended.${state.ended.reason}`));
        patch(
          say,
          h("p", {}, h("code", { class: "opname" }, row.op), " ", ctx.adapter().sentence(state, row, routine)),
          read.length ? h("p", { class: "reads" }, t("say.read", { text: read.map(([name, value]) => `${name} = ${valueText(value)}`).join(", ") })) : null,
          told.length ? h("ul", { class: "changes" }, told) : null,
          events.length ? h("p", {}, events.join(" ")) : null,
        );
      },
    };
  },
};
