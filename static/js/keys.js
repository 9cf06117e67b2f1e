// @ts-check
// The key map: one table for what keys do and where they do it. comfort/keydialog.js shows it under `?`.
import { remember, remembered } from "./preferences.js";
import { MARKED } from "./track.js";
import { askFocus, zoom } from "./timeline.js";

/**
 * `where`: "any" = everywhere, also in the editor; "page" = unless text is being typed; "pane" = single letters, only
 * while a pane or the timeline has the focus (WCAG 2.1.4).
 * @typedef {{name: string, keys: string[], where: "any" | "page" | "pane", run: (a: Actions) => void}} Binding
 * @typedef {{session: import("./session.js").Session, run: () => void, rerun: () => void, help: () => void, share: () => void, palette: () => void}} Actions
 */

/** Keys are written as `Ctrl+Enter`; Cmd counts as Ctrl. @type {Binding[]} */
export const KEYS = [
  { name: "run", keys: ["Ctrl+Enter"], where: "any", run: (a) => a.run() },
  { name: "rerun", keys: ["Ctrl+Shift+Enter"], where: "any", run: (a) => a.rerun() },
  { name: "palette", keys: ["Ctrl+K"], where: "any", run: (a) => a.palette() },
  { name: "step", keys: ["ArrowRight"], where: "page", run: (a) => a.session.stepBy(1) },
  { name: "back", keys: ["ArrowLeft"], where: "page", run: (a) => a.session.stepBy(-1) },
  { name: "step", keys: ["F11"], where: "any", run: (a) => a.session.stepBy(1) },
  { name: "back", keys: ["Shift+F11"], where: "any", run: (a) => a.session.stepBy(-1) },
  { name: "over", keys: ["F10"], where: "any", run: (a) => a.session.stepOver(1) },
  { name: "backOver", keys: ["Shift+F10"], where: "any", run: (a) => a.session.stepOver(-1) },
  { name: "step", keys: ["S"], where: "pane", run: (a) => a.session.stepBy(1) },
  { name: "back", keys: ["Shift+S"], where: "pane", run: (a) => a.session.stepBy(-1) },
  { name: "out", keys: ["F"], where: "pane", run: (a) => a.session.stepOut(1) },
  { name: "backOut", keys: ["Shift+F"], where: "pane", run: (a) => a.session.stepOut(-1) },
  { name: "continue", keys: ["C"], where: "pane", run: (a) => void a.session.continue(1) },
  { name: "backContinue", keys: ["Shift+C"], where: "pane", run: (a) => void a.session.continue(-1) },
  { name: "nextEvent", keys: ["N"], where: "pane", run: (a) => a.session.toEvent(MARKED, 1) },
  { name: "previousEvent", keys: ["Shift+N"], where: "pane", run: (a) => a.session.toEvent(MARKED, -1) },
  { name: "breakHere", keys: ["B"], where: "pane", run: (a) => a.session.breakpoints.toggleNext() },
  { name: "play", keys: ["Space"], where: "pane", run: (a) => a.session.togglePlay() },
  { name: "first", keys: ["Home"], where: "pane", run: (a) => a.session.first() },
  { name: "last", keys: ["End"], where: "pane", run: (a) => a.session.last() },
  { name: "zoomIn", keys: ["+", "="], where: "pane", run: (a) => zoom(a.session.store, 2) },
  { name: "zoomOut", keys: ["-"], where: "pane", run: (a) => zoom(a.session.store, 1 / 2) },
  { name: "zoomAll", keys: ["0"], where: "pane", run: (a) => zoom(a.session.store, 0) },
  { name: "focus", keys: ["W"], where: "pane", run: (a) => void askFocus(a.session) },
  { name: "edit", keys: ["E"], where: "pane", run: (a) => void import("./valueform.js").then(({ editDialog }) => editDialog(a.session)) },
  { name: "read", keys: ["R"], where: "pane", run: () => void document.dispatchEvent(new CustomEvent("glassbox-read")) },
  { name: "share", keys: ["L"], where: "pane", run: (a) => a.share() },
  { name: "help", keys: ["?"], where: "page", run: (a) => a.help() },
];

/** What the dialog lists besides KEYS: keys that a control handles itself. @type {{name: string, keys: string[]}[]} */
export const ELSEWHERE = [
  { name: "hundred", keys: ["PageUp", "PageDown"] },
  { name: "breakpoint", keys: ["F9"] },
  { name: "note", keys: ["[", "]"] },
  { name: "condition", keys: ["Alt+F9"] },
  { name: "cycle", keys: ["Shift+F9"] },
  { name: "leave", keys: ["Escape", "Tab"] },
];

/**
 * @param {KeyboardEvent} event
 * @returns {string} as the table writes it
 */
function chord(event) {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  // `?` and `+` are what Shift types on most keyboards: the characters say it already.
  const shift = event.shiftKey && key !== "?" && key !== "+" ? "Shift+" : "";
  return `${event.altKey ? "Alt+" : ""}${ctrl}${shift}${key}`;
}

/** @param {Element | null} at */
function isTyping(at) {
  return at !== null && at.closest("input, textarea, select, [contenteditable='true'], dialog") !== null;
}

/** @param {Actions} actions */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const pressed = chord(event);
    const at = document.activeElement;
    const binding = KEYS.find((b) => b.keys.includes(pressed));
    if (!binding) return;
    if (binding.where !== "any" && isTyping(at)) return;
    if (binding.where !== "any" && at?.closest("[role=tablist]") && pressed.startsWith("Arrow")) return;
    if (binding.where !== "any" && pressed.length === 1 && !lettersWork()) return;
    if (binding.where === "pane" && !at?.closest(".pane, .time")) return;
    // Space presses the button that has the focus.
    if (pressed === "Space" && at?.closest("button, a, summary")) return;
    event.preventDefault();
    binding.run(actions);
  });
}

/** Whether keys without Ctrl or Alt do anything. */
export function lettersWork() {
  return remembered("letters") !== "off";
}

/** @param {boolean} on */
export function setLetters(on) {
  remember("letters", on ? null : "off");
}
