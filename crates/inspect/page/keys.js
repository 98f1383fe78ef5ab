/**
 * The keys. A letter acts only where no text is being written, and only as long as single keys are wanted: those who
 * dictate, or whose keyboard repeats, can turn them off.
 */

/** Every key with what it does: the help is made of this table. @type {[string[], string, string][]} */
export const KEYS = [
  [['j', 'ArrowDown'], 'down', 'next exchange'],
  [['k', 'ArrowUp'], 'up', 'previous exchange'],
  [['PageDown'], 'page-down', 'a page down'],
  [['PageUp'], 'page-up', 'a page up'],
  [['g', 'Home'], 'first', 'the oldest'],
  [['G', 'End'], 'last', 'the newest, and stay there'],
  [['Enter'], 'open', 'open the exchange'],
  [['Escape'], 'back', 'close, go back to the list'],
  [['/'], 'filter', 'filter'],
  [[']'], 'tab-next', 'next tab'],
  [['['], 'tab-back', 'previous tab'],
  [['s'], 'story', 'story'],
  [['b'], 'bytes', 'bytes'],
  [['d'], 'difference-next', 'next difference between received and sent on'],
  [['D'], 'difference-back', 'the difference before'],
  [['i'], 'timing', 'timing'],
  [['n'], 'connection', 'connection'],
  [['e'], 'edit', 'edit and send'],
  [['r'], 'replay', 'send again as it was'],
  [['c'], 'compare', 'mark, then compare with the marked'],
  [['y'], 'copy', 'copy as curl'],
  [['p'], 'pause', 'pause or go on recording'],
  [['o'], 'save', 'save what is listed as HAR'],
  [['x'], 'clear', 'forget everything that is kept'],
  [['t'], 'theme', 'light, dark, as the system'],
  [['?'], 'help', 'this help'],
];

/** Keys that belong to whatever has the focus, unless that is the list or nothing. */
const OF_THE_LIST = new Set(['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End', 'Enter']);

/**
 * Which deed a key press asks for.
 * @param {KeyboardEvent} event
 * @param {boolean} single whether letters act
 * @returns {string | null}
 */
export function deed(event, single) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const found = KEYS.find(([keys]) => keys.includes(event.key));
  if (!found) return null;
  const target = /** @type {HTMLElement} */ (event.target);
  const writes = target.closest('input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]');
  if (event.key === 'Escape') return 'back';
  if (writes) return null;
  if (OF_THE_LIST.has(event.key)) return target.closest('[role=grid]') || target === document.body ? found[1] : null;
  return single ? found[1] : null;
}

/** Whether single letters act. @returns {boolean} */
export function wanted() {
  try {
    return localStorage.getItem('wirelight-keys') !== 'off';
  } catch {
    return true;
  }
}

/** Says whether they are to. @param {boolean} on */
export function want(on) {
  try {
    localStorage.setItem('wirelight-keys', on ? 'on' : 'off');
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}
