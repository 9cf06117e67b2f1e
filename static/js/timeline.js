// @ts-check
// The timeline: the one control that everything obeys. Transport buttons, step box, the word PAST; below, a slider over
// the call-depth silhouette with marks for what happened.
import { fill, h, setText, svg } from "./dom.js";
import { Flag } from "./gen/protocol.js";
import { number, t } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { MARKED } from "./session.js";

/** Kinds of marks: name, flags. A step has one mark, of the first kind that it is. @type {[string, number][]} */
const KINDS = [
  ["error", Flag.ERROR | Flag.FAULT],
  ["halt", Flag.HALT],
  ["coroutine", Flag.COROUTINE],
  ["input", Flag.INPUT],
  ["exit", Flag.EXIT | Flag.INTERRUPT],
  ["output", Flag.OUTPUT],
  ["compile", Flag.COMPILE],
  ["collection", Flag.COLLECTION],
];
/** Marks closer than this many pixels share one. */
const GRID = 8;
/** Height of the silhouette and of one call level in it. */
const TALL = 40;
const LEVEL = 12;

/**
 * @param {HTMLElement} root
 * @param {import("./store.js").Store} store
 * @param {import("./session.js").Session} session
 */
export function mountTimeline(root, store, session) {
  const button = (/** @type {string} */ name, /** @type {string} */ drawing, /** @type {() => void} */ act, extra = "") =>
    h("button", { type: "button", class: `btn ${extra}`, "aria-label": t(`transport.${name}`), title: `${t(`transport.${name}`)} (${t(`key.${name}`)})`, on: { click: act } }, icon(drawing));
  const play = h("button", { type: "button", class: "btn wide opt", on: { click: () => session.togglePlay() } });
  const box = h("input", { id: "stepno", inputmode: "numeric", autocomplete: "off", value: "0", "aria-label": t("timeline.step") });
  const total = h("span", {});
  const pastText = h("span", {});
  const past = h("span", { class: "pastmark off" }, h("b", {}, t("timeline.past")), pastText,
    h("button", { type: "button", class: "ret", on: { click: () => session.last() } }, t("timeline.return")));
  const legend = h("div", { class: "legend" });
  const back = [
    button("first", "first", () => session.first(), "opt"),
    button("backContinue", "backContinue", () => void session.continue(-1), "opt"),
    button("back", "back", () => session.stepBy(-1)),
  ];
  const forward = [
    button("step", "step", () => session.stepBy(1)),
    button("over", "over", () => session.stepOver(1)),
    button("out", "out", () => session.stepOut(1), "opt"),
    button("continue", "continue", () => void session.continue(1), "opt"),
    button("last", "last", () => session.last(), "opt"),
  ];
  const bar = h("div", { class: "tbar", role: "toolbar", "aria-label": t("timeline.transport") }, back, play, forward,
    h("label", { class: "stepbox" }, h("span", {}, t("timeline.stepword")), box, total), past, legend);

  const slider = h("div", { class: "slide", id: "slider", role: "slider", tabindex: "0", "aria-label": t("timeline.label"), "aria-valuemin": "0" });
  const silhouette = svg("svg", { class: "sil", preserveAspectRatio: "none", "aria-hidden": "true" });
  const marks = h("div", { class: "marks-row" });
  const label = h("b", {}, "0");
  const head = h("div", { class: "head" }, label);
  const axis = h("div", { class: "axis", "aria-hidden": "true" });
  const track = h("div", { class: "track" }, slider, silhouette, marks, axis, head);
  fill(root, bar, track);

  const keys = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: 100, PageUp: -100 });
  slider.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in keys) session.stepBy(keys[event.key]);
    else if (event.key === "Home") session.first();
    else if (event.key === "End") session.last();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const seekTo = (/** @type {PointerEvent} */ event) => {
    const r = track.getBoundingClientRect();
    session.goTo(Math.round(Math.min(1, Math.max(0, (event.clientX - r.left) / r.width)) * store.state.frontier));
  };
  track.addEventListener("pointerdown", (event) => {
    if (/** @type {Element} */ (event.target).closest(".ev") || event.button !== 0) return;
    session.stop();
    track.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    seekTo(event);
  });
  track.addEventListener("pointermove", (event) => {
    if (event.buttons && track.hasPointerCapture(event.pointerId)) seekTo(event);
  });
  box.addEventListener("change", () => {
    const wanted = Number.parseInt(box.value.replace(/\D/g, ""), 10);
    if (Number.isFinite(wanted)) session.goTo(wanted);
    box.value = String(store.state.tick);
  });
  marks.addEventListener("click", (event) => {
    const ev = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-go]"));
    if (ev) session.goTo(Number(ev.dataset.go));
  });

  let drawn = "";
  let width = 0;
  const clip = svg("rect", { x: 0, y: -10, width: 0, height: 60 });
  const resizer = new ResizeObserver(() => {
    width = track.clientWidth;
    drawn = "";
    draw(store.state);
  });
  resizer.observe(track);

  /** @param {import("./store.js").State} state */
  function draw(state) {
    const { trace, frontier, notes } = state;
    const stops = new Set(state.places.map((p) => p.where));
    const key = `${trace.version} ${state.summary?.to} ${frontier} ${width} ${[...stops].join()} ${JSON.stringify(notes)}`;
    if (key !== drawn && width > 0) {
      drawn = key;
      drawSilhouette(silhouette, clip, state, width);
      const totals = drawMarks(state, marks, stops, width);
      fill(legend, ["breakpoint", ...KINDS.map(([kind]) => kind)].filter((kind) => totals.has(kind)).map((kind) => legendItem(kind, totals.get(kind) ?? 0, session)));
      fill(axis, ticksOf(frontier, width).map((n) => h("span", { style: { left: `${frontier ? (100 * n) / frontier : 0}%` } }, number(n))));
    }
    clip.setAttribute("width", String(state.tick));
    for (const ev of marks.children) ev.classList.toggle("future", Number(/** @type {HTMLElement} */ (ev).dataset.go) > state.tick);
  }

  /** @param {import("./store.js").State} state */
  function update(state) {
    const { tick, frontier, ended, playing, phase, program } = state;
    const ready = phase === "ready";
    draw(state);
    head.style.left = `${frontier ? (100 * tick) / frontier : 0}%`;
    head.classList.toggle("at-start", frontier === 0 || tick / frontier < 0.02);
    head.classList.toggle("at-end", frontier > 0 && tick / frontier > 0.98);
    head.hidden = !program;
    setText(label, number(tick));
    if (document.activeElement !== box) box.value = String(tick);
    box.style.width = `${Math.max(56, 24 + 8 * String(frontier).length)}px`;
    setText(total, `/ ${number(frontier)}`);
    const isPast = ready && tick < frontier;
    root.classList.toggle("past", isPast);
    // Kept in its place, so that the buttons beside it stand still.
    past.classList.toggle("off", !isPast);
    if (isPast) {
      const end = ended ? t(`ended.${ended.reason}`) : t("ended.paused");
      setText(pastText, `${t("timeline.before", { n: frontier - tick })} ${end}`);
    }
    fill(play, icon(playing ? "pause" : "play"), t(playing ? "transport.pause" : "transport.play"));
    play.title = `${t(playing ? "transport.pause" : "transport.play")} (${t("key.play")})`;
    const atEnd = ended !== null && tick >= frontier;
    for (const b of back) b.disabled = !ready || tick === 0;
    for (const b of forward) b.disabled = !ready || atEnd;
    play.disabled = !ready;
    box.disabled = !ready;
    slider.setAttribute("aria-valuemax", String(frontier));
    slider.setAttribute("aria-valuenow", String(tick));
    slider.setAttribute("aria-valuetext", valueText(state));
    slider.setAttribute("aria-disabled", String(!ready));
  }

  const stop = store.subscribe(update);
  update(store.state);
  return () => {
    stop();
    resizer.disconnect();
  };
}

