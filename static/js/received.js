// @ts-check
// What the machine says of a run while a command is at work: steps, outputs, exits, rows, branches go into the store.
import { Program } from "./program.js";

/** While steps stream in, what shows them is told this often, in milliseconds. */
const STREAM_PACE = 100;

export class Received {
  /** Runs while new steps are there that nobody was told of. @type {ReturnType<typeof setTimeout> | 0} */
  #arrived = 0;
  /** The first of these steps. */
  #lowest = Infinity;

  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /** @param {any} event */
  event(event) {
    const { outputs, exits } = this.store.state;
    switch (event.event) {
      case "output":
        outputs.push({ tick: event.tick, stream: event.stream, text: event.text });
        this.store.touch("outputs");
        break;
      case "exit":
        exits.push({ tick: event.tick, data: event.data });
        this.store.touch("exits");
        break;
      case "grew":
        this.#grew(event.listing);
        break;
      case "branches":
        this.#branched(event);
        break;
      case "progress":
        this.store.set({ slowAt: event.at ?? null, frontier: event.frontier, glance: event.glance });
        // What grows is worth seeing before it is through.
        if (event.glance) this.store.set({ arriving: false });
        break;
    }
  }

  /**
   * Another branch is shown: what was known of ticks after the one where the two part is not of this one.
   * @param {any} event
   */
  #branched({ branches, current, from }) {
    const { trace, outputs, exits } = this.store.state;
    const isShared = (/** @type {{tick: number}} */ one) => one.tick <= from;
    trace.truncate(from);
    this.store.set({ branches, branch: current, outputs: outputs.filter(isShared), exits: exits.filter(isShared), summary: null });
    this.store.touch("trace");
  }

  /** @param {any} listing */
  #grew(listing) {
    this.store.state.trace.natives = listing.natives ?? [];
    this.store.set({ program: new Program(listing) });
  }

  /**
   * A trace frame. Who shows steps is told now and then; steps beyond the next one show on the timeline alone.
   * @param {ArrayBuffer} frame
   */
  frame(frame) {
    const { trace, tick } = this.store.state;
    trace.position = tick;
    this.#lowest = Math.min(this.#lowest, trace.add(frame));
    this.#arrived ||= setTimeout(() => {
      this.#arrived = 0;
      this.store.touch("steps");
      if (this.#lowest <= this.store.state.tick + 1) this.store.touch("trace");
      this.#lowest = Infinity;
    }, STREAM_PACE);
  }
}

/**
 * What a server's notice says: a sentence, or a catalogue key with arguments.
 * @param {any} said
 */
export function notice(said) {
  return typeof said === "string" ? { text: said } : { key: `notice.${said.key}`, args: said.args ?? {} };
}

/**
 * The notice of a run that ended with an error.
 * @param {any} ended
 * @returns {import("./store.js").Notice}
 */
export function ending({ reason, tick, detail }) {
  const key = reason === "limit" ? "notice.limit" : "notice.fault";
  return { key, args: { n: tick, text: detail?.message ?? "" }, tone: "error", tick: Math.max(0, tick - 1), action: "seek" };
}

/** Milliseconds that a line waits for what its message means. */
const EXPLAIN_MS = 1000;

/**
 * A notice along with what its message means.
 * @param {import("./store.js").Notice} said
 * @param {(message: string) => Promise<string>} explain
 * @returns {Promise<import("./store.js").Notice>}
 */
export async function explained(said, explain) {
  const late = new Promise((done) => setTimeout(done, EXPLAIN_MS, ""));
  return { ...said, why: await Promise.race([explain(String(said.args?.text ?? "")).catch(() => ""), late]) };
}
