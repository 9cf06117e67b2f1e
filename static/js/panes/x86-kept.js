// @ts-check
// How a visitor likes to see the CPU: number format, unfolded registers and blocks. Kept in the browser.

const NAME = "glassbox.x86";

/** @type {Record<string, any>} */
let kept = {};
try {
  kept = JSON.parse(localStorage.getItem(NAME) ?? "{}") ?? {};
} catch {
  // A private window: it is kept as long as the page.
}

/**
 * @param {string} name
 * @param {any} otherwise
 */
export function recall(name, otherwise) {
  return kept[name] ?? otherwise;
}

/**
 * @param {string} name
 * @param {any} value
 */
export function keep(name, value) {
  kept[name] = value;
  try {
    localStorage.setItem(NAME, JSON.stringify(kept));
  } catch {
    // As above.
  }
}
