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

/** `css:NAME`: css/NAME.css as a text. @param {string} root */
export function styles(root) {
  return {
    name: "styles",
    resolveId: (/** @type {string} */ id) => (id.startsWith("css:") ? `\0${id}` : null),
    /** @param {string} id */
    async load(id) {
      if (!id.startsWith("\0css:")) return null;
      const { code } = await transform(readFileSync(join(root, "css", `${id.slice(5)}.css`), "utf8"), { loader: "css", minify: true });
      return `export default ${JSON.stringify(code.trim())};`;
    },
  };
}

/** `player:file`: the script and the style sheet of exported replays, with their hashes for a policy. @param {string} root */
export function player(root) {
  return {
    name: "player",
    resolveId: (/** @type {string} */ id) => (id.startsWith("player:") ? `\0${id}` : null),
    /** @param {string} id */
    async load(id) {
      if (!id.startsWith("\0player:")) return null;
      const made = await build({ ...COMMON, absWorkingDir: root, entryPoints: ["js/player/player.js", "css/player.css"], format: "iife" });
      const [script, style] = [".js", ".css"].map((end) => made.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "");
      const hash = (/** @type {string} */ text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
      const rows = Object.entries({ script, style, scriptHash: hash(script), styleHash: hash(style) });
      return rows.map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};`).join("\n");
    },
  };
}
