// @ts-check
// The dialog under `?`: every key, and the switch that turns single keys off.
import { closeButton, openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { laterWords, t } from "../i18n.js";
import { ELSEWHERE, KEYS, lettersWork, setLetters } from "../keys.js";

export async function keyDialog() {
  await laterWords();
  const rows = new Map();
  for (const { name, keys } of [...KEYS, ...ELSEWHERE]) rows.set(name, [...(rows.get(name) ?? []), ...keys]);
  const single = h("input", { type: "checkbox", id: "letters" });
  single.checked = lettersWork();
  single.addEventListener("change", () => setLetters(single.checked));
  openDialog(t("keys.title"), [
    h("p", { class: "none" }, t("keys.letters")),
    h("p", { class: "check" }, single, h("label", { for: "letters" }, t("keys.single"))),
    h("table", {}, h("caption", { class: "sr" }, t("keys.title")), h("tbody", {}, [...rows].map(([name, keys]) =>
      h("tr", {}, h("th", { scope: "row" }, t(`keys.${name}`)), h("td", {}, keys.map((/** @type {string} */ key) => h("kbd", {}, keyName(key)))))))),
    closeButton(t("dialog.close")),
  ], "scrolls");
}

/** @param {string} key */
export function keyName(key) {
  const names = /** @type {Record<string, string>} */ ({ ArrowRight: "→", ArrowLeft: "←", PageUp: "Page Up", PageDown: "Page Down", Escape: "Esc" });
  const apple = /Mac|iP(hone|ad)/.test(navigator.platform);
  return key.split("+").map((part) => (part === "Ctrl" && apple ? "⌘" : (names[part] ?? part)) || "+").join(" ");
}
