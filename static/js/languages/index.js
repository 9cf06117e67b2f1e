// @ts-check
// The editor's languages, by the name that a room gives: one row a language.
import { lua } from "./lua.js";
import { nasm } from "./nasm.js";

/** @type {Record<string, import("./highlighting.js").Words>} */
export const LANGUAGES = { lua, nasm };

/**
 * Those that are fetched when they are chosen.
 * @type {Record<string, () => Promise<import("./highlighting.js").Words>>}
 */
const LATER = { gas: async () => (await import("./gas.js")).gas };

/**
 * A language by its name; null for a text without one.
 * @param {string} name
 */
export async function languageOf(name) {
  if (!LANGUAGES[name] && LATER[name]) LANGUAGES[name] = await LATER[name]();
  return LANGUAGES[name] ?? null;
}
