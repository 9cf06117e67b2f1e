// @ts-check
// Memory around what matters: rows of eight bytes of each window that the view offers, with what was written when.
import { fill, h } from "../dom.js";
import { has, t } from "../i18n.js";
import { RECENT_STEPS } from "../values.js";
import { withScreen } from "./x86-screen.js";

const ROW = 8;

/** @type {import("./index.js").Pane} */
export default {
  id: "x86-memory",
  titleKey: "pane.memory",
  tabKey: "x86.tab.memory",
  shortKey: "x86.tab.memory",
  mount(pane, ctx) {
    const body = h("div", { class: "below" });
    const screen = withScreen(pane, ctx, body);
    body.addEventListener("click", (event) => {
      const cell = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("td[data-at]"));
      if (!cell) return;
      const { trace, viewTick } = ctx.store.state;
      if (cell.dataset.writer) ctx.session.goTo(Number(cell.dataset.writer));
      else if (!trace.knowsAll(viewTick)) ctx.session.toWriter({ kind: "memory", address: Number(cell.dataset.at) });
    });
    return {
      update(state, changed) {
        screen.update(state, changed);
        if (!["view", "viewTick", "trace", "program", "stale"].some((name) => changed.has(name))) return;
        ctx.section.classList.toggle("stale", state.stale);
        const windows = state.view?.memory;
        if (!windows) {
          ctx.meta("");
          fill(body, h("p", { class: "empty" }, t("memory.empty")));
          return;
        }
        ctx.meta(state.stale ? t("pane.stale") : t("memory.meta"));
        const { scrollTop } = pane;
        fill(
          body,
          h("table", { class: "hex" },
            h("caption", { class: "sr" }, t("pane.memory")),
            h("thead", {}, h("tr", {}, h("th", { class: "ad", scope: "col" }, t("column.address")),
              Array.from({ length: ROW }, (_x, i) => h("th", { scope: "col", class: i === 4 ? "mid" : "" }, i.toString(16))),
              h("th", { class: "asc", scope: "col" }, t("column.ascii")))),
            h("tbody", {}, merge(windows).map((w) => [
              h("tr", { class: "gaprow" }, h("th", { colspan: ROW + 2, scope: "rowgroup" }, w.names.map(windowName).join(" · "))),
              rows(state, w),
            ]))),
          legend(),
        );
        pane.scrollTop = scrollTop;
      },
    };
  },
};

/** @param {string} name */
function windowName(name) {
  return has(`memory.window.${name}`) ? t(`memory.window.${name}`) : name;
}

/**
 * Windows in address order; those that touch or overlap become one.
 * @param {{name: string, base: number, bytes: string}[]} windows
 */
function merge(windows) {
  /** @type {{names: string[], base: number, bytes: string[]}[]} */
  const out = [];
  for (const w of [...windows].sort((a, b) => a.base - b.base)) {
    const bytes = w.bytes.match(/../g) ?? [];
    const last = out.at(-1);
    const gap = last ? w.base - (last.base + last.bytes.length) : 1;
    if (last && gap <= 0) {
      last.names.push(w.name);
      last.bytes.push(...bytes.slice(-gap));
    } else out.push({ names: [w.name], base: w.base, bytes: [...bytes] });
  }
  return out;
}

/**
 * @param {import("../store.js").State} state
 * @param {{base: number, bytes: string[]}} w
 */
function rows(state, w) {
  const { view, viewTick, trace } = state;
  const writers = trace.memoryWriters(w.base, w.bytes.length, viewTick);
  const next = state.program?.at(view.next?.where)?.row;
  const ipAt = next?.address ?? -1;
  const ipEnd = ipAt + (next?.bytes?.length ?? 0) / 2;
  const spAt = pointer(view);
  const start = Math.floor(w.base / ROW) * ROW;
  const out = [];
  for (let row = start; row < w.base + w.bytes.length; row += ROW) {
    const marks = [];
    if (ipAt >= row && ipAt < row + ROW) marks.push("IP");
    if (spAt >= row && spAt < row + ROW) marks.push("SP");
    const cells = [];
    let ascii = "";
    for (let a = row; a < row + ROW; a++) {
      const i = a - w.base;
      const byte = w.bytes[i];
      const names = [a === row + 4 ? "mid" : ""];
      if (byte === undefined) {
        cells.push(h("td", { class: names[0] }));
        ascii += " ";
        continue;
      }
      const writer = writers[i];
      if (byte === "00") names.push("z");
      if (writer === viewTick && writer) names.push("wr");
      else if (writer) names.push(viewTick - writer <= RECENT_STEPS ? "recently" : "wo");
      if (a >= ipAt && a < ipEnd) names.push("ip");
      if (a === spAt) names.push("spm");
      cells.push(h("td", { class: names.join(" "), title: writer ? t("memory.written", { n: writer }) : null, "data-writer": writer || null, "data-at": a }, byte));
      const code = Number.parseInt(byte, 16);
      ascii += code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
    }
    out.push(h("tr", {}, h("th", { class: "ad", scope: "row" }, row.toString(16).padStart(4, "0")), cells,
      h("td", { class: "asc" }, ascii, marks.map((m) => h("b", {}, m)))));
  }
  return out;
}

/**
 * The physical address of the stack's top.
 * @param {any} view
 */
function pointer(view) {
  const sp = view.registers?.find((/** @type {any} */ r) => /^[er]?sp$/i.test(r.name));
  const ss = view.segments?.find((/** @type {any} */ s) => s.name.toUpperCase() === "SS");
  return sp ? Number.parseInt(sp.value, 16) + (ss ? Number(BigInt(`0x${ss.base}`)) : 0) : -1;
}

function legend() {
  const item = (/** @type {string} */ mark, /** @type {string} */ key) => h("span", {}, h("i", { class: mark }), t(key));
  return h("div", { class: "marks" }, item("wr", "memory.now"), item("recently", "memory.recently"), item("wo", "memory.earlier"), item("ip", "memory.ip"), item("spm", "memory.sp"));
}
