// @ts-check
// The registry of panes: the shared ones here, a machine's own in its file, one row a pane. A room names the panes that
// it wants, in the order of the page's places.
import listing from "./listing.js";
import narration from "./narration.js";
import output from "./output.js";
import source from "./source.js";

/**
 * @typedef {object} Context
 * @property {import("../store.js").Store} store
 * @property {import("../session.js").Session} session
 * @property {() => import("./rooms/adapter.js").Adapter} adapter   what is particular to the shown machine
 * @property {(text: string) => void} meta    set the note at the right of the pane's head
 * @property {(text: string) => void} title   rename the pane
 * @property {HTMLElement} section            the whole pane; its `.body` is what `mount` gets
 * @property {string} nonce                   for style elements
 */

/**
 * A mounted pane. `update` hears every change of the store, at most once a frame; `changed` names the fields. It must not
 * ask for geometry, which would lay the page out in the middle of the frame: `settle` may, when all panes are up to date.
 * @typedef {object} Mounted
 * @property {(state: import("../store.js").State, changed: Set<string>) => void} update
 * @property {() => void} [settle]
 * @property {() => void} [destroy]
 */

/**
 * @typedef {object} Pane
 * @property {string} id
 * @property {string} titleKey
 * @property {boolean} [ofView]   it shows the last view that the machine sent: when that is of another step, its head says so
 * @property {string} [tabKey]    what the tab of a tablet says
 * @property {string} [shortKey]  what the tab of a phone says
 * @property {number} [turn]      while somebody drags, it is drawn in the same frames as others with this number (turns.js)
 * @property {(body: HTMLElement, ctx: Context) => Mounted} mount
 */

/** Panes that every machine can use. @type {Pane[]} */
const SHARED = [source, listing, output, narration];

/**
 * What a machine brings along: its adapter and its panes.
 * @typedef {{adapter: import("./rooms/adapter.js").Adapter, panes: Pane[]}} Machine
 */

/** @type {Record<string, () => Promise<Machine>>} */
const MACHINES = { lua: () => import("./lua.js"), x86: () => import("./x86.js") };

/**
 * Fetch what belongs to a room's machine, and find the panes that the room names.
 * @param {{name: string, panes: string[]}} room
 * @returns {Promise<{adapter: import("./rooms/adapter.js").Adapter, panes: Pane[]}>}
 */
export async function machine(room) {
  const { adapter, panes } = await MACHINES[room.name]();
  const known = [...SHARED, ...panes];
  const wanted = room.panes.map((id) => {
    const found = known.find((p) => p.id === id);
    if (!found) throw new Error(`no pane is called ${id}`);
    return found;
  });
  return { adapter, panes: wanted };
}
