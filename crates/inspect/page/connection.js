/** A connection: who opened it and why, what rode on it, why it was closed, and its frames where it has any. */
import * as api from './api.js';
import { element, fill } from './element.js';
import { table as frameTable } from './frames.js';
import { clock, count } from './quantity.js';
import { ruleLink } from './rules.js';
import { plain, shown } from './shown.js';
import { table } from './summaries.js';

/**
 * Shows the one that an exchange rode on.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export async function show(panel, detail) {
  if (detail.summary.origin === 'har') {
    fill(panel, element('p', { class: 'quiet' }, 'This exchange was read from a HAR file, which says nothing about its connection.'));
    return;
  }
  const connection = await api.connection(detail.connection.id);
  fill(panel, element('h3', { class: 'unseen' }, 'Connection'), ...told(connection, detail.summary));
}

/**
 * Shows one by its number.
 * @param {HTMLElement} root
 * @param {string} id
 */
export async function page(root, id) {
  const connection = await api.connection(id);
  fill(root, element('p', { class: 'kicker' }, 'Connection'), element('h2', { tabindex: -1 }, `Connection ${connection.id}`), ...told(connection));
}

/** @param {any} connection @param {any} [summary] */
function told(connection, summary) {
  const { secure, closed } = connection;
  const facts = [
    ['Peer', plain(connection.peer ?? 'not known')],
    ['Protocol', plain(connection.protocol ?? 'nothing was said yet')],
    ['Security', secure ? plain([secure.version, secure.suite, secure.group, secure.alpn && `ALPN ${secure.alpn}`].filter(Boolean).join(', ')) : 'none: cleartext'],
    ['Exchanges', count(connection.exchanges, 'exchange')],
    ['Opened', [clock(connection.opened.at), ' — ', shown(connection.opened.because)]],
    ['Closed', closed
      ? [clock(closed.at), ' — ', element('b', { class: closed.declines ? 'bad' : null }, shown(closed.outcome)), ': ', shown(closed.because), ' ', closed.rule && ruleLink(closed.rule.name, closed.rule.section)]
      : element('span', { class: 'live' }, 'still open')],
    closed?.otherwise && ['What would have changed it', shown(closed.otherwise)],
  ].filter(Boolean);
  return [
    element('dl', { class: 'facts' }, facts.map(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])),
    element('h4', {}, 'What rode on it'),
    connection.rode.length
      ? table(connection.rode, 'Exchanges on this connection', summary?.id)
      : element('p', { class: 'quiet' }, 'None of its exchanges is kept.'),
    connection.exchanges > connection.rode.length && connection.rode.length > 0 && element('p', { class: 'quiet' }, `${count(connection.exchanges - connection.rode.length, 'exchange')} of it are not kept any more.`),
    connection.frames.length > 0 && frameTable(connection.frames, connection.frames_dropped, summary?.stream ?? null),
  ];
}
