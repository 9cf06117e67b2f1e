// @ts-check
// The words of the page, all from one catalogue: t(key, args) in the visitor's language.

/** @typedef {"en" | "zh"} Language */

/** @type {Record<Language, () => Promise<{default: Record<string, string>}>>} */
const LANGUAGES = { en: () => import("words:en"), zh: () => import("words:zh") };

/** @type {Record<string, string>} */
let words = {};
/** Whether a part has asked for the later words. */
let more = false;

/** The rest of the words, for parts that load when they are asked for. @type {Record<Language, () => Promise<{default: Record<string, string>}>>} */
const LATER = { en: () => import("words:en-later"), zh: () => import("words:zh-later") };

/** @type {Language} */
let current = "en";

/** @returns {Language} */
export function language() {
  return current;
}

/**
 * Fetch the words of a language and use them from now on.
 * @param {string} wanted
 */
export async function setLanguage(wanted) {
  current = wanted.startsWith("zh") ? "zh" : "en";
  words = (await LANGUAGES[current]()).default;
  if (more) await laterWords();
  document.documentElement.lang = current === "zh" ? "zh-Hans" : "en";
}

/** @type {Promise<void> | null} */
let styles = null;

/** Fetch the style sheet of those parts, where the page names one. */
function laterStyles() {
  const href = document.documentElement.dataset.later;
  styles ??= !href ? Promise.resolve() : new Promise((done) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = href;
    // Without it the parts are plain, but there.
    link.onload = link.onerror = () => done();
    document.head.append(link);
  });
  return styles;
}

/** Fetch the words of the parts that load when they are asked for (build.mjs says which those are). */
export async function laterWords() {
  more = true;
  const [later] = await Promise.all([LATER[current](), laterStyles()]);
  words = { ...words, ...later.default };
}

/**
 * Fill `{name}` and `{name:one|many}` (the first form when the number is 1) in a text.
 * @param {string} text
 * @param {Record<string, string | number>} args
 */
export function format(text, args) {
  return text.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (_all, name, one, many) => {
    const value = args[name];
    if (many !== undefined) return Number(value) === 1 ? one : many;
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/**
 * A whole number with separators.
 * @param {number} value
 */
export function number(value) {
  return Number.isSafeInteger(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, ",") : value.toLocaleString("en-US");
}

/**
 * The catalogue's sentence for `key`; a missing key throws, so that no test run passes with one.
 * @param {string} key
 * @param {Record<string, string | number>} [args]
 */
export function t(key, args = {}) {
  const text = words[key];
  if (text === undefined) throw new Error(`the catalogue lacks ${key}`);
  return format(text, args);
}

/**
 * True when the catalogue has `key` (for keys that the server names, like notices).
 * @param {string} key
 */
export function has(key) {
  return key in words;
}
