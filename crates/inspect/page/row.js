/** One row of the list: made once, and filled with one exchange after another as the list scrolls. */
import { element, write } from './element.js';
import { clock, duration, size } from './quantity.js';
import { plain } from './shown.js';

/** The columns, in order: what they are called, and their class. */
export const COLUMNS = [
  ['Time', 'time'],
  ['Method', 'method'],
  ['Status', 'status'],
  ['Target', 'target'],
  ['Why', 'why'],
  ['Type', 'type'],
  ['Size', 'size'],
  ['Took', 'took'],
  ['Waterfall', 'fall'],
];

/** How much of a target or a sentence is put into a row. */
const TEXT_MAX = 300;

/** The class of a status: 2xx and so on. @param {{status: number, state: string}} summary @returns {string} */
export function statusClass({ status, state }) {
  if (state === 'open') return 'is-open';
  return status >= 100 && status < 600 ? `is-${Math.floor(status / 100)}xx` : 'is-none';
}

/** How an exchange that did not end well ended, in a few words. @type {Record<string, string>} */
export const ENDINGS = {
  refused: 'refused',
  abandoned: 'the client went away',
  broken: 'broke off',
  switched: 'went over to another protocol',
  open: 'under way',
};

/** A row, and where its parts are. */
export class Row {
  constructor() {
    /** @type {Record<string, HTMLElement>} */
    this.cells = {};
    const cells = COLUMNS.map(([, name], index) => {
      const cell = element('div', { class: `cell ${name}`, role: 'gridcell', 'aria-colindex': index + 1 });
      this.cells[name] = cell;
      return cell;
    });
    this.host = element('span', { class: 'host' });
    this.path = element('bdi');
    this.cells.target.append(this.host, this.path);
    this.outcome = element('b');
    this.because = element('span', { class: 'because' });
    this.cells.why.append(element('span', { class: 'mark', 'aria-hidden': 'true' }), this.outcome, this.because);
    this.wait = element('i', { class: 'wait' });
    this.send = element('i', { class: 'send' });
    this.cells.fall.append(this.wait, this.send);
    this.root = element('div', { class: 'row', role: 'row' }, cells);
    this.id = '';
  }

  /**
   * Shows an exchange.
   * @param {any} summary
   * @param {number} index its place in the list
   */
  show(summary, index) {
    this.root.hidden = false;
    this.root.setAttribute('aria-rowindex', String(index + 2));
    if (this.summary === summary) return;
    this.summary = summary;
    this.id = summary.id;
    this.root.id = `row-${summary.id}`;
    this.root.dataset.id = summary.id;
    const open = summary.state === 'open';
    this.root.className = `row ${statusClass(summary)}${summary.declined ? ' declined' : ''}${summary.origin === 'live' ? '' : ` from-${summary.origin === 'har' ? 'har' : 'replay'}`}`;
    const { cells } = this;
    write(cells.time, clock(summary.at));
    write(cells.method, plain(summary.method ?? '–', 20));
    write(cells.status, open ? '···' : String(summary.status || '–'));
    cells.status.setAttribute('aria-label', open ? 'under way' : `${summary.status || 'no status'} ${plain(summary.reason ?? '', 60)}`);
    write(this.host, plain(summary.host ?? '', 80));
    write(this.path, plain(summary.target ?? 'a head that could not be read', TEXT_MAX));
    const ending = summary.why ? '' : ENDINGS[summary.ending] ?? '';
    write(this.outcome, plain(summary.why?.outcome ?? ending, TEXT_MAX));
    write(this.because, plain(summary.why?.because ?? '', TEXT_MAX));
    write(cells.type, plain(summary.media_type?.split(';')[0] ?? '', 40));
    write(cells.size, open ? '' : size(summary.sent_bytes));
    write(cells.took, open ? '' : duration(summary.total_us));
  }

  /** Draws its bar. @param {import('./waterfall.js').Axis} axis */
  draw(axis) {
    const { start, first_byte_us: first, total_us: total } = this.summary;
    const from = axis.at(start);
    const middle = axis.at(start + (first ?? total));
    const to = axis.at(start + total);
    place(this.wait, from, middle);
    place(this.send, middle, to);
  }
}

/** @param {HTMLElement} bar @param {number} from @param {number} to */
function place(bar, from, to) {
  bar.style.left = `min(${(from * 100).toFixed(2)}%, 100% - 2px)`;
  bar.style.width = `${((to - from) * 100).toFixed(2)}%`;
}
