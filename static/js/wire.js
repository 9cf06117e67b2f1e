// @ts-check
// The live socket's client: commands become promises, events and trace frames go to listeners.
import { COMMANDS, EVENTS, FRAME_TRACE, VERSION } from "./gen/protocol.js";

/** Milliseconds after which somebody who waits wants to know why. */
const MOMENT = 300;
/** How many trace frames the server may send ahead of us. */
const CREDIT = 64;

/** An answer `failed`: the error as engine/errors.py puts it on the wire. */
export class WireError extends Error {
  /** @param {{kind: string, message: string, hint?: string | null, diagnostics?: any[]}} error */
  constructor(error) {
    super(error.message);
    this.kind = error.kind;
    this.hint = error.hint ?? null;
    this.diagnostics = error.diagnostics ?? [];
  }
}

/**
 * @typedef {object} Listener
 * @property {(event: any) => void} event        every event, whether or not it ends a command
 * @property {(frame: ArrayBuffer) => void} frame  a trace frame
 * @property {(state: "connecting" | "open" | "closed") => void} state
 * @property {(name: string) => void} slow   a command is at work for longer than a moment; "": it is not any more
 */

/** @typedef {{id: number, name: string, text: string, resolve: (event: any) => void, reject: (error: Error) => void}} Waiting */

export class Wire {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Promise<void> | null} */
  #opening = null;
  /** Commands not sent yet: the server takes one at a time, `pause` and `credit` excepted. @type {Waiting[]} */
  #queue = [];
  /** @type {Map<number, Waiting>} */
  #sent = new Map();
  /** The command at work, or null. @type {number | null} */
  #busy = null;
  #nextId = 1;
  #used = 0;

  /**
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
  }

  /** True while a command (not `pause` or `credit`) is at work. */
  get busy() {
    return this.#busy !== null;
  }

  /** Open the socket if it is not open. */
  connect() {
    if (this.#opening) return this.#opening;
    this.listener.state("connecting");
    this.#opening = new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        this.#socket = socket;
        this.#used = 0;
        this.listener.state("open");
        this.#post("credit", { frames: CREDIT }).catch(() => {});
        resolve();
      };
      socket.onmessage = (message) => this.#receive(message.data);
      socket.onclose = () => {
        const error = new WireError({ kind: "connection", message: "the connection was closed" });
        this.#lost(error);
        reject(error);
      };
    });
    return this.#opening;
  }

  /** Close the socket; commands at work are rejected. */
  close() {
    this.#socket?.close();
  }

  /**
   * Send a command; resolves with the event that ends it, rejects with a WireError.
   * @param {keyof typeof COMMANDS} name
   * @param {Record<string, any>} [args]
   * @returns {Promise<any>}
   */
  async send(name, args = {}) {
    await this.connect();
    return this.#post(name, args);
  }

  /**
   * @param {keyof typeof COMMANDS} name
   * @param {Record<string, any>} args
   * @returns {Promise<any>}
   */
  #post(name, args) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const waiting = { id, name, text: JSON.stringify({ v: VERSION, id, do: name, ...args }), resolve, reject };
      if (name === "pause" || name === "credit") this.#transmit(waiting);
      else {
        this.#queue.push(waiting);
        this.#pump();
      }
    });
  }

  #pump() {
    if (this.#busy !== null) return;
    const next = this.#queue.shift();
    if (!next) return;
    this.#busy = next.id;
    this.#watch(next.name);
    this.#transmit(next);
  }

  /** @type {ReturnType<typeof setTimeout> | 0} */
  #slow = 0;
  #told = false;

  /** Tell when the command takes long. @param {string} name  "": it has ended */
  #watch(name) {
    clearTimeout(this.#slow);
    if (this.#told) this.listener.slow("");
    this.#told = false;
    if (!name) return;
    this.#slow = setTimeout(() => {
      this.#told = true;
      this.listener.slow(name);
    }, MOMENT);
  }

  /** @param {Waiting} waiting */
  #transmit(waiting) {
    this.#sent.set(waiting.id, waiting);
    this.#socket?.send(waiting.text);
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    if (typeof data !== "string") {
      if (new Uint8Array(data)[1] !== FRAME_TRACE) return;
      this.listener.frame(data);
      if (++this.#used >= CREDIT / 2) {
        this.#post("credit", { frames: this.#used }).catch(() => {});
        this.#used = 0;
      }
      return;
    }
    const event = JSON.parse(data);
    this.listener.event(event);
    const spec = /** @type {Record<string, {ends: boolean}>} */ (EVENTS)[event.event];
    const waiting = spec?.ends ? this.#sent.get(event.re) : undefined;
    if (!waiting) return;
    this.#sent.delete(event.re);
    if (event.event === "failed") waiting.reject(new WireError(event.error));
    else waiting.resolve(event);
    if (this.#busy === event.re) {
      this.#busy = null;
      this.#watch("");
      this.#pump();
    }
  }

  /** @param {Error} error */
  #lost(error) {
    this.#socket = null;
    this.#opening = null;
    this.#busy = null;
    this.#watch("");
    const waiting = [...this.#sent.values(), ...this.#queue];
    this.#sent.clear();
    this.#queue = [];
    for (const one of waiting) one.reject(error);
    this.listener.state("closed");
  }
}
