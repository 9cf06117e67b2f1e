// @ts-check
// A moment: program, options, input so far and step, as plain data; and the links that carry it.
import { h } from "../dom.js";
import { has, t } from "../i18n.js";

/**
 * @typedef {{text: string, end?: boolean}} Given   a piece of input
 * @typedef {object} Moment                         the shape that the server stores too (app/links.py)
 * @property {1} v
 * @property {string} room
 * @property {import("../store.js").SourceFile[]} files
 * @property {Record<string, string>} options
 * @property {number} tick
 * @property {string[]} [panes]                     the tabs that were shown, of a phone and of a tablet
 * @property {import("../store.js").Breakpoint[]} [breakpoints]
 * @property {Given[]} [input]
 * @property {import("../store.js").PinnedNote[]} [notes]
 * @property {{from: number, to: number, name: string}} [focus]
 */

/** The longest self-contained link: chats and mail programs cut longer ones. */
export const LONGEST_LINK = 1800;
/** What a fragment may unpack to. */
const MOST_BYTES = 256 << 10;
export const MARK = "#v1=";

/**
 * @param {import("../store.js").State} state
 * @returns {Moment}
 */
export function momentOf(state) {
  /** @type {Moment} */
  const moment = { v: 1, room: state.room.name, files: state.files.map(({ name, text }) => ({ name, text })), options: state.options, tick: state.tick };
  const panes = [...document.querySelectorAll("[role=tab][aria-selected=true]")].map((tab) => /** @type {HTMLElement} */ (tab).dataset.tab ?? "").filter(Boolean);
  if (panes.length) moment.panes = panes;
  if (state.breakpoints.length) moment.breakpoints = state.breakpoints;
  if (state.inputs.length) moment.input = state.inputs;
  if (state.notes.length) moment.notes = state.notes;
  if (state.focus) moment.focus = state.focus;
  return moment;
}

/**
 * The link that names an example and a step; null once anything differs from the example, or notes are pinned.
 * @param {import("../store.js").State} state
 * @param {string} origin
 */
export function readableLink({ example, room, files, options, inputs, notes, tick, focus, predict }, origin) {
  if (!example || inputs.length || notes.length || files.length !== example.files.length) return null;
  if (files.some((file, i) => file.name !== example.files[i].name || file.text !== example.files[i].text)) return null;
  /** @type {any[]} */
  const choices = room.options;
  if (choices.some((o) => options[o.name] !== (example.options?.[o.name] ?? o.values[0]))) return null;
  return `${origin}/?room=${room.name}&example=${example.name}&tick=${tick}${focus ? `&focus=${focusText(focus)}` : ""}${predict ? "&predict=1" : ""}`;
}

/**
 * A focus window in an address: its ends, and its name if it has one.
 * @param {{from: number, to: number, name: string}} focus
 */
function focusText({ from, to, name }) {
  return `${from}-${to}${name ? `-${encodeURIComponent(name)}` : ""}`;
}

/**
 * The link that holds everything itself; the server never sees what stands behind the `#`.
 * @param {Moment} moment
 * @param {string} origin
 * @param {string} [query]  with its `?`
 */
export async function packedLink(moment, origin, query = "") {
  const packed = await all(new Blob([JSON.stringify(moment)]).stream().pipeThrough(new CompressionStream("deflate-raw")), Infinity);
  let text = "";
  for (const byte of packed) text += String.fromCharCode(byte);
  return `${origin}/play${query}${MARK}${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/**
 * What a fragment holds. Throws an error with a sentence for the visitor.
 * @param {string} fragment with its mark
 * @param {any[]} rooms
 * @returns {Promise<Moment>}
 */
export async function unpack(fragment, rooms) {
  let text;
  try {
    const binary = atob(fragment.slice(MARK.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    const plain = await all(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")), MOST_BYTES);
    text = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
  } catch {
    throw new Error(t("share.broken"));
  }
  return checked(text, rooms);
}

/**
 * Everything that a stream gives, at most `most` bytes.
 * @param {ReadableStream<any>} stream
 * @param {number} most
 */
async function all(stream, most) {
  /** @type {BlobPart[]} */
  const parts = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Error("too much");
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * The moment, if it is one that this page can open. Somebody else made it: nothing is taken on trust.
 * @param {any} data
 * @param {any[]} rooms
 * @returns {Moment}
 */
export function checked(data, rooms) {
  const room = rooms.find((r) => r.name === data?.room);
  const isText = (/** @type {unknown} */ value) => typeof value === "string";
  const list = (/** @type {unknown} */ value, /** @type {(one: any) => boolean} */ fits) =>
    value === undefined || (Array.isArray(value) && value.length <= 1024 && value.every(fits));
  const isCount = (/** @type {unknown} */ value) => Number.isSafeInteger(value) && Number(value) >= 0;
  const fits = data?.v === 1 && room && isCount(data.tick) &&
    Array.isArray(data.files) && data.files.length > 0 && list(data.files, (f) => isText(f?.name) && isText(f?.text)) &&
    typeof data.options === "object" && data.options !== null &&
    Object.entries(data.options).every(([name, value]) => room.options.some((/** @type {any} */ o) => o.name === name && o.values.includes(value))) &&
    list(data.panes, isText) &&
    list(data.breakpoints, (b) => isCount(b?.where) || (isCount(b?.line) && (b.file === undefined || isText(b.file)))) &&
    list(data.notes, (n) => isCount(n?.tick) && isText(n?.text) && (n.pane === undefined || (isText(n.pane) && has(`pane.${n.pane}`)))) &&
    (data.focus === undefined || (isCount(data.focus?.from) && isCount(data.focus.to) && data.focus.to > data.focus.from && isText(data.focus.name))) &&
    list(data.input, (i) => isText(i?.text) && (i.end === undefined || typeof i.end === "boolean"));
  if (!fits) throw new Error(t("share.broken"));
  return data;
}

/**
 * Give a text to the clipboard; answers whether it got there.
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without the clipboard permission (plain HTTP on a LAN) the old command still copies a selection.
    const field = h("textarea", { class: "sr", "aria-hidden": "true", value: text });
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
