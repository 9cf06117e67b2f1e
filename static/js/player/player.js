// @ts-check
// The player inside of an exported file: it has the steps of a recording and replays them with no server behind it.
// It imports nothing but the DOM helpers: build.mjs makes one script of it, and its hash for the file's policy.
import { byId, fill, h, setText } from "../dom.js";

/** As in gen/protocol.js, Write: what stands first in the name of a place. */
const SLOT = "1";
/** Rows of the state that are not of the current frame, newest first. */
const MOST = 60;

/**
 * @typedef {[number, number, number, number, number, number[]]} Step   where, depth, base, thread, flags, writes
 *   (of each write four numbers: place, label, old value, new value)
 * @typedef {[number, number | null, string, string, string, string, string, number]} Row  where, line, file, op,
 *   args, comment, sentence, pc
 * @typedef {{name: string, params: number, slots: number, locals: [string, number, number][], rows: Row[]}} Routine
 */

const data = JSON.parse(byId("recording").textContent ?? "{}");
/** @type {Step[]} */
const steps = data.steps;
const { words, first, last } = data;
/** @type {Map<number, {row: Row, routine: Routine, node: HTMLElement}>} */
const rows = new Map();
/** Lines of the source. @type {Map<string, HTMLElement>} */
const lines = new Map();
/** What somebody wrote about steps: tick, text, where to look. @type {[number, string, string][]} */
const notes = data.notes ?? [];
/** @type {Map<number, HTMLElement>} */
const noteRows = new Map();
/** What each place holds at the shown step. @type {Map<number, {value: number, label: number, tick: number}>} */
let places = new Map();
/** The shown step. */
let tick = first - 1;

/** The state before the first step: what a place held before it was first written. */
function start() {
  places = new Map();
  for (const [place, label, value] of data.base) places.set(place, { value, label, tick: 0 });
  const seen = new Set();
  for (const [, , , , , writes] of steps) {
    for (let w = 0; w < writes.length; w += 4) {
      if (seen.has(writes[w])) continue;
      seen.add(writes[w]);
      if (data.values[writes[w + 2]] === "") places.delete(writes[w]);
      else places.set(writes[w], { value: writes[w + 2], label: writes[w + 1], tick: 0 });
    }
  }
  tick = first - 1;
}

/** @param {number} target */
function goTo(target) {
  const goal = Math.min(last, Math.max(first - 1, target));
  if (goal < tick) start();
  for (; tick < goal; tick++) {
    const writes = steps[tick + 1 - first][5];
    for (let w = 0; w < writes.length; w += 4) places.set(writes[w], { value: writes[w + 3], label: writes[w + 1], tick: tick + 1 });
  }
  draw();
}

/** The step whose frame is shown: the next one, or the last. */
function shownStep() {
  return steps[tick + 1 - first] ?? steps[tick - first];
}

/** The step that entered the frame of the next step. */
function entered() {
  const [, depth, , thread] = shownStep();
  for (let n = tick; n >= first; n--) {
    const step = steps[n - first];
    if (step[3] === thread && step[1] < depth) return n;
  }
  return 0;
}

const say = h("p", { class: "say", role: "status" });
const where = h("output", { class: "where" });
const slider = h("input", { type: "range", id: "slider", min: first - 1, max: last, step: 1, "aria-label": words.slider, on: { input: () => goTo(Number(slider.value)) } });
const state = h("tbody");
const output = h("pre", { class: "out" });

/** @param {string} name @param {string} text @param {() => number} target */
function button(name, text, target) {
  return h("button", { type: "button", id: name, title: text, "aria-label": text, on: { click: () => goTo(target()) } }, { first: "|◀", back: "◀", step: "▶", last: "▶|" }[name] ?? "");
}

/** @param {string} title @param {string} name @param {...import("../dom.js").Child} children */
function pane(title, name, ...children) {
  return h("section", { "aria-labelledby": `t-${name}`, id: `pane-${name}` }, h("h2", { id: `t-${name}` }, title), h("div", { class: "body", tabindex: "0", role: "group", "aria-labelledby": `t-${name}` }, children));
}

