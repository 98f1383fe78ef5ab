/** Short words at the foot of the page: what was done, what went wrong. They are read out as they come. */
import { element, write } from './element.js';
import { plain } from './shown.js';

/** How long one stays, in milliseconds. */
const STAYS = 6000;

/** Where they stand. */
export class Notice {
  constructor() {
    this.text = element('span');
    this.root = element('div', { class: 'notice', role: 'status', 'aria-live': 'polite' }, this.text);
    this.timer = 0;
  }

  /** @param {string} text @param {boolean} [isTrouble] it stays until something else is said */
  say(text, isTrouble = false) {
    clearTimeout(this.timer);
    write(this.text, plain(text, 400));
    this.root.classList.toggle('bad', isTrouble);
    this.root.classList.add('shown');
    if (!isTrouble) this.timer = window.setTimeout(() => this.root.classList.remove('shown'), STAYS);
  }
}
