// @ts-check
// The registry of panes: one row a pane. A room names the panes that it wants, in the order of the page's places.
import constants from "./lua-constants.js";
import luaHeap from "./lua-heap.js";
import luaState from "./lua-state.js";
import listing from "./listing.js";
import narration from "./narration.js";
import output from "./output.js";
import source from "./source.js";
import x86Exits from "./x86-exits.js";
import x86Memory from "./x86-memory.js";
import x86State from "./x86-state.js";

/**
 * @typedef {object} Context
 * @property {import("../store.js").Store} store
 * @property {import("../session.js").Session} session
 * @property {() => import("./rooms/index.js").Adapter} adapter   what is particular to the shown machine
 * @property {(text: string) => void} meta    set the note at the right of the pane's head
 * @property {(text: string) => void} title   rename the pane
 * @property {HTMLElement} section            the whole pane; its `.body` is what `mount` gets
 * @property {string} nonce                   for style elements
 */

/**
 * A mounted pane. `update` hears every change of the store, at most once a frame; `changed` names the fields.
 * @typedef {object} Mounted
 * @property {(state: import("../store.js").State, changed: Set<string>) => void} update
 * @property {() => void} [destroy]
 */

/**
 * @typedef {object} Pane
 * @property {string} id
 * @property {string} titleKey
 * @property {string} [tabKey]    what the tab of a tablet says
 * @property {string} [shortKey]  what the tab of a phone says
 * @property {(body: HTMLElement, ctx: Context) => Mounted} mount
 */

/** @type {Pane[]} */
export const PANES = [source, listing, luaState, luaHeap, constants, x86State, x86Memory, x86Exits, output, narration];

/** @param {string} id @returns {Pane} */
export function pane(id) {
  const found = PANES.find((p) => p.id === id);
  if (!found) throw new Error(`no pane is called ${id}`);
  return found;
}
