// @ts-check
// The drawings on buttons and marks: strokes on a small grid, in the text's colour.
import { svg } from "./dom.js";

/** Path data; those with a leading `f` are filled. @type {Record<string, string[]>} */
const BUTTONS = {
  first: ["M3 3v10", "fM13 3v10L6 8z"],
  last: ["M13 3v10", "fM3 3v10l7-5z"],
  back: ["fM11 3v10L4 8z"],
  step: ["fM5 3v10l7-5z"],
  play: ["fM4 3v10l8-5z"],
  pause: ["fM4 3h3v10H4z", "fM9 3h3v10H9z"],
  backContinue: ["M6 3v10", "fM14 3v10L8 8z", "fM1.5 8a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0-2.4 0"],
  continue: ["M10 3v10", "fM2 3v10l6-5z", "fM12.1 8a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0-2.4 0"],
  over: ["M2 10a6 6 0 0 1 11-2", "M13.5 4.5V8H10", "fM7 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0"],
  out: ["M8 11V3M5 6l3-3 3 3", "fM7.2 13.5a.8.8 0 1 0 1.6 0a.8.8 0 1 0-1.6 0"],
  zoomIn: ["M7 3.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 1 0 0-7.6", "M10 10l3.5 3.5M7 5.5v3M5.5 7h3"],
  zoomOut: ["M7 3.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 1 0 0-7.6", "M10 10l3.5 3.5M5.5 7h3"],
  zoomAll: ["M2 4v8M14 4v8", "M4 8h8M6 6 4 8l2 2M10 6l2 2-2 2"],
  focus: ["M2 6V3h3M11 3h3v3M14 10v3h-3M5 13H2v-3"],
  more: ["fM2 8a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0-2.6 0", "fM6.7 8a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0-2.6 0", "fM11.4 8a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0-2.6 0"],
};

/** @param {string} name */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, BUTTONS[name].map((d) =>
    d[0] === "f" ? svg("path", { class: "f", d: d.slice(1) }) : svg("path", { d })));
}

/** Marks of the timeline, 10 × 10: outlines that are filled, what is enclosed twice is a hole. @type {Record<string, string>} */
const MARKS = {
  breakpoint: "M1.4 5a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0",
  output: "M1 3h8v4H1z",
  collection: "M.8 5a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0M2.4 5a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0",
  coroutine: "M1 2.35h4.6L4.3 1.3 5.1.4 8.5 3 5.1 5.6 4.3 4.7 5.6 3.65H1zM9 6.6H4.4L5.5 5.7 4.7 4.9 1.5 7.3 4.7 9.9 5.5 9 4.4 7.95H9z",
  error: "M5 .6 9.6 9H.4z",
  exit: "M1 4.2h4.6L4.4 3.2 5.5 2 9.2 5 5.5 8 4.4 6.8 5.6 5.8H1z",
  halt: "M1.5 1.5h7v7h-7z",
  input: "M9 4.2H4.4l1.2-1L4.5 2 .8 5 4.5 8l1.1-1.2-1.2-1H9z",
  note: "M.9.4h8.2v6.7H5.8L2.4 10V7.1H.9zM2.1 1.6v4.3h1.5v1.6l1.7-1.6h2.6V1.6z",
  branch: "M1.7 1h1.6v3.7h2.2q1.2 0 1.2-1.2v-2h1.6v2q0 2.8-2.8 2.8H3.3V9H1.7z",
  compile: "M2 .75h6v1.5H2zM2 4.25h6v1.5H2zM2 7.75h4v1.5H2z",
};

/** @param {string} name */
export function mark(name) {
  return svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d: MARKS[name], fill: "currentColor", "fill-rule": "evenodd" }));
}

/**
 * A mark's outline for `clip-path`, where there are too many for elements of their own.
 * @param {string} name
 */
export function markShape(name) {
  return `path(evenodd, "${MARKS[name]}")`;
}
