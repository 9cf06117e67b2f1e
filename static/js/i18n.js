// @ts-check
// The words of the page, all from one catalogue: t(key, args) in the visitor's language.

/** @typedef {"en" | "zh"} Language */

/** How to fetch words in each language. @typedef {Record<Language, () => Promise<{default: Record<string, string>}>>} Words */

/** @type {Words} */
const LANGUAGES = { en: () => import("words:en"), zh: () => import("words:zh") };

/** @type {Record<string, string>} */
let words = {};
/** What parts have asked for besides. @type {Set<Words>} */
const more = new Set();

/** Words of parts that load when they are asked for. @type {Words} */
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
  await Promise.all([...more].map(moreWords));
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

/**
 * Fetch words that a part brings along, now and when the language changes.
 * @param {Words} source
 */
export async function moreWords(source) {
  more.add(source);
  const wanted = current;
  const found = (await source[wanted]()).default;
  if (wanted === current) words = { ...words, ...found };
}

/** Fetch the words of the parts that load when they are asked for (bundling/words.mjs says which), and their style sheet. */
export async function laterWords() {
  await Promise.all([moreWords(LATER), laterStyles()]);
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
