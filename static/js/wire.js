// @ts-check
// The live socket's client: commands become promises, events and trace frames go to listeners.
import { COMMANDS, EVENTS, FRAME_TRACE, VERSION } from "./gen/protocol.js";

/** Milliseconds after which somebody who waits wants to know why. */
const MOMENT = 300;
/** How many trace frames the server may send ahead of us. */
const CREDIT = 192;
/** After so many messages the server is told that they have come. */
const MESSAGES = 256;
/** A lost connection is tried again after the first of these milliseconds, then the next. */
const BACKOFF = [250, 500, 1000, 2000, 4000, 8000];

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
 * @property {(state: "connecting" | "open" | "lost" | "closed") => void} state  lost: it is being brought back
 * @property {(name: string) => void} slow   a command is at work for longer than a moment; "": it is not any more
 */

/**
 * @typedef {{id: number, name: string, text: string, place: number, resolve: (event: any) => void,
 *   reject: (error: Error) => void}} Waiting
 */

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
  /** What the session can be resumed with: {token, seconds}, or null. @type {any} */
  #kept = null;
  /** Messages of either side since `keep`. */
  #received = 0;
  #posted = 0;
  #acknowledged = 0;
  /** The server said goodbye: nothing is there to come back to. */
  #over = false;

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
        this.#used = this.#received = this.#posted = this.#acknowledged = 0;
        this.#kept = null;
        this.#over = false;
        this.listener.state("open");
        this.#post("keep", {}).then((kept) => {
          this.#kept = kept;
          this.#received = this.#acknowledged = 0;
        }, () => {});
        this.#posted = 0;
        this.#post("credit", { frames: CREDIT }).catch(() => {});
        resolve();
      };
      socket.onmessage = (message) => this.#receive(message.data);
      socket.onclose = () => {
        this.#socket = null;
        if (this.#kept && !this.#over) void this.#comeBack();
        else reject(this.#lost());
      };
    });
    return this.#opening;
  }

  /** The connection broke, the session did not: try to reach it until it is not kept any more. */
  async #comeBack() {
    const { token, seconds } = this.#kept;
    const until = Date.now() + seconds * 1000;
    this.listener.state("lost");
    for (let n = 0; Date.now() < until; n++) {
      const wait = BACKOFF[Math.min(n, BACKOFF.length - 1)] * (0.75 + Math.random() / 2);
      await new Promise((go) => {
        setTimeout(go, wait);
        window.addEventListener("online", go, { once: true });
      });
      const came = await this.#resume(token);
      if (came) return;
      if (came === null) break;
    }
    this.#lost();
  }

  /**
   * Try once. True: the session goes on; false: there was no connection; null: the session is gone.
   * @param {string} token
   * @returns {Promise<boolean | null>}
   */
  #resume(token) {
    return new Promise((answer) => {
      const socket = new WebSocket(`${this.url}?resume=1`);
      socket.binaryType = "arraybuffer";
      let went = false;
      socket.onopen = () =>
        socket.send(JSON.stringify({ v: VERSION, id: 0, do: "resume", token, received: this.#received }));
      socket.onmessage = (message) => {
        if (went) return this.#receive(message.data);
        const event = JSON.parse(message.data);
        if (event.event !== "resumed") return answer(null);
        went = true;
        this.#socket = socket;
        for (const one of this.#sent.values()) if (one.place >= event.received) socket.send(one.text);
        this.listener.state("open");
        answer(true);
      };
      socket.onclose = () => {
        answer(false);
        if (!went || this.#socket !== socket) return;
        this.#socket = null;
        if (this.#over) this.#lost();
        else void this.#comeBack();
      };
    });
  }

  /** Close the socket; commands at work are rejected. */
  close() {
    this.#over = true;
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
      const text = JSON.stringify({ v: VERSION, id, do: name, ...args });
      const waiting = { id, name, text, place: 0, resolve, reject };
      if (name === "pause" || name === "credit" || name === "keep") this.#transmit(waiting);
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
    waiting.place = this.#posted++;
    this.#sent.set(waiting.id, waiting);
    this.#socket?.send(waiting.text);
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    if (typeof data !== "string") {
      if (new Uint8Array(data)[1] !== FRAME_TRACE) return;
      this.listener.frame(data);
      this.#used++;
      this.#count();
      return;
    }
    const event = JSON.parse(data);
    if (event.event === "goodbye") this.#over = true;
    this.#count();
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

  /** One more message has come: say so now and then, and let more frames come. */
  #count() {
    this.#received++;
    if (this.#used < CREDIT / 2 && this.#received - this.#acknowledged < MESSAGES) return;
    this.#acknowledged = this.#received;
    this.#post("credit", { frames: this.#used, ...(this.#kept ? { received: this.#received } : {}) }).catch(() => {});
    this.#used = 0;
  }

  /** The session is over for us: everybody who waits is told so. */
  #lost() {
    const error = new WireError({ kind: "connection", message: "the connection was closed" });
    this.#socket = null;
    this.#kept = null;
    this.#opening = null;
    this.#busy = null;
    this.#watch("");
    const waiting = [...this.#sent.values(), ...this.#queue];
    this.#sent.clear();
    this.#queue = [];
    for (const one of waiting) one.reject(error);
    this.listener.state("closed");
    return error;
  }
}
