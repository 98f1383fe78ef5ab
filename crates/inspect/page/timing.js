/** When what happened: every phase of the exchange and of its hops on one scale. */
import { element, fill } from './element.js';
import { duration } from './quantity.js';
import { plain } from './shown.js';

/** What a phase is called; another says itself what it was. @type {Record<string, string>} */
const NAMES = {
  accepted: 'connection accepted', secured: 'TLS handshake done', 'first-byte-in': 'first byte in', head: 'head complete',
  'request-complete': 'request complete', 'upstream-connected': 'upstream connected',
  'upstream-first-byte': 'first byte from upstream', 'first-byte-out': 'first byte out', done: 'done',
  begun: 'begun', queued: 'waited for a connection', resolved: 'name resolved', connected: 'connected', proxied: 'through the proxy',
  sent: 'request sent', 'first-byte': 'first byte',
};

/**
 * @typedef {{name: string, at_us: number, says?: string}} Phase
 * @typedef {{phase: Phase, until: number, depth: number}} Stretch
 */

/**
 * Shows it.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export function show(panel, detail) {
  const lanes = [
    { title: detail.summary.origin === 'replay' ? 'This client' : 'This server', phases: detail.phases },
    ...detail.hops.map((/** @type {any} */ hop) => ({
      title: `Hop ${hop.attempt}: ${plain(hop.upstream, 80)}${hop.reused ? ', a connection used before' : ', a new connection'}`, phases: hop.phases,
    })),
  ].filter((lane) => lane.phases.length > 0);
  const times = lanes.flatMap((lane) => lane.phases.map((/** @type {Phase} */ phase) => phase.at_us));
  // A connection may be open for hours before: what was long before is a figure, and no bar.
  const total = Math.max(1, detail.summary.total_us);
  const near = times.filter((at) => at >= -total * 2);
  const scale = { from: Math.min(0, ...near), to: Math.max(1, ...times) };
  fill(panel, element('h3', { class: 'unseen' }, 'Timing'),
    figures(detail),
    lanes.map((lane) => drawn(lane, scale)),
    lanes.length === 0 && element('p', { class: 'quiet' }, 'No times of this exchange are known beyond its length.'));
}

/** @param {any} detail */
function figures({ summary, request, response }) {
  const facts = [
    ['To the first byte', duration(summary.first_byte_us)],
    ['In all', duration(summary.total_us)],
    ['Request content', request?.content ? `${request.content.length.toLocaleString('en')} B` : '–'],
    ['Response content', response?.content ? `${response.content.length.toLocaleString('en')} B` : '–'],
  ];
  return element('dl', { class: 'figures' }, facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
}

/** @param {{title: string, phases: Phase[]}} lane @param {{from: number, to: number}} scale */
function drawn(lane, scale) {
  const share = (/** @type {number} */ at) => Math.min(1, Math.max(0, (at - scale.from) / (scale.to - scale.from)));
  return element('table', { class: 'phases' },
    element('caption', {}, lane.title),
    element('thead', {}, element('tr', {}, ['Phase', 'At', 'Lasted', ''].map((title, index) =>
      element(index === 3 ? 'td' : 'th', { scope: index === 3 ? null : 'col' }, title)))),
    element('tbody', {}, stretches(lane.phases).map(({ phase, until, depth }) => {
      const bar = element('i', { class: `bar ${phase.name.startsWith('upstream') ? 'upstream' : depth ? 'layer' : ''}` });
      bar.style.left = `min(${share(phase.at_us) * 100}%, 100% - 2px)`;
      bar.style.width = `${(share(until) - share(phase.at_us)) * 100}%`;
      const name = element('th', { scope: 'row', class: `depth-${Math.min(5, depth)}` }, plain(NAMES[phase.name] ?? (phase.says || phase.name.replace(/^in /, 'within ')), 160));
      return element('tr', {}, name,
        element('td', { class: 'number' }, duration(phase.at_us)),
        element('td', { class: 'number' }, until > phase.at_us ? duration(until - phase.at_us) : ''),
        element('td', { class: 'track', 'aria-hidden': 'true' }, bar));
    })));
}

/**
 * From each phase to the next; from `in NAME` to its `out NAME`.
 * @param {Phase[]} phases
 * @returns {Stretch[]}
 */
export function stretches(phases) {
  const sorted = [...phases].sort((one, other) => one.at_us - other.at_us);
  let depth = 0;
  /** @type {Stretch[]} */
  const found = [];
  sorted.forEach((phase, index) => {
    if (phase.name.startsWith('out ')) {
      depth = Math.max(0, depth - 1);
      return;
    }
    const name = phase.name.startsWith('in ') ? phase.name.slice(3) : null;
    const next = sorted.slice(index + 1).find((later) => (name ? later.name === `out ${name}` : !/^(?:in|out) /.test(later.name)));
    found.push({ phase, until: next?.at_us ?? phase.at_us, depth });
    if (name) depth += 1;
  });
  return found;
}
