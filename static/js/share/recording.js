// @ts-check
// A recording as files: the trace as JSON (docs/export.md), the run told in Markdown.
import { Flag, Write } from "../gen/protocol.js";
import { number, t } from "../i18n.js";
import { machine } from "../panes/index.js";
import { EVENTS } from "../panes/narration.js";
import { valueText } from "../values.js";

/** @typedef {import("../store.js").State} State */
/** @typedef {import("../panes/rooms/adapter.js").Adapter} Adapter */

/** Steps that are written between two looks at what the visitor does. */
const PORTION = 2000;
/** Steps of a file at most. */
const MOST_STEPS = 100_000;
const FLAGS = /** @type {[string, number][]} */ (Object.entries(Flag));
const KINDS = Object.fromEntries(Object.entries(Write).map(([name, kind]) => [kind, name.toLowerCase()]));

/**
 * Every step of a file, in order, with a pause now and then so that the page stays alive.
 * @param {State} state
 * @param {(step: import("../trace.js").Step) => void} visit
 */
export async function eachStep(state, visit) {
  let seen = 0;
  for (const [first, last] of stretches(state)) {
    for (let tick = first; tick <= last; tick++) {
      const step = state.trace.step(tick);
      if (step) visit(step);
      if (++seen % PORTION === 0) await new Promise((done) => setTimeout(done));
    }
  }
}

/**
 * The stretches of steps that a file has: all that the page holds, or of too many those around the shown one.
 * @param {State} state
 * @returns {[number, number][]}
 */
export function stretches({ trace, tick, frontier }) {
  const from = Math.max(1, Math.min(tick, frontier - MOST_STEPS / 2) - MOST_STEPS / 2 + 1);
  const to = from + MOST_STEPS - 1;
  /** @type {[number, number][]} */
  const all = [];
  for (const { first, last } of trace.chunks) {
    const end = all.at(-1);
    if (end && end[1] === first - 1) end[1] = last;
    else all.push([first, last]);
  }
  if (all.reduce((sum, [first, last]) => sum + last - first + 1, 0) <= MOST_STEPS) return all;
  return all.filter(([first, last]) => first <= to && last >= from).map(([first, last]) => [Math.max(first, from), Math.min(last, to)]);
}

/**
 * The trace as JSON, in the form of docs/export.md.
 * @param {State} state
 */
export async function traceJson(state) {
  const { room, options, files, inputs, program, frontier, ended, outputs, exits, notes } = state;
  const head = {
    format: "glassbox-trace", version: 1, room: room.name, options, files, input: inputs, frontier, ended,
    windows: stretches(state), listing: program?.listing, outputs, exits, notes,
  };
  const parts = [JSON.stringify(head).slice(0, -1), ',"steps":['];
  let before = "\n";
  await eachStep(state, ({ flags, writes, ...step }) => {
    const words = FLAGS.filter(([, bit]) => flags & bit).map(([name]) => name.toLowerCase());
    const changes = writes.map(({ kind, owner, key, old, value }) => ({ kind: KINDS[kind], owner, key, old, new: value }));
    parts.push(before, JSON.stringify({ ...step, flags: words, writes: changes }));
    before = ",\n";
  });
  parts.push("\n]}\n");
  return new Blob(parts, { type: "application/json" });
}

/**
 * The run in words, one line a step, in the page's language.
 * @param {State} state
 */
export async function transcript(state) {
  const { adapter } = await machine(state.room);
  const held = stretches(state).map(([first, last]) => `${number(first)}–${number(last)}`).join(", ");
  const parts = [`# ${t("export.heading", { name: state.room.title })}\n\n`];
  for (const { name, text } of state.files) parts.push(`**${name}**\n\n${fence(text)}\n\n`);
  if (state.inputs.length) parts.push(`## ${t("export.input")}\n\n${fence(state.inputs.map((one) => one.text).join(""))}\n\n`);
  parts.push(`## ${t("export.steps")}\n\n${t("export.held", { text: held, n: state.frontier })}\n\n`);
  const notes = new Map(state.notes.map(({ tick, text }) => [tick, text]));
  const note = (/** @type {number} */ tick) => (notes.has(tick) ? `\n  > ${plain(notes.get(tick) ?? "")}\n\n` : "");
  parts.push(note(0));
  await eachStep(state, (step) => parts.push(`${told(state, adapter, step)}\n${note(step.tick)}`));
  if (state.outputs.length) parts.push(`\n## ${t("pane.output")}\n\n${fence(state.outputs.map((o) => o.text).join(""))}\n`);
  return new Blob(parts, { type: "text/markdown" });
}

/**
 * A step as one line of Markdown.
 * @param {State} state
 * @param {Adapter} adapter
 * @param {import("../trace.js").Step} step
 */
function told(state, adapter, step) {
  const at = state.program?.at(step.where);
  if (!at) return `- **${step.tick}**`;
  const { row, routine } = at;
  const line = row.line === null ? "" : ` (${row.line})`;
  const changes = step.writes
    .filter((w) => w.old.s !== w.value.s || w.old.t !== w.value.t || w.old.id !== w.value.id)
    .map((w) => `${adapter.place(state, w, step)}: ${w.old.t === "absent" ? "" : `${valueText(w.old)} → `}${valueText(w.value)}`);
  const events = EVENTS.filter(([flag]) => step.flags & flag).map(([, key]) => t(key));
  return [`- **${step.tick}**${line} \`${row.op}\` ${plain(adapter.sentence(state, row, routine))}`, changes.length ? code(changes.join("; ")) : "", ...events].filter(Boolean).join(" ");
}

/** Text with what Markdown would take as its own marked as text. @param {string} text */
function plain(text) {
  return text.replace(/[\\*_<>#|]/g, "\\$&").replace(/\s+/g, " ");
}

/** Text as inline code, whatever backticks it has. @param {string} text */
function code(text) {
  const ticks = "`".repeat(longest(text) + 1);
  return `${ticks} ${text.replace(/\s+/g, " ")} ${ticks}`;
}

/** @param {string} text */
function fence(text) {
  const ticks = "`".repeat(Math.max(3, longest(text) + 1));
  return `${ticks}\n${text.replace(/\n$/, "")}\n${ticks}`;
}

/** The longest row of backticks. @param {string} text */
function longest(text) {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((row) => row.length));
}

/**
 * Let the browser keep a file.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
