// @ts-check
// What a message of a compiler or of a machine means, said in the page's language. The message itself stays as it is.
import { moreWords, t } from "../../i18n.js";

/**
 * A form of message, the catalogue's key, and the names of what the form's groups hold.
 * @typedef {[RegExp, string, ...string[]]} Known
 */

/**
 * The sentence for a message; "" where none is known.
 * @param {Promise<{KNOWN: Known[]}>} forms  fetched along with the first message; the first that fits counts
 * @param {import("../../i18n.js").Words} words the sentences' own
 * @param {string} message
 */
export async function explained(forms, words, message) {
  const [{ KNOWN }] = await Promise.all([forms, moreWords(words)]);
  for (const [form, key, ...names] of KNOWN) {
    const found = form.exec(message);
    if (found) return t(key, Object.fromEntries(names.map((name, i) => [name, found[i + 1] ?? ""])));
  }
  return "";
}
