// @ts-check
// The constants of the function that the shown step belongs to.
import { columns, h, patch } from "../dom.js";
import { t } from "../i18n.js";
import { valueNode } from "../values.js";

const MOST = 400;

/** @type {import("./index.js").Pane} */
export default {
  id: "lua-constants",
  titleKey: "pane.constants",
  mount(body, ctx) {
    let shown = "";
    return {
      update(state) {
        const { program, trace, tick } = state;
        const where = trace.has(tick) ? trace.where(tick) : state.view?.next?.where;
        const picked = state.pick === "" ? where : Number(state.pick);
        const routine = program?.at(picked)?.routine ?? program?.routines[0];
        ctx.section.classList.toggle("stale", state.stale);
        const key = routine ? `${routine.id} ${program?.rows.size} ${routine.constants?.length}` : "";
        if (key === shown && key !== "") return;
        shown = key;
        if (!routine) {
          ctx.meta("");
          patch(body, h("p", { class: "empty" }, t("constants.empty")));
          return;
        }
        const constants = routine.constants ?? [];
        ctx.meta(t("constants.meta", { name: routine.name ?? "", n: constants.length }));
        patch(body, constants.length
          ? h("table", { class: "regs consts" }, h("caption", { class: "sr" }, t("pane.constants")), columns(60, 92, 0), h("tbody", {}, constants.slice(0, MOST).map((value, i) =>
              h("tr", {}, h("th", { class: "r", scope: "row" }, `K${i}`), h("td", { class: "nm" }, t(`type.${value.t}`)), h("td", {}, valueNode(value))))))
          : h("p", { class: "empty" }, t("constants.none")));
      },
    };
  },
};
