// @ts-check
// Everything of the page that is the CPU's own: what its rows say at once, its panes as chunks that follow.
import css from "css:x86";
import { moreWords } from "../i18n.js";
import { adoptStyle, late } from "./late.js";

await moreWords({ en: () => import("words:en-x86"), zh: () => import("words:zh-x86") });

adoptStyle(css);

export { x86 as adapter } from "./rooms/x86.js";

const state = late({ id: "x86-state", titleKey: "pane.registers", tabKey: "tab.cpu" }, () => import("./x86-state.js"));
const memory = late({ id: "x86-memory", titleKey: "pane.memory", ofView: true, tabKey: "x86.tab.memory", shortKey: "x86.tab.memory" }, () => import("./x86-memory.js"));

const exits = late({ id: "x86-exits", titleKey: "pane.exits" }, () => import("./x86-exits.js"));

/** @type {import("./index.js").Pane[]} */
export const panes = [state, memory, exits];
