// @ts-check
// Addresses as somebody writes them: `rsp+8`, `table`, `ds:si`, `b8000`, `(bx+si)*2`. Numbers are hexadecimal, with or
// without 0x or h; `0d` says decimal.
import { t } from "../i18n.js";

/** What was written cannot be read; the message is for the visitor. */
export class ExpressionError extends Error {}

/**
 * The value of every part of a general register: rax also answers as eax, ax, ah, al.
 * @param {any} view
 * @returns {Map<string, bigint>}
 */
export function registerValues(view) {
  const out = new Map();
  for (const { name, value } of view?.registers ?? []) {
    const whole = BigInt(`0x${value || 0}`);
    const full = name.toLowerCase();
    out.set(full, whole);
    for (const part of partsOf(full)) out.set(part.name, (whole >> BigInt(part.shift)) & ((1n << BigInt(part.bits)) - 1n));
  }
  return out;
}

/**
 * The narrower registers inside of a general one, widest first.
 * @param {string} name
 * @returns {{name: string, bits: number, shift: number}[]}
 */
export function partsOf(name) {
  const at = (/** @type {string} */ part, /** @type {number} */ bits, shift = 0) => ({ name: part, bits, shift });
  const numbered = /^(r\d+)$/.exec(name);
  if (numbered) return [at(`${name}d`, 32), at(`${name}w`, 16), at(`${name}b`, 8)];
  const found = /^([er]?)([abcd]x|[sd]i|[sb]p|ip)$/.exec(name);
  if (!found) return [];
  const [, prefix, base] = found;
  const out = [];
  if (prefix === "r") out.push(at(`e${base}`, 32));
  if (prefix) out.push(at(base, 16));
  if (base.endsWith("x")) out.push(at(`${base[0]}h`, 8, 8), at(`${base[0]}l`, 8));
  else if (prefix === "r" && base !== "ip") out.push(at(`${base}l`, 8));
  return out;
}

/**
 * @typedef {object} Names
 * @property {Map<string, bigint>} registers
 * @property {Map<string, bigint>} segments  base addresses by name
 * @property {Map<string, bigint>} labels
 */

/**
 * What names mean at the shown step.
 * @param {import("../store.js").State} state
 * @returns {Names}
 */
export function namesOf(state) {
  const labels = state.program?.listing.labels ?? [];
  return {
    registers: registerValues(state.view),
    segments: new Map((state.view?.segments ?? []).map((/** @type {any} */ s) => [s.name.toLowerCase(), BigInt(`0x${s.base || 0}`)])),
    labels: new Map(labels.map((/** @type {any} */ l) => [l.name.toLowerCase(), BigInt(l.address)])),
  };
}

/**
 * The address that a text names; ExpressionError if it names none.
 * @param {string} text
 * @param {Names} names
 * @returns {bigint}
 */
export function evaluate(text, names) {
  const tokens = text.toLowerCase().match(/[.$_?@a-z0-9]+|[-+*():]|\S/g) ?? [];
  let at = 0;
  const fail = () => new ExpressionError(t("x86.expression.bad", { text: tokens[at] ?? t("x86.expression.end") }));

  /** @returns {bigint} */
  const sum = () => {
    let value = product();
    while (tokens[at] === "+" || tokens[at] === "-") value = tokens[at++] === "+" ? value + product() : value - product();
    return value;
  };
  /** @returns {bigint} */
  const product = () => {
    let value = far();
    while (tokens[at] === "*") {
      at++;
      value *= far();
    }
    return value;
  };
  /** A value, or a segment and an offset in it. @returns {bigint} */
  const far = () => {
    const segment = names.segments.get(tokens[at]);
    if (segment !== undefined && tokens[at + 1] === ":") {
      at += 2;
      return segment + value();
    }
    const first = value();
    if (tokens[at] !== ":") return first;
    at++;
    return first * 16n + value();
  };
  /** @returns {bigint} */
  const value = () => {
    const token = tokens[at] ?? "";
    if (token === "(") {
      at++;
      const inside = sum();
      if (tokens[at] !== ")") throw fail();
      at++;
      return inside;
    }
    if (token === "-") {
      at++;
      return -value();
    }
    const known = names.registers.get(token) ?? names.labels.get(token) ?? names.segments.get(token);
    const number = known ?? numberOf(token);
    if (number === null) throw fail();
    at++;
    return number;
  };

  if (!tokens.length) throw new ExpressionError(t("x86.expression.empty"));
  const result = sum();
  if (at < tokens.length) throw fail();
  if (result < 0n || result >= 1n << 64n) throw new ExpressionError(t("x86.expression.range"));
  return result;
}

/** @param {string} token */
function numberOf(token) {
  if (/^0d[0-9]+$/.test(token)) return BigInt(token.slice(2));
  const hex = /^(?:0x)?([0-9a-f]+)h?$/.exec(token);
  return hex ? BigInt(`0x${hex[1]}`) : null;
}