/** @param {import("./store.js").State} state */
function valueText(state) {
  const { tick, frontier, trace, program } = state;
  const at = program?.at(trace.has(tick) ? trace.where(tick) : null);
  const place = t("timeline.value", { n: tick, total: frontier });
  if (!at) return place;
  const line = at.row.line === null ? "" : t("timeline.valueline", { n: String(at.row.line) });
  return `${place}${line}, ${at.row.op} ${at.routine.name ? t("timeline.valuein", { name: at.routine.name }) : ""}`.trim();
}

/**
 * @param {SVGElement} silhouette
 * @param {SVGElement} clip
 * @param {import("./store.js").State} state
 * @param {number} width
 */
function drawSilhouette(silhouette, clip, { trace, frontier, summary }, width) {
  silhouette.setAttribute("viewBox", `0 0 ${Math.max(1, frontier)} ${TALL}`);
  if (!frontier) return fill(silhouette);
  const buckets = Math.max(1, Math.min(frontier, width));
  const depths = trace.silhouette(frontier, buckets);
  // Beyond the trace window the machine says what it looked like from afar.
  if (summary) depths.forEach((depth, i) => {
    if (!depth) depths[i] = summary.high[Math.floor(((i / buckets) * frontier + 1 - summary.from) / summary.width)] ?? 0;
  });
  const deepest = depths.reduce((a, b) => Math.max(a, b), 1);
  const level = Math.min(LEVEL, TALL / deepest);
  let d = `M0 ${TALL}`;
  let last = -1;
  depths.forEach((depth, i) => {
    if (depth !== last) d += `H${round((i * frontier) / buckets)}V${round(TALL - depth * level)}`;
    last = depth;
  });
  d += `H${frontier}V${TALL}Z`;
  fill(
    silhouette,
    svg("path", { class: "fu", d }),
    svg("clipPath", { id: "played" }, clip),
    svg("path", { class: "p", "clip-path": "url(#played)", d }),
    svg("path", { class: "base", d: `M0 ${TALL}H${frontier}` }),
  );
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

/**
 * @param {import("./store.js").State} state
 * @param {HTMLElement} root
 * @param {Set<number>} stops
 * @param {number} width
 * @returns {Map<string, number>} how many steps there are of each kind
 */
function drawMarks(state, root, stops, width) {
  const { trace, frontier, program, outputs, notes } = state;
  /** @type {Map<string, number>} */
  const totals = new Map();
  /** @type {Map<string, {kind: string, tick: number, count: number}>} */
  const cells = new Map();
  const count = (/** @type {string} */ kind) => totals.set(kind, (totals.get(kind) ?? 0) + 1);
  const put = (/** @type {string} */ kind, /** @type {number} */ tick) => {
    const cell = `${kind} ${Math.floor((((tick - 0.5) / frontier) * width) / GRID)}`;
    const known = cells.get(cell);
    if (known) known.count++;
    else cells.set(cell, { kind, tick, count: 1 });
  };
  for (const { tick } of notes) if (tick <= frontier) put("note", tick);
  trace.scan(MARKED, stops, (tick, flags, where) => {
    const kinds = KINDS.filter(([, mask]) => flags & mask).map(([kind]) => kind);
    if (stops.has(where)) kinds.unshift("breakpoint");
    kinds.forEach(count);
    put(kinds[0], tick);
  });
  const printed = new Map(outputs.map((o) => [o.tick, o.text]));
  fill(root, [...cells.values()].map(({ kind, tick, count: together }) => {
    const row = program?.at(trace.where(tick))?.row;
    const what = kind === "note" ? `${t("mark.note")}: ${notes.find((note) => note.tick === tick)?.text}` : kind === "output" && printed.has(tick) ? `${t("mark.output")}: ${(printed.get(tick) ?? "").trimEnd()}` : t(`mark.${kind}`);
    const text = `${t("mark.at", { n: tick })}${what}${together > 1 ? ` ${t("mark.more", { n: together - 1 })}` : row ? ` (${row.op} ${row.args})` : ""}`;
    return h("button", { type: "button", class: `ev ${kind === "error" ? "err" : kind === "breakpoint" ? "bp" : ""}`, tabindex: "-1", "data-go": tick,
      title: text, "aria-label": text, style: { left: `${(100 * Math.max(0, tick - 0.5)) / frontier}%` } }, mark(kind));
  }));
  return totals;
}

/**
 * A kind of event in the legend: goes to the next one of its kind, and with the arrow before it to the previous one.
 * @param {string} kind
 * @param {number} count
 * @param {import("./session.js").Session} session
 */
function legendItem(kind, count, session) {
  const flags = KINDS.find(([name]) => name === kind)?.[1] ?? 0;
  const go = (/** @type {1 | -1} */ way) => (flags ? session.toEvent(flags, way) : void session.continue(way));
  const text = t(`mark.${kind}`);
  const label = (/** @type {string} */ key) => ({ "aria-label": t(key, { text }), title: t(key, { text }) });
  return h("span", {},
    h("button", { type: "button", ...label("mark.previous"), on: { click: () => go(-1) } }, "‹"),
    h("button", { type: "button", ...label("mark.next"), on: { click: () => go(1) } }, mark(kind), `${text} ${number(count)}`));
}

/**
 * Round numbers for the axis, with both ends.
 * @param {number} frontier
 * @param {number} width
 */
function ticksOf(frontier, width) {
  if (!frontier) return [0];
  const wanted = frontier / Math.max(2, width / 140);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  const every = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((n) => n >= wanted) ?? power);
  const out = [0];
  for (let n = every; n < frontier - every * 0.4; n += every) out.push(n);
  out.push(frontier);
  return out;
}
