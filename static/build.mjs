// Builds the page: bundles js/main.js and css/workbench.css into dist/ under names that carry their content's hash,
// writes compressed twins (.gz, .br) beside each file and dist/manifest.json ({"workbench.js": "workbench-HASH.js", …})
// for the server's templates. `npm ci && node build.mjs` is all that it needs. Fails when a first visit outgrows its budget.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writePacked } from "./bundling/packing.mjs";
import { scripts } from "./bundling/scripts.mjs";
import { player, sheets, styles } from "./bundling/styles.mjs";
import { tables } from "./bundling/tables.mjs";
import { words } from "./bundling/words.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
/** What a first visit may load of these files. */
const BUDGET = 150 * 1024;

/**
 * What a page's file is followed by: the editor after the first paint; of each machine one file at once, and what is not
 * needed for the first paint in one more.
 * @param {string} first
 * @returns {import("./bundling/scripts.mjs").Group[]}
 */
const following = (first) => [
  { name: "editor", from: ["js/editor.js"], after: first },
  { name: "lua", from: ["js/panes/lua.js"], after: first },
  { name: "lua-later", from: ["js/panes/lua-heap.js", "js/panes/rooms/lua-past.js", "js/panes/rooms/lua-captures.js"], after: "lua" },
  { name: "x86", from: ["js/panes/x86.js"], after: first },
  { name: "x86-later", from: ["js/panes/x86-state.js", "js/panes/x86-memory.js", "js/panes/x86-exits.js", "js/panes/rooms/x86-past.js"], after: "x86" },
  { name: "x86-tables", from: ["js/panes/x86-tables.js"], after: "x86-later" },
];
/** The page and the page for frames are bundled each for itself: the second has less. */
const plugins = [tables(here), words(here), styles(here), player(here)];
const page = await scripts(here, "js/main.js", [{ name: "workbench", from: ["js/main.js"] }, ...following("workbench")], plugins);
const frames = await scripts(here, "js/embed.js", [{ name: "embed", from: ["js/embed.js"] }, ...following("embed")], plugins);
const front = await scripts(here, "js/front.js", [{ name: "front", from: ["js/front.js"] }], plugins);
const css = await sheets(here, ["workbench", "later", "tour", "tour-bar", "front", "embed"]);

/** When the files of a first visit load: of the languages and of the machines one; the editor after the first paint. @type {[string, RegExp][]} */
const LOADS = [["always", /^(workbench|editor)\./], ["language", /^words-..\./], ["machine", /^(words-..-)?(lua|x86)(-later)?\./]];
/** @param {string} file */
const plainName = (file) => basename(file).replace(/-[A-Za-z0-9]{8}(?=\.(js|css)$)/, "");

/** @type {Record<string, string>} */
const manifest = {};
/** Names of the built files by when they load: always, language, machine (one of each), later. @type {Record<string, string[]>} */
const loads = { always: [], language: [], machine: [], later: [] };
const sizes = [];
mkdirSync(dist, { recursive: true });
for (const file of [...page, ...css, ...frames, ...front]) {
  const name = basename(file.path);
  if (sizes.some((other) => other.name === name)) continue;
  const plain = plainName(name);
  const packed = await writePacked(join(dist, name), file.contents);
  // Of two files of one name the page's own came first; the other is for frames.
  const when = manifest[plain] ? "later" : (LOADS.find(([, names]) => names.test(plain))?.[0] ?? "later");
  manifest[plain] ??= name;
  loads[when].push(name);
  sizes.push({ name, plain, when, bytes: file.contents.length, ...packed });
}
// The manifest is written when everything that it names is there; old bundles go after it.
writeFileSync(join(dist, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
writeFileSync(join(dist, "loads.json"), JSON.stringify(loads, null, 2) + "\n");
const keep = new Set(["manifest.json", "loads.json", ...sizes.flatMap(({ name }) => [name, `${name}.gz`, `${name}.br`])]);
for (const name of readdirSync(dist)) if (!keep.has(name)) rmSync(join(dist, name), { recursive: true });

for (const { name, bytes, gzip, brotli } of sizes) console.log(`${name}  ${bytes} B, ${gzip} B gzip, ${brotli} B Brotli`);
/**
 * What a first visit loads of these files.
 * @param {string} language
 * @param {string} machine
 */
const visit = (language, machine) => sizes.filter(({ when, plain }) => when === "always"
  || (when === "language" && plain.startsWith(`words-${language}.`))
  || (when === "machine" && plain.replace(`words-${language}-`, "").startsWith(machine))).reduce((sum, { gzip }) => sum + gzip, 0);
const first = Math.max(...["en", "zh"].flatMap((language) => ["lua", "x86"].map((machine) => visit(language, machine))));
console.log(`a first visit besides the document: ${first} B gzip of ${BUDGET}`);
if (first > BUDGET) process.exitCode = 1;
