// The words of the page as modules, `words:en` and so on, from i18n/catalogue.json and the opcode table.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Words of parts that load when they are asked for: `words:en-NAME` has those whose keys look so, the first that fits.
 * @type {Record<string, RegExp>}
 */
const SETS = {
  lua: /^(op|heap|upvalue|threads?|constants|for|count|lua|type)\.|^calls\.(?!line$)|^say\.(loops|open|closed|shared)/,
  "x86-screen": /^x86\.(screen|colour|key)\b/,
  "x86-fault": /^x86\.(fault|vector)\b/,
  "x86-tables": /^x86\.(walk|page|area)\./,
  "x86-vectors": /^x86\.(vectors\.(?!meta$)|lanes?\b|round\.)/,
  "x86-calls": /^x86\.(calls|life)\b/,
  x86: /^(x86|flag|memory)\./,
  "explain-lua": /^explain\.lua\./,
  "explain-x86": /^explain\.x86\./,
  later: /^(share|export|replay|files|keys|condition|inquiry|edit|fork|palette|saves|predict|report|window|notes|image|diff|explain)\./,
};
/** What the server makes says these: no script asks for them. */
const SERVER = /^(article|front|picture|goodbye|error)\./;

/**
 * `words:en` is the catalogue in one language, {key: sentence}, without what is in a set of its own. The
 * opcode table's sentences are words too, `op.NAME`. Fails when a language lacks a key.
 * @param {string} root the folder with js/ and i18n/
 */
export function words(root) {
  const opcodes = join(root, "js", "gen", "opcodes.js");
  return {
    name: "words",
    resolveId: (/** @type {string} */ id) => (id.startsWith("words:") ? id.replace(":", "-") : null),
    /** @param {string} id */
    async load(id) {
      const [, language, set] = /^words-(..)(?:-(.+))?$/.exec(id) ?? [];
      if (!language) return null;
      const { OPCODES } = await import(pathToFileURL(opcodes).href);
      /** @type {Record<string, Record<string, string>>} */
      const catalogue = JSON.parse(readFileSync(join(root, "i18n", "catalogue.json"), "utf8"));
      const missing = Object.keys(catalogue).filter((key) => typeof catalogue[key][language] !== "string");
      if (missing.length) throw new Error(`no text in ${language} for ${missing.join(", ")}: add it to static/i18n/catalogue.json`);
      for (const row of OPCODES) catalogue[`op.${row.name}`] = row;
      const setOf = (/** @type {string} */ key) => Object.keys(SETS).find((name) => SETS[name].test(key));
      const wanted = Object.entries(catalogue).filter(([key]) => !SERVER.test(key) && setOf(key) === set);
      const texts = Object.fromEntries(wanted.map(([key, entry]) => [key, entry[language]]));
      // As JSON, every word would be exported once more under its own name.
      return `export default ${JSON.stringify(texts)};`;
    },
  };
}
