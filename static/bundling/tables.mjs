// The generated tables as the page needs them: without what only its types or its words come from.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * What the page needs of each generated module's exports.
 * @type {Record<string, (all: any) => Record<string, any>>}
 */
const NEEDED = {
  // The sentences are among the words (words.mjs).
  "opcodes.js": ({ OPCODES, ...rest }) => ({ OPCODES: OPCODES.map((/** @type {any} */ { en: _en, zh: _zh, ...row }) => row), ...rest }),
  // Commands and the names of fields are for the type check.
  "protocol.js": ({ COMMANDS: _commands, EVENTS, ...rest }) => ({
    COMMANDS: {},
    EVENTS: Object.fromEntries(Object.entries(EVENTS).map(([name, { ends }]) => [name, { ends }])),
    ...rest,
  }),
};

/** @param {string} root the folder with js/ */
export function tables(root) {
  return {
    name: "tables",
    /** @param {string} id */
    async load(id) {
      const name = Object.keys(NEEDED).find((file) => id === join(root, "js", "gen", file));
      if (!name) return null;
      const all = await import(pathToFileURL(id).href);
      return Object.entries(NEEDED[name](all)).map(([part, value]) => `export const ${part} = ${JSON.stringify(value)};`).join("\n");
    },
  };
}
