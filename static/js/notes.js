// @ts-check
// A visitor's own notes: texts pinned to steps, listed under the narration, played like a tour, saved as a tour file.
// Fetched with the first note.
import { fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { save } from "./share/recording.js";

/** @typedef {import("./store.js").PinnedNote} PinnedNote */

/** As the server has it for links (app/links.py). */
export const MOST_NOTES = 64;
export const MOST_CHARACTERS = 500;

/**
 * The notes as a tour, to be played by tour.js; null if there is none.
 * @param {PinnedNote[]} notes
 */
export function asTour(notes) {
  if (!notes.length) return null;
  const both = (/** @type {string} */ text) => ({ en: text, zh: text });
  const title = both(t("notes.title"));
  return { name: "", title, notes: notes.map(({ tick, text, pane }) => ({ title: both(t("say.step", { n: tick })), text: both(text), tick, pane })) };
}

/**
 * Play the notes from the one with this number on (from 1).
 * @param {PinnedNote[]} notes
 * @param {number} [number]  without one, from the last note at or before the shown step
 * @param {number} [tick]
 */
export function play(notes, number = 0, tick = 0) {
  const first = number || Math.max(1, notes.filter((note) => note.tick <= tick).length);
  document.dispatchEvent(new CustomEvent("glassbox-tour", { detail: { tour: asTour(notes), number: first } }));
}

/**
 * A text as a value of a tour file; JSON's strings are TOML's too.
 * @param {string} text
 */
function quoted(text) {
  const even = text.split("`").length % 2 ? text : text.replaceAll("`", "'");
  return JSON.stringify(even);
}

/**
 * The notes in the form of docs/tours.md. Of a program that is no example the file says where to put it.
 * @param {import("./store.js").State} state
 * @param {import("./panes/rooms/adapter.js").Adapter} adapter
 */
export function tourFile({ notes, program, trace, example, files, room }, adapter) {
  const own = !example || example.files.some((/** @type {any} */ file, /** @type {number} */ i) => file.text !== files[i]?.text);
  const name = own ? files[0].name.replace(/\.\w+$/, "") : example.name;
  const lines = own ? [`# Save the program as examples/${room.name}/${files[0].name}, with a title in its marks (docs/examples.md).`] : [];
  const title = quoted(own ? name : (example.title.en ?? name));
  lines.push("order = 1000", `title = ${title}`, `about = ${title}`, "", "[[part]]", `title = ${title}`, `text = ${title}`, `example = ${quoted(name)}`);
  for (const { tick, text, pane } of notes) {
    const at = tick > 0 && trace.has(tick) ? program?.at(trace.where(tick)) : undefined;
    const line = at?.row.line ?? 0;
    const words = at ? `${at.row.op}${line ? `, ${t("calls.line", { n: String(line) })}` : ""}` : t("say.step", { n: tick });
    lines.push("", "[[part.note]]", `title = ${quoted(words)}`);
    if (at) lines.push(`op = ${quoted(at.row.op)}`, `line = ${line}`, `nth = ${nth(program, trace, at.row, tick)}`);
    lines.push(`tick = ${tick}`, `pane = ${quoted(pane ?? adapter.listingKey.replace("pane.", ""))}`, `en = ${quoted(text)}`, `zh = ${quoted(text)}`);
  }
  return new Blob([`${lines.join("\n")}\n`], { type: "application/toml" });
}

/**
 * For which time the opcode of a row runs on its line at step `tick`.
 * @param {import("./program.js").Program | null} program
 * @param {import("./trace.js").TraceWindow} trace
 * @param {import("./program.js").Row} row
 * @param {number} tick
 */
function nth(program, trace, row, tick) {
  const same = new Set();
  for (const [where, one] of program?.rows ?? []) if (one.row.op === row.op && one.row.line === row.line) same.add(where);
  const counts = trace.countsAt(tick);
  return [...same].reduce((sum, where) => sum + (counts[where] ?? 0), 0);
}

/**
 * The list of notes, with the text that is being written.
 * @param {HTMLElement} root
 * @param {import("./panes/index.js").Context} ctx
 */
export function mountNotes(root, ctx) {
  const { store, session } = ctx;
  /** The tick of the note that is being written, -1 for none. */
  let writing = -1;
  let drawn = "";

  /** @param {PinnedNote[]} notes */
  const keep = (notes) => store.set({ notes: notes.sort((a, b) => a.tick - b.tick) });

  /**
   * Write the note of a step, or change it.
   * @param {number} tick
   */
  function write(tick) {
    writing = tick;
    draw();
    root.querySelector("textarea")?.focus();
  }

  /** @param {string} text @param {string} [pane] where to look */
  function done(text, pane) {
    const tick = writing;
    writing = -1;
    const others = store.state.notes.filter((note) => note.tick !== tick);
    const words = text.trim();
    if (words) keep([...others, { tick, text: words, ...(pane ? { pane } : {}) }]);
    draw();
    const next = root.querySelector(`[data-note="${tick}"] button`) ?? document.getElementById("note-add");
    /** @type {HTMLElement | null} */ (next)?.focus();
  }

  /** @param {number} tick */
  function form(tick) {
    const note = store.state.notes.find((one) => one.tick === tick);
    const text = h("textarea", { rows: "3", maxlength: MOST_CHARACTERS, "aria-label": t("notes.text", { n: tick }), value: note?.text ?? "" });
    const pane = h("select", { class: "pick", "aria-label": t("notes.look") }, h("option", { value: "" }, t("notes.nowhere")),
      ctx.adapter().parts.map((part) => h("option", { value: part, selected: part === note?.pane }, t(`pane.${part}`))));
    const leave = () => done(note?.text ?? "", note?.pane);
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) done(text.value, pane.value);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    return h("form", { class: "note-form", on: { keydown: pressed, submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      done(text.value, pane.value);
    } } }, h("label", {}, t("notes.text", { n: tick })), text,
      h("div", {}, h("label", {}, t("notes.look"), " ", pane)),
      h("div", {}, h("button", { class: "btn edge" }, t("notes.keep")), h("button", { type: "button", class: "btn", on: { click: leave } }, t("notes.cancel"))));
  }

  /** @param {PinnedNote} note */
  function item({ tick, text, pane }) {
    const label = (/** @type {string} */ key) => ({ "aria-label": t(key, { n: tick }) });
    return h("li", { "data-note": tick, class: tick === store.state.tick ? "here" : "" },
      h("button", { type: "button", class: "at", title: t("say.step", { n: tick }), ...label("notes.go"), on: { click: () => session.goTo(tick) } }, `@${tick}`),
      h("span", { class: "words" }, text.split("`").map((piece, i) => (i % 2 ? h("code", {}, piece) : piece)), pane ? [" ", h("span", { class: "dim" }, t("tour.look", { pane: t(`pane.${pane}`) }))] : null),
      h("button", { type: "button", class: "at", ...label("notes.editlabel"), on: { click: () => write(tick) } }, t("notes.edit")),
      h("button", { type: "button", class: "at", ...label("notes.deletelabel"), on: { click: () => {
        keep(store.state.notes.filter((note) => note.tick !== tick));
        document.getElementById("note-add")?.focus();
      } } }, t("notes.delete")));
  }

  function draw() {
    const { notes, tick } = store.state;
    drawn = key();
    fill(root,
      writing >= 0 ? form(writing) : null,
      notes.length ? h("ol", { "aria-label": t("notes.title") }, notes.map(item)) : null,
      notes.length ? h("div", { class: "acts" },
        h("button", { type: "button", class: "btn edge", id: "notes-play", on: { click: () => play(notes, 0, tick) } }, t("notes.play")),
        h("button", { type: "button", class: "btn edge", id: "notes-save", on: { click: () => save(tourFile(store.state, ctx.adapter()), `${store.state.example?.name ?? "notes"}.toml`) } }, t("notes.save")),
        h("span", { class: "dim" }, t("notes.shared"))) : null);
  }

  function key() {
    const { notes, tick } = store.state;
    return JSON.stringify([notes, notes.some((note) => note.tick === tick) ? tick : -1]);
  }

  return {
    /** Pin a note to the shown step, unless there are too many. */
    add() {
      const { notes, tick } = store.state;
      if (notes.length < MOST_NOTES || notes.some((note) => note.tick === tick)) write(tick);
      else store.set({ notice: { key: "notes.most", args: { n: MOST_NOTES }, tone: "info" } });
    },
    update() {
      if (writing < 0 && drawn !== key()) draw();
    },
  };
}