function build() {
  const files = data.files.map((/** @type {any} */ file) => h("ol", { class: "source", "aria-label": file.name }, file.text.split("\n").map((/** @type {string} */ text, /** @type {number} */ i) => {
    const node = h("li", {}, text || " ");
    lines.set(`${i + 1}:${file.name}`, node);
    return node;
  })));
  const listing = data.routines.map((/** @type {Routine} */ routine) => [
    routine.name ? h("h3", {}, routine.name) : null,
    h("ol", { class: "rows" }, routine.rows.map((row) => {
      const node = h("li", {}, h("b", {}, row[3]), ` ${row[4]} `, h("i", {}, row[5]));
      rows.set(row[0], { row, routine, node });
      return node;
    })),
  ]);
  fill(document.body,
    h("header", {}, h("h1", {}, words.title), h("span", {}, data.room), h("a", { href: data.link }, "Glassbox")),
    h("main", {}, pane(words.source, "source", files), pane(words.listing, "listing", listing),
      pane(words.state, "state", h("table", {}, h("thead", {}, h("tr", {}, [words.place, words.value, words.when].map((word) => h("th", { scope: "col" }, word)))), state)),
      pane(words.output, "output", output), notes.length ? pane(words.notes, "notes", h("ol", { class: "notes" }, notes.map(noteRow))) : null),
    h("footer", {}, h("div", { class: "bar" }, button("first", words.first, () => first - 1), button("back", words.back, () => tick - 1),
      button("step", words.step, () => tick + 1), button("last", words.last, () => last), slider, where), say,
      first > 1 || last < data.frontier ? h("p", { class: "part" }, words.part.replace("{first}", first).replace("{last}", last).replace("{n}", data.frontier)) : null));
  document.body.classList.toggle("noted", notes.length > 0);
  document.title = `${words.title} – Glassbox`;
  document.addEventListener("keydown", (event) => {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = /** @type {Record<string, number>} */ ({ ArrowRight: tick + 1, ArrowLeft: tick - 1, Home: first - 1, End: last, "]": notes.find(([at]) => at > tick)?.[0], "[": notes.findLast(([at]) => at < tick)?.[0] })[event.key];
    if (target === undefined) return;
    event.preventDefault();
    goTo(target);
  });
}

/**
 * A note; words between backquotes are code.
 * @param {[number, string, string]} note
 */
function noteRow([at, text, look]) {
  const node = h("li", {}, h("button", { type: "button", on: { click: () => goTo(at) } }, `@${at}`),
    h("span", {}, text.split("`").map((piece, i) => (i % 2 ? h("code", {}, piece) : piece)), look ? h("i", {}, ` ${look}`) : null));
  noteRows.set(at, node);
  return node;
}

/** @param {string} name @param {HTMLElement | undefined} node */
function mark(name, node) {
  for (const old of document.querySelectorAll(`.${name}`)) old.classList.remove(name);
  node?.classList.add(name);
}

/** Scroll a pane, not the page, to a row. @param {HTMLElement | undefined} node */
function show(node) {
  const body = node?.closest(".body");
  if (!node || !body) return;
  const inner = node.getBoundingClientRect();
  const outer = body.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) body.scrollTop += inner.top - outer.top - body.clientHeight / 2;
}

function draw() {
  const ran = tick >= first ? rows.get(steps[tick - first][0]) : undefined;
  const next = tick < last ? rows.get(steps[tick + 1 - first][0]) : undefined;
  mark("now", ran?.node);
  mark("next", next?.node);
  show((next ?? ran)?.node);
  const line = (ran ?? next)?.row;
  mark("line", line && lines.get(`${line[1]}:${line[2]}`));
  show(line && lines.get(`${line[1]}:${line[2]}`));
  setText(say, ran ? `${ran.row[3]}: ${ran.row[6]}` : words.start);
  mark("here", noteRows.get(tick));
  show(noteRows.get(tick));
  slider.value = String(tick);
  setText(where, words.of.replace("{n}", String(tick)).replace("{total}", String(data.frontier)));
  setText(output, data.outputs.filter((/** @type {any} */ o) => o.tick <= tick).map((/** @type {any} */ o) => o.text).join("") || words.none);
  fill(state, stateRows());
}

function stateRows() {
  const [at, , base, thread] = shownStep();
  const found = rows.get(at);
  const since = entered();
  /** @type {[number, string, number, number][]} */
  const frame = [];
  /** @type {[string, number, number][]} */
  const rest = [];
  for (const [place, held] of places) {
    const [kind, owner, key] = data.places[place].split(" ");
    if (kind !== SLOT) rest.push([data.labels[held.label], held.value, held.tick]);
    else if (Number(owner) === thread && found && Number(key) >= base && Number(key) < base + found.routine.slots) {
      const register = Number(key) - base;
      if (held.tick >= since || register < found.routine.params) frame.push([register, localName(found, register), held.value, held.tick]);
    }
  }
  frame.sort((a, b) => a[0] - b[0]);
  rest.sort((a, b) => b[2] - a[2] || a[0].localeCompare(b[0]));
  const out = [
    ...frame.map(([register, name, value, when]) => stateRow(name ? `R${register} ${name}` : `R${register}`, value, when)),
    ...rest.slice(0, MOST).map(([label, value, when]) => stateRow(label, value, when)),
  ];
  return out.length ? out : [h("tr", {}, h("td", { colspan: 3 }, words.nothing))];
}

/**
 * The local variable that a register holds at a row; pcs count from 1, a name's range ends before its `end`.
 * @param {{row: Row, routine: Routine}} found
 * @param {number} register
 */
function localName({ row, routine }, register) {
  const active = routine.locals.filter(([, from, to]) => from <= row[7] && row[7] < to);
  return active[register]?.[0] ?? "";
}

/** @param {string} label @param {number} value @param {number} when */
function stateRow(label, value, when) {
  return h("tr", { class: when === tick && when ? "wrote" : "" }, h("th", { scope: "row" }, label), h("td", {}, data.values[value]),
    h("td", {}, when ? h("button", { type: "button", on: { click: () => goTo(when) } }, `@${when}`) : ""));
}

start();
build();
goTo(data.tick);
