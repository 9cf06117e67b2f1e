// @ts-check
// The editor's languages, by the name that a room gives: one row a language.
import { lua } from "./lua.js";
import { nasm } from "./nasm.js";

/** @type {Record<string, import("./highlighting.js").Words>} */
export const LANGUAGES = { lua, nasm };
