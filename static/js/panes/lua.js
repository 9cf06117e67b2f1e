// @ts-check
// Everything of the page that is Lua's own: a chunk that only visitors of that room load.
import { moreWords } from "../i18n.js";
import constants from "./lua-constants.js";
import { late } from "./late.js";
import state from "./lua-state.js";

await moreWords({ en: () => import("words:en-lua"), zh: () => import("words:zh-lua") });

export { lua as adapter } from "./rooms/lua.js";

const heap = late({ id: "lua-heap", titleKey: "pane.heap", ofView: true, tabKey: "tab.heap" }, () => import("./lua-heap.js"));

/** @type {import("./index.js").Pane[]} */
export const panes = [state, heap, constants];
