// @ts-check
// What a visitor can do, as methods: each changes the store and talks to the machine through the wire.
import { Breakpoints } from "./breakpoints.js";
import { Program } from "./program.js";
import { Received, ending, explained, notice } from "./received.js";
import { comeBack } from "./restart.js";
import { defaults, unopened, unrecorded } from "./store.js";
import { Wire, WireError } from "./wire.js";

/** Steps on either side of the position that are fetched when the trace window lacks them. */
const MARGIN = 2000;
/** While the trace window tells what is shown, the machine is asked only when nothing has moved for so many milliseconds. */
const REST = 120;
/** Steps a second while playing. */
const PLAY_RATE = 6;

export class Session {
  /** The newest tick asked for and not yet sent. @type {number | null} */
  #wanted = null;
  /** The seeks at work, or null. @type {Promise<void> | null} */
  #seeking = null;
  /** Runs until the shown step has rested. @type {ReturnType<typeof setTimeout> | 0} */
  #resting = 0;
  #movedAt = -Infinity;
  /** Counts runs, so that answers of an abandoned run are dropped. */
  #run = 0;
  /** What the shown run was made of. */
  #ran = "";
  /** The server said that it restarts. */
  #restarting = false;
  /** The run whose events are being received. */
  #receiving = -1;
  /** @type {ReturnType<typeof setInterval> | 0} */
  #player = 0;

