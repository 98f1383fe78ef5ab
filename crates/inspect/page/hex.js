/**
 * Bytes that can be read: as hex and characters side by side, or as text. Each run of one meaning has its colour; the
 * one under the pointer, or the one the arrow keys are on, is lit up everywhere and named by whoever listens.
 */
import { element } from './element.js';
import { shown } from './shown.js';
import { text } from './runs.js';

/** How many bytes are drawn until all are asked for. */
export const DRAWN_MAX = 4096;
/** How many rows of hex are laid out together. */
const BLOCK_ROWS = 64;

/** @param {string} kind @returns {string} its class */
const coloured = (kind) => `k-${/^[a-z-]+$/.test(kind) ? kind : 'unknown'}`;

/**
 * Draws runs.
 * @param {Uint8Array} bytes
 * @param {import('./runs.js').Run[]} runs
 * @param {{form: 'hex' | 'text', max: number, perRow?: 8 | 16, from?: number}} how `from`: the first byte that is drawn
 * @returns {HTMLElement}
 */
export function drawn(bytes, runs, { form, max, perRow = 16, from = 0 }) {
  const end = Math.min(bytes.length, max);
  const seen = runs.filter((run) => run.start < end);
  return form === 'hex' ? hex(bytes, seen, { from, end, perRow }) : written(bytes, seen, end);
}

/** @param {import('./runs.js').Run} run @param {string} content @param {boolean} [isBoundary] */
function stretch(run, content, isBoundary = false) {
  const span = run.path[run.path.length - 1];
  const more = `${isBoundary ? ' begins' : ''}${span?.redacted ? ' redacted' : ''}${run.isMarked ? ' marked' : ''}`;
  return element(run.isMarked ? 'mark' : 'span', { class: `run ${coloured(span?.kind ?? 'unknown')}${more}`, 'data-leaf': run.leaf }, content);
}

/** @param {Uint8Array} bytes @param {import('./runs.js').Run[]} runs @param {{from: number, end: number, perRow: number}} which */
function hex(bytes, runs, { from, end, perRow }) {
  const rows = [];
  let next = 0;
  for (let start = from; start < end; start += perRow) {
    const stop = Math.min(end, start + perRow);
    while (next < runs.length && runs[next].end < start) next += 1;
    const figures = element('span', { class: 'figures' });
    const characters = element('span', { class: 'characters' });
    for (let index = next; index < runs.length && runs[index].start < stop; index += 1) {
      const run = runs[index];
      const part = bytes.subarray(Math.max(start, run.start), Math.min(stop, run.end));
      if (part.length === 0) {
        if (run.isMarked && run.start === run.end && run.start >= start) figures.append(stretch(run, ''));
        continue;
      }
      if (figures.hasChildNodes()) figures.append(' ');
      figures.append(stretch(run, Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' '), run.start >= start));
      characters.append(stretch(run, Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')));
    }
    rows.push(element('div', { class: 'line' },
      element('span', { class: 'offset' }, start.toString(16).padStart(6, '0')), figures, characters));
  }
  // What is out of view is not laid out, block by block.
  const blocks = [];
  for (let first = 0; first < rows.length; first += BLOCK_ROWS) blocks.push(element('div', { class: 'block' }, rows.slice(first, first + BLOCK_ROWS)));
  return element('div', { class: `hex per-${perRow}` }, rows.length > BLOCK_ROWS ? blocks : rows);
}

/** @param {Uint8Array} bytes @param {import('./runs.js').Run[]} runs @param {number} end */
function written(bytes, runs, end) {
  return element('div', { class: 'text' }, runs.map((run) => {
    const part = text(bytes.subarray(run.start, Math.min(end, run.end)));
    const span = run.path[run.path.length - 1];
    if (span?.value && span.kind.startsWith('hpack') && run.start === span.start) {
      // What is compressed is read as what it stands for; its bytes are in the other view.
      const stands = stretch(run, '');
      stands.append(shown(span.value), '\n');
      return stands;
    }
    const isEnd = /^(?:line-end|empty-line|chunk-size|last-chunk)$/.test(span?.kind ?? '');
    const made = stretch(run, '', false);
    if (isEnd) {
      made.append(shown(part));
      if (part.endsWith('\n')) made.append('\n');
    } else {
      made.append(shown(part, { lines: span?.kind === 'content' }));
    }
    return made;
  }));
}

/**
 * Lets the runs below an element be found by pointer and by keyboard.
 * @param {HTMLElement} root what holds the runs; it takes the focus
 * @param {number} leaves how many there are
 * @param {(leaf: number) => void} name called with the leaf that is lit
 */
export function lightUp(root, leaves, name) {
  let current = 0;
  let isLit = false;
  const dim = () => {
    for (const lit of root.querySelectorAll('.lit')) lit.classList.remove('lit');
    isLit = false;
  };
  const light = (/** @type {number} */ leaf, scroll = false) => {
    if (isLit && leaf === current) return;
    dim();
    current = leaf;
    isLit = true;
    const found = root.querySelectorAll(`[data-leaf="${leaf}"]`);
    for (const run of found) run.classList.add('lit');
    if (scroll) found[0]?.scrollIntoView({ block: 'nearest' });
    name(leaf);
  };
  root.addEventListener('pointerover', (event) => {
    const run = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-leaf]'));
    const leaf = Number(run?.dataset.leaf ?? -1);
    if (leaf >= 0) light(leaf);
  });
  // One is lit at a time, also where there are several of these.
  root.addEventListener('pointerleave', dim);
  root.addEventListener('blur', dim);
  root.addEventListener('focus', () => light(current));
  root.addEventListener('keydown', (event) => {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 });
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    let to;
    if (event.key in steps) to = Math.min(leaves - 1, Math.max(0, current + steps[event.key]));
    else if (event.key === 'Home') to = 0;
    else if (event.key === 'End') to = leaves - 1;
    else return;
    event.preventDefault();
    event.stopPropagation();
    light(to, true);
  });
}
