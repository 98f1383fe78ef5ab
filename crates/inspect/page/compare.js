/** Two exchanges beside one another: what was asked, what was decided, what was answered, and how long it took. */
import * as api from './api.js';
import { beside, line } from './beside.js';
import * as difference from './difference.js';
import { element, fill } from './element.js';
import { go } from './place.js';
import { clock, count, duration } from './quantity.js';
import { plain, shown } from './shown.js';

/** How many of the newest are offered. */
const OFFERED_MAX = 200;

/**
 * Shows them.
 * @param {HTMLElement} panel
 * @param {any} detail the one at the right
 * @param {{exchanges: import('./exchanges.js').Exchanges, other: string}} page `other` is the id of the one at the left, or empty
 */
export async function show(panel, detail, { exchanges, other }) {
  const { id } = detail.summary;
  const near = exchanges.rows.filter((row) => row.id !== id && row.state === 'done').slice(-OFFERED_MAX).reverse();
  const known = exchanges.get(other);
  const offered = known && !near.includes(known) && other !== id ? [known, ...near] : near;
  const choice = element('select', { id: 'compare-with', on: { change: () => go({ view: 'exchanges', id, tab: choice.value ? `compare:${choice.value}` : 'compare' }, { replace: true }) } },
    element('option', { value: '' }, 'choose an exchange'),
    other && !known && element('option', { value: other }, plain(other, 30)),
    offered.map((row) => element('option', { value: row.id }, `${clock(row.at)}  ${plain(row.method ?? '–', 12)} ${plain(row.target ?? '', 60)}  ${row.status}`)));
  choice.value = other;
  const results = element('div', { class: 'compared' });
  fill(panel, element('h3', { class: 'unseen' }, 'Compare'),
    element('div', { class: 'toolbar' },
      element('label', { for: 'compare-with' }, 'Compare with'), choice,
      other && element('button', { type: 'button', class: 'small', on: { click: () => go({ view: 'exchanges', id: other, tab: `compare:${id}` }) } }, 'Swap')),
    results);
  if (!other) {
    fill(results, element('p', { class: 'quiet' }, 'Choose another exchange here, or mark one in the list with ', element('kbd', {}, 'c'), ' and go to the other.'));
    return;
  }
  fill(results, ...compared(await api.exchange(other), detail));
}

/** @param {any} left @param {any} right */
function compared(left, right) {
  const names = { left: plain(left.summary.id, 30), right: plain(right.summary.id, 30) };
  const facts = (/** @type {any} */ { summary }) => [
    ['Took', duration(summary.total_us)], ['First byte', duration(summary.first_byte_us)], ['Received', `${summary.received_bytes} B`],
    ['Sent', `${summary.sent_bytes} B`], ['Ending', summary.ending], ['Version', summary.version], ['Connection', String(summary.connection)], ['Upstream', summary.upstream ?? 'none'],
  ].map(([name, value]) => ({ name, value }));
  return [
    beside({ caption: 'Decisions', ...names, pairs: difference.align(left.trail, right.trail, decided), draw: decision }),
    beside({ caption: 'Request', ...names, pairs: difference.messages(left.request, right.request), draw: line }),
    content('Request content', left.request, right.request, names),
    beside({ caption: 'Response', ...names, pairs: difference.messages(left.response, right.response), draw: line }),
    content('Response content', left.response, right.response, names),
    beside({ caption: 'Figures', ...names, pairs: difference.fields(facts(left), facts(right)), draw: line }),
  ];
}

/** @param {any} decision */
const decided = (decision) => `${decision.rule.name}\n${decision.outcome}\n${decision.because}`;

/** @param {any} decision */
const decision = ({ rule, outcome, because, declines }) => [
  element('span', { class: 'section' }, plain(rule.name, 60)), ' ', element('b', { class: declines ? 'bad' : null }, shown(outcome)), ' — ', shown(because),
];

/** @param {string} caption @param {any} left @param {any} right @param {{left: string, right: string}} names */
function content(caption, left, right, names) {
  const [one, other] = [left?.content, right?.content];
  if (!one?.length && !other?.length) return null;
  const isCoded = (/** @type {any} */ side) => side?.length > 0 && side.text === null;
  if (isCoded(one) || isCoded(other)) {
    const kind = one?.length === other?.length && one?.bytes === other?.bytes && one?.sha256 === other?.sha256 ? 'same' : 'changed';
    const said = (/** @type {any} */ side) => `${count(side?.length ?? 0, 'byte')}, not text`;
    return beside({ caption, ...names, pairs: [{ kind, left: said(one), right: said(other) }] });
  }
  const lines = (/** @type {any} */ side) => (side?.text ? side.text.split('\n') : []);
  return beside({ caption, ...names, pairs: difference.align(lines(one), lines(other)), folds: true });
}
