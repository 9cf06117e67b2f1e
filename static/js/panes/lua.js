// @ts-check
// Everything of the page that is Lua's own: a chunk that only visitors of that room load.
import constants from "./lua-constants.js";
import heap from "./lua-heap.js";
import state from "./lua-state.js";

export { lua as adapter } from "./rooms/lua.js";

/** @type {import("./index.js").Pane[]} */
export const panes = [state, heap, constants];
