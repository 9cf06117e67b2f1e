// @ts-check
// Lua's words for the editor: one line at a time, with what is still open at its end as the state. Only what looks
// different is told: numbers and names are plain.

const KEYWORDS = new Set("and break do else elseif end for function goto if in local not or repeat return then until while".split(" "));
const ATOMS = new Set(["nil", "true", "false"]);
const TOKEN =
  /(--\[(=*)\[)|(--.*)|(\[(=*)\[)|(["'])|([A-Za-z_]\w*)/g;

/**
 * The end of a quoted string that begins at `at`, or of the line if it is not closed there.
 * @param {string} text
 * @param {number} at
 * @param {string} quote
 */
function quoted(text, at, quote) {
  for (let i = at; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote) return i + 1;
  }
  return text.length;
}

/** @type {import("./highlighting.js").Words} */
export const lua = {
  comment: "--",
  opens: /(?:\b(?:then|do|else|repeat)|\bfunction\b[^()]*\([^()]*\)|[{(])\s*$/,
  /** `open` is the kind of what goes on from the line before and what closes it, as in `comment ]==]`. */
  line(text, open) {
    /** @type {import("./highlighting.js").Word[]} */
    const words = [];
    let at = 0;
    const goOn = (/** @type {string} */ kind, /** @type {string} */ closer, /** @type {number} */ from) => {
      const end = text.indexOf(closer, at);
      at = end < 0 ? text.length : end + closer.length;
      words.push([from, at, kind]);
      return end < 0 ? `${kind} ${closer}` : "";
    };
    if (open) {
      const [kind, closer] = open.split(" ");
      open = goOn(kind, closer, 0);
    }
    while (!open) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      if (!found) break;
      const from = found.index;
      at = TOKEN.lastIndex;
      const [, long, longLevel, short, bracket, level, quote, name] = found;
      if (long) open = goOn("comment", `]${longLevel}]`, from);
      else if (short) words.push([from, at, "comment"]);
      else if (bracket) open = goOn("string", `]${level}]`, from);
      else if (quote) {
        at = quoted(text, at, quote);
        words.push([from, at, "string"]);
      } else if (name && KEYWORDS.has(name)) words.push([from, at, "keyword"]);
      else if (name && ATOMS.has(name)) words.push([from, at, "atom"]);
    }
    return { words, open };
  },
};
