// @ts-check
// A stream mode for NASM source: enough of its grammar to tell mnemonics, registers, numbers, labels and directives.

const REGISTERS =
  /^(?:[re]?[abcd]x|[abcd][hl]|[re]?(?:[sb]p|[sd]i|ip)|[sd]il|[sb]pl|r(?:[89]|1[0-5])[bwd]?|[c-gs]s|[cd]r[0-9]|[xyz]mm\d+|st[0-7]?|mm[0-7]|k[0-7])$/i;
const DIRECTIVES =
  /^(?:bits|org|section|segment|global|extern|align|alignb|times|equ|d[bwdqtoyz]|res[bwdqtoyz]|use16|use32|cpu|default|absolute|common|struc|endstruc|istruc|at|iend)$/i;
const SIZES = /^(?:byte|word|dword|qword|tword|oword|near|far|short|rel|abs|nosplit|seg|wrt|strict|ptr)$/i;
const PREFIXES = /^(?:rep|repe|repne|repz|repnz|lock)$/i;

/** @type {import("@codemirror/language").StreamParser<{first: boolean}>} */
export const nasm = {
  name: "nasm",
  startState: () => ({ first: true }),
  token(stream, state) {
    if (stream.sol()) state.first = true;
    if (stream.eatSpace()) return null;
    if (stream.match(/^;.*/)) return "comment";
    if (stream.match(/^%\w+/)) {
      state.first = false;
      return "meta";
    }
    if (stream.match(/^(["'`])(?:\\.|(?!\1).)*\1?/)) return "string";
    if (stream.match(/^(?:0[xh][\da-f_]+|0[bdoqy][\d_]+|\d[\da-f_]*h|[01_]+b|\d[\d_]*)(?![\w])/i)) return "number";
    if (stream.match(/^\$\$?(?![\w.])/)) return "atom";
    const word = stream.match(/^[A-Za-z_.?$@][\w.?$@#~]*/);
    if (!word) {
      stream.next();
      return null;
    }
    const text = /** @type {RegExpMatchArray} */ (word)[0];
    if (stream.match(/^\s*:/, false)) return "labelName";
    if (REGISTERS.test(text)) return "variableName.special";
    if (SIZES.test(text)) return "typeName";
    if (DIRECTIVES.test(text)) {
      state.first = false;
      return "meta";
    }
    if (state.first) {
      if (!PREFIXES.test(text)) state.first = false;
      // A name in the first column before a directive is a label without a colon.
      if (stream.match(/^\s+(?:equ|d[bwdqt]|res[bwdqt]|times)\b/i, false)) return "labelName";
      return "keyword";
    }
    return "variableName";
  },
  languageData: { commentTokens: { line: ";" } },
};
