/**
 * The list of exchanges. Only the rows in view are in the document, however many there are: they are a pool that is
 * moved along as it scrolls. The cursor is an `aria-activedescendant`, so the list keeps the focus.
 */
import { element, write } from './element.js';
import { duration } from './quantity.js';
import { COLUMNS, Row } from './row.js';
import { axis } from './waterfall.js';

/** Rows that are kept ready above and below what is in view. */
const MARGIN = 6;

/** Fires `pick` (the cursor moved: detail is the id) and `open` (Enter, a click). */
export class List extends EventTarget {
  /** @param {import('./exchanges.js').Exchanges} exchanges */
  constructor(exchanges) {
    super();
    this.exchanges = exchanges;
    /** Whether the list keeps to its newest end. */
    this.follows = true;
    this.picked = '';
    /** Another that is marked, to be compared. */
    this.marked = '';
    this.forgotten = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.body = element('div', { class: 'rows', role: 'rowgroup' });
    this.probe = element('div', { class: 'probe', 'aria-hidden': 'true' });
    this.span = element('span', { class: 'axis' });
    this.head = element('div', { class: 'head', role: 'rowgroup' },
      element('div', { class: 'row', role: 'row', 'aria-rowindex': 1 },
        COLUMNS.map(([title, name], index) =>
          element('div', { class: `cell ${name}`, role: 'columnheader', 'aria-colindex': index + 1 }, title, name === 'fall' && this.span))));
    this.empty = element('div', { class: 'empty', hidden: true });
    this.grid = element('div', {
      class: 'grid', id: 'list', role: 'grid', tabindex: 0, 'aria-label': 'Exchanges', 'aria-colcount': COLUMNS.length,
      on: {
        scroll: () => this.#scrolled(),
        click: (/** @type {MouseEvent} */ event) => this.#clicked(event),
      },
    }, this.head, this.body);
    this.root = element('div', { class: 'list' }, this.grid, this.probe, this.empty);
    this.#measureWhenLaidOut();
    exchanges.addEventListener('change', () => this.draw());
  }

  /** Puts the cursor on an exchange. @param {string} id @param {{scroll?: boolean}} [how] */
  pick(id, { scroll = true } = {}) {
    this.picked = id;
    const index = this.exchanges.indexOf(id);
    if (index >= 0 && scroll) {
      this.follows = this.follows && index === this.exchanges.rows.length - 1;
      this.#reveal(index);
    }
    this.draw();
  }

  /** Moves the cursor by rows; from nowhere it goes to the newest. @param {number} by */
  move(by) {
    const { rows } = this.exchanges;
    if (rows.length === 0) return;
    const index = this.exchanges.indexOf(this.picked);
    const to = index < 0 ? rows.length - 1 : Math.min(rows.length - 1, Math.max(0, index + by));
    this.follows = to === rows.length - 1 && this.follows;
    this.#tell('pick', rows[to].id);
  }

  /** Goes to the oldest. */
  first() {
    this.follows = false;
    const [oldest] = this.exchanges.rows;
    if (oldest) this.#tell('pick', oldest.id);
  }

  /** Goes to the newest, and stays there as others come. */
  last() {
    const { rows } = this.exchanges;
    if (rows.length > 0) this.#tell('pick', rows[rows.length - 1].id);
    this.follow();
  }

  /** Keeps to the newest end. */
  follow() {
    this.follows = true;
    this.draw();
  }

  /** How many rows fit. @returns {number} */
  get page() {
    return Math.max(1, Math.floor((this.grid.clientHeight - this.head.offsetHeight) / this.height) - 1);
  }

  /** Shows what is to be shown now. */
  draw() {
    const { rows } = this.exchanges;
    this.grid.setAttribute('aria-rowcount', String(rows.length + 1));
    this.body.style.height = `${rows.length * this.height}px`;
    this.empty.hidden = rows.length > 0 || !this.exchanges.loaded;
    if (this.follows && rows.length > 0) this.grid.scrollTop = this.grid.scrollHeight;
    else if (this.exchanges.forgotten > this.forgotten) this.grid.scrollTop -= (this.exchanges.forgotten - this.forgotten) * this.height;
    this.forgotten = this.exchanges.forgotten;
    const top = this.grid.scrollTop;
    const room = this.grid.clientHeight;
    const first = Math.max(0, Math.floor(top / this.height) - MARGIN);
    const last = Math.min(rows.length, Math.ceil((top + room) / this.height) + MARGIN);
    this.#pool(last - first);
    const inView = rows.slice(Math.floor(top / this.height), Math.ceil((top + room) / this.height));
    const scale = axis(inView.map((/** @type {any} */ row) => ({ start: row.start, end: row.start + Math.max(1, row.total_us) })));
    write(this.span, scale.busy ? duration(scale.busy) : '');
    // A row keeps its exchange as long as it is in view: a row that is read out must not become another.
    const free = new Map(this.rows.map((row) => [row.id, row]));
    const wanted = rows.slice(first, last);
    for (const { id } of wanted) free.delete(id);
    const spare = [...new Set(this.rows.filter((row) => !row.id || free.has(row.id)))];
    const held = new Map(this.rows.filter((row) => row.id && !free.has(row.id)).map((row) => [row.id, row]));
    wanted.forEach((/** @type {any} */ summary, /** @type {number} */ offset) => {
      const row = held.get(summary.id) ?? /** @type {Row} */ (spare.pop());
      row.show(summary, first + offset);
      row.root.style.transform = `translateY(${(first + offset) * this.height}px)`;
      row.draw(scale);
      const isPicked = summary.id === this.picked;
      row.root.classList.toggle('picked', isPicked);
      row.root.classList.toggle('marked', summary.id === this.marked);
      row.root.setAttribute('aria-selected', String(isPicked));
    });
    for (const row of spare) {
      row.root.hidden = true;
      row.root.removeAttribute('id');
      row.id = '';
      row.summary = null;
    }
    const picked = this.exchanges.indexOf(this.picked);
    if (picked >= first && picked < last) this.grid.setAttribute('aria-activedescendant', `row-${this.picked}`);
    else this.grid.removeAttribute('aria-activedescendant');
  }

  /** Has as many rows in the document as are wanted. @param {number} wanted */
  #pool(wanted) {
    while (this.rows.length < wanted) {
      const row = new Row();
      this.rows.push(row);
      this.body.append(row.root);
    }
    while (this.rows.length > wanted + 2 * MARGIN) this.rows.pop()?.root.remove();
  }

  /** @param {number} index */
  #reveal(index) {
    const top = index * this.height;
    const room = this.grid.clientHeight - this.head.offsetHeight;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + this.height > this.grid.scrollTop + room) this.grid.scrollTop = top + this.height - room;
  }

  #scrolled() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      const { scrollTop, scrollHeight, clientHeight } = this.grid;
      this.follows = scrollTop + clientHeight >= scrollHeight - 2;
      this.draw();
    });
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-id]'));
    if (!row) return;
    this.#tell('pick', row.dataset.id ?? '');
    this.#tell('open', row.dataset.id ?? '');
  }

  /** The height of a row is the style's to say, and differs between a desk and a phone. */
  #measureWhenLaidOut() {
    this.height = 28;
    new ResizeObserver(() => {
      this.height = this.probe.offsetHeight || this.height;
      this.draw();
    }).observe(this.grid);
  }

  /** @param {string} name @param {string} id */
  #tell(name, id) {
    this.dispatchEvent(new CustomEvent(name, { detail: id }));
  }
}
