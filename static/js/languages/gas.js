// @ts-check
// The GNU assembler's words for the editor, in AT&T's and Intel's syntax: directives, labels, mnemonics, registers, numbers.

const REGISTERS =
  /^%?(?:[re]?[abcd]x|[abcd][hl]|[re]?(?:[sb]p|[sd]i|ip)|[sd]il|[sb]pl|r(?:[89]|1[0-5])[bwd]?|[c-gs]s|[cd]r[0-9]|[xyz]mm\d+|st(?:\([0-7]\))?|mm[0-7]|k[0-7])$/i;
const SIZES = /^(?:byte|word|dword|qword|tbyte|xmmword|ymmword|ptr|offset|flat|short|near|far)$/i;
const PREFIXES = /^(?:rep|repe|repne|repz|repnz|lock|data16|addr32)$/i;
const TOKEN =
  /(\/\*.*?(?:\*\/|$)|#.*|\/\/.*)|("(?:\\.|[^"\\])*"?|'\\?.'?)|(\.[A-Za-z]\w*)(?!\s*:|\w)|(\\[\w@()]+)|(\$?(?:0[xX][\da-fA-F]+|0[bB][01]+|\d+)(?:[bf]\b)?)(?!\w)|(%[A-Za-z]\w*(?:\([0-7]\))?|\$?[A-Za-z_.$][\w.$]*)|(;)/g;

/** @type {import("./highlighting.js").Words} */
export const gas = {
  comment: "#",
  opens: /(?!)/,
  line(text, open) {
    /** @type {import("./highlighting.js").Word[]} */
    const words = [];
    let from = 0;
    if (open) {
      const end = text.indexOf("*/");
      from = end < 0 ? text.length : end + 2;
      if (from) words.push([0, from, "comment"]);
      if (end < 0) return { words, open };
    }
    // Whether the statement's mnemonic or directive is still to come.
    let first = true;
    for (const found of text.slice(from).matchAll(TOKEN)) {
      const [all, comment, string, directive, argument, number, name, end] = found;
      const at = from + found.index;
      const isLabel = /^\s*:/.test(text.slice(at + all.length));
      let kind = "";
      if (comment) kind = "comment";
      else if (string) kind = "string";
      else if (end) first = true;
      else if (directive || argument) kind = "meta";
      else if (isLabel) kind = "labelName";
      else if (number) kind = "number";
      else if (REGISTERS.test(name)) kind = "register";
      else if (SIZES.test(name)) kind = "typeName";
      else if (first) kind = "keyword";
      if (directive || (kind === "keyword" && !PREFIXES.test(all))) first = false;
      if (kind) words.push([at, at + all.length, kind]);
      if (comment && comment.startsWith("/*") && !comment.endsWith("*/")) return { words, open: "*/" };
    }
    return { words, open: "" };
  },
};
