/**
 * Text that others wrote, made safe to read: what a terminal or a browser would act on, or not show, is written out.
 * It must not know where the text stands.
 */
import { element } from './element.js';

/** Controls, direction overrides and isolates, joiners, marks that show nothing, halves of a surrogate pair. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;

/** How many characters of one text are put into the page at once. */
export const SHOWN_MAX = 100_000;

/**
 * One character written out, as Rust writes it: `\x1b`, `\n`, `\u{202e}`.
 * @param {string} character
 * @returns {string}
 */
export function escaped(character) {
  const named = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\0': '\\0' }[character];
  const code = character.codePointAt(0) ?? 0;
  return named ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
}

/**
 * Text on one line, with everything hidden written out.
 * @param {unknown} text
 * @param {number} [max] how many characters at the most; an ellipsis says that there were more
 * @returns {string}
 */
export function plain(text, max = SHOWN_MAX) {
  const whole = String(text ?? '');
  const cut = whole.length > max ? whole.slice(0, max) : whole;
  return cut.replace(HIDDEN, escaped) + (cut.length < whole.length ? '…' : '');
}

/**
 * The same as nodes, so that what was written out looks unlike text that merely says the same.
 * @param {unknown} text
 * @param {{lines?: boolean, max?: number}} [options] `lines`: line ends stay what they are
 * @returns {HTMLElement}
 */
export function shown(text, { lines = false, max = SHOWN_MAX } = {}) {
  const whole = String(text ?? '');
  const cut = whole.slice(0, max);
  const made = element('bdi', { class: 'said' });
  let from = 0;
  for (const found of cut.matchAll(HIDDEN)) {
    if (lines && (found[0] === '\n' || found[0] === '\t' || found[0] === '\r')) {
      if (found[0] === '\r' && cut[found.index + 1] === '\n') {
        made.append(cut.slice(from, found.index));
        from = found.index + 1;
      }
      continue;
    }
    made.append(cut.slice(from, found.index), element('span', { class: 'escaped' }, escaped(found[0])));
    from = found.index + found[0].length;
  }
  made.append(cut.slice(from));
  if (cut.length < whole.length) {
    made.append(element('span', { class: 'escaped' }, `… ${(whole.length - cut.length).toLocaleString('en')} characters more`));
  }
  return made;
}
