// Compressed twins of the built files: gzip as small as gzip gets, and Brotli for browsers that take it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const before = new Set([...process.listeners("uncaughtException"), ...process.listeners("unhandledRejection")]);
const { gzip } = await import("@gfx/zopfli");
// The package ends the process its own way when something fails, with its whole text before the error's.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  for (const listener of process.listeners(event)) if (!before.has(listener)) process.removeListener(event, listener);
}

/** Rounds of the search for the smallest: more of them gain less than a thousandth. */
const ROUNDS = 15;

/**
 * Write a file with its twins, unless it is there already: its name carries its content's hash, and packing takes long.
 * @param {string} path
 * @param {Uint8Array} contents
 * @returns {Promise<{gzip: number, brotli: number}>} bytes of the twins
 */
export async function writePacked(path, contents) {
  const known = existsSync(`${path}.br`) && existsSync(`${path}.gz`) && existsSync(path) && readFileSync(path).equals(contents);
  if (!known) {
    writeFileSync(path, contents);
    /** @type {Uint8Array} */
    const small = await new Promise((done, fail) => gzip(contents, { numiterations: ROUNDS }, (/** @type {any} */ error, /** @type {Uint8Array} */ bytes) => (error ? fail(error) : done(bytes))));
    writeFileSync(`${path}.gz`, small);
    writeFileSync(`${path}.br`, brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } }));
  }
  return { gzip: readFileSync(`${path}.gz`).length, brotli: readFileSync(`${path}.br`).length };
}
