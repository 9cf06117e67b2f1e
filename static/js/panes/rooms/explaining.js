// @ts-check
// What a message of a compiler or of a machine means, said in the page's language. The message itself stays as it is.
// Fetched with the first message.
import { laterWords, t } from "../../i18n.js";

/**
 * A form of message, the catalogue's key, and the names of what the form's groups hold.
 * @typedef {[RegExp, string, ...string[]]} Known
 */

/**
 * The sentence for a message; "" where none is known.
 * @param {Known[]} known the first that fits counts
 * @param {string} message
 */
export async function explained(known, message) {
  for (const [form, key, ...names] of known) {
    const found = form.exec(message);
    if (!found) continue;
    await laterWords();
    return t(key, Object.fromEntries(names.map((name, i) => [name, found[i + 1] ?? ""])));
  }
  return "";
}
