/** Two things beside one another, with a mark and a word wherever they differ. */
import { element } from './element.js';
import { shown } from './shown.js';

/** @type {Record<string, [string, string]>} */
const MARKS = { same: ['', ''], changed: ['≠', 'changed'], added: ['+', 'added'], removed: ['−', 'removed'] };

/**
 * A table of pairs.
 * @param {{caption: string, left: string, right: string, pairs: import('./difference.js').Pair<any>[], draw?: (item: any) => unknown, folds?: boolean}} what
 *   `draw` makes nodes of an item; `folds`: long runs of what is the same are left out, and it says so
 * @returns {HTMLElement}
 */
export function beside({ caption, left, right, pairs, draw = (item) => shown(item), folds = false }) {
  const differing = pairs.filter((pair) => pair.kind !== 'same').length;
  const rows = (folds ? folded(pairs) : pairs).map((pair) => {
    if ('skipped' in pair) {
      return element('tr', { class: 'skipped' }, element('td', { colspan: 3 }, `${pair.skipped} the same`));
    }
    const [sign, word] = MARKS[pair.kind];
    return element('tr', { class: `pair ${pair.kind}` },
      element('td', { class: 'sign' }, word && element('span', { 'aria-hidden': 'true' }, sign), word && element('span', { class: 'unseen' }, word)),
      element('td', {}, pair.left !== null && draw(pair.left)),
      element('td', {}, pair.right !== null && draw(pair.right)));
  });
  return element('div', { class: 'beside' },
    element('table', {},
      element('caption', {}, caption, ' ', element('span', { class: differing ? 'differs' : 'agrees' }, differing ? `${differing} differ${differing === 1 ? 's' : ''}` : 'no difference')),
      element('thead', {}, element('tr', {},
        element('td', { class: 'sign' }), element('th', { scope: 'col' }, left), element('th', { scope: 'col' }, right))),
      element('tbody', {}, rows.length ? rows : element('tr', {}, element('td', { colspan: 3, class: 'quiet' }, 'nothing on either side')))));
}

/**
 * A field as it stands in such a table, or a start line, which has no name.
 * @param {import('./difference.js').Field} field
 * @returns {unknown}
 */
export const line = ({ name, value, redacted }) => (name === '' ? element('b', {}, shown(value)) : [
  element('span', { class: 'k-field-name' }, shown(name)),
  element('span', { class: 'k-colon' }, ': '),
  redacted ? element('span', { class: 'redacted' }, 'not kept') : shown(value),
]);

/** @param {import('./difference.js').Pair<any>[]} pairs */
function folded(pairs) {
  const near = pairs.map((_, index) => pairs.slice(Math.max(0, index - 3), index + 4).some((pair) => pair.kind !== 'same'));
  /** @type {any[]} */
  const kept = [];
  pairs.forEach((pair, index) => {
    const last = kept[kept.length - 1];
    if (near[index]) kept.push(pair);
    else if (last && 'skipped' in last) last.skipped += 1;
    else kept.push({ skipped: 1 });
  });
  return kept;
}
