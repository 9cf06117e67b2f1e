// @ts-check
// One HTML file that replays a recording without a server: the player (player/player.js) and the steps as JSON.
import { Flag, Write } from "../gen/protocol.js";
import { language, t } from "../i18n.js";
import { machine } from "../panes/index.js";
import { valueText } from "../values.js";
import { script, scriptHash, style, styleHash } from "player:file";

/** Steps of a file at most, and characters. */
export const MOST_STEPS = 20_000;
const MOST_CHARACTERS = 8 << 20;

/** @typedef {import("../store.js").State} State */

/** Numbers texts, so that each is in the file once. */
class Texts {
  /** @type {string[]} */
  list = [];
  /** @type {Map<string, number>} */
  #at = new Map();

  /** @param {string} text */
  number(text) {
    let at = this.#at.get(text);
    if (at === undefined) {
      at = this.list.push(text) - 1;
      this.#at.set(text, at);
    }
    return at;
  }
}

/**
 * The unbroken stretch of known steps around the shown one, at most MOST_STEPS long.
 * @param {State} state
 * @returns {[number, number]}
 */
function stretch({ trace, tick, frontier }) {
  const anchor = Math.max(1, tick);
  let last = Math.max(anchor - 1, 0);
  while (last < frontier && last - anchor < MOST_STEPS && trace.has(last + 1)) last++;
  let first = Math.max(trace.knownFrom(last), 1);
  if (last - first >= MOST_STEPS) {
    first = Math.max(first, anchor - MOST_STEPS / 2);
    last = Math.min(last, first + MOST_STEPS - 1);
  }
  return [first, last];
}

/**
 * What names a place for ever: which slot, upvalue, field, register or byte.
 * @param {import("../trace.js").StepWrite} write
 * @param {number} thread
 */
function identity(write, thread) {
  const key = write.index >= 0 ? String(write.index) : `${write.key.t} ${write.key.s} ${write.key.id ?? ""}`;
  if (write.kind === Write.SLOT) return `${Write.SLOT} ${write.owner || thread} ${key}`;
  // An upvalue is its owner, whichever closure's number for it the step used.
  if (write.kind === Write.UPVALUE) return `${Write.UPVALUE} ${write.owner} `;
  return `${write.kind} ${write.owner} ${key}`;
}

/**
 * What the shown view knows of places that no step of the file writes.
 * @param {State} state
 * @returns {[string, string, string][]} identity, label, value
 */
function fromView({ view, program }) {
  /** @type {[string, string, string][]} */
  const out = [];
  const names = (program?.listing.registers ?? []).map((/** @type {string} */ name) => name.toLowerCase());
  for (const { name, value } of Array.isArray(view?.registers) ? view.registers : []) {
    const at = names.indexOf(name.toLowerCase());
    if (at >= 0) out.push([`${Write.REGISTER} 0 ${at}`, name.toUpperCase(), value]);
  }
  for (const thread of view?.threads ?? []) {
    for (const frame of thread.frames) {
      for (const { slot, value } of frame.registers ?? []) out.push([`${Write.SLOT} ${thread.id} ${slot}`, "", valueText(value)]);
    }
  }
  return out;
}

/**
 * The recording as the player reads it.
 * @param {State} state
 */
async function recording(state) {
  const { adapter } = await machine(state.room);
  const { program, trace, files, room, tick, frontier, ended, outputs, notes } = state;
  if (!program) throw new Error(t("export.nothing"));
  const [first, last] = stretch(state);
  if (last < first) throw new Error(t("export.nothing"));
  const values = new Texts();
  const places = new Texts();
  const labels = new Texts();
  const steps = [];
  for (let n = first; n <= last; n++) {
    const step = trace.step(n);
    if (!step) break;
    const writes = step.writes.map((w) => [
      places.number(identity(w, step.thread)), labels.number(w.kind === Write.SLOT ? "" : adapter.place(state, w, step)),
      values.number(w.old.t === "absent" ? "" : valueText(w.old)), values.number(valueText(w.value)),
    ]);
    steps.push([step.where, step.depth, step.base, step.thread, step.flags, writes.flat()]);
    if (n % 2000 === 0) await new Promise((done) => setTimeout(done));
  }
  const base = fromView(state).map(([place, label, value]) => [places.number(place), labels.number(label), values.number(value)]);
  return {
    words: words(), room: room.title, link: location.origin, files, first, last, tick, frontier, ended: ended?.reason ?? null,
    notes: notes.filter((note) => note.tick >= first - 1 && note.tick <= last).map((note) => [note.tick, note.text, note.pane ? t("tour.look", { pane: t(`pane.${note.pane}`) }) : ""]),
    outputs: outputs.filter((o) => o.tick <= last), steps, base, values: values.list, places: places.list, labels: labels.list,
    events: [[Flag.OUTPUT, "output"], [Flag.ERROR | Flag.FAULT, "error"]],
    routines: program.routines.map((routine) => ({
      name: routine.name ?? "", params: routine.params ?? 0, slots: routine.slots ?? 0,
      locals: (routine.locals ?? []).map(({ name, start, end }) => [name, start, end]),
      rows: routine.rows.filter((row) => !row.data).map((row) => [row.where, row.line, row.file, row.op, row.args, row.comment, adapter.sentence(state, row, routine), row.pc ?? 0]),
    })),
  };
}

/** The words of the player, in the page's language. */
function words() {
  return {
    title: t("replay.title"), source: t("pane.source"), listing: t("replay.listing"), state: t("replay.state"), output: t("pane.output"), notes: t("replay.notes"),
    first: t("keys.first"), back: t("keys.back"), step: t("keys.step"), last: t("keys.last"), slider: t("timeline.label"),
    of: t("replay.of", { n: "{n}", total: "{total}" }), start: t("say.start"), none: t("output.none"), place: t("replay.place"), value: t("replay.value"),
    when: t("replay.when"), nothing: t("replay.nothing"), part: t("replay.part", { first: "{first}", last: "{last}", n: "{n}" }),
  };
}

/**
 * The file. Throws an error with a sentence when it would be too large.
 * @param {State} state
 */
export async function replayFile(state) {
  const data = await recording(state);
  const text = JSON.stringify(data).replaceAll("<", "\\u003c");
  if (text.length > MOST_CHARACTERS) throw new Error(t("export.large", { n: Math.ceil(text.length / (1 << 20)), most: MOST_CHARACTERS >> 20 }));
  const lang = language() === "zh" ? "zh-Hans" : "en";
  const policy = `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`;
  return new Blob([
    `<!doctype html>\n<html lang="${lang}">\n<head>\n<meta charset="utf-8">\n`,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">\n`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n`,
    `<title>Glassbox</title>\n<style>${style}</style>\n</head>\n<body>\n`,
    `<script type="application/json" id="recording">${text}</script>\n<script>${script}</script>\n</body>\n</html>\n`,
  ], { type: "text/html" });
}
