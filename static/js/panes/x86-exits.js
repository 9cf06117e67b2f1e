// @ts-check
// Every time the machine left to its host: why, with what, at which step.
import { fill, h, keepInSight } from "../dom.js";
import { t } from "../i18n.js";
import { writerLink } from "../values.js";

const WINDOW = 200;

/** @type {import("./index.js").Pane} */
export default {
  id: "x86-exits",
  titleKey: "pane.exits",
  mount(body, ctx) {
    return {
      update(state, changed) {
        if (!["exits", "tick", "program", "stale"].some((name) => changed.has(name))) return;
        const { exits, tick } = state;
        ctx.section.classList.toggle("stale", state.stale);
        ctx.meta(exits.length ? t("exits.meta", { n: exits.length }) : "");
        if (!exits.length) {
          fill(body, h("p", { class: "empty" }, t(state.program ? "exits.none" : "exits.empty")));
          return;
        }
        const done = exits.filter((e) => e.tick <= tick).length;
        const from = Math.max(0, Math.min(done - WINDOW / 2, exits.length - WINDOW));
        fill(body, h("table", { class: "exits" },
          h("caption", { class: "sr" }, t("pane.exits")),
          h("thead", {}, h("tr", {}, ["step", "reason", "detail", "data"].map((c) => h("th", { scope: "col" }, t(`column.${c}`))))),
          h("tbody", {}, exits.slice(from, from + WINDOW).map((e, i) => {
            const { reason, ...detail } = e.data;
            return h("tr", { class: `${e.tick > tick ? "future" : ""} ${from + i === done - 1 ? "last" : ""}` },
              h("td", {}, writerLink(e.tick, (n) => ctx.session.goTo(n))),
              h("td", {}, String(reason)), h("td", {}, describe(detail)), h("td", {}, dataText(detail)));
          }))));
        keepInSight(body, body.querySelector("tr.last"));
      },
    };
  },
};

/** @param {any} detail */
function describe(detail) {
  const { direction, port, size, ...rest } = detail;
  if (port !== undefined) return t("exits.port", { direction: String(direction ?? ""), port: `0x${Number(port).toString(16)}`, size: String(size ?? 1) });
  return Object.entries(rest).filter(([name]) => name !== "data" && name !== "value").map(([name, value]) => `${name} ${value}`).join(", ");
}

/** @param {any} detail */
function dataText(detail) {
  const value = detail.data ?? detail.value;
  if (value === undefined || value === null) return "";
  const text = typeof value === "number" ? value.toString(16).padStart(2, "0") : String(value);
  const code = Number.parseInt(text, 16);
  return text.length <= 2 && code >= 32 && code < 127 ? `${text} '${String.fromCharCode(code)}'` : text;
}
