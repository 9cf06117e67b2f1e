// @ts-check
// The editor's modes by the language that a room names: one row a language.
import { StreamLanguage } from "@codemirror/language";
import { lua } from "@codemirror/legacy-modes/mode/lua";
import { nasm } from "./nasm.js";

/** @type {Record<string, StreamLanguage<any>>} */
export const LANGUAGES = { lua: StreamLanguage.define(lua), nasm: StreamLanguage.define(nasm) };
