// @ts-check
// The lines between panes can be moved: dragged, with arrow keys, or with the buttons that a line shows while it has the
// focus. A double click puts one back. Sizes are kept for each layout, of four columns and of two.
import { byId, h } from "./dom.js";
import { t } from "./i18n.js";
import { remember, remembered } from "./preferences.js";

/** Pixels that a key or a button moves a line; with Shift the large one. */
const NUDGE = 16;
const STRIDE = 64;
/** Least sizes in pixels: of the four columns, of the two, of the bottom row, of a row on a tablet. */
const LEAST = { wide: [220, 330, 300, 240], two: [260, 320], row: 92 };
const WIDE = matchMedia("(min-width: 1100px)");

/**
 * A line: in which element it is drawn, and what it moves. `sizes` are the pixels on its two sides.
 * @typedef {object} Line
 * @property {string} name
 * @property {string} host        id of the element that it is put into
 * @property {boolean} upright    between columns
 * @property {boolean} wide       of the layout with four columns
 * @property {() => [number, number]} sizes
 * @property {(by: number) => void} move   by pixels to the right or down
 * @property {() => void} reset
 */

/** What is remembered: column widths and heights in pixels, as proportions. @type {Record<string, number[]>} */
let kept = {};

function read() {
  try {
    const data = JSON.parse(remembered("layout") ?? "{}");
    const isSizes = (/** @type {unknown} */ list) => Array.isArray(list) && list.every((n) => Number.isFinite(n) && n > 0);
    kept = Object.fromEntries(Object.entries(data).filter(([, sizes]) => isSizes(sizes)));
  } catch {
    kept = {};
  }
}

/** Hand the remembered sizes to the style sheet. */
function apply() {
  const { style } = byId("workbench");
  const put = (/** @type {string} */ name, /** @type {string | undefined} */ value) =>
    value === undefined ? style.removeProperty(name) : style.setProperty(name, value);
  const { wide, two } = kept;
  for (let i = 0; i < 4; i++) put(`--c${i + 1}`, wide?.length === 4 ? `${wide[i]}fr` : undefined);
  put("--c34", wide?.length === 4 ? `${wide[2] + wide[3]}fr` : undefined);
  for (let i = 0; i < 2; i++) put(`--t${i + 1}`, two?.length === 2 ? `${two[i]}fr` : undefined);
  for (const name of ["foot", "upper", "lower"]) put(`--${name}`, kept[name] ? `${kept[name][0]}px` : undefined);
}

/**
 * @param {string} name
 * @param {number[] | null} sizes
 */
function keep(name, sizes) {
  if (sizes) kept[name] = sizes.map((n) => Math.round(n * 10) / 10);
  else delete kept[name];
  apply();
  remember("layout", JSON.stringify(kept));
}

/** Sizes of the columns as they are laid out. */
function columnsNow() {
  return getComputedStyle(byId("panes")).gridTemplateColumns.split(" ").map(Number.parseFloat);
}

/**
 * The line between columns `i` and `i` + 1.
 * @param {"wide" | "two"} set
 * @param {number} i
 * @returns {Line}
 */
function columnLine(set, i) {
  const least = LEAST[set];
  return {
    name: set === "wide" ? ["source", "listing", "state"][i] : "source",
    host: "panes",
    upright: true,
    wide: set === "wide",
    sizes: () => /** @type {[number, number]} */ (columnsNow().slice(i, i + 2)),
    move(by) {
      const sizes = columnsNow();
      const moved = Math.min(Math.max(by, least[i] - sizes[i]), sizes[i + 1] - least[i + 1]);
      sizes[i] += moved;
      sizes[i + 1] -= moved;
      keep(set, sizes);
    },
    reset: () => keep(set, null),
  };
}

/**
 * A line that gives an element its height: the one below it (`up`), or the one above.
 * @param {string} name  of the remembered size
 * @param {string} id    whose height it is
 * @param {string} host
 * @param {boolean} wide
 * @param {boolean} up
 * @returns {Line}
 */
function rowLine(name, id, host, wide, up) {
  const height = () => byId(id).getBoundingClientRect().height;
  return {
    name,
    host,
    upright: false,
    wide,
    sizes: () => (up ? [innerHeight - height(), height()] : [height(), Math.max(1, innerHeight - height())]),
    move: (by) => keep(name, [Math.min(Math.max(height() + (up ? -by : by), LEAST.row), innerHeight * 0.6)]),
    reset: () => keep(name, null),
  };
}

