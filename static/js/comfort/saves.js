// @ts-check
// Local saves: what the visitor writes is kept in this browser while it is written, one entry a program, and can be
// opened, renamed and deleted. Nothing of it leaves the browser.
import { closeButton, openDialog } from "../dialog.js";
import { h, patch } from "../dom.js";
import { language, laterWords, t } from "../i18n.js";
import { remember, remembered } from "../preferences.js";

/** Programs and characters that are kept at most; the oldest goes first. */
const MOST = 30;
const MOST_CHARACTERS = 2_000_000;
const LONGEST_NAME = 60;

/**
 * @typedef {object} Save
 * @property {string} id
 * @property {string} name
 * @property {number} when      milliseconds since 1970
 * @property {string} room
 * @property {import("../store.js").SourceFile[]} files
 * @property {Record<string, string>} options
 * @property {string} base      the example that it began from, or ""
 */

/** @returns {Save[]} newest first */
export function saves() {
  try {
    const list = JSON.parse(remembered("saves") ?? "[]");
    const isSave = (/** @type {any} */ one) =>
      typeof one?.id === "string" && typeof one.name === "string" && Number.isFinite(one.when) && typeof one.room === "string" &&
      Array.isArray(one.files) && one.files.length > 0 && one.files.every((/** @type {any} */ f) => typeof f?.name === "string" && typeof f?.text === "string") &&
      typeof one.options === "object" && one.options !== null;
    return Array.isArray(list) ? list.filter(isSave).sort((a, b) => b.when - a.when) : [];
  } catch {
    return [];
  }
}

/** @param {Save[]} list newest first */
function write(list) {
  const kept = [];
  let size = 0;
  for (const one of list.slice(0, MOST)) {
    size += JSON.stringify(one).length;
    if (size > MOST_CHARACTERS && kept.length) break;
    kept.push(one);
  }
  return remember("saves", JSON.stringify(kept));
}

/**
 * Keep the program as it is now under an id; false if the browser does not.
 * @param {string} id
 * @param {import("../store.js").State} state
 */
export function save(id, { room, files, options, example }) {
  const list = saves();
  const known = list.find((one) => one.id === id);
  const name = known?.name ?? titleOf(example, files);
  const entry = { id, name, when: Date.now(), room: room.name, files: files.map(({ name: n, text }) => ({ name: n, text })), options, base: example?.name ?? "" };
  return write([entry, ...list.filter((one) => one.id !== id)]);
}

/**
 * @param {any} example
 * @param {import("../store.js").SourceFile[]} files
 */
function titleOf(example, files) {
  if (example) return t("saves.edited", { name: example.title[language()] ?? example.title.en ?? example.name });
  const line = files[0].text.split("\n").map((one) => one.trim()).find(Boolean) ?? files[0].name;
  return line.slice(0, LONGEST_NAME);
}

/**
 * The list.
 * @param {any} actions
 */
export async function savesDialog(actions) {
  await laterWords();
  const body = h("div", {});
  const dialog = openDialog(t("saves.title"), [h("p", { class: "what" }, t("saves.about")), body, closeButton(t("dialog.close"))], "scrolls");
  const when = new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : undefined, { dateStyle: "medium", timeStyle: "short" });
  const draw = () => {
    const list = saves();
    const row = (/** @type {Save} */ one) => {
      const field = h("input", { value: one.name, maxlength: LONGEST_NAME, "aria-label": t("saves.name"), autocomplete: "off" });
      field.addEventListener("change", () => write(saves().map((other) => (other.id === one.id ? { ...other, name: field.value.trim() || other.name } : other))));
      const label = (/** @type {string} */ key) => ({ "aria-label": `${t(key)}: ${one.name}` });
      return h("li", { key: one.id }, field,
        h("span", { class: "dim" }, `${when.format(one.when)}, ${t("saves.lines", { n: one.files.reduce((sum, f) => sum + f.text.split("\n").length, 0) })}`),
        h("button", { type: "button", class: "btn edge", ...label("saves.open"), on: { click: () => {
          dialog.close();
          actions.restore(one);
        } } }, t("saves.open")),
        h("button", { type: "button", class: "btn", ...label("saves.delete"), on: { click: () => {
          write(saves().filter((other) => other.id !== one.id));
          draw();
          /** @type {HTMLElement | null} */ (body.querySelector("button") ?? dialog.querySelector("form button"))?.focus();
        } } }, t("saves.delete")));
    };
    patch(body, list.length
      ? [h("ul", { class: "saved" }, list.map(row)), h("button", { type: "button", class: "btn", on: { click: () => {
          write([]);
          draw();
          /** @type {HTMLElement | null} */ (dialog.querySelector("form button"))?.focus();
        } } }, t("saves.clear"))]
      : h("p", { class: "none" }, t("saves.none")));
  };
  draw();
}
