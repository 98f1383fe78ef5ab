/** The bytes of an exchange: what was passed on beside what it was made of, and all that was received and sent, each byte with its meaning. */
import { element, fill, write } from './element.js';
import { DRAWN_MAX, drawn, lightUp } from './hex.js';
import { passedOn } from './passed.js';
import { count, duration } from './quantity.js';
import { ruleLink } from './rules.js';
import { bytes as decoded, cut } from './runs.js';
import { plain, shown } from './shown.js';

/** How wide, in pixels, a side must be for 16 bytes in a line. */
const WIDE = 570;
/** From which width on, in pixels, two sides stand beside one another: as the style has it. */
const TWO = 656;

/** Hex or text: what was chosen last stays. @type {'hex' | 'text'} */
let form = 'text';

/**
 * Shows them.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export function show(panel, detail) {
  const readout = new Readout();
  const width = panel.clientWidth || document.getElementById('panel')?.clientWidth || WIDE;
  const perRow = (width < TWO ? width : width / 2) >= WIDE ? 16 : 8;
  const sides = ['received', 'sent'].map((direction) => {
    const pieces = detail.wire.filter((/** @type {any} */ piece) => piece.direction === direction);
    return element('section', { class: 'side', 'aria-label': direction === 'received' ? 'Received' : 'Sent' },
      element('h4', {}, direction === 'received' ? 'Received' : 'Sent',
        element('span', { class: 'quiet' }, ` ${count(pieces.reduce((/** @type {number} */ sum, /** @type {any} */ piece) => sum + piece.length, 0), 'byte')}`)),
      pieces.map((/** @type {any} */ piece, /** @type {number} */ index) => drawPiece(piece, `${direction} ${index + 1}`, readout, perRow)),
      pieces.length === 0 && element('p', { class: 'quiet' }, 'No bytes of this side were kept.'));
  });
  const choices = /** @type {const} */ ([['text', 'Text'], ['hex', 'Hex']]).map(([value, title]) =>
    element('label', { class: 'choice' },
      element('input', { type: 'radio', name: 'form', value, checked: form === value, on: { change: () => { form = value; show(panel, detail); /** @type {HTMLElement | null} */ (panel.querySelector(`input[value=${value}]`))?.focus(); } } }), title));
  fill(panel, element('h3', { class: 'unseen' }, 'Bytes'),
    element('div', { class: 'toolbar' },
      element('fieldset', { class: 'choices' }, element('legend', { class: 'unseen' }, 'Shown as'), choices),
      readout.root),
    detail.hops.map((/** @type {any} */ hop) => passedOn({ hop, detail, form, perRow: perRow === 16 && width < 2 * WIDE + 120 ? 8 : perRow, tell: (leaf) => readout.show(leaf) })),
    detail.hops.length > 0 && element('h4', { class: 'all-of-it' }, 'All that passed with the client'),
    element('div', { class: 'sides' }, sides));
}

/** Says what the bytes are that are lit. */
class Readout {
  constructor() {
    this.path = element('span', { class: 'path' }, 'Point at bytes, or focus them and use the arrow keys: they say what they are.');
    this.says = element('span', { class: 'says' });
    this.more = element('span', { class: 'more' });
    this.root = element('div', { class: 'readout', role: 'status' }, this.path, this.says, this.more);
  }

  /** @param {{span: any, path: any[], said?: string} | undefined} leaf */
  show(leaf) {
    if (!leaf) return;
    const { span, path } = leaf;
    fill(this.path, path.map((part, index) => [
      index > 0 && element('span', { class: 'quiet' }, ' › '),
      element('span', { class: `k-${/^[a-z-]+$/.test(part.kind) ? part.kind : 'unknown'}` }, plain(part.name, 80)),
    ]), element('span', { class: 'quiet' }, `  ${span.redacted ? 'length not kept' : count(span.length, 'byte')} at ${span.start}`));
    write(this.says, `${leaf.said ? `${leaf.said} ` : ''}${plain(span.says, 300)}`);
    fill(this.more, span.value && [shown(span.value, { max: 300 }), ' '], span.redacted && 'Not kept: it is a secret. ',
      span.rule && (/^[a-z0-9-]+$/.test(span.rule) ? ruleLink(span.rule) : element('span', { class: 'section' }, plain(span.rule, 80))));
  }
}

/** @param {any} piece @param {string} label @param {Readout} readout @param {8 | 16} perRow @param {number} [max] */
function drawPiece(piece, label, readout, perRow, max = DRAWN_MAX) {
  const content = decoded(piece.bytes);
  const { runs, leaves } = cut(piece.spans, content.length);
  const view = element('div', { class: `wire ${form}`, tabindex: 0, role: 'group', 'aria-label': `Bytes ${label}: ${count(leaves.length, 'part')}; arrow keys go from one to the next` },
    drawn(content, runs, { form, max, perRow }));
  lightUp(view, leaves.length, (leaf) => readout.show(leaves[leaf]));
  const article = element('div', { class: 'piece' },
    element('p', { class: 'piece-head' },
      element('span', {}, piece.frames ? 'frames' : 'message'),
      element('span', { class: 'quiet' }, `${piece.at_us === null ? '' : `${duration(piece.at_us)} · `}${count(piece.length, 'byte')}${piece.truncated ? `, the first ${content.length.toLocaleString('en')} kept` : ''}`)),
    view);
  if (content.length > max) {
    article.append(element('button', { type: 'button', class: 'small', on: { click: () => article.replaceWith(drawPiece(piece, label, readout, perRow, Infinity)) } },
      `Show all ${count(content.length, 'byte')}`));
  }
  return article;
}
