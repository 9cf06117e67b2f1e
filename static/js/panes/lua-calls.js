// @ts-check
// Lua's call stack with its CallInfos, and the coroutines side by side, each with its frames.
import { h } from "../dom.js";
import { Flag } from "../gen/protocol.js";
import { t } from "../i18n.js";

/** Frames that are drawn at most, and those of a coroutine that is not the shown one. */
const MOST = 120;
const FEW = 4;
/** Coroutines that are drawn at most. */
const THREADS = 24;
/** How far back the call of a frame is looked for. */
const LOOK_BACK = 20000;

/**
 * @param {import("../store.js").State} state
 * @param {any} thread
 * @param {any} shown   the frame whose registers are shown
 * @param {(level: number) => void} show
 */
export function callStack(state, thread, shown, show) {
  const running = thread.id === state.view.thread;
  const entries = running ? callSteps(state.trace, state.viewTick) : new Map();
  const depth = thread.frames.filter((/** @type {any} */ f) => f.kind !== "host").length;
  return h(
    "section",
    { class: "block b-calls", "aria-label": t("pane.calls") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.calls")), h("span", { class: "meta" }, running ? t("calls.meta", { n: depth }) : t("calls.of", { id: String(thread.id), n: depth }))),
    state.view.unwound ? h("p", { class: "note err" }, t("calls.unwound")) : null,
    h("ol", { class: "calls" }, thread.frames.slice(0, MOST).map((/** @type {any} */ f, /** @type {number} */ i) => {
      const number = `CI ${thread.frames.length - 1 - i}`;
      if (f.kind === "host") return h("li", { class: "host" }, h("span", { class: "dim" }, number), h("span", { class: "dim" }, t("calls.host")), h("small", {}, t("calls.boundary")));
      const entry = entries.get(i);
      return h("li", {}, h("button", { type: "button", "aria-current": f === shown ? "true" : null, on: { click: () => show(f.level) } },
        h("span", {}, number), h("span", { class: "fname" }, f.function.name ?? "?"), h("small", {}, note(f)), h("small", {}, entry ? `@${entry}` : "")));
    })),
  );
}

/** What to know about a frame. @param {any} f */
function note(f) {
  if (f.kind === "native") return t("calls.native");
  return [
    t("calls.pc", { n: String(f.pc ?? 0) }), f.line === null ? "" : t("calls.line", { n: String(f.line) }), t("calls.base", { n: String(f.base) }),
    f.wants < 0 ? t("calls.all") : t("calls.wants", { n: f.wants }), f.tail ? t("calls.tail") : "",
  ].filter(Boolean).join(", ");
}

/**
 * @param {any} view
 * @param {any} thread   the shown one
 * @param {any} shown
 * @param {(thread: number, level: number) => void} show
 */
export function coroutines(view, thread, shown, show) {
  const cards = view.threads.slice(0, THREADS).map((/** @type {any} */ one) => {
    const frames = one.frames.filter((/** @type {any} */ f) => f.kind !== "host");
    const few = frames.slice(0, FEW);
    return h("article", { class: `obj co ${one.id === view.thread ? "active" : ""}` },
      h("header", {}, h("b", {}, one.name ?? ""), h("span", { class: "id" }, `#${one.id}`), h("span", { class: "meta" }, t(`thread.${one.status}`))),
      few.length
        ? h("ol", {}, few.map((/** @type {any} */ f) => h("li", {}, h("button", { type: "button", "aria-current": one === thread && f === shown ? "true" : null, on: { click: () => show(one.id, f.level) } },
            h("span", {}, f.function.name ?? "?"), h("small", {}, f.kind === "native" ? t("calls.native") : f.line === null ? t("calls.pc", { n: String(f.pc ?? 0) }) : t("calls.line", { n: String(f.line) }))))),
          frames.length > FEW ? h("li", { class: "dim" }, t("calls.deeper", { n: frames.length - FEW })) : null)
        : h("p", { class: "none" }, t(one.status === "dead" ? "thread.over" : "thread.fresh")));
  });
  return h(
    "section",
    { class: "block b-threads", "aria-label": t("pane.threads") },
    h("div", { class: "ph" }, h("h3", {}, t("pane.threads")), h("span", { class: "meta" }, t("threads.meta", { n: view.threads.length }))),
    h("div", { class: "cos" }, cards),
    view.threads.length > THREADS ? h("p", { class: "none" }, t("threads.more", { n: view.threads.length - THREADS })) : null,
  );
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
