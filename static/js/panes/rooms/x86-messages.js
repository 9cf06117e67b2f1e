// @ts-check
// The messages of the assemblers and the exceptions of a CPU, with the sentences that explain them (explaining.js).

/** @type {import("./explaining.js").Known[]} */
export const KNOWN = [
  // NASM.
  [/symbol [`'](.+)' (?:not defined|undefined)/, "explain.x86.symbol", "name"],
  [/instruction expected|no such instruction/, "explain.x86.instruction"],
  [/invalid combination of opcode and operands|operand (?:type|size) mismatch|number of operands mismatch|too many memory references/, "explain.x86.operands"],
  [/operation size not specified|no instruction mnemonic suffix given|ambiguous operand size/, "explain.x86.size"],
  [/short jump is out of range/, "explain.x86.short"],
  [/(?:label|symbol) [`'](.+)' (?:inconsistently redefined|is already defined|already defined|redefined)/, "explain.x86.twice", "name"],
  [/not supported in (\d+)-bit mode|only supported in/, "explain.x86.mode"],
  [/expression syntax error|junk at end of line|bad expression|invalid character|comma.* expected|expecting/, "explain.x86.expression"],
  [/bad register name|invalid (?:\d+-bit )?effective address|is not a valid base\/index expression/, "explain.x86.register"],
  [/reads a file; programs here/, "explain.x86.include"],
  // Exceptions (SDM volume 3, 6.15).
  [/triple fault/i, "explain.x86.triple"],
  [/#DE/, "explain.x86.DE"],
  [/#UD/, "explain.x86.UD"],
  [/#NM|#MF|#XM/, "explain.x86.float"],
  [/#NP/, "explain.x86.NP"],
  [/#SS/, "explain.x86.SS"],
  [/#GP/, "explain.x86.GP"],
  [/#PF/, "explain.x86.PF"],
  [/#AC/, "explain.x86.AC"],
];
