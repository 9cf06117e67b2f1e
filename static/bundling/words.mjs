// The words of the page as modules, `words:en` and so on, from i18n/catalogue.json; and the opcode table without its
// sentences, which are among the words.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** First words of the keys of parts that load when they are asked for: they are in `words:en-later`. */
const LATER = new Set(["share", "export", "replay", "x86", "flag", "memory", "files", "keys", "condition", "inquiry", "edit", "fork", "palette", "saves", "predict", "report", "window", "notes", "image", "diff", "explain"]);

/**
 * `words:en` is the catalogue in one language, {key: sentence}, without what is in `words:en-later`, and with the
 * opcode table's sentences as `op.NAME`; the table itself goes into the bundle without them. `article.…` `front.…`
 * `picture.…` `goodbye.…` and `error.…` are for what the server says: no script asks for it.
 * Fails when a language lacks a key.
 * @param {string} root the folder with js/ and i18n/
 */
export function words(root) {
  const opcodes = join(root, "js", "gen", "opcodes.js");
  return {
    name: "words",
    resolveId: (/** @type {string} */ id) => (id.startsWith("words:") ? id.replace(":", "-") : null),
    /** @param {string} id */
    async load(id) {
      if (id === opcodes) {
        const { OPCODES, ...rest } = await import(pathToFileURL(id).href);
        const rows = OPCODES.map((/** @type {any} */ { en: _en, zh: _zh, ...row }) => row);
        return Object.entries({ OPCODES: rows, ...rest }).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`).join("\n");
      }
      const [, language, later] = /^words-(..)(-later)?$/.exec(id) ?? [];
      if (!language) return null;
      const { OPCODES } = await import(pathToFileURL(opcodes).href);
      /** @type {Record<string, Record<string, string>>} */
      const catalogue = JSON.parse(readFileSync(join(root, "i18n", "catalogue.json"), "utf8"));
      const missing = Object.keys(catalogue).filter((key) => typeof catalogue[key][language] !== "string");
      if (missing.length) throw new Error(`no text in ${language} for ${missing.join(", ")}: add it to static/i18n/catalogue.json`);
      const asked = Object.entries(catalogue).filter(([key]) => !/^(article|front|picture|goodbye|error)\./.test(key));
      const wanted = asked.filter(([key]) => LATER.has(key.split(".")[0]) === (later !== undefined));
      const texts = Object.fromEntries(wanted.map(([key, entry]) => [key, entry[language]]));
      if (!later) for (const row of OPCODES) texts[`op.${row.name}`] = row[language];
      // As JSON, every word would be exported once more under its own name.
      return `export default ${JSON.stringify(texts)};`;
    },
  };
}
