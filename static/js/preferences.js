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
 * @param {string | null} value  null forgets it
 * @returns {boolean} whether the browser keeps it
 */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`glassbox.${name}`);
    else localStorage.setItem(`glassbox.${name}`, value);
    return true;
  } catch {
    return false;
  }
}
