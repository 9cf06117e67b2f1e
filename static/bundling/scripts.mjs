// Scripts: modules that load together become one file (many small ones compress badly, and each costs its headers), and
// names become short.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rollup } from "rollup";
import { parseAst } from "rollup/parseAst";
import { minify } from "terser";
import { members } from "./members.mjs";

/**
 * What loads together: the name of a file, the modules that lead to what is in it, and which group is there before it.
 * @typedef {{name: string, from: string[], after?: string}} Group
 */

/** What comes from packages; none of their modules does anything by being imported. */
const packages = {
  name: "packages",
  /**
   * @param {string} id
   * @param {string | undefined} importer
   */
  resolveId(id, importer) {
    if (!importer || !/^(@[\w-]+\/)?[\w-]+$/.test(id)) return null;
    for (let at = dirname(importer); ; at = dirname(at)) {
      const folder = join(at, "node_modules", id);
      if (existsSync(join(folder, "package.json"))) {
        const { exports: way, module, main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        return { id: join(folder, way?.import ?? way?.["."]?.import ?? module ?? main), moduleSideEffects: false };
      }
      if (at === dirname(at)) throw new Error(`${importer} imports ${id}, which is not installed: run npm ci`);
    }
  },
};

/**
 * Which file each module belongs to. What groups share goes into the file of the last one that is there before all of them,
 * at least the entry's; what no group leads to, Rollup puts where it is wanted.
 * @param {string} root
 * @param {string} entry    its module
 * @param {Group[]} groups  the entry's first
 */
function layout(root, entry, groups) {
  /** @type {Map<string, string[]>} */
  const reached = new Map();
  /**
   * @param {import("rollup").ManualChunkMeta["getModuleInfo"]} info
   * @param {string} id
   * @param {string} name
   */
  const reach = (info, id, name) => {
    const names = reached.get(id) ?? [];
    if (names.includes(name)) return;
    reached.set(id, [...names, name]);
    for (const next of info(id)?.importedIds ?? []) reach(info, next, name);
  };
  /** A group's name after those of the groups that are there before it. @type {(name: string) => string[]} */
  const before = (name) => {
    const { after } = groups.find((group) => group.name === name) ?? {};
    return after ? [...before(after), name] : [name];
  };
  return (/** @type {string} */ id, /** @type {import("rollup").ManualChunkMeta} */ { getModuleInfo }) => {
    if (!reached.size) for (const { name, from } of groups) for (const module of from) reach(getModuleInfo, join(root, module), name);
    const names = reached.get(id) ?? [];
    const [one, ...others] = names.map(before);
    return one?.findLast((name) => others.every((other) => other.includes(name)));
  };
}

/**
 * Whether something in a module waits before the module is there.
 * @param {any} node
 * @returns {boolean}
 */
function waits(node) {
  if (Array.isArray(node)) return node.some(waits);
  if (typeof node?.type !== "string" || /Function|MethodDefinition/.test(node.type)) return false;
  return node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await) || Object.values(node).some(waits);
}

/** Terser over each file; over the one with the editor's packages with short names for their members, too. */
const shorten = {
  name: "shorten",
  /**
   * @param {string} code
   * @param {import("rollup").RenderedChunk} chunk
   * @param {any} _options
   * @param {{chunks: Record<string, import("rollup").RenderedChunk>}} all
   */
  async renderChunk(code, chunk, _options, { chunks }) {
    // What it waits for may import from it, and then both wait for ever.
    if (chunk.isEntry && waits(parseAst(code))) throw new Error(`${chunk.facadeModuleId} has an await outside of functions`);
    const foreign = (/** @type {import("rollup").RenderedChunk} */ { modules }) => Object.keys(modules).filter((id) => id.includes("node_modules"));
    const packed = foreign(chunk);
    if (packed.length && Object.values(chunks).some((other) => other !== chunk && other.fileName !== chunk.fileName && foreign(other).length)) {
      throw new Error(`packages are in ${chunk.fileName} and in another file, where their members would have other names`);
    }
    const text = (/** @type {string} */ id) => readFileSync(id, "utf8");
    const own = Object.keys(chunk.modules).filter((id) => existsSync(id) && !packed.includes(id));
    const properties = packed.length ? { regex: members(packed.map(text), own.map(text)) } : false;
    const { code: short } = await minify(code, { module: true, ecma: 2020, compress: { passes: 2, unsafe_arrows: true }, mangle: { properties } });
    return { code: short ?? "", map: null };
  },
};

/**
 * The scripts of a page.
 * @param {string} root
 * @param {string} entry                       its module, js/NAME.js
 * @param {Group[]} groups                     the entry's own comes first
 * @param {import("rollup").Plugin[]} plugins  for what is not a file
 * @returns {Promise<{path: string, contents: Uint8Array, module: string | null, imports: string[]}[]>}  `module` is what
 *   it was loaded for, `imports` what it loads at once
 */
export async function scripts(root, entry, groups, plugins) {
  const bundle = await rollup({
    input: { [groups[0].name]: join(root, entry) },
    plugins: [...plugins, packages, shorten],
    preserveEntrySignatures: false,
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  const { output } = await bundle.generate({
    format: "es",
    generatedCode: "es2015",
    hashCharacters: "base36",
    entryFileNames: "[name]-[hash].js",
    chunkFileNames: "[name]-[hash].js",
    manualChunks: layout(root, entry, groups),
  });
  await bundle.close();
  return output.filter((file) => file.type === "chunk").map((file) => ({
    path: file.fileName,
    contents: Buffer.from(file.code),
    module: file.facadeModuleId,
    imports: file.imports,
  }));
}
