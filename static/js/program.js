// @ts-check
// The listing as a model: rows by `where`, functions, and the hue that a source line shares with its rows.

/**
 * @typedef {{where: number, line: number | null, file: string, op: string, args: string, comment: string,
 *   jump?: number | null, pc?: number, word?: string, address?: number, bytes?: string, data?: boolean,
 *   live?: string, open?: number, bits?: 16 | 32 | 64, reads?: string[], writes?: string[], flags?: Record<string, string[]>}} Row
 */

/**
 * @typedef {{id: number, name: string | null, rows: Row[], file?: string, line_defined?: number, last_line?: number,
 *   params?: number, vararg?: boolean, slots?: number, upvalues?: {name: string, instack: boolean, idx: number}[],
 *   locals?: {name: string, start: number, end: number}[], constants?: import("./trace.js").Value[]}} Routine
 */

/** How many hues the style sheet has (h1 …). */
const HUES = 8;

export class Program {
  /** @param {any} listing as in docs/views.md */
  constructor(listing) {
    this.listing = listing;
    /** @type {Routine[]} */
    this.routines = listing.functions;
    /** @type {Map<number, {row: Row, routine: Routine, index: number}>} */
    this.rows = new Map();
    /** @type {Map<string, number[]>} */
    this.lines = new Map();
    for (const routine of this.routines) {
      routine.rows.forEach((row, index) => {
        // A row without a file of its own is in its function's.
        row.file ??= routine.file ?? "";
        this.rows.set(row.where, { row, routine, index });
        if (row.line === null || row.data) return;
        const key = lineKey(row.file, row.line);
        const wheres = this.lines.get(key);
        if (wheres) wheres.push(row.where);
        else this.lines.set(key, [row.where]);
      });
    }
    /** Hue 1 … 8 of each code line, given in line order so that neighbours differ. @type {Map<string, number>} */
    this.hues = new Map();
    const ordered = [...this.rows.values()].filter(({ row }) => row.line !== null && !row.data);
    ordered.sort((a, b) => (a.row.file === b.row.file ? Number(a.row.line) - Number(b.row.line) : 0));
    for (const { row } of ordered) {
      const key = lineKey(row.file, Number(row.line));
      if (!this.hues.has(key)) this.hues.set(key, (this.hues.size % HUES) + 1);
    }
  }

  /** @param {number | null | undefined} where */
  at(where) {
    return where === null || where === undefined ? undefined : this.rows.get(where);
  }

  /** @param {Row} row */
  hue(row) {
    return row.line === null ? 0 : (this.hues.get(lineKey(row.file, row.line)) ?? 0);
  }

  /**
   * The row of the same function that `row` may jump to, or undefined. A target is a pc, or a `where`.
   * @param {Row} row
   * @param {Routine} routine
   * @returns {Row | undefined}
   */
  target(row, routine) {
    if (row.jump === null || row.jump === undefined) return undefined;
    if (row.pc !== undefined) return routine.rows[row.jump - 1];
    const target = this.rows.get(row.jump);
    return target?.routine === routine ? target.row : undefined;
  }
}

/**
 * @param {string} file
 * @param {number} line
 */
export function lineKey(file, line) {
  return `${line}:${file}`;
}
