// Builds the page: bundles js/main.js and css/workbench.css into dist/ under names that carry their content's hash,
// writes a .gz beside each file and dist/manifest.json ({"workbench.js": "workbench-HASH.js", …}) for the server's
// templates. The words of each language and the editor are chunks of their own. `npm ci && node build.mjs` is all
// that it needs. Fails when the first load outgrows its budget.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const BUDGET = 150 * 1024;
/** First words of the keys of parts that load when they are asked for: they are in `words:en-later`. */
const LATER = new Set(["share", "export", "replay", "x86", "flag", "memory", "files", "keys", "condition", "inquiry", "edit", "fork", "palette", "saves", "predict", "report", "window", "notes", "image", "diff", "explain"]);

/**
 * `words:en` is the catalogue in one language, {key: sentence}, without what is in `words:en-later`, and with the
 * opcode table's sentences as `op.NAME`; the table itself goes into the bundle without them. `article.…` `front.…` and `picture.…` are for what the server makes: no script asks for it.
 */
const words = {
  name: "words",
  setup(setup) {
    setup.onLoad({ filter: /gen\/opcodes\.js$/ }, async ({ path }) => {
      const { OPCODES, ...rest } = await import(pathToFileURL(path).href);
      const rows = OPCODES.map(({ en: _en, zh: _zh, ...row }) => row);
      const lines = Object.entries({ OPCODES: rows, ...rest }).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`);
      return { contents: lines.join("\n"), loader: "js" };
    });
    setup.onResolve({ filter: /^words:/ }, ({ path }) => ({ path: path.replace(":", "-"), namespace: "words" }));
    setup.onLoad({ filter: /.*/, namespace: "words" }, async ({ path }) => {
      const { OPCODES } = await import(pathToFileURL(join(here, "js", "gen", "opcodes.js")).href);
      const [, language, later] = path.split("-");
      const file = join(here, "i18n", "catalogue.json");
      const catalogue = JSON.parse(readFileSync(file, "utf8"));
      const missing = Object.keys(catalogue).filter((key) => typeof catalogue[key][language] !== "string");
      const errors = missing.map((key) => ({ text: `${key} has no text in ${language}` }));
      const asked = Object.entries(catalogue).filter(([key]) => !/^(article|front|picture)\./.test(key));
      const wanted = asked.filter(([key]) => LATER.has(key.split(".")[0]) === (later !== undefined));
      const texts = Object.fromEntries(wanted.map(([key, entry]) => [key, entry[language]]));
      if (!later) for (const row of OPCODES) texts[`op.${row.name}`] = row[language];
      // As JSON, every word would be exported once more under its own name.
      return { contents: `export default ${JSON.stringify(texts)};`, loader: "js", errors, watchFiles: [file] };
    });
  },
};

/** The editor's commands name the syntax tree's package for commands that we do not use; it may be left out then. */
const trees = {
  name: "trees",
  setup(setup) {
    setup.onResolve({ filter: /^@lezer\/common$/ }, async ({ path, ...rest }) => {
      if (rest.pluginData === trees) return undefined;
      const found = await setup.resolve(path, { ...rest, pluginData: trees });
      return { path: found.path, errors: found.errors, sideEffects: false };
    });
  },
};

/** `player:file`: the script and the style sheet of exported replays as texts, with their hashes for a policy. */
const player = {
  name: "player",
  setup(setup) {
    setup.onResolve({ filter: /^player:/ }, ({ path }) => ({ path, namespace: "player" }));
    setup.onLoad({ filter: /.*/, namespace: "player" }, async () => {
      const entryPoints = ["js/player/player.js", "css/player.css"];
      const made = await build({ absWorkingDir: here, entryPoints, bundle: true, minify: true, format: "iife", target: ["es2022"], charset: "utf8", legalComments: "none", outdir: "dist", write: false });
      const [script, style] = [".js", ".css"].map((end) => made.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "");
      const hash = (/** @type {string} */ text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
      const rows = Object.entries({ script, style, scriptHash: hash(script), styleHash: hash(style) });
      return { contents: rows.map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};`).join("\n"), loader: "js", watchFiles: entryPoints.map((path) => join(here, path)) };
    });
  },
};

