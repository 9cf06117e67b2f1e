// @ts-check
// NASM's words for the editor: enough of its grammar to tell mnemonics, registers, numbers, labels and directives.

const REGISTERS =
  /^(?:[re]?[abcd]x|[abcd][hl]|[re]?(?:[sb]p|[sd]i|ip)|[sd]il|[sb]pl|r(?:[89]|1[0-5])[bwd]?|[c-gs]s|[cd]r[0-9]|[xyz]mm\d+|st[0-7]?|mm[0-7]|k[0-7])$/i;
const DIRECTIVES =
  /^(?:bits|org|section|segment|global|extern|align|alignb|times|equ|d[bwdqtoyz]|res[bwdqtoyz]|use16|use32|cpu|default|absolute|common|struc|endstruc|istruc|at|iend)$/i;
const SIZES = /^(?:byte|word|dword|qword|tword|oword|near|far|short|rel|abs|nosplit|seg|wrt|strict|ptr)$/i;
const PREFIXES = /^(?:rep|repe|repne|repz|repnz|lock)$/i;
const DATA = /^\s+(?:equ|d[bwdqt]|res[bwdqt]|times)\b/i;
const TOKEN =
  /(;.*)|(%\w+)|((["'`])(?:\\.|(?!\4).)*\4?)|((?:0[xh][\da-f_]+|0[bdoqy][\d_]+|\d[\da-f_]*h|[01_]+b|\d[\d_]*)(?!\w))|(\$\$?(?![\w.]))|([A-Za-z_.?$@][\w.?$@#~]*)/gi;

/** @type {import("./highlighting.js").Words} */
export const nasm = {
  comment: ";",
  opens: /(?!)/,
  line(text) {
    /** @type {import("./highlighting.js").Word[]} */
    const words = [];
    // Whether the line's mnemonic or directive is still to come.
    let first = true;
    for (const found of text.matchAll(TOKEN)) {
      const [all, comment, macro, string, , number, here] = found;
      const after = text.slice(found.index + all.length);
      let kind = "";
      if (comment) kind = "comment";
      else if (string) kind = "string";
      else if (number) kind = "";
      else if (here) kind = "atom";
      else if (macro || DIRECTIVES.test(all)) kind = "meta";
      else if (/^\s*:/.test(after) || (first && DATA.test(after))) kind = "labelName";
      else if (REGISTERS.test(all)) kind = "";
      else if (SIZES.test(all)) kind = "typeName";
      else if (first) kind = "keyword";
      if (kind === "meta" || (kind === "keyword" && !PREFIXES.test(all))) first = false;
      if (kind) words.push([found.index, found.index + all.length, kind]);
    }
    return { words, open: "" };
  },
};
