/** A request, to be sent again as it was or changed first. */
import * as api from './api.js';
import { element, fill } from './element.js';
import { link } from './place.js';
import { duration } from './quantity.js';
import { plain, shown } from './shown.js';

/** What the server makes itself; to send them twice would be wrong. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'upgrade']);

/**
 * Sends the request of an exchange again, unchanged.
 * @param {string} id
 * @returns {Promise<any>} what the server says came of it
 */
export const again = (id) => api.replay({ of: id });

/**
 * Shows the form.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export function show(panel, detail) {
  const { request, summary } = detail;
  if (!request) {
    fill(panel, element('p', { class: 'quiet' }, 'The head of this request could not be read, so there is nothing to send again. Its bytes are in the tab Bytes.'));
    return;
  }
  const kept = request.fields.filter((/** @type {any} */ one) => !one.redacted && !one.name.startsWith(':') && !FRAMING.has(one.name.toLowerCase()));
  const hidden = request.fields.filter((/** @type {any} */ one) => one.redacted);
  const method = element('input', { id: 'resend-method', class: 'short', value: request.method, autocomplete: 'off', spellcheck: 'false', required: true });
  const target = element('input', { id: 'resend-target', value: request.target, autocomplete: 'off', spellcheck: 'false', required: true });
  const fields = element('textarea', { id: 'resend-fields', rows: Math.min(12, kept.length + 2), spellcheck: 'false', value: kept.map((/** @type {any} */ one) => `${one.name}: ${one.value}`).join('\n') });
  const isText = !request.content || request.content.text !== null || request.content.length === 0;
  const content = element('textarea', { id: 'resend-content', rows: 6, spellcheck: 'false', value: request.content?.text ?? '', 'aria-describedby': isText ? null : 'resend-note' });
  const answer = element('div', { class: 'answer', role: 'status' });
  const send = element('button', { type: 'submit', class: 'primary' }, 'Send');
  const form = element('form', {
    class: 'resend',
    on: {
      submit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        const read = parsed(fields.value);
        if (typeof read === 'string') {
          fill(answer, element('p', { class: 'trouble' }, read));
          fields.setAttribute('aria-invalid', 'true');
          fields.focus();
          return;
        }
        fields.removeAttribute('aria-invalid');
        send.disabled = true;
        fill(answer, element('p', { class: 'quiet' }, 'Sent; waiting for the answer …'));
        try {
          const asked = { of: summary.id, method: method.value.trim(), target: target.value.trim(), fields: read };
          const body = isText || content.value !== '' ? { content: content.value } : { content_base64: request.content.bytes };
          fill(answer, ...came(await api.replay({ ...asked, ...body }), summary));
        } catch (error) {
          fill(answer, element('p', { class: 'trouble' }, shown(/** @type {Error} */ (error).message)));
        } finally {
          send.disabled = false;
        }
      },
    },
  },
  element('div', { class: 'row-of-fields' },
    labelled('Method', method), labelled('Target', target)),
  labelled('Fields, one a line', fields),
  hidden.length > 0 && element('p', { class: 'note' }, `Left out, because their values are never kept: ${hidden.map((/** @type {any} */ one) => plain(one.name, 60)).join(', ')}. Write them in to send them.`),
  labelled('Content', content),
  !isText && element('p', { class: 'note', id: 'resend-note' }, `The content is not text: its ${request.content.kept.toLocaleString('en')} bytes are sent as they were unless you write something here.`),
  request.content?.truncated && element('p', { class: 'note' }, `Only the first ${request.content.kept.toLocaleString('en')} of ${request.content.length.toLocaleString('en')} bytes were kept, and only they are sent.`),
  element('p', { class: 'actions' }, send, element('kbd', {}, 'Ctrl Enter')));
  form.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  fill(panel, element('h3', { class: 'unseen' }, 'Edit and send'), form, answer);
}

/** @param {string} name @param {HTMLElement} control */
const labelled = (name, control) => element('div', { class: 'labelled' }, element('label', { for: control.id }, name), control);

/**
 * Reads fields as they are written on lines.
 * @param {string} text
 * @returns {[string, string][] | string} a sentence where one cannot be read
 */
export function parsed(text) {
  /** @type {[string, string][]} */
  const fields = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    if (colon < 1) return `Line ${index + 1} is no field: it must read “Name: value”.`;
    fields.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return fields;
}

/** @param {any} answer @param {any} summary the exchange that it was made of */
function came(answer, summary) {
  const { response } = answer;
  return [
    element('p', {}, element('b', { class: `status is-${Math.floor(answer.status / 100)}xx` }, String(answer.status)), ` ${plain(response?.reason ?? '', 60)} after ${duration(answer.total_us)}`,
      answer.status !== summary.status && element('span', { class: 'quiet' }, ` — it was ${summary.status} before`)),
    answer.left_out.length > 0 && element('p', { class: 'note' }, `Left out: ${answer.left_out.map((/** @type {string} */ name) => plain(name, 60)).join(', ')}`),
    answer.id && element('p', { class: 'actions' },
      element('a', { class: 'button', href: link({ view: 'exchanges', id: answer.id }) }, 'Its story'),
      element('a', { class: 'button', href: link({ view: 'exchanges', id: answer.id, tab: `compare:${summary.id}` }) }, 'Compare with the first')),
  ];
}
