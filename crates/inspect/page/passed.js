/**
 * What a server in the middle received beside what it sent on: the bytes of both heads line by line, with a mark, a word
 * and a colour wherever they differ. What differs is the server's to say; here it is drawn.
 */
import { element } from './element.js';
import { DRAWN_MAX, drawn, lightUp } from './hex.js';
import { count } from './quantity.js';
import { bytes as decoded, cut, within } from './runs.js';
import { plain, shown } from './shown.js';

/** What is said of a pair: a sign, a word, and more for the one who points at it. @type {Record<string, [string, string, string]>} */
const KINDS = {
  same: ['', '', ''],
  changed: ['≠', 'changed', 'Changed on the way.'],
  added: ['+', 'added', 'Added on the way.'],
  removed: ['−', 'removed', 'Removed on the way.'],
  hidden: ['?', 'secret', 'A secret on both sides: neither is kept, so nobody can compare them.'],
};

/** How high a line is, and about how many characters fit in one. */
const LINE_REM = 1.1625;
const TEXT_ROW = 45;

/** Said of a line that the other side has elsewhere. */
const MOVED = 'It stands elsewhere on the other side, which means the same.';

/** @typedef {import('./runs.js').Piece} Piece */
/** @typedef {{hop: any, detail: any, form: 'hex' | 'text', perRow: 8 | 16, tell: (leaf: any) => void}} How */

/** Both messages of a hop. @param {How} how @returns {HTMLElement} */
export function passedOn({ hop, detail, ...how }) {
  const upstream = plain(hop.upstream, 80);
  const written = hop.wire.some((/** @type {Piece} */ piece) => piece.written);
  return element('section', { class: 'passed', 'aria-label': `Passed on to ${upstream}` },
    element('h4', {}, `Passed on to ${upstream}`, hop.attempt > 1 && element('span', { class: 'quiet' }, ` attempt ${hop.attempt}`)),
    hop.error && element('p', { class: 'trouble' }, shown(hop.error)),
    written && element('p', { class: 'note' }, 'The heads of this server are written out here: on its wire they were compressed.'),
    hop.request_beside.length > 0 && passing({
      ...how, caption: 'Request', left: ['received', 'not received'], right: ['sent on', 'not sent on'],
      pairs: hop.request_beside, leftOf: detail.wire, rightOf: hop.wire,
    }),
    hop.response_beside.length > 0 && passing({
      ...how, caption: 'Response', left: ['came back', 'did not come'], right: ['sent', 'not sent'],
      pairs: hop.response_beside, leftOf: hop.wire, rightOf: detail.wire,
    }));
}

/** Goes to the next difference below a root, or to the one before. @param {HTMLElement} root @param {number} by @returns {boolean} whether there is any */
export function step(root, by) {
  const rows = /** @type {HTMLElement[]} */ ([...root.querySelectorAll('.passing .differing')]);
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length];
  row?.focus();
  row?.scrollIntoView({ block: 'nearest' });
  return row !== undefined;
}

/**
 * @param {{caption: string, left: [string, string], right: [string, string], pairs: any[], leftOf: Piece[], rightOf: Piece[],
 *   form: 'hex' | 'text', perRow: 8 | 16, tell: (leaf: any) => void, max?: number}} what
 */
function passing(what) {
  const { caption, left, right, pairs, leftOf, rightOf, form, perRow, tell, max = DRAWN_MAX } = what;
  const sides = [new Side(leftOf, left[1]), new Side(rightOf, right[1])];
  /** @type {any[]} */
  const leaves = [];
  let room = max;
  const rows = [];
  for (const pair of pairs) {
    if (room <= 0) break;
    room -= Math.max(...[pair.left, pair.right].map((places) => places.reduce((/** @type {number} */ sum, /** @type {any} */ place) => sum + place.length, 0)));
    rows.push(row(pair, sides, leaves, { form, perRow, caption, titles: [left[0], right[0]] }));
  }
  const found = ['changed', 'added', 'removed'].map((kind) => [pairs.filter((pair) => pair.kind === kind).length, kind]).filter(([number]) => number);
  const table = element('div', { class: 'passing-table', role: 'table', 'aria-label': `${caption}: ${left[0]} beside ${right[0]}` },
    element('div', { role: 'rowgroup' }, element('div', { class: 'pair heads', role: 'row' },
      element('span', { class: 'sign', role: 'columnheader' }, element('span', { class: 'unseen' }, 'Difference')),
      element('span', { role: 'columnheader' }, left[0]), element('span', { role: 'columnheader' }, right[0]))),
    element('div', { role: 'rowgroup' }, rows));
  const group = element('div', { class: `passing ${form}`, tabindex: 0, role: 'group', 'aria-label': `${caption} passed on: ${count(leaves.length, 'part')}; arrow keys go from one to the next, d to the next difference` }, table);
  lightUp(group, leaves.length, (leaf) => tell(leaves[leaf]));
  const section = element('div', { class: 'passing-of' },
    element('p', { class: 'passing-head' }, element('b', {}, caption), ' ',
      element('span', { class: found.length ? 'differs-in' : 'agrees' }, found.length ? found.map(([number, kind]) => `${number} ${kind}`).join(', ') : 'no difference')),
    group);
  if (rows.length < pairs.length) {
    section.append(element('button', { type: 'button', class: 'small', on: { click: () => section.replaceWith(passing({ ...what, max: Infinity })) } }, `Show all ${count(pairs.length, 'line')}`));
  }
  return section;
}

