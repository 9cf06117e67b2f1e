// @ts-check
// Settings kept in the browser; private windows may refuse, and then nothing is lost but the preference.

/** @param {string} name */
export function remembered(name) {
  try {
    return localStorage.getItem(`glassbox.${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(`glassbox.${name}`, value);
  } catch {
    // Not kept.
  }
}
