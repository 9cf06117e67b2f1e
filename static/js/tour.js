// @ts-check
// A guided tour being played, or a visitor's own notes: one at a time in a bar above the timeline. Loaded when there is one.
import { byId, fill, h } from "./dom.js";
import { language, t } from "./i18n.js";

/** The place of the page (see workbench.js) in which each thing that a note may point at is shown. */
const PLACE = /** @type {Record<string, string>} */ ({
  source: "source", listing: "listing", disassembly: "listing", registers: "state", upvalues: "state", calls: "state", threads: "state",
  flags: "state", segments: "state", control: "state", heap: "memory", memory: "memory", output: "output", exits: "extra", constants: "extra",
});
/** Places that share a spot on a tablet, and so have a tab list of their own. */
const SHARED = ["state", "memory"];

/**
 * @typedef {{en: string, zh: string}} Words
 * @typedef {{title: Words, text: Words, example?: string, room?: string, tick: number, pane?: string}} Note
 *   without an example: a step of the program that is open
 * @typedef {{name: string, title: Words, notes: Note[]}} Tour  without a name: not on the server
 */

/**
 * The number of the shown note, from 1. The bar remembers it, so that it stays when the page is built anew in another
 * language; at first it is what the address names.
 * @param {Tour} tour
 */
function numberOf(tour) {
  const asked = Math.trunc(Number(document.getElementById("tour")?.dataset.note ?? new URLSearchParams(location.search).get("note")));
  return Math.min(Math.max(asked || 1, 1), tour.notes.length);
}

/**
 * Open the example of the shown note at its step.
 * @param {any} boot
 * @param {(example: any, tick: number) => void} open   load an example and run it to a tick
 */
export function openNote(boot, open) {
  const note = boot.tour.notes[numberOf(boot.tour) - 1];
  open(boot.examples.find((/** @type {any} */ e) => e.name === note.example && e.room === note.room), note.tick);
}

/**
 * The place of the bar; made when the page came without one.
 * @param {HTMLElement} shell
 */
function place(shell) {
  const there = document.getElementById("tour");
  if (there) return there;
  const root = h("section", { class: "tour", id: "tour" });
  byId("timeline").before(root);
  const sheet = shell.dataset.tourCss ?? "";
  if (!document.querySelector(`link[href="${sheet}"]`)) document.head.append(h("link", { rel: "stylesheet", href: sheet }));
  return root;
}

/**
 * Show the note in the language of the page. Answers how to take it away again.
 * @param {Tour} tour
 * @param {any} boot
 * @param {import("./store.js").Store} store
 * @param {import("./session.js").Session} session
 * @param {(example: any, tick: number) => void} open   load an example and run it to a tick
 * @param {() => void} leave   of a tour that has no page to go to
 */
export function mountTour(tour, boot, store, session, open, leave) {
  const shell = byId("workbench");
  const root = place(shell);
  shell.classList.add("touring");
  const shown = () => tour.notes[numberOf(tour) - 1];

  /** @param {number} number from 1 */
  function go(number) {
    if (number < 1 || number > tour.notes.length) return;
    if (tour.name) {
      const query = new URLSearchParams(location.search);
      for (const key of ["room", "example", "tick"]) query.delete(key);
      query.set("tour", tour.name);
      query.set("note", String(number));
      history.replaceState(null, "", `/?${query}`);
    }
    root.dataset.note = String(number);
    show();
    visit();
  }

  /** Bring the machine to the note's step: within the run that is there, else by a new one. */
  function visit() {
    const note = shown();
    const { example, files, phase } = store.state;
    const same = !note.example || (phase === "ready" && example?.name === note.example && example?.room === note.room && files.every((file, i) => example.files[i]?.text === file.text));
    if (same) session.goTo(note.tick);
    else openNote(boot, open);
    point();
  }

  /** Mark the place that the note is about, and turn to it where places share a spot. */
  function point() {
    const place = PLACE[shown().pane ?? ""];
    if (!place) return;
    for (const pane of document.querySelectorAll(".pane")) pane.classList.toggle("pointed", pane.id === `pane-${place}`);
    const hosts = /** @type {[string, HTMLElement][]} */ ([["tabs-all", shell], ...(SHARED.includes(place) ? [["tabs-middle", byId("panes")]] : [])]);
    for (const [list, host] of hosts) {
      const tab = /** @type {HTMLElement | null} */ (byId(list).querySelector(`[data-tab="${place}"]`));
      if (tab) tab.click();
      else host.dataset.tab = place;
    }
    // On a tablet the page is longer than the screen.
    byId(`pane-${place}`).scrollIntoView({ block: "nearest" });
  }

  function show() {
    const number = numberOf(tour);
    const note = shown();
    const button = (/** @type {string} */ key, /** @type {number} */ to, /** @type {string} */ shortcut) =>
      h("button", { type: "button", class: "btn edge", id: key.replace(".", "-"), disabled: to < 1 || to > tour.notes.length, on: { click: () => move(key, to) } }, t(key), h("kbd", { class: "opt" }, shortcut));
    fill(
      root,
      h("div", { class: "where" },
        h("h2", { id: "tour-title" }, note.title[language()]),
        h("span", {}, `${tour.title[language()]} · ${t("tour.count", { n: number, total: tour.notes.length })}`),
        note.pane ? h("button", { type: "button", class: "point", on: { click: point } }, t("tour.look", { pane: t(`pane.${note.pane}`) })) : null),
      h("p", { class: "text" }, prose(note.text[language()])),
      h("div", { class: "acts" },
        button("tour.previous", number - 1, "["),
        button("tour.next", number + 1, "]"),
        h("button", { type: "button", class: "btn", on: { click: visit } }, t("tour.return")),
        tour.name ? [
          h("a", { class: "btn", href: `/tours/${tour.name}?lang=${language()}#note-${number}` }, t("tour.article")),
          h("a", { class: "btn", href: `/?room=${note.room}&example=${note.example}&tick=${note.tick}` }, t("tour.leave")),
        ] : h("button", { type: "button", class: "btn", on: { click: leave } }, t("tour.leave"))),
    );
  }

  /**
   * A press of a button that is drawn anew: the focus stays on it, or on its neighbour where the tour ends.
   * @param {string} key
   * @param {number} to
   */
  function move(key, to) {
    go(to);
    const names = [key, "tour.previous", "tour.next"].map((k) => /** @type {HTMLButtonElement} */ (byId(k.replace(".", "-"))));
    names.find((b) => !b.disabled)?.focus();
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const step = /** @type {Record<string, number>} */ ({ "[": -1, "]": 1 })[event.key];
    if (!step || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement?.closest("input, textarea, select, [contenteditable='true'], dialog")) return;
    event.preventDefault();
    go(numberOf(tour) + step);
  }

  root.setAttribute("aria-label", t("tour.label"));
  document.addEventListener("keydown", pressed);
  show();
  point();
  return () => {
    document.removeEventListener("keydown", pressed);
    if (tour.name) return;
    root.remove();
    shell.classList.remove("touring");
  };
}

/**
 * Words between backquotes are code.
 * @param {string} text
 */
function prose(text) {
  return text.split("`").map((piece, i) => (i % 2 ? h("code", {}, piece) : piece));
}
