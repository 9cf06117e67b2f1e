// @ts-check
// The one state object of the page, and who wants to know when it changes. Panes read it; only the session and the
// controls' actions write it.
import { TraceWindow } from "./trace.js";

/**
 * @typedef {{name: string, text: string, base64?: string}} SourceFile
 * @typedef {{line: number, file: string, condition?: string, hits?: number} | {where: number}} Breakpoint
 * @typedef {{message: string, file: string, span: number[] | null, hint: string | null}} Diagnostic
 * @typedef {{key?: string, args?: Record<string, any>, text?: string, tone: "info" | "error", tick?: number,
 *   action?: "reconnect" | "seek", label?: string, run?: () => void, why?: string}} Notice   `label`: key of a button that does `run`; `why`: what it means
 * @typedef {{tick: number, text: string, pane?: string}} PinnedNote   what the visitor wrote about a step, and where to look
 * @typedef {{id: number, name: string, parent: number | null, tick: number, change: any, frontier: number}} Branch
 * @typedef {"idle" | "opening" | "running" | "ready" | "failed"} Phase
 */

/**
 * @typedef {object} State
 * @property {any} room             the room's row of the boot data
 * @property {SourceFile[]} files
 * @property {number} file          the file that the editor shows
 * @property {Record<string, string>} options
 * @property {any | null} example   the example that the source came from
 * @property {boolean} arriving     a program was just opened and the step that it opens at is not here yet
 * @property {Phase} phase
 * @property {"connecting" | "open" | "lost" | "closed"} connection  lost: it is being brought back
 * @property {import("./program.js").Program | null} program
 * @property {TraceWindow} trace
 * @property {number} tick          the position that the page shows
 * @property {boolean} moving       somebody drags or holds a key: the trace window tells what is shown, and more moves are expected
 * @property {any | null} view      the last view that the server sent
 * @property {number} viewTick      its tick
 * @property {number} frontier      how far the recording reaches
 * @property {{reason: string, tick: number, detail: any} | null} ended
 * @property {{tick: number, stream: string, text: string}[]} outputs
 * @property {{tick: number, data: any}[]} exits
 * @property {Breakpoint[]} breakpoints
 * @property {{where: number, line: number | null, file: string}[]} places   the same as the server resolved them
 * @property {Diagnostic[]} diagnostics
 * @property {Notice | null} notice
 * @property {boolean} stale        the source was edited after the run
 * @property {string | null} waiting   the channel that the program waits for input on, at the frontier
 * @property {boolean} polls        it only looks whether there is input: a NUL lets it go on without for a moment
 * @property {boolean} live         somebody plays along: whenever the program asks, it is answered and runs on
 * @property {any | null} glance    while it runs: fields of the view at the end of the recording
 * @property {{text: string, end: boolean}[]} inputs   what this run was given so far
 * @property {boolean} playing
 * @property {number} thread        whose frames the state pane shows, 0 = of what runs
 * @property {{id: number, kind: string} | null} object   what the heap pane is about, null = what the frames reach
 * @property {number} level         the call frame that the state pane shows, 0 = innermost
 * @property {{from: number, to: number, width: number, high: number[], flags: number[],
 *   families: {names: string[], counts: number[][]} | null} | null} summary  the recording from afar
 * @property {PinnedNote[]} notes   by tick
 * @property {Branch[]} branches    recordings that leave another one at a tick; the trunk is the first
 * @property {number} branch        the shown one, 0 = the trunk
 * @property {import("./span.js").Span | null} span   what the timeline shows, null = the whole recording
 * @property {{from: number, to: number, name: string} | null} focus   a stretch that the visitor has marked
 * @property {{right: number, asked: number} | null} predict   the visitor guesses each step before it is shown
 * @property {string} slow           the command that is at work for longer than a moment, "" = none
 * @property {number | null} slowAt  the step that it has come to
 * @property {string} pick          what the reader pointed at, e.g. a listing row for the decode drawer ("" = the shown step)
 */

/** What is known of a run before its first step, and what somebody chose to see of it. */
export function unrecorded() {
  return {
    tick: 0,
    moving: false,
    view: null,
    viewTick: 0,
    frontier: 0,
    ended: null,
    outputs: [],
    exits: [],
    waiting: null,
    polls: false,
    live: false,
    glance: null,
    inputs: [],
    thread: 0,
    object: null,
    level: 0,
    pick: "",
    summary: null,
    branches: [],
    branch: 0,
    span: null,
  };
}

/** What is known of a program that nobody has run yet. */
export function unopened() {
  return {
    phase: /** @type {State["phase"]} */ ("idle"),
    arriving: false,
    program: null,
    ...unrecorded(),
    breakpoints: [],
    places: [],
    diagnostics: [],
    notice: null,
    stale: false,
    notes: [],
    focus: null,
  };
}

/** @returns {State} */
function initial() {
  return {
    room: null,
    files: [],
    file: 0,
    options: {},
    example: null,
    connection: "closed",
    trace: new TraceWindow(),
    ...unopened(),
    playing: false,
    predict: null,
    slow: "",
    slowAt: null,
  };
}

export class Store {
  state = initial();
  /** @type {Set<(state: State, changed: Set<string>) => void>} */
  #listeners = new Set();
  /** @type {Set<string>} */
  #changed = new Set();
  /** @type {Set<() => void>} */
  #settlers = new Set();
  #scheduled = false;

  /**
   * Change some fields. Listeners hear of it once, in the next frame.
   * @param {Partial<State>} patch
   */
  set(patch) {
    Object.assign(this.state, patch);
    this.touch(...Object.keys(patch));
  }

  /**
   * Say that fields changed inside (a list grew, the trace has more steps).
   * @param {...string} names
   */
  touch(...names) {
    for (const name of names) this.#changed.add(name);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#tell());
  }

  #tell() {
    this.#scheduled = false;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const listener of this.#listeners) listener(this.state, changed);
    // Who reads geometry does it when everybody has written: the page is laid out once.
    for (const settle of this.#settlers) settle();
  }

  /**
   * @param {(state: State, changed: Set<string>) => void} listener
   * @param {() => void} [settle]   called when all listeners have heard of a change
   * @returns {() => void} stop listening
   */
  subscribe(listener, settle) {
    this.#listeners.add(listener);
    if (settle) this.#settlers.add(settle);
    return () => {
      this.#listeners.delete(listener);
      if (settle) this.#settlers.delete(settle);
    };
  }
}

/**
 * The first value of each of a room's options.
 * @param {any} room
 */
export function defaults(room) {
  return Object.fromEntries(room.options.map((/** @type {any} */ o) => [o.name, o.values[0]]));
}
