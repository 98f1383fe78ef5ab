/** The exchanges that the list shows, the oldest first, kept true to the server by what it tells. */
import * as api from './api.js';
import { moment } from './quantity.js';

/** How many the page holds at the most; the oldest are forgotten first. */
export const KEPT_MAX = 10_000;
/** How long what has to be asked for may be out of date, in milliseconds. */
const CATCH_UP_DELAY = 150;

/** Fires `change` (at most once a frame), `done` with the id of an exchange that is over, and `trouble` with a Problem as its detail. */
export class Exchanges extends EventTarget {
  /** @type {any[]} */
  rows = [];
  filter = '';
  counts = { kept: 0, dropped: 0, seen: 0, matched: 0 };
  /** How many this page has had and forgotten, so that a list can stay where it is. */
  forgotten = 0;
  /** Whether the first answer has come. */
  loaded = false;
  #known = new Map();
  #newest = 0;
  /** From where on something was missed. */
  #since = Infinity;
  #asking = /** @type {AbortController | null} */ (null);
  #waiting = 0;
  #told = false;

  /** Loads the list anew, as when a filter was set or events were missed. @returns {Promise<void>} */
  async load() {
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    try {
      const answer = await api.exchanges({ filter: this.filter }, asking.signal);
      this.rows = [];
      this.#known.clear();
      this.#newest = 0;
      this.loaded = true;
      this.#take(answer.exchanges.reverse());
      this.#count(answer);
    } catch (error) {
      if (/** @type {Error} */ (error).name !== 'AbortError') this.#trouble(error);
    }
  }

  /** Sets the filter and loads what matches it. @param {string} filter @returns {Promise<void>} */
  async sift(filter) {
    this.filter = filter.trim();
    await this.load();
  }

  /** Hears of an exchange that began or is over. @param {any} summary */
  hear(summary) {
    if (!this.filter || this.#known.has(summary.id)) {
      this.#take([summary]);
    } else if (summary.state === 'done') {
      this.catchUp();
    }
  }

  /** Asks in a moment for whatever is newer than all that is known, and matches the filter. */
  catchUp() {
    this.#since = Math.min(this.#since, this.#newest);
    this.#waiting ||= window.setTimeout(() => this.#more(), CATCH_UP_DELAY);
  }

  /** Hears how much is kept. @param {{kept: number, dropped: number, seen: number}} counts */
  count(counts) {
    this.#count(counts);
  }

  /** Forgets everything, because the server did. */
  clear() {
    this.rows = [];
    this.#known.clear();
    this.#count({ kept: 0, matched: 0 });
  }

  /** @param {string} id @returns {any} the summary, if it is shown */
  get(id) {
    return this.#known.get(id);
  }

  /** @param {string} id @returns {number} its row, or -1 */
  indexOf(id) {
    if (!this.#known.has(id)) return -1;
    for (let index = this.rows.length - 1; index >= 0; index -= 1) {
      if (this.rows[index].id === id) return index;
    }
    return -1;
  }

  async #more() {
    const { filter } = this;
    const after = this.#since;
    this.#since = Infinity;
    try {
      const answer = await api.exchanges({ filter, after });
      this.#waiting = 0;
      if (this.#since < Infinity) this.catchUp();
      if (filter !== this.filter) return;
      this.#take(answer.exchanges.reverse());
      this.#count({ kept: answer.kept, dropped: answer.dropped, seen: answer.seen });
    } catch (error) {
      this.#waiting = 0;
      this.#trouble(error);
    }
  }

  /** @param {any[]} summaries the oldest first */
  #take(summaries) {
    for (const summary of summaries) {
      summary.start = moment(summary.at);
      if (summary.state === 'done') this.#newest = Math.max(this.#newest, summary.seq);
      if (this.#known.has(summary.id)) {
        if (this.#known.get(summary.id).state === 'done' && summary.state === 'open') continue;
        this.rows[this.indexOf(summary.id)] = summary;
      } else {
        let place = this.rows.length;
        while (place > 0 && this.rows[place - 1].start > summary.start) place -= 1;
        if (place === this.rows.length) this.rows.push(summary);
        else this.rows.splice(place, 0, summary);
      }
      this.#known.set(summary.id, summary);
      if (summary.state === 'done') this.dispatchEvent(new CustomEvent('done', { detail: summary.id }));
    }
    if (this.rows.length > KEPT_MAX) {
      const old = this.rows.splice(0, this.rows.length - KEPT_MAX);
      for (const { id } of old) this.#known.delete(id);
      this.forgotten += old.length;
    }
    this.#tell();
  }

  /** @param {Record<string, number>} counts */
  #count(counts) {
    Object.assign(this.counts, { kept: counts.kept ?? this.counts.kept, dropped: counts.dropped ?? this.counts.dropped, seen: counts.seen ?? this.counts.seen });
    this.counts.matched = this.rows.length;
    this.#tell();
  }

  #tell() {
    if (this.#told) return;
    this.#told = true;
    requestAnimationFrame(() => {
      this.#told = false;
      this.dispatchEvent(new Event('change'));
    });
  }

  /** @param {unknown} error */
  #trouble(error) {
    this.dispatchEvent(new CustomEvent('trouble', { detail: error }));
  }
}
