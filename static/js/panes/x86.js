// @ts-check
// Everything of the page that is the CPU's own: a chunk that only visitors of that room load.
import css from "css:x86";
import { laterWords } from "../i18n.js";
import exits from "./x86-exits.js";
import memory from "./x86-memory.js";
import state from "./x86-state.js";

// This machine speaks with words that the first load leaves out.
await laterWords();

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);
document.adoptedStyleSheets.push(sheet);

export { x86 as adapter } from "./rooms/x86.js";

/** @type {import("./index.js").Pane[]} */
export const panes = [state, memory, exits];
