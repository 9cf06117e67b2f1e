// Style sheets: those of the pages as files, those that a part of the page brings along as texts (`css:NAME`), and the
// script and style sheet of exported replays as texts (`player:file`).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, transform } from "esbuild";

/** @type {import("esbuild").BuildOptions & {write: false}} */
const COMMON = { bundle: true, minify: true, target: ["es2022"], charset: "utf8", legalComments: "none", outdir: "dist", write: false };

/**
 * The style sheets of the pages, under names that carry their content's hash.
 * @param {string} root
 * @param {string[]} names   of css/NAME.css
 * @returns {Promise<{path: string, contents: Uint8Array}[]>}
 */
export async function sheets(root, names) {
  const entryPoints = names.map((name) => ({ in: `css/${name}.css`, out: name }));
  return (await build({ ...COMMON, absWorkingDir: root, entryPoints, entryNames: "[name]-[hash]" })).outputFiles;
}

/**
 * A plugin for modules that are no files, `KIND:NAME`.
 * @param {string} kind
 * @param {(name: string) => Promise<string>} load   the module's text
 */
function madeUp(kind, load) {
  const mark = `\0${kind}:`;
  return {
    name: kind,
    resolveId: (/** @type {string} */ id) => (id.startsWith(`${kind}:`) ? `\0${id}` : null),
    load: (/** @type {string} */ id) => (id.startsWith(mark) ? load(id.slice(mark.length)) : null),
  };
}

/** `css:NAME`: css/NAME.css as a text. @param {string} root */
export function styles(root) {
  return madeUp("css", async (name) => {
    const { code } = await transform(readFileSync(join(root, "css", `${name}.css`), "utf8"), { loader: "css", minify: true });
    return `export default ${JSON.stringify(code.trim())};`;
  });
}

/** `player:file`: the script and the style sheet of exported replays, with their hashes for a policy. @param {string} root */
export function player(root) {
  return madeUp("player", async () => {
    const made = await build({ ...COMMON, absWorkingDir: root, entryPoints: ["js/player/player.js", "css/player.css"], format: "iife" });
    const [script, style] = [".js", ".css"].map((end) => made.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "");
    const hash = (/** @type {string} */ text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
    const rows = Object.entries({ script, style, scriptHash: hash(script), styleHash: hash(style) });
    return rows.map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};`).join("\n");
  });
}
