// @ts-check
// Breakpoints: on source lines, perhaps with a condition, and on listing rows.

export class Breakpoints {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./wire.js").Wire} wire
   * @param {(error: unknown) => void} failed  hears when the machine refuses them
   */
  constructor(store, wire, failed) {
    this.store = store;
    this.wire = wire;
    this.failed = failed;
  }

  /**
   * Set or clear the breakpoint on a source line.
   * @param {number} line
   * @param {string} file
   */
  toggleLine(line, file) {
    const { breakpoints } = this.store.state;
    const at = breakpoints.findIndex((b) => "line" in b && b.line === line && b.file === file);
    this.#set(at < 0 ? [...breakpoints, { line, file }] : breakpoints.filter((_b, i) => i !== at));
  }

  /**
   * Set the breakpoint on a source line, with the condition under which it stops.
   * @param {number} line
   * @param {string} file
   * @param {string} condition  "" = always
   * @param {number} hits  stop at the n-th time
   */
  setLine(line, file, condition, hits) {
    const others = this.store.state.breakpoints.filter((b) => !("line" in b && b.line === line && b.file === file));
    this.#set([...others, { line, file, ...(condition ? { condition } : {}), ...(hits > 1 ? { hits } : {}) }]);
  }

  /**
   * Set or clear the breakpoint on a listing row.
   * @param {number} where
   */
  toggleRow(where) {
    const { breakpoints } = this.store.state;
    const at = breakpoints.findIndex((b) => "where" in b && b.where === where);
    this.#set(at < 0 ? [...breakpoints, { where }] : breakpoints.filter((_b, i) => i !== at));
  }

  /** Set or clear the breakpoint on the row of the next instruction. */
  toggleNext() {
    const { tick, trace, view, viewTick } = this.store.state;
    const next = trace.has(tick + 1) ? trace.where(tick + 1) : viewTick === tick ? view?.next?.where : undefined;
    if (typeof next === "number") this.toggleRow(next);
  }

  /** @param {import("./store.js").Breakpoint[]} breakpoints */
  #set(breakpoints) {
    this.store.set({ breakpoints });
    if (this.store.state.program && this.store.state.connection === "open" && !this.store.state.stale) {
      this.send().catch((error) => this.failed(error));
    }
  }

  async send() {
    if (!this.store.state.breakpoints.length && !this.store.state.places.length) return;
    const answer = await this.wire.send("breakpoints", { places: this.store.state.breakpoints });
    this.store.set({ places: answer.places });
  }
}
