/** The pane beside the list: one exchange with its tabs, a connection, or a rule. */
import * as api from './api.js';
import * as bytes from './bytes.js';
import * as compare from './compare.js';
import * as connection from './connection.js';
import * as copy from './copy.js';
import { element, fill, write } from './element.js';
import { go } from './place.js';
import { clock, duration } from './quantity.js';
import * as resend from './resend.js';
import { ENDINGS, statusClass } from './row.js';
import * as rules from './rules.js';
import { plain, shown } from './shown.js';
import * as story from './story.js';
import * as timing from './timing.js';

/** The tabs in order: the name in the address, what is written on it, and who shows it. */
export const TABS = /** @type {const} */ ([
  ['story', 'Story', story.show],
  ['bytes', 'Bytes', bytes.show],
  ['timing', 'Timing', timing.show],
  ['connection', 'Connection', connection.show],
  ['edit', 'Edit and send', resend.show],
  ['compare', 'Compare', compare.show],
  ['copy', 'Copy', copy.show],
]);

/** Fires `closed`. */
export class Detail extends EventTarget {
  /** @param {import('./exchanges.js').Exchanges} exchanges */
  constructor(exchanges) {
    super();
    this.exchanges = exchanges;
    this.id = '';
    this.tab = 'story';
    /** What the server said of the exchange in view. @type {any} */
    this.said = null;
    this.turn = 0;
    /** Whether the focus is to go to the tabs once they are shown. */
    this.wantsFocus = false;
    this.heading = element('h2', { tabindex: -1 });
    this.line = element('p', { class: 'verdict' });
    this.facts = element('p', { class: 'facts-line' });
    this.tabs = element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'The exchange', on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#turned(event) } },
      TABS.map(([name, title]) => element('button', {
        type: 'button', role: 'tab', id: `tab-${name}`, 'data-tab': name, 'aria-controls': 'panel',
        on: { click: () => this.choose(name) },
      }, title)));
    this.panel = element('div', { class: 'panel', id: 'panel', role: 'tabpanel', tabindex: 0 });
    this.exchange = element('div', { class: 'exchange' }, element('header', {}, this.heading, this.line, this.facts), this.tabs, this.panel);
    this.page = element('div', { class: 'page', tabindex: 0, role: 'region', 'aria-label': 'Page' });
    this.close = element('button', { type: 'button', class: 'close', on: { click: () => this.dispatchEvent(new Event('closed')) } }, element('span', { 'aria-hidden': 'true' }, '✕'), element('span', { class: 'unseen' }, 'Close, back to the list'));
    this.root = element('section', { class: 'detail', id: 'detail', 'aria-label': 'Detail', hidden: true }, this.close, this.exchange, this.page);
  }

  /** Shows a place. @param {import('./place.js').Place} place */
  async show(place) {
    this.root.hidden = place.view === 'list';
    this.exchange.hidden = place.view !== 'exchanges';
    this.page.hidden = place.view === 'exchanges' || place.view === 'list';
    this.place = place;
    const turn = ++this.turn;
    if (place.view === 'exchanges') {
      const same = place.id === this.id;
      this.id = place.id;
      this.tab = TABS.find(([name]) => name === place.tab.split(':')[0])?.[0] ?? 'story';
      await this.#load(turn, same);
      return;
    }
    this.id = '';
    if (place.view === 'list') return;
    try {
      if (place.view === 'rules') await rules.show(this.page, place.id);
      else await connection.page(this.page, place.id);
      this.page.scrollTop = 0;
    } catch (error) {
      fill(this.page, this.#trouble(error));
    }
  }

  /** Goes to a tab. @param {string} tab */
  choose(tab) {
    if (this.id) go({ view: 'exchanges', id: this.id, tab }, { replace: true });
  }

  /** Goes to the tab so many further. @param {number} by */
  turnTab(by) {
    const index = TABS.findIndex(([name]) => name === this.tab);
    this.choose(TABS[(index + by + TABS.length) % TABS.length][0]);
  }

  /** Puts the focus where the reading begins. */
  focus() {
    (this.exchange.hidden ? this.page : this.tabs.querySelector('[aria-selected=true]') ?? this.panel).focus();
  }

  /** Hears that an exchange is over: if it is in view, there is more to say. @param {string} id */
  heard(id) {
    if (id === this.id && (this.said?.summary.id !== id || this.said.summary.state === 'open')) this.#load(++this.turn, false);
  }

  /** Hears that a connection was opened or closed, or carries more: if it is in view, it is shown anew. @param {number} id */
  heardOfConnection(id) {
    if (this.place?.view === 'connections' && this.place.id === String(id)) this.show(this.place);
    if (this.tab === 'connection' && this.said?.connection.id === id && this.id) this.#load(++this.turn, true);
  }

  /** @param {number} turn @param {boolean} same */
  async #load(turn, same) {
    this.#mark();
    try {
      if (!same || this.said?.summary.id !== this.id || this.said?.summary.state === 'open') {
        const known = this.exchanges.get(this.id);
        if (known) this.#head(known);
        const said = await api.exchange(this.id);
        if (turn !== this.turn) return;
        this.said = said;
      }
      this.#head(this.said.summary);
      const show = TABS.find(([name]) => name === this.tab)?.[2];
      const other = this.place?.tab.split(':')[1] ?? '';
      const fresh = element('div', { class: `sheet of-${this.tab}` });
      await show?.(fresh, this.said, { exchanges: this.exchanges, other });
      if (turn !== this.turn) return;
      fill(this.panel, fresh);
      this.panel.dataset.shows = `${this.id}/${this.tab}`;
      this.panel.scrollTop = 0;
    } catch (error) {
      if (turn === this.turn) fill(this.panel, this.#trouble(error));
    }
  }

  #mark() {
    for (const tab of this.tabs.children) {
      const isChosen = tab.dataset.tab === this.tab;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.setAttribute('tabindex', isChosen ? '0' : '-1');
      if (isChosen && this.tabs.contains(document.activeElement)) tab.focus();
    }
    this.panel.setAttribute('aria-labelledby', `tab-${this.tab}`);
  }

  /** @param {any} summary */
  #head(summary) {
    const open = summary.state === 'open';
    fill(this.heading,
      element('span', { class: `status ${statusClass(summary)}` }, open ? '···' : String(summary.status || '–')), ' ',
      element('span', { class: 'method' }, plain(summary.method ?? '–', 30)), ' ',
      element('span', { class: 'address' }, element('span', { class: 'host' }, plain(summary.host ?? '', 120)), shown(summary.target ?? 'a head that could not be read', { max: 2000 })));
    fill(this.line, summary.why
      ? [element('b', {}, shown(summary.why.outcome)), element('span', {}, ' — '), shown(summary.why.because)]
      : plain(ENDINGS[summary.ending] ?? (summary.reason || 'Nothing had to be decided.')));
    this.line.classList.toggle('declined', summary.declined);
    write(this.facts, [
      clock(summary.at), open ? 'under way' : duration(summary.total_us), plain(summary.version, 20), summary.secure ? 'TLS' : 'cleartext',
      summary.peer && `from ${plain(summary.peer, 60)}`, summary.origin === 'live' ? '' : summary.origin === 'har' ? 'from a HAR file' : 'sent again from here', plain(summary.id, 40),
    ].filter(Boolean).join('  ·  '));
  }

  /** @param {KeyboardEvent} event */
  #turned(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1 });
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.turnTab(steps[event.key]);
  }

  /** @param {unknown} error */
  #trouble(error) {
    return element('p', { class: 'trouble', role: 'alert' }, shown(/** @type {Error} */ (error).message));
  }
}
