/** An exchange as something to take elsewhere: a command, a test, a HAR file. */
import * as api from './api.js';
import { element, fill } from './element.js';
import * as har from './har.js';
import { plain, shown } from './shown.js';

/** The forms the server writes, and what they are for. */
const FORMS = [
  ['curl', 'As curl', 'Asks the same in any shell.'],
  ['get', 'As wirelight get', 'Asks the same, and says what was decided on the way.'],
  ['test', 'As a test', 'Asks the same and expects the same answer.'],
];

/**
 * Shows them.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export async function show(panel, detail) {
  const { id } = detail.summary;
  const written = await Promise.all(FORMS.map(([form]) => api.written(id, form).then((answer) => answer.text, (error) => error)));
  fill(panel, element('h3', { class: 'unseen' }, 'Copy'), FORMS.map(([form, title, says], index) => {
    const text = written[index];
    if (text instanceof Error) return element('section', { class: 'copy' }, element('h4', {}, title), element('p', { class: 'trouble' }, shown(text.message)));
    const said = element('span', { class: 'quiet', role: 'status' });
    return element('section', { class: 'copy' },
      element('h4', {}, title, element('span', { class: 'quiet' }, ` ${says}`)),
      element('pre', { tabindex: 0, 'data-form': form, role: 'region', 'aria-label': title }, shown(text, { lines: true })),
      element('p', { class: 'actions' },
        element('button', { type: 'button', class: 'small', on: { click: async () => { said.textContent = await take(text); } } }, 'Copy ', element('span', { class: 'unseen' }, title)), said));
  }), element('section', { class: 'copy' },
    element('h4', {}, 'As HAR', element('span', { class: 'quiet' }, ' The file that browsers and other tools read.')),
    element('p', { class: 'actions' }, element('button', { type: 'button', class: 'small', on: { click: () => har.save({ id }) } }, 'Save ', plain(`${id}.har`)))));
}

/**
 * Puts text on the clipboard.
 * @param {string} text
 * @returns {Promise<string>} whether it is there, in words
 */
export async function take(text) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied.';
  } catch {
    return 'The browser does not let this page copy; select the text instead.';
  }
}