/** `css:NAME`: css/NAME.css as a text, for parts of the page that bring their style along. */
const styles = {
  name: "styles",
  setup(setup) {
    setup.onResolve({ filter: /^css:/ }, ({ path }) => ({ path: path.slice(4), namespace: "styles" }));
    setup.onLoad({ filter: /.*/, namespace: "styles" }, async ({ path }) => {
      const file = join(here, "css", `${path}.css`);
      const { code } = await transform(readFileSync(file, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text", watchFiles: [file] };
    });
  },
};

/** @param {{in: string, out: string}[]} entryPoints */
const bundle = (entryPoints) => build({
  absWorkingDir: here,
  entryPoints,
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: "dist",
  plugins: [words, player, trees, styles],
  write: false,
  metafile: true,
});

const result = await bundle([
  { in: "js/main.js", out: "workbench" },
  { in: "css/workbench.css", out: "workbench" },
  { in: "css/later.css", out: "later" },
  { in: "css/tour.css", out: "tour" },
  { in: "css/tour-bar.css", out: "tour-bar" },
  { in: "css/front.css", out: "front" },
]);
/** The page for frames is bundled for itself: sharing pieces with it would tear the first load into smaller ones. */
const frames = await bundle([{ in: "js/embed.js", out: "embed" }, { in: "css/embed.css", out: "embed" }]);
const front = await bundle([{ in: "js/front.js", out: "front" }]);

/**
 * The outputs that loading `start` loads: what it imports at once, and what that imports.
 * @param {string} start
 * @param {Set<string>} [seen]
 */
function closure(start, seen = new Set()) {
  if (seen.has(start)) return seen;
  seen.add(start);
  for (const { path, kind } of result.metafile.outputs[start].imports) if (kind === "import-statement") closure(path, seen);
  return seen;
}

const outputs = Object.entries(result.metafile.outputs);
const entryOf = (/** @type {string} */ path) => result.metafile.outputs[path]?.entryPoint ?? "";
/** Of the languages and of the machines a visitor loads one. */
const CHOICES = /** @type {[string, RegExp][]} */ ([["language", /^words:words-..$/], ["machine", /^js\/panes\/(lua|x86)\.js$/]]);
/** Loaded by every visitor; the editor follows after the first paint. */
const always = new Set(outputs.filter(([, { entryPoint }]) => /^(js\/main|js\/editor|css\/workbench)\./.test(entryPoint ?? "")).flatMap(([path]) => [...closure(path)]));

/** @type {Record<string, string>} */
const manifest = {};
/** Names of the built files by when they load: always, language, machine (one of each), later. @type {Record<string, string[]>} */
const loads = { always: [], language: [], machine: [], later: [] };
const sizes = [];
mkdirSync(dist, { recursive: true });
for (const file of [...result.outputFiles, ...frames.outputFiles, ...front.outputFiles]) {
  const name = basename(file.path);
  if (sizes.some((other) => other.name === name)) continue;
  const plain = name.replace(/-[A-Z0-9]{8}\./, ".");
  const packed = gzipSync(file.contents, { level: 9 });
  writeFileSync(join(dist, name), file.contents);
  writeFileSync(join(dist, `${name}.gz`), packed);
  const path = `dist/${name}`;
  const choice = always.has(path) ? "always" : (CHOICES.find(([, entry]) => entry.test(entryOf(path)))?.[0] ?? "later");
  if (plain !== "chunk.js") manifest[plain] ??= name;
  loads[choice].push(name);
  sizes.push({ name, choice, bytes: file.contents.length, gzip: packed.length });
}
// The manifest is written when everything that it names is there; old bundles go after it.
writeFileSync(join(dist, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
writeFileSync(join(dist, "loads.json"), JSON.stringify(loads, null, 2) + "\n");
const keep = new Set(["manifest.json", "loads.json", ...sizes.flatMap(({ name }) => [name, `${name}.gz`])]);
for (const name of readdirSync(dist)) if (!keep.has(name)) rmSync(join(dist, name), { recursive: true });

for (const { name, bytes, gzip } of sizes) console.log(`${name}  ${bytes} B, ${gzip} B gzip`);
const total = (/** @type {typeof sizes} */ some) => some.reduce((sum, { gzip }) => sum + gzip, 0);
const largest = (/** @type {string} */ choice) => Math.max(...sizes.filter((s) => s.choice === choice).map((s) => s.gzip));
const first = total(sizes.filter((s) => s.choice === "always")) + largest("language") + largest("machine");
console.log(`first load besides the document: ${first} B gzip of ${BUDGET}`);
if (first > BUDGET) process.exitCode = 1;