  /**
   * @param {import("./store.js").Store} store
   * @param {string} url of the live socket
   */
  constructor(store, url) {
    this.store = store;
    this.wire = new Wire(url, {
      event: (event) => this.#event(event),
      frame: (frame) => {
        if (this.#receiving === this.#run) this.received.frame(frame);
      },
      state: (connection) => this.#connection(connection),
      slow: (name) => this.store.set({ slow: name, slowAt: null }),
    });
    this.received = new Received(store);
    this.breakpoints = new Breakpoints(store, this.wire, (error) => this.#failed(error));
  }

  get state() {
    return this.store.state;
  }

  // ----- the program ---------------------------------------------------------------------------------------------

  /**
   * Show a program in the editor; nothing runs yet.
   * @param {{room: any, files: import("./store.js").SourceFile[], options?: Record<string, string>, example?: any}} what
   */
  load({ room, files, options, example }) {
    this.#run++;
    this.stop();
    this.#rest();
    this.state.trace.clear();
    this.store.set({
      room,
      files: files.map((f) => ({ ...f })),
      file: 0,
      options: { ...defaults(room), ...options },
      example: example ?? null,
      ...unopened(),
    });
  }

  /**
   * The visitor typed: the text of the shown file changes and what is on the page is out of date.
   * @param {string} text
   */
  edit(text) {
    const { files, file, program } = this.state;
    if (files[file].text === text) return;
    files[file].text = text;
    this.store.set({ files, stale: program !== null && this.#written() !== this.#ran, diagnostics: [] });
  }

  /**
   * The visitor added, renamed or deleted files.
   * @param {import("./store.js").SourceFile[]} files
   * @param {number} file the one to show
   */
  arrange(files, file) {
    this.store.set({ files, file, diagnostics: [] });
    this.store.set({ stale: this.state.program !== null && this.#written() !== this.#ran });
  }

  /**
   * The visitor chose another option of the room.
   * @param {string} name
   * @param {string} value
   */
  choose(name, value) {
    this.store.set({ options: { ...this.state.options, [name]: value } });
    this.store.set({ stale: this.state.program !== null && this.#written() !== this.#ran });
  }

  /** What a run depends on, as one text. */
  #written() {
    const { files, options } = this.state;
    return JSON.stringify([files, options]);
  }

  /**
   * Compile and run the program from its beginning, then show `tick`; without one, the first breakpoint or tick 0.
   * @param {number} [tick]
   * @param {{text: string, end?: boolean}[]} [inputs] what it is given when it asks
   */
  async run(tick, inputs = []) {
    const run = ++this.#run;
    const { room, files, options } = this.state;
    this.stop();
    this.#rest();
    this.#wanted = null;
    if (this.wire.busy) this.wire.send("pause").catch(() => {});
    this.store.set({ phase: "opening", arriving: !this.state.program, diagnostics: [], notice: null });
    try {
      const written = this.#written();
      const opened = await this.wire.send("open", { room: room.name, files, options });
      if (run !== this.#run) return;
      this.#ran = written;
      this.#opened(opened, tick);
      this.#receiving = run;
      await this.breakpoints.send();
      await this.#record(run);
      for (const one of inputs) {
        if (run !== this.#run) return;
        if (this.state.waiting !== null) await this.#give(run, one);
      }
      if (run !== this.#run) return;
      await Promise.all([this.#start(tick), this.#sayEnd(run)]);
      if (run === this.#run) this.store.set({ arriving: false });
      await this.#fetchSummary();
    } catch (error) {
      if (run === this.#run) this.#failed(error);
    }
  }

  /**
   * Let the machine run on from where its recording ends.
   * @param {number} run
   */
  async #record(run) {
    const stopped = await this.wire.send("run");
    if (run !== this.#run) return;
    this.#stopped(stopped);
    const asks = stopped.reason === "input";
    this.store.set({
      phase: this.state.live ? "running" : "ready",
      waiting: asks ? stopped.detail.channel : null,
      polls: asks && stopped.detail.polls === true,
      glance: null,
    });
    // The machine may have had to change something on the way, like its CPU.
    if (stopped.notice) this.store.set({ notice: { ...notice(stopped.notice), tone: "info" } });
  }

  /**
   * Give the program what it waits for; it runs on, and the page shows where it gets.
   * @param {string} text
   * @param {boolean} end no more input will come
   */
  async input(text, end) {
    const run = this.#run;
    if (this.state.waiting === null || (!text && !end)) return;
    try {
      await this.#give(run, { text, end });
    } catch (error) {
      if (run === this.#run) this.#failed(error);
    }
  }

  /**
   * Play along: give the program an input whenever it asks, until there is none or somebody stops it.
   * @param {(polls: boolean) => Promise<string | null>} next the next input; null ends it
   */
  async converse(next) {
    const run = this.#run;
    if (this.state.live || this.state.waiting === null) return;
    this.stop();
    this.store.set({ live: true, phase: "running" });
    try {
      while (run === this.#run && this.state.live && this.state.waiting !== null) {
        const text = await next(this.state.polls);
        if (text === null || run !== this.#run) break;
        await this.#give(run, { text });
      }
      if (run !== this.#run) return;
      this.store.set({ live: false, phase: "ready" });
      await this.#fetchTrace();
      await this.#fetchSummary();
    } catch (error) {
      if (run !== this.#run) return;
      this.store.set({ live: false, phase: "ready" });
      this.#failed(error);
    }
  }

  /**
   * @param {number} run
   * @param {{text: string, end?: boolean}} input
   */
  async #give(run, { text, end = false }) {
    this.store.set({ waiting: null, phase: "running", inputs: [...this.state.inputs, { text, end }] });
    await this.wire.send("input", { text, end });
    await this.#record(run);
  }

  /**
   * @param {any} opened
   * @param {number | undefined} tick  what will be shown: the state before it is not worth a glance
   */
  #opened(opened, tick) {
    const { trace } = this.state;
    trace.clear();
    const program = new Program(opened.listing);
    trace.natives = opened.listing.natives ?? [];
    this.store.set({
      phase: "running",
      program,
      ...unrecorded(),
      view: tick ? null : opened.view,
      // Somebody may have typed on while it compiled.
      stale: this.#written() !== this.#ran,
      notice: opened.notice ? { ...notice(opened.notice), tone: "info" } : null,
    });
    this.store.touch("trace");
  }

  /** What a message of a compiler or of a machine means, "" if nobody knows; the line that says it brings this along. */
  explain = async (/** @type {string} */ _message) => "";

  /**
   * Say that the run ended with an error, along with what it means: so the line does not grow.
   * @param {number} run
   */
  async #sayEnd(run) {
    const { ended } = this.state;
    if (!ended || ended.reason === "halt") return;
    const said = await explained(ending(ended), this.explain);
    if (run === this.#run) this.store.set({ notice: said });
  }

  /** @param {number | undefined} tick */
  async #start(tick) {
    const { breakpoints } = this.state;
    if (tick !== undefined) {
      this.goTo(tick);
      return this.arrive();
    }
    // A program that asks for something is shown where it asks.
    if (this.state.waiting !== null) return;
    await this.wire.send("seek", { tick: 0 }).then((event) => this.#stopped(event));
    if (!breakpoints.length) return;
    const hit = await this.wire.send("continue", { direction: 1 });
    if (hit.reason === "breakpoint") this.#stopped(hit);
    else await this.wire.send("seek", { tick: 0 }).then((event) => this.#stopped(event));
  }

  /**
   * Send a command that `stopped` answers and show where it leads; `record`: then let the machine run on from there.
   * Unlike `move` it throws what the machine refuses.
   * @param {"edit" | "branch"} name
   * @param {Record<string, any>} args
   * @param {boolean} record
   */
  async change(name, args, record) {
    const run = this.#run;
    this.stop();
    await this.arrive();
    const stopped = await this.wire.send(name, args);
    if (run !== this.#run) return;
    this.store.set({ waiting: null });
    this.#stopped(stopped);
    if (record) {
      this.store.set({ phase: "running" });
      try {
        await this.#record(run);
      } catch (error) {
        if (run === this.#run) this.#failed(error);
        return;
      }
      if (run !== this.#run) return;
      this.goTo(stopped.tick);
    }
    await this.#fetchTrace();
    await this.#fetchSummary();
  }

  /** Ask the machine to stop the command at work; what is recorded stays. */
  pause() {
    if (this.state.live) this.store.set({ live: false });
    if (this.wire.busy) this.wire.send("pause").catch(() => {});
  }

  // ----- moving in time ------------------------------------------------------------------------------------------

  /**
   * Show the state at `tick`. What the trace window tells is there at once; the rest follows from the machine, which is
   * asked when somebody who drags or holds a key rests, and for the newest of several wishes only.
   * @param {number} tick
   * @param {boolean} [dragging]  more moves are to be expected
   */
  goTo(tick, dragging = false) {
    const { phase, frontier, ended, trace } = this.state;
    if (phase !== "ready") return;
    const target = Math.max(0, ended ? Math.min(tick, frontier) : tick);
    if (target === this.state.tick && target === this.state.viewTick) return;
    this.#wanted = target;
    const now = performance.now();
    const tells = (target === 0 || trace.has(target)) && (trace.has(target + 1) || (ended !== null && target === frontier));
    const moving = tells && (dragging || now - this.#movedAt < REST);
    this.store.set({ tick: Math.min(target, frontier), moving, thread: 0, level: 0, pick: "" });
    this.#movedAt = now;
    this.#rest();
    if (moving) this.#resting = setTimeout(() => this.#rested(now), REST);
    else void this.arrive();
  }

  /**
   * Time is up; but on a busy page moves may have come that nobody has heard of yet: a frame must pass without any.
   * @param {number} since
   */
  #rested(since) {
    const look = () => {
      this.#resting = setTimeout(() => this.#movedAt === since && void this.arrive(), 0);
    };
    if (document.hidden) look();
    else requestAnimationFrame(() => this.#movedAt === since && look());
  }

  /** Nobody waits for a rest any more. */
  #rest() {
    clearTimeout(this.#resting);
    this.#resting = 0;
  }

  /** Have the machine at the shown step now. */
  arrive() {
    this.#rest();
    if (this.state.moving) this.store.set({ moving: false });
    if (this.#wanted === null && !this.#seeking) return Promise.resolve();
    return (this.#seeking ??= this.#seek().finally(() => {
      this.#seeking = null;
    }));
  }

  async #seek() {
    const run = this.#run;
    try {
      while (this.#wanted !== null && !this.#resting && run === this.#run) {
        const tick = this.#wanted;
        this.#wanted = null;
        const lacks = this.#lacksAround(Math.min(tick, this.state.frontier));
        const event = await this.wire.send("seek", lacks ? { tick, around: MARGIN } : { tick });
        if (run !== this.#run) return;
        this.#stopped(event, this.#wanted !== null);
        if (lacks) this.store.touch("trace", "tick");
        if (this.#wanted !== null) await new Promise((done) => requestAnimationFrame(done));
      }
      if (this.#wanted === null) await this.#fetchTrace();
    } catch (error) {
      if (run === this.#run) this.#failed(error);
    } finally {
      if (run !== this.#run) this.#wanted = null;
    }
  }

  /** Does the trace window lack a step beside a position? @param {number} tick */
  #lacksAround(tick) {
    const { frontier, trace } = this.state;
    return frontier > 0 && ((tick > 0 && !trace.has(tick)) || (tick < frontier && !trace.has(tick + 1)));
  }

  /** Have the steps around the position in the trace window. */
  async #fetchTrace() {
    const { tick, frontier } = this.state;
    if (!this.#lacksAround(tick)) return;
    await this.wire.send("trace", { from: Math.max(1, tick - MARGIN), to: Math.min(frontier, tick + MARGIN) });
    this.store.touch("trace", "tick");
  }

  /** What the recording looks like from afar: its families of instructions, and what the trace window does not have. */
  async #fetchSummary() {
    const { frontier, summary } = this.state;
    if (!frontier || summary?.to === frontier) return;
    const seen = await this.ask("summary", { from: 1, to: frontier, buckets: 1024 });
    if (seen) this.store.set({ summary: seen });
  }

  /** Hears of the wish to see the next step and may keep it back by answering true. @type {(() => boolean) | null} */
  gate = null;

  /** @param {number} count steps forward, or back if negative */
  stepBy(count) {
    if (count === 1 && this.state.phase === "ready" && this.gate?.()) return;
    this.goTo((this.#wanted ?? this.state.tick) + count);
  }

  /**
   * Step over what the next instruction calls, or back over what was called last.
   * @param {1 | -1} direction
   */
  stepOver(direction) {
    const { tick, trace } = this.state;
    const depth = direction > 0 ? trace.depth(tick + 1) : trace.depth(tick + 1) || trace.depth(tick);
    if (!depth) return this.stepBy(direction);
    const found = trace.positionAtDepth(tick, direction, depth);
    if (found >= 0) this.goTo(found);
    else void this.move("step_over", { direction });
  }

  /**
   * Leave the running function: forward to after its return, or back to before its call.
   * @param {1 | -1} direction
   */
  stepOut(direction) {
    const { tick, trace, frontier } = this.state;
    const depth = trace.depth(tick + 1) || trace.depth(tick);
    const found = depth > 1 ? trace.positionAtDepth(tick, direction, depth - 1) : -1;
    if (found >= 0) this.goTo(found);
    else if (depth <= 1) this.goTo(direction > 0 ? frontier : 0);
    else void this.move("step_out", { direction });
  }

  /**
   * On to the next breakpoint, or back to the previous one; without one, to the end or the start.
   * @param {1 | -1} direction
   */
  continue(direction) {
    return this.move("continue", { direction });
  }

  /**
   * Let the machine find the position to go to: a command that `stopped` answers. Null if it could not.
   * @param {"continue" | "step_over" | "step_out" | "find"} name
   * @param {Record<string, any>} args
   */
  async move(name, args) {
    if (this.state.phase !== "ready" || (this.#seeking && !this.#resting)) return null;
    this.stop();
    const run = this.#run;
    try {
      await this.arrive();
      const stopped = await this.wire.send(name, args);
      if (run !== this.#run) return null;
      this.#stopped(stopped);
      await this.#fetchTrace();
      return stopped;
    } catch (error) {
      if (run === this.#run) this.#failed(error);
      return null;
    }
  }

  /**
   * Ask about the recording without moving. Null if there is no answer.
   * @param {"writers" | "executions" | "summary" | "writes" | "inspect"} name
   * @param {Record<string, any>} args
   */
  async ask(name, args) {
    if (this.state.phase !== "ready") return null;
    const run = this.#run;
    try {
      if (name === "writers") await this.arrive();
      const answer = await this.wire.send(name, args);
      return run === this.#run ? answer : null;
    } catch (error) {
      if (run === this.#run) this.#failed(error);
      return null;
    }
  }

  /**
   * Go to the step that wrote a target last, wherever in the recording.
   * @param {Record<string, any>} target
   */
  toWriter = (target) => void import("./inquiry.js").then((asked) => asked.toWriter(this, target));

  /**
   * Go round the executions of a listing row or a source line.
   * @param {Record<string, any>} place
   * @param {1 | -1} [direction]
   */
  cycle = (place, direction = 1) => void import("./inquiry.js").then((asked) => asked.cycle(this, place, direction));

  /**
   * Go to the next or previous step with one of these flags.
   * @param {number} mask
   * @param {1 | -1} direction
   */
  toEvent = (mask, direction) => void import("./inquiry.js").then((asked) => asked.toEvent(this, mask, direction));

  first() {
    this.goTo(0);
  }

  last() {
    this.goTo(this.state.frontier);
  }

  /** Play forward, or stop playing. */
  togglePlay() {
    if (this.state.playing) return this.stop();
    const { phase, focus, tick } = this.state;
    if (phase !== "ready") return;
    // Of a recording with a focus window only that is played.
    const isThrough = () => (focus && this.state.tick >= focus.to) || (this.state.ended !== null && this.state.tick >= this.state.frontier);
    if (isThrough() || (focus && tick < focus.from)) this.goTo(focus?.from ?? 0);
    this.store.set({ playing: true });
    this.#player = setInterval(() => {
      if (isThrough()) this.stop();
      else this.stepBy(1);
    }, 1000 / PLAY_RATE);
  }

  /** Stop playing. */
  stop() {
    if (this.#player) clearInterval(this.#player);
    this.#player = 0;
    if (this.state.playing) this.store.set({ playing: false });
  }

  // ----- what the machine says -----------------------------------------------------------------------------------

  /** @param {any} event */
  #event(event) {
    if (event.event === "goodbye") {
      this.#restarting = event.reason === "shutdown";
      this.store.set({ notice: { key: "notice.goodbye", args: { text: event.message }, tone: "error", action: "reconnect" } });
      return;
    }
    if (event.event === "queued") {
      this.store.set({ notice: { key: "notice.queued", args: { n: event.place }, tone: "info" } });
      return;
    }
    if (this.#receiving === this.#run) this.received.event(event);
  }

  /**
   * @param {any} event
   * @param {boolean} [moving] a newer wish is waiting: keep the shown tick
   */
  #stopped(event, moving = false) {
    /** @type {Partial<import("./store.js").State>} */
    const patch = { view: event.view, viewTick: event.tick, frontier: event.frontier, ended: event.ended };
    if (moving) patch.arriving = false;
    // What is shown already has not moved: a visitor may be looking at another file by now.
    else if (event.tick !== this.state.tick || this.state.arriving) patch.tick = event.tick;
    this.store.set(patch);
  }

  /** @param {"connecting" | "open" | "lost" | "closed"} connection */
  #connection(connection) {
    this.store.set({ connection });
    if (connection === "lost") this.store.set({ notice: { key: "notice.lost", tone: "info" } });
    else if (this.state.notice?.key === "notice.lost") this.store.set({ notice: null });
    if (connection !== "closed") return;
    this.stop();
    if (this.state.phase === "ready") this.#disconnected();
  }

  /** The machine is gone; what the page knows of it stays to be read. */
  #disconnected() {
    const said = this.state.notice?.key === "notice.goodbye" ? this.state.notice : null;
    this.store.set({ phase: "failed", arriving: false, notice: said ?? { key: "notice.connection", tone: "error", action: "reconnect" } });
    if (this.#restarting) void comeBack(this);
    this.#restarting = false;
  }

  /** @param {unknown} error */
  #failed(error) {
    this.stop();
    this.store.set({ arriving: false });
    const phase = this.state.program && this.state.phase === "ready" ? "ready" : "failed";
    if (!(error instanceof WireError)) {
      this.store.set({ phase: "failed", notice: { key: "notice.bug", args: { text: String(error) }, tone: "error" } });
      throw error;
    }
    if (error.kind === "source") {
      this.store.set({ phase: "failed", diagnostics: error.diagnostics, notice: null });
    } else if (error.kind === "connection") this.#disconnected();
    else {
      const text = error.hint ? `${error.message} (${error.hint})` : error.message;
      this.store.set({ phase, notice: { key: "notice.error", args: { text }, tone: "error" } });
    }
  }
}
