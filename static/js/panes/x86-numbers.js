// @ts-check
// One value in the number formats that a visitor may choose.

export const FORMATS = ["hex", "unsigned", "signed", "binary", "ascii"];

/**
 * @param {bigint} value not negative
 * @param {number} bits
 * @param {string} format one of FORMATS
 */
export function formatted(value, bits, format) {
  switch (format) {
    case "unsigned":
      return value.toString();
    case "signed":
      return BigInt.asIntN(bits, value).toString();
    case "binary":
      return (value.toString(2).padStart(bits, "0").match(/.{1,8}/g) ?? []).join(" ");
    case "ascii":
      return characters(value, bits);
    default:
      return value.toString(16).padStart(bits / 4, "0");
  }
}

/**
 * The bytes as characters, the lowest first as they lie in memory; a dot for what is none.
 * @param {bigint} value
 * @param {number} bits
 */
export function characters(value, bits) {
  let out = "";
  for (let at = 0; at < bits; at += 8) {
    const code = Number((value >> BigInt(at)) & 0xffn);
    out += code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
  }
  return out;
}

/**
 * @param {string} text
 */
export function fromHex(text) {
  return BigInt(`0x${text || 0}`);
}