/** @param {any} pair @param {Side[]} sides @param {any[]} leaves @param {{form: 'hex' | 'text', perRow: 8 | 16, caption: string, titles: string[]}} how */
function row(pair, sides, leaves, { form, perRow, caption, titles }) {
  const [sign, word, says] = KINDS[pair.kind] ?? KINDS.same;
  const differs = pair.kind === 'changed' || pair.kind === 'added' || pair.kind === 'removed';
  const cells = [pair.left, pair.right].map((places, side) => {
    const said = `${caption}, ${titles[side]}. ${says}${pair.moved ? ` ${MOVED}` : ''}`;
    const parts = places.map((/** @type {any} */ place) => sides[side].draw(place, leaves, said, { form, perRow }));
    return element('div', { class: 'half', role: 'cell' },
      element('span', { class: 'side-name' }, titles[side]),
      parts.length ? parts : element('span', { class: 'nothing' }, sides[side].nothing));
  });
  const made = element('div', { class: `pair ${KINDS[pair.kind] ? pair.kind : 'same'}${differs ? ' differing' : ''}`, role: 'row', tabindex: differs ? -1 : null },
    element('div', { class: 'sign', role: 'cell' },
      sign && element('span', { 'aria-hidden': 'true' }, sign), word && element('span', { class: 'word' }, word),
      pair.moved && [element('span', { 'aria-hidden': 'true', title: MOVED }, '↕'), element('span', { class: 'unseen' }, MOVED)]),
    cells);
  // What is out of view is not laid out: about how high it will be is known all the same.
  const widths = [pair.left, pair.right].map((places) => places.reduce((/** @type {number} */ sum, /** @type {any} */ place) => sum + Math.ceil(place.length / (form === 'hex' ? perRow : TEXT_ROW)), 0));
  made.style.containIntrinsicSize = `auto ${(Math.max(1, ...widths) * LINE_REM).toFixed(2)}rem`;
  return made;
}

/** The pieces of one side, each cut where its meaning changes once it is needed. */
class Side {
  /** @param {Piece[]} pieces @param {string} nothing what is said where a line is missing */
  constructor(pieces, nothing) {
    this.pieces = pieces;
    this.nothing = nothing;
    /** @type {Map<number, {content: Uint8Array, runs: import('./runs.js').Run[], leaves: any[]}>} */
    this.known = new Map();
    /** Which number a leaf of a piece has here. @type {Map<any, number>} */
    this.numbers = new Map();
  }

  /** Draws a place of a piece. @param {any} place @param {any[]} leaves of both sides, in the order of reading @param {string} said @param {{form: 'hex' | 'text', perRow: 8 | 16}} how */
  draw(place, leaves, said, { form, perRow }) {
    const { content, runs, leaves: own } = this.#piece(place.piece);
    const part = within(runs, place).map((run) => {
      const leaf = own[run.leaf];
      if (leaf && !this.numbers.has(leaf)) {
        this.numbers.set(leaf, leaves.length);
        leaves.push({ ...leaf, said });
      }
      return { ...run, leaf: leaf ? this.numbers.get(leaf) ?? -1 : -1 };
    });
    return drawn(content.subarray(0, place.start + place.length), part, { form, max: Infinity, perRow, from: place.start });
  }

  /** @param {number} number */
  #piece(number) {
    let known = this.known.get(number);
    if (!known) {
      const { bytes, spans } = this.pieces[number];
      const content = decoded(bytes);
      known = { content, ...cut(spans, content.length) };
      this.known.set(number, known);
    }
    return known;
  }
}
