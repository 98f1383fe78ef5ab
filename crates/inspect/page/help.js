/** The help: keys and filters, over the page. */
import { element } from './element.js';
import { FILTERS } from './filter.js';
import * as keys from './keys.js';

/** How keys that are no letter are written. @type {Record<string, string>} */
const CAPS = { ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc', PageDown: 'Page Down', PageUp: 'Page Up' };

/** Makes it. @returns {HTMLDialogElement} */
export function help() {
  const single = element('input', { type: 'checkbox', checked: keys.wanted(), on: { change: () => keys.want(single.checked) } });
  const close = element('button', { type: 'button', class: 'small', on: { click: () => dialog.close() } }, 'Close');
  const dialog = element('dialog', { class: 'help', 'aria-labelledby': 'help-title' },
    element('div', { class: 'toolbar' }, element('h2', { id: 'help-title' }, 'Keys and filters'), close),
    element('div', { class: 'columns' },
      element('section', {}, element('h3', {}, 'Keys'),
        element('dl', { class: 'keys' }, keys.KEYS.map(([names, , says]) => element('div', {},
          element('dt', {}, names.map((name, index) => [index > 0 && ' ', element('kbd', {}, CAPS[name] ?? name)])), element('dd', {}, says)))),
        element('label', { class: 'choice' }, single, 'Letters act by themselves')),
      element('section', {}, element('h3', {}, 'Filters'),
        element('dl', { class: 'keys' }, FILTERS.map(([term, says]) => element('div', {}, element('dt', {}, element('code', {}, term)), element('dd', {}, says)))))));
  return dialog;
}
