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

/** Marks of the timeline, 10 × 10. `stroke`: drawn as a line of that width. @type {Record<string, {d: string, stroke?: number}>} */
const MARKS = {
  breakpoint: { d: "M1.4 5a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0" },
  output: { d: "M1 3h8v4H1z" },
  collection: { d: "M1.6 5a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0", stroke: 1.6 },
  coroutine: { d: "M1 3h6M5 1l2.5 2L5 5M9 7H3M5 5.5 2.5 7.3 5 9.4", stroke: 1.3 },
  error: { d: "M5 .6 9.6 9H.4z" },
  exit: { d: "M1 5h6M5 2.5 8 5 5 7.5", stroke: 1.6 },
  halt: { d: "M1.5 1.5h7v7h-7z" },
  input: { d: "M8.5 5H3M5 2.5 2 5l3 2.5", stroke: 1.6 },
  note: { d: "M1.5 1h7v5.5H5.5L3 9V6.5H1.5z", stroke: 1.2 },
  branch: { d: "M2.5 1v8M2.5 5.5h3q2 0 2-2V1.5", stroke: 1.6 },
  compile: { d: "M2 1.5h6M2 5h6M2 8.5h4", stroke: 1.5 },
};

/** @param {string} name */
export function mark(name) {
  const { d, stroke } = MARKS[name];
  const path = svg("path", stroke ? { d, fill: "none", stroke: "currentColor", "stroke-width": stroke } : { d, fill: "currentColor" });
  return svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, path);
}
