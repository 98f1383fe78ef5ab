/** When what happened: every phase of the exchange, every layer inside of them, and every phase of its hops on one scale. */
import { element, fill } from './element.js';
import { link } from './place.js';
import { duration } from './quantity.js';
import { plain, shown } from './shown.js';

/** What a phase is called; another says itself what it was. @type {Record<string, string>} */
const NAMES = {
  routed: 'route chosen', answered: 'route has answered', accepted: 'connection accepted', secured: 'TLS handshake done', 'first-byte-in': 'first byte in', head: 'head complete',
  'request-complete': 'request complete', 'upstream-connected': 'upstream connected',
  'upstream-first-byte': 'first byte from upstream', 'first-byte-out': 'first byte out', done: 'done',
  begun: 'begun', queued: 'waited for a connection', resolved: 'name resolved', connected: 'connected', proxied: 'through the proxy',
  sent: 'request sent', 'first-byte': 'first byte',
};

/**
 * @typedef {{name: string, at_us: number, says?: string}} Phase
 * @typedef {{name: string, in_us: number, out_us: number | null, place: string | null}} Layer
 * @typedef {{title: string, phases: Phase[], layers?: Layer[], id?: string}} Lane `id`: whose story says what its layers decided
 * @typedef {{name: string, from: number, until: number, depth: number, kind: string, place: string | null}} Stretch
 */

/**
 * Shows it.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export function show(panel, detail) {
  const lanes = [
    { title: detail.summary.origin === 'replay' ? 'This client' : 'This server', phases: detail.phases, layers: detail.layers ?? [], id: detail.trail.length ? detail.summary.id : '' },
    ...detail.hops.map((/** @type {any} */ hop) => ({
      title: `Hop ${hop.attempt}: ${plain(hop.upstream, 80)}${hop.reused ? ', a connection used before' : ', a new connection'}`, phases: hop.phases,
    })),
  ].filter((lane) => lane.phases.length > 0);
  const ends = (detail.layers ?? []).flatMap((/** @type {Layer} */ layer) => [layer.in_us, layer.out_us ?? layer.in_us]);
  const times = [...lanes.flatMap((lane) => lane.phases.map((/** @type {Phase} */ phase) => phase.at_us)), ...ends];
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

/** @param {Lane} lane @param {{from: number, to: number}} scale */
function drawn(lane, scale) {
  const share = (/** @type {number} */ at) => Math.min(1, Math.max(0, (at - scale.from) / (scale.to - scale.from)));
  const track = (/** @type {Stretch} */ { from, until, kind }) => {
    const bar = element('i', { class: `bar ${kind}` });
    bar.style.left = `min(${share(from) * 100}%, 100% - 2px)`;
    bar.style.width = `${(share(until) - share(from)) * 100}%`;
    return element('td', { class: 'track', 'aria-hidden': 'true' }, bar);
  };
  return element('table', { class: 'phases' },
    element('caption', {}, lane.title),
    element('thead', {}, element('tr', {}, ['Phase', 'At', 'Lasted', ''].map((title, index) =>
      element(index === 3 ? 'td' : 'th', { scope: index === 3 ? null : 'col' }, title)))),
    element('tbody', {}, stretches(lane).map((stretch) => {
      const { name, from, until, depth, kind, place } = stretch;
      return element('tr', { class: kind === 'layer' ? 'layer' : null },
        element('th', { scope: 'row', class: `depth-${Math.min(5, depth)}` },
          kind === 'layer' && element('span', { class: 'unseen' }, 'layer '), plain(name, 160),
          place && element('span', { class: 'place' }, ' ', lane.id
            ? element('a', { href: link({ view: 'exchanges', id: lane.id, tab: 'story' }), title: 'What it decided' }, shown(short(place), { max: 200 }))
            : shown(short(place), { max: 200 }))),
        element('td', { class: 'number' }, duration(from)),
        element('td', { class: 'number' }, until > from ? duration(until - from) : until === from ? '' : 'not left'),
        track(stretch));
    })));
}

/** A place without the word that stands there, which is the layer's name: `line 3 of wirelight.kdl`. @param {string} place */
const short = (place) => place.replace(/^`[^`]*` at /, '');

/**
 * From each phase to the next, and each layer from its beginning to its end below the phase in which it began.
 * @param {{phases: Phase[], layers?: Layer[]}} lane layers in the order in which they lie in one another
 * @returns {Stretch[]}
 */
export function stretches({ phases, layers = [] }) {
  const sorted = [...phases].sort((one, other) => one.at_us - other.at_us);
  const end = sorted[sorted.length - 1]?.at_us ?? 0;
  /** @type {Stretch[]} */
  const within = layers.map((layer, index) => ({
    name: layer.name, from: layer.in_us, until: layer.out_us ?? Math.max(end, layer.in_us), depth: index + 1, kind: 'layer', place: layer.place,
  }));
  /** @type {Stretch[]} */
  const found = [];
  sorted.forEach((phase, index) => {
    const next = sorted[index + 1]?.at_us ?? Infinity;
    const kind = phase.name.startsWith('upstream') ? 'upstream' : '';
    const name = NAMES[phase.name] ?? (phase.says || phase.name);
    found.push({ name, from: phase.at_us, until: Math.min(next, Math.max(end, phase.at_us)), depth: 0, kind, place: null });
    while (within.length && within[0].from < next) found.push(/** @type {Stretch} */ (within.shift()));
  });
  return [...found, ...within];
}
