/** A short table of exchanges, for pages that name some. */
import { element } from './element.js';
import { link } from './place.js';
import { clock, duration } from './quantity.js';
import { ENDINGS, statusClass } from './row.js';
import { plain } from './shown.js';

/**
 * Makes it.
 * @param {any[]} summaries
 * @param {string} caption for those who hear it
 * @param {string} [current] the id that is looked at now
 * @returns {HTMLElement}
 */
export function table(summaries, caption, current = '') {
  return element('div', { class: 'scrolls', tabindex: 0, role: 'region', 'aria-label': caption },
    element('table', { class: 'summaries' },
      element('thead', {}, element('tr', {}, ['Time', 'Request', 'Status', 'Why', 'Took'].map((title) => element('th', { scope: 'col' }, title)))),
      element('tbody', {}, summaries.map((summary) =>
        element('tr', { class: summary.id === current ? 'current' : null, 'aria-current': summary.id === current ? 'true' : null },
          element('td', { class: 'number' }, clock(summary.at)),
          element('td', { class: 'request' }, element('a', { href: link({ view: 'exchanges', id: summary.id }) },
            element('b', {}, plain(summary.method ?? '–', 20)), ' ', element('bdi', {}, plain(summary.target ?? 'unreadable', 120)))),
          element('td', { class: `status ${statusClass(summary)}` }, String(summary.status || '–')),
          element('td', { class: 'quiet' }, plain(summary.why?.outcome ?? ENDINGS[summary.ending] ?? '', 90)),
          element('td', { class: 'number' }, duration(summary.total_us)))))));
}