const LINES = [
  columnLine("wide", 0), columnLine("wide", 1), columnLine("wide", 2), rowLine("foot", "foot", "foot", true, true),
  columnLine("two", 0), rowLine("upper", "pane-listing", "panes", false, false),
];

/** Put every line where it was at first. */
export function resetLayout() {
  kept = {};
  apply();
  remember("layout", null);
  document.dispatchEvent(new CustomEvent("glassbox-layout"));
}

/** Give the layout the sizes that are remembered, before the first paint. */
export function restoreLayout() {
  read();
  apply();
}

/**
 * Put the lines into the page. Answers how to take them away.
 * @returns {() => void}
 */
export function mountSplitters() {
  const drawn = LINES.map((line, i) => draw(line, `line-${i}`));
  const tell = () => {
    for (const { update } of drawn) update();
  };
  const observer = new ResizeObserver(tell);
  observer.observe(byId("panes"));
  document.addEventListener("glassbox-layout", tell);
  return () => {
    observer.disconnect();
    document.removeEventListener("glassbox-layout", tell);
    for (const { root } of drawn) root.remove();
  };
}

/**
 * @param {Line} line
 * @param {string} id
 */
function draw(line, id) {
  const label = t(`line.${line.name}`);
  const separator = h("div", {
    class: "grip", id, role: "separator", tabindex: "0", "aria-label": label, "aria-orientation": line.upright ? "vertical" : "horizontal",
    "aria-valuemin": "0", "aria-valuemax": "100", title: t("line.how"),
  });
  const button = (/** @type {string} */ key, /** @type {string} */ text, /** @type {() => void} */ act) =>
    h("button", { type: "button", class: "btn edge", "aria-label": `${label}: ${t(key)}`, title: t(key), on: { click: () => {
      act();
      update();
    } } }, text);
  const tools = h("div", { class: "tools", role: "group", "aria-label": label },
    button(line.upright ? "line.left" : "line.up", line.upright ? "‹" : "⌃", () => line.move(-STRIDE)),
    button("line.reset", "↺", () => line.reset()),
    button(line.upright ? "line.right" : "line.down", line.upright ? "›" : "⌄", () => line.move(STRIDE)));
  const root = h("div", { class: `line ${line.upright ? "upright" : "level"} ${line.wide ? "for-wide" : "for-two"} l-${line.name}` }, separator, tools);
  byId(line.host).append(root);

  function update() {
    if (WIDE.matches !== line.wide || !root.getClientRects().length) return;
    const [before, after] = line.sizes();
    separator.setAttribute("aria-valuenow", String(Math.round((100 * before) / (before + after)) || 0));
    separator.setAttribute("aria-valuetext", t("line.value", { a: Math.round(before), b: Math.round(after) }));
  }

  let from = 0;
  separator.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = line.upright ? event.clientX : event.clientY;
    separator.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  separator.addEventListener("pointermove", (event) => {
    if (!separator.hasPointerCapture(event.pointerId)) return;
    const to = line.upright ? event.clientX : event.clientY;
    if (to === from) return;
    root.classList.add("dragged");
    line.move(to - from);
    // Where the line really is: at its limit the pointer may run ahead.
    const r = separator.getBoundingClientRect();
    const at = line.upright ? r.left + r.width / 2 : r.top + r.height / 2;
    from = Math.abs(at - to) < 8 ? to : at;
    update();
  });
  separator.addEventListener("pointerup", (event) => {
    // A click without a drag leads to the buttons. They stand beside the pointer: a second click is still the line's.
    if (!root.classList.contains("dragged")) {
      const r = separator.getBoundingClientRect();
      if (line.upright) tools.style.setProperty("top", `${event.clientY - r.top + (event.clientY > innerHeight * 0.7 ? -116 : 16)}px`);
      else tools.style.setProperty("left", `${event.clientX - r.left + (event.clientX > innerWidth * 0.7 ? -72 : 72)}px`);
      separator.focus();
    }
    root.classList.remove("dragged");
  });
  separator.addEventListener("dblclick", () => {
    line.reset();
    update();
  });
  /** @type {Record<string, number>} */
  const ways = line.upright ? { ArrowLeft: -1, ArrowRight: 1 } : { ArrowUp: -1, ArrowDown: 1 };
  separator.addEventListener("keydown", (event) => {
    const way = ways[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way) line.move(way * (event.shiftKey ? STRIDE : NUDGE));
    else if (event.key === "Home" || event.key === "End") line.move(event.key === "Home" ? -1e5 : 1e5);
    else if (event.key === "Enter") line.reset();
    else return;
    event.preventDefault();
    update();
  });
  return { root, update };
}
