// @ts-check
// Deep looks at the shown step (`inspect`), asked only while somebody looks, and only once the page stands still; and
// addresses that lead to such looks.
import { h } from "../dom.js";
import { t } from "../i18n.js";

/** Milliseconds without a further move after which the machine is asked. */
const STILL_MS = 80;

export class Question {
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #timer = 0;
  #number = 0;

  /**
   * @param {import("../session.js").Session} session
   * @param {(answer: any, tick: number) => void} use hears the newest answer only
   */
  constructor(session, use) {
    this.session = session;
    this.use = use;
  }

  /**
   * Ask about the shown step; a question before this one is forgotten.
   * @param {Record<string, any>} query
   * @param {number} [after] milliseconds
   */
  ask(query, after = STILL_MS) {
    const number = ++this.#number;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const { state } = this.session;
      if (state.phase !== "ready" || state.stale || !state.view) return;
      const tick = state.viewTick;
      const answer = await this.session.ask("inspect", { query });
      if (answer && number === this.#number && answer.tick === tick) this.use(answer.answer, tick);
    }, after);
  }

  /** Forget what was asked. */
  drop() {
    this.#number++;
    clearTimeout(this.#timer);
  }
}

/**
 * Show an address, wherever addresses are shown: the memory pane goes there, and so does the walk through the page tables.
 * @param {bigint | number} address linear
 */
export function pointAt(address) {
  document.dispatchEvent(new CustomEvent("glassbox-address", { detail: BigInt(address) }));
}

/**
 * Hear of addresses that somebody points at.
 * @param {(address: bigint) => void} use
 * @returns {() => void} stop hearing
 */
export function onAddress(use) {
  const heard = (/** @type {Event} */ event) => use(/** @type {CustomEvent} */ (event).detail);
  document.addEventListener("glassbox-address", heard);
  return () => document.removeEventListener("glassbox-address", heard);
}

/**
 * An address that leads the memory pane there.
 * @param {string} text
 * @param {bigint} [address]
 */
export function addressButton(text, address = BigInt(`0x${text || 0}`)) {
  const title = t("x86.address.go", { at: address.toString(16).padStart(4, "0") });
  return h("button", { type: "button", class: "addr", title, "aria-label": text === "→" ? title : null, on: { click: () => pointAt(address) } }, text);
}
