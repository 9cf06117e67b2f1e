// @ts-check
// The command palette: everything that the page can do, found by a few letters of its name, with its keys.
import { openDialog } from "../dialog.js";
import { h, patch } from "../dom.js";
import { language, laterWords, t } from "../i18n.js";
import { KEYS } from "../keys.js";
import { resetLayout } from "../splitters.js";
import { switchTo } from "../timeline.js";
import { keyName } from "./keydialog.js";

/**
 * @typedef {object} Command
 * @property {string} label
 * @property {string[]} keys
 * @property {() => void} run
 */

/** Commands that are shown at once. */
const MOST = 60;

/**
 * How well `wanted` fits `label`: its letters in order, better in a row and at the start of words; -1: not at all.
 * @param {string} wanted in lower case
 * @param {string} label in lower case
 */
export function score(wanted, label) {
  let at = -1;
  let sum = 0;
  for (const letter of wanted) {
    if (letter === " ") continue;
    const next = label.indexOf(letter, at + 1);
    if (next < 0) return -1;
    const starts = next === 0 || /[\s(/:,]/.test(label[next - 1]);
    sum += next === at + 1 ? 4 : starts ? 3 : 1;
    at = next;
  }
  return sum + (label.startsWith(wanted) ? 10 : label.includes(wanted) ? 6 : 0) - label.length / 200;
}

/**
 * Everything that can be done now.
 * @param {any} actions
 * @param {any} boot
 * @returns {Command[]}
 */
function commands(actions, boot) {
  const { session } = actions;
  /** @type {Map<string, Command>} */
  const known = new Map();
  for (const { name, keys, run } of KEYS) {
    const command = known.get(name);
    if (command) command.keys.push(...keys);
    else if (name !== "palette") known.set(name, { label: t(`keys.${name}`), keys: [...keys], run: () => run(actions) });
  }
  const more = (/** @type {string} */ label, /** @type {() => void} */ run) => ({ label, keys: [], run });
  const { state } = session;
  const titled = (/** @type {any} */ example) => example.title[language()] ?? example.title.en ?? example.name;
  return [
    ...known.values(),
    more(t("palette.predict"), () => actions.predict()),
    more(t("palette.saves"), () => actions.saves()),
    more(t("palette.layout"), resetLayout),
    more(t("palette.theme"), () => actions.theme()),
    more(t("palette.language"), () => actions.language()),
    state.branch ? more(t("branch.back"), () => void switchTo(session, 0)) : null,
    boot.shared ? more(t("palette.report"), () => actions.report()) : null,
    ...boot.rooms.map((/** @type {any} */ room) => more(t("palette.blank", { name: room.title }), () => actions.blank(room))),
    ...boot.examples.map((/** @type {any} */ example) => more(t("palette.example", { name: titled(example) }), () => actions.open(example))),
    more(t("palette.tours"), () => location.assign(`/tours?lang=${language()}`)),
  ].filter((one) => one !== null);
}

/**
 * @param {any} actions
 * @param {any} boot
 */
export async function palette(actions, boot) {
  await laterWords();
  if (document.querySelector("dialog[open]")) return;
  const all = commands(actions, boot);
  const field = h("input", {
    id: "palette", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "true", "aria-controls": "palette-list",
    "aria-autocomplete": "list", "aria-label": t("palette.label"), placeholder: t("palette.hint"),
  });
  const list = h("ul", { id: "palette-list", role: "listbox", "aria-label": t("palette.title") });
  const dialog = openDialog(t("palette.title"), [field, list, h("p", { class: "sr", role: "status", id: "palette-count" })], "palette");
  /** @type {Command[]} */
  let found = [];
  let at = 0;

  const draw = () => {
    patch(list, found.length ? found.map((one, i) => h("li", { id: `palette-${i}`, role: "option", "aria-selected": String(i === at), on: { click: () => go(i) } },
      h("span", {}, one.label), h("span", {}, one.keys.map((key) => h("kbd", {}, keyName(key)))))) : h("li", { class: "none", role: "option", "aria-disabled": "true" }, t("palette.none")));
    if (found.length) field.setAttribute("aria-activedescendant", `palette-${at}`);
    else field.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const wanted = field.value.trim().toLowerCase();
    const ranked = all.map((one, i) => ({ one, i, fits: wanted ? score(wanted, one.label.toLowerCase()) : 0 })).filter(({ fits }) => fits >= 0 || !wanted);
    ranked.sort((a, b) => b.fits - a.fits || a.i - b.i);
    found = ranked.slice(0, MOST).map(({ one }) => one);
    at = 0;
    draw();
    const count = dialog.querySelector("#palette-count");
    if (count) count.textContent = t("palette.count", { n: found.length });
  };
  const go = (/** @type {number} */ i) => {
    const command = found[i];
    if (!command) return;
    dialog.close();
    command.run();
  };
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 })[event.key];
    if (event.key === "Enter" && !event.isComposing) go(at);
    else if (step && found.length) {
      at = Math.abs(step) === 1 ? (at + step + found.length) % found.length : Math.min(Math.max(0, at + step), found.length - 1);
      draw();
    } else return;
    event.preventDefault();
  });
  search();
  field.focus();
}
