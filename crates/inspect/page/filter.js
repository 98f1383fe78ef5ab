/** The filter over the list: its field, its help, and its trouble. What a filter means is the server's to say. */
import { element, fill } from './element.js';
import { plain, shown } from './shown.js';

/** How long after the last key a filter is asked for, in milliseconds. */
const PATIENCE = 220;

/** Every filter: how it is written, and what it finds. @type {[string, string][]} */
export const FILTERS = [
  ['~u REGEX', 'the URL; a word alone means the same'],
  ['~m REGEX', 'the method'],
  ['~c CODE', 'the status: 404, 4xx, >=500, 300-399'],
  ['~why TEXT', 'a decision: rule, section, outcome, cause, or what would have changed it'],
  ['~e', 'something was declined, or it did not end well'],
  ['~h TEXT', 'a field of either message, "name: value"'],
  ['~hq TEXT', 'a field of the request'],
  ['~hs TEXT', 'a field of the response'],
  ['~b TEXT', 'the content, as far as it is kept; ~bq, ~bs of one message'],
  ['~d TEXT', 'the host'],
  ['~t TEXT', 'the media type of the response; ~tq of the request'],
  ['~s', 'was answered'],
  ['~q', 'is still under way'],
  ['~src TEXT', 'the peer'],
  ['~dst TEXT', 'the upstream'],
  ['~v TEXT', 'the version'],
  ['~id ID', 'one exchange'],
  ['~conn N', 'one connection'],
  ['~slow MS', 'took longer, in milliseconds'],
  ['!  &  |  ( )', 'not, and (or nothing between), or, groups; "quoted text"'],
];

/** Fires `change` with the filter as its detail. */
export class Filter extends EventTarget {
  constructor() {
    super();
    this.timer = 0;
    this.trouble = element('p', { class: 'filter-trouble', id: 'filter-trouble', role: 'alert' });
    this.input = element('input', {
      id: 'filter', type: 'search', placeholder: 'Filter:  ~c 4xx ~why cors', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
      'aria-label': 'Filter', 'aria-describedby': 'filter-trouble',
      on: {
        input: () => {
          clearTimeout(this.timer);
          this.timer = window.setTimeout(() => this.#tell(), PATIENCE);
        },
        keydown: (/** @type {KeyboardEvent} */ event) => event.key === 'Enter' && this.#tell(),
      },
    });
    this.help = element('div', { class: 'filter-help', id: 'filter-help', hidden: true },
      element('ul', {}, FILTERS.map(([term, says]) => element('li', {},
        element('button', { type: 'button', class: 'plain', on: { click: () => this.#write(term) } },
          element('code', {}, term), element('span', { class: 'quiet' }, ` ${says}`))))));
    this.button = element('button', {
      type: 'button', class: 'small', 'aria-expanded': 'false', 'aria-controls': 'filter-help', 'aria-label': 'What filters there are',
      on: { click: () => this.#toggle(this.help.hidden) },
    }, '~');
    this.root = element('div', { class: 'filter', role: 'search' }, this.input, this.button, this.trouble, this.help);
    this.root.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Escape' && !this.help.hidden) {
        this.#toggle(false);
        this.button.focus();
        event.stopPropagation();
      }
    });
  }

  /** Shows what the server did not understand, or that all is well. @param {import('./api.js').Problem | null} problem */
  tell(problem) {
    this.input.setAttribute('aria-invalid', String(problem !== null));
    if (!problem) {
      fill(this.trouble);
      return;
    }
    const written = this.input.value.trim();
    const { place } = problem;
    fill(this.trouble, shown(problem.message), place && written.length > 0 && [' ', element('code', {},
      plain(written.slice(0, place.at)), element('mark', {}, plain(written.slice(place.at, place.at + Math.max(1, place.length)) || ' ')), plain(written.slice(place.at + Math.max(1, place.length))))]);
  }

  /** Sets the filter, as a key or a link does. @param {string} text */
  set(text) {
    this.input.value = text;
    this.#tell();
  }

  #tell() {
    clearTimeout(this.timer);
    if (this.told === this.input.value.trim()) return;
    this.told = this.input.value.trim();
    this.dispatchEvent(new CustomEvent('change', { detail: this.told }));
  }

  /** @param {boolean} open */
  #toggle(open) {
    this.help.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
  }

  /** Begins a term. @param {string} term */
  #write(term) {
    const [sign, ...rest] = term.split(' ');
    const before = this.input.value.trimEnd();
    this.input.value = sign.startsWith('~') ? `${before}${before && ' '}${sign}${rest.length ? ' ' : ''}` : before;
    this.#toggle(false);
    this.input.focus();
    if (rest.length === 0) this.#tell();
  }
}
