/** Light, dark, or as the system says; the choice stays in this browser. */

const ORDER = /** @type {const} */ (['system', 'light', 'dark']);

/** What is chosen now. @returns {'system' | 'light' | 'dark'} */
export function chosen() {
  const stored = read();
  return ORDER.find((theme) => theme === stored) ?? 'system';
}

/** Applies a choice, and remembers it. @param {string} theme */
export function choose(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('wirelight-theme', theme);
  } catch {
    // A browser that keeps nothing keeps no theme either.
  }
}

/** Goes on to the next of the three. @returns {string} which that is */
export function next() {
  const theme = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
  choose(theme);
  return theme;
}

function read() {
  try {
    return localStorage.getItem('wirelight-theme');
  } catch {
    return null;
  }
}
