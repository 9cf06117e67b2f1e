// @ts-check
// Which names in a Lua text stand for captured variables, and whether each is open or closed at the shown step. Fetched
// after the first paint: the source pane asks for it through the adapter.
import { t } from "../../i18n.js";

/** @typedef {import("../../program.js").Routine} Routine */
/**
 * Offsets in UTF-16 units. Of the `declared` locals of this name that begin on this line, `seen` have begun: the last of
 * them is meant, if there is one. (In `local n = n` the second n is the one of before.)
 * @typedef {{from: number, to: number, line: number, name: string, seen: number, declared: number}} Name
 */
/** @typedef {{open: boolean, text: string}} Cell   what became of a captured variable */

const KEYWORDS = new Set(
  ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while").split(" "),
);
/** What can only begin a statement, or end a block, where an expression is complete. */
const STARTS = new Set("break do else elseif end for function goto if local repeat return until while".split(" "));
const OPENERS = new Set(["do", "function", "if", "repeat"]);
/** Comments, long strings, short strings, numbers, names, labels, and the signs that matter around a name. */
const TOKEN = /--\[(=*)\[[\s\S]*?(?:\]\1\]|$)|--[^\n]*|\[(=*)\[[\s\S]*?(?:\]\2\]|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|(?:0[xX][\w.]+|\.?\d[\w.]*)|[A-Za-z_]\w*|\.\.\.?|::\s*\w+\s*::|==|[.:{}=,;()[\]]/g;

/** @typedef {{word: string, at: number}} Token */

/** @param {Token | undefined} token */
const isName = (token) => token !== undefined && /^[A-Za-z_]/.test(token.word) && !KEYWORDS.has(token.word);

/** The locals of `local` statements: in scope once their values have been worked out. */
class Declarations {
  /** How many have begun, by name and line. @type {Map<string, number>} */
  begun = new Map();
  /** Those of the statement that is being read, and where it stands. @type {string[] | null} */
  #waiting = null;
  #depth = 0;
  #values = false;

  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  /**
   * @param {Token | undefined} before
   * @param {Token} token
   * @param {number} depth   of blocks and brackets around the token
   * @param {string} key     its name and line
   * @returns {boolean} whether it is a name that is declared here
   */
  read(before, token, depth, key) {
    if (this.#waiting && this.#isOver(before, token, depth)) this.end();
    if (token.word === "local") {
      [this.#waiting, this.#depth, this.#values] = [[], depth, false];
      return false;
    }
    if (!this.#waiting || this.#values) return false;
    if (token.word === "=") this.#values = true;
    // `local function n` is in scope in its own body.
    const isFunction = before?.word === "function";
    if (!isName(token) || !(isFunction || before?.word === "local" || before?.word === ",")) return false;
    this.#waiting.push(key);
    if (isFunction) this.end();
    return true;
  }

  /** The statement is over. */
  end() {
    for (const key of this.#waiting ?? []) this.begun.set(key, (this.begun.get(key) ?? 0) + 1);
    this.#waiting = null;
  }

  /**
   * Whether the statement ended before this token: an expression is complete, and no sign goes on with it.
   * @param {Token | undefined} before
   * @param {Token} token
   * @param {number} depth
   */
  #isOver(before, token, depth) {
    if (depth < this.#depth || token.word === ";") return depth <= this.#depth;
    if (depth > this.#depth || !before || (!isName(token) && !STARTS.has(token.word) && !token.word.startsWith("::"))) return false;
    const between = this.text.slice(before.at + before.word.length, token.at).replace(/--\[(=*)\[[\s\S]*?\]\1\]|--[^\n]*/g, "");
    // An attribute, `<close>`, stands between signs.
    if (/\S/.test(between)) return false;
    return isName(before) || /^(?:nil|true|false|end|\.\.\.|[)\]}"'\d]|\[=*\[|\.\d)/.test(before.word);
  }
}

/**
 * The names of variables in a text: not those of fields, of keys in table constructors and of labels.
 * @param {string} text
 * @returns {Name[]}
 */
export function variableNames(text) {
  /** @type {Token[]} */
  const tokens = [];
  for (const found of text.matchAll(TOKEN)) if (!found[0].startsWith("--")) tokens.push({ word: found[0], at: found.index });
  /** @type {Name[]} */
  const out = [];
  const declarations = new Declarations(text);
  const key = (/** @type {string} */ name, /** @type {number} */ on) => `${on} ${name}`;
  /** Open braces and blocks, innermost last. */
  const inside = [];
  let brackets = 0;
  let line = 1;
  let counted = 0;
  for (let i = 0; i < tokens.length; i++) {
    const { word, at } = tokens[i];
    const before = tokens[i - 1]?.word ?? "";
    const after = tokens[i + 1]?.word ?? "";
    for (; counted < at; counted++) if (text[counted] === "\n") line++;
    const declares = declarations.read(tokens[i - 1], tokens[i], inside.length + brackets, key(word, line));
    if (word === "{" || OPENERS.has(word)) inside.push(word);
    else if (word === "}" || word === "end" || word === "until") inside.pop();
    else if (word === "(" || word === "[") brackets++;
    else if (word === ")" || word === "]") brackets--;
    if (!isName(tokens[i])) continue;
    if (before === "." || before === ":" || before === "goto") continue;
    if (inside.at(-1) === "{" && after === "=" && /^[{,;]$/.test(before)) continue;
    const begun = declarations.begun.get(key(word, line)) ?? 0;
    // A function's own name has begun already.
    const seen = declares && before !== "function" ? begun + 1 : begun;
    out.push({ from: at, to: at + word.length, line, name: word, seen, declared: 0 });
  }
  declarations.end();
  for (const name of out) name.declared = declarations.begun.get(key(name.name, name.line)) ?? 0;
  return out;
}

/**
 * The variables of a program that functions inside capture, by function and local variable.
 */
export class Captures {
  /** @param {Routine[]} routines */
  constructor(routines) {
    this.routines = routines;
    /** @type {Map<number, any>} */
    this.byId = new Map(routines.map((routine) => [routine.id, routine]));
    /** Variable of each upvalue, "" where unknown. @type {Map<string, string>} */
    this.known = new Map();
    /** Functions around each line, innermost first. @type {Map<string, Routine[]>} */
    this.around = new Map();
  }

  /**
   * The variable that an upvalue of a function stands for, as "function number:index of the local".
   * @param {number} id
   * @param {number} index
   * @returns {string}
   */
  ofUpvalue(id, index) {
    const key = `${id} ${index}`;
    let found = this.known.get(key);
    if (found === undefined) {
      found = this.#resolve(id, index);
      this.known.set(key, found);
    }
    return found;
  }

  /**
   * @param {number} id
   * @param {number} index
   */
  #resolve(id, index) {
    const routine = this.byId.get(id);
    const upvalue = routine?.upvalues?.[index];
    const parent = this.byId.get(routine?.parent);
    if (!upvalue || !parent) return "";
    if (!upvalue.instack) return this.ofUpvalue(parent.id, upvalue.idx);
    const number = this.routines.filter((one) => /** @type {any} */ (one).parent === parent.id).indexOf(routine);
    const made = parent.rows.find((/** @type {any} */ row) => row.op === "CLOSURE" && Number(row.args.split(" ")[1]) === number);
    return made ? this.ofRegister(parent.id, upvalue.idx, made.pc ?? 1) : "";
  }

  /**
   * The variable in a register of a function at an instruction; a local function is captured before its name begins.
   * @param {number} id
   * @param {number} register
   * @param {number} pc from 1
   */
  ofRegister(id, register, pc) {
    const locals = /** @type {any[]} */ (this.byId.get(id)?.locals ?? []);
    for (const at of [pc, pc + 1]) {
      const active = locals.filter((v) => v.start <= at && at < v.end);
      if (active[register]) return `${id}:${locals.indexOf(active[register])}`;
    }
    return "";
  }

  /**
   * What a name on a line means: the variable, "" for a global or one that is not captured.
   * @param {string} file
   * @param {Name} name
   */
  ofName(file, name) {
    for (const routine of this.#around(file, name.line)) {
      const local = this.#local(routine, name);
      if (local >= 0) return `${routine.id}:${local}`;
      const index = (routine.upvalues ?? []).findIndex((u) => u.name === name.name);
      if (index >= 0) return this.ofUpvalue(routine.id, index);
    }
    return "";
  }

  /**
   * @param {string} file
   * @param {number} line
   */
  #around(file, line) {
    const key = `${line}:${file}`;
    let found = this.around.get(key);
    if (!found) {
      found = this.routines.filter((r) => (r.file ?? "") === file && (!r.line_defined || (r.line_defined <= line && line <= (r.last_line ?? 0))));
      found.sort((a, b) => length(a) - length(b) || b.id - a.id);
      this.around.set(key, found);
    }
    return found;
  }

  /** The names of a file that stand for captured variables. @param {import("../../store.js").SourceFile} file */
  namesIn(file) {
    const captured = new Set(this.routines.flatMap((r) => (r.upvalues ?? []).map((_u, index) => this.ofUpvalue(r.id, index))));
    return variableNames(file.text)
      .map((name) => ({ ...name, variable: name.name === "_ENV" ? "" : this.ofName(file.name, name) }))
      .filter(({ variable }) => variable && captured.has(variable));
  }

  /**
   * The local variable that a name means: of those that begin on its line the one that has begun last, else the last one
   * that lives there; -1 if there is none.
   * @param {Routine} routine
   * @param {Name} name
   */
  #local({ locals, rows, line_defined }, { name, line, seen, declared }) {
    const all = locals ?? [];
    const begins = (/** @type {{start: number}} */ v) => (v.start > 1 ? rows[v.start - 2]?.line : line_defined) === line;
    const here = declared ? all.flatMap((v, i) => (v.name === name && v.start > 1 && begins(v) ? [i] : [])).slice(-declared) : [];
    if (seen && here.length) return here[Math.min(seen, here.length) - 1];
    return all.findLastIndex((v, i) => v.name === name && !here.includes(i) && (begins(v) || rows.slice(v.start - 1, v.end - 1).some((row) => row.line === line)));
  }
}

/** Lines that a function takes; the main function takes them all. @param {Routine} routine */
function length({ line_defined, last_line }) {
  return line_defined ? (last_line ?? 0) - line_defined : Infinity;
}

/**
 * What became of each captured variable: the running frames' cells first, then what they reach.
 * @param {any} view
 * @param {Captures} captures
 * @returns {Map<string, Cell>}
 */
export function cells(view, captures) {
  /** @type {Map<string, Cell>} */
  const out = new Map();
  const put = (/** @type {string} */ variable, /** @type {Cell} */ cell) => {
    if (variable && !out.has(variable)) out.set(variable, cell);
  };
  const closed = (/** @type {number} */ id) => ({ open: false, text: t("upvalue.closedin", { id: String(id) }) });
  const threads = [...view.threads].sort((a, b) => Number(b.id === view.thread) - Number(a.id === view.thread));
  for (const { frames } of threads) {
    const home = (/** @type {any} */ frame, /** @type {number} */ register) =>
      ({ open: true, text: t("upvalue.openin", { register: `R${register}`, name: frame?.function.name ?? "?" }) });
    for (const frame of frames) {
      if (frame.kind !== "lua") continue;
      for (const r of frame.registers) {
        if (r.upvalue) put(captures.ofRegister(frame.function.proto, r.index, frame.pc ?? 1), home(frame, r.index));
      }
      for (const u of frame.upvalues) {
        const owner = frames.find((/** @type {any} */ f) => f.level === u.frame);
        put(captures.ofUpvalue(frame.function.proto, u.index), u.open ? home(owner, u.register ?? u.slot) : closed(u.id));
      }
    }
  }
  for (const f of view.heap?.functions ?? []) {
    f.upvalues.forEach((/** @type {any} */ u, /** @type {number} */ index) => {
      const cell = view.heap.upvalues.find((/** @type {any} */ one) => one.id === u.id);
      if (cell) put(captures.ofUpvalue(f.proto, index), cell.open ? { open: true, text: t("upvalue.slot", { n: String(cell.slot) }) } : closed(u.id));
    });
  }
  return out;
}

/** What was worked out of the last program and its texts. @type {{program: any, captures: Captures, names: Map<string, (Name & {variable: string})[]>} | null} */
let kept = null;

/**
 * Where captured variables stand in a file, and what they are at the shown step.
 * @param {import("../../store.js").State} state
 * @param {import("../../store.js").SourceFile} file
 * @returns {import("./adapter.js").Mark[]}
 */
export function marksOf({ program, view }, file) {
  if (!program || !view?.threads) return [];
  if (kept?.program !== program) kept = { program, captures: new Captures(program.routines), names: new Map() };
  const { captures, names } = kept;
  let found = names.get(file.name);
  if (!found) names.set(file.name, (found = captures.namesIn(file)));
  if (!found.length) return [];
  const known = cells(view, captures);
  return found.flatMap(({ from, to, name, variable }) => {
    const cell = known.get(variable);
    return cell ? [{ from, to, kind: cell.open ? "uo" : "uc", title: `${name}: ${cell.text}` }] : [];
  });
}
