/** The frames of an HTTP/2 connection, by stream: what each side sent, in order. */
import { element, fill } from './element.js';
import { drawn, lightUp } from './hex.js';
import { count, duration } from './quantity.js';
import { bytes, cut } from './runs.js';
import { plain } from './shown.js';

/** How many are drawn at once. */
const DRAWN_MAX = 500;

/**
 * Shows them, with a choice of the stream.
 * @param {any[]} frames
 * @param {number} dropped how many were not kept
 * @param {number | null} [stream] the one to begin with
 * @returns {HTMLElement}
 */
export function table(frames, dropped, stream = null) {
  const streams = [...new Set(frames.map((frame) => frame.stream))].sort((one, other) => one - other);
  const body = element('tbody');
  const note = element('p', { class: 'quiet' });
  const choice = element('select', { id: 'stream', on: { change: () => draw() } },
    element('option', { value: '' }, `all ${count(streams.length, 'stream')}`),
    streams.map((number) => element('option', { value: String(number) }, number === 0 ? '0, the connection' : String(number))));
  if (stream !== null && streams.includes(stream)) choice.value = String(stream);
  const draw = () => {
    const wanted = choice.value === '' ? frames : frames.filter((frame) => frame.stream === Number(choice.value));
    const drawnNow = wanted.slice(0, DRAWN_MAX);
    fill(body, drawnNow.flatMap((frame) => row(frame, streams)));
    note.textContent = [
      wanted.length > drawnNow.length && `The first ${DRAWN_MAX} of ${wanted.length} are shown; choose a stream to see the others.`,
      dropped > 0 && `${count(dropped, 'frame')} came when there was no room for them.`,
    ].filter(Boolean).join(' ');
  };
  draw();
  return element('section', { class: 'frames' },
    element('div', { class: 'toolbar' }, element('h4', {}, 'Frames'), element('label', { for: 'stream', class: 'quiet' }, 'stream'), choice),
    element('div', { class: 'scrolls', tabindex: 0, role: 'region', 'aria-label': 'Frames' },
      element('table', {},
        element('thead', {}, element('tr', {}, ['At', 'Direction', 'Stream', 'Frame', 'Length', 'Says'].map((title) => element('th', { scope: 'col' }, title)))),
        body)),
    note);
}

/** @param {any} frame @param {number[]} streams */
function row(frame, streams) {
  const opened = element('tr', { class: 'opened', hidden: true });
  const button = element('button', {
    type: 'button', class: 'plain', 'aria-expanded': 'false',
    on: { click: () => {
      opened.hidden = !opened.hidden;
      button.setAttribute('aria-expanded', String(!opened.hidden));
      if (!opened.hasChildNodes()) opened.append(element('td', { colspan: 6 }, content(frame)));
    } },
  }, plain(frame.type, 30));
  const lane = element('i', { class: 'lane', 'aria-hidden': 'true' });
  lane.style.marginLeft = `${Math.min(8, streams.indexOf(frame.stream)) * 0.5}rem`;
  return [
    element('tr', { class: frame.direction },
      element('td', { class: 'number' }, duration(frame.at_us)),
      element('td', { class: 'direction' }, frame.direction === 'received' ? '← received' : '→ sent'),
      element('td', { class: 'stream' }, lane, String(frame.stream)),
      element('td', {}, button, ' ', element('span', { class: 'quiet' }, frame.flags.map((/** @type {string} */ flag) => plain(flag, 20)).join(' '))),
      element('td', { class: 'number' }, String(frame.length)),
      element('td', {}, plain(frame.says, 200))),
    opened,
  ];
}

/** @param {any} frame */
function content(frame) {
  const octets = bytes(frame.bytes);
  const { runs, leaves } = cut(frame.spans ?? [], octets.length);
  const said = element('div', { class: 'readout', role: 'status' });
  const view = element('div', { class: 'wire hex', tabindex: 0, role: 'group', 'aria-label': `Bytes of the frame: ${count(leaves.length, 'part')}` },
    drawn(octets, runs, { form: 'hex', max: 4096 }));
  lightUp(view, leaves.length, (leaf) => {
    const found = leaves[leaf];
    if (found) said.textContent = `${plain(found.span.name, 80)}: ${plain(found.span.says, 200)} ${plain(found.span.value ?? '', 300)}`;
  });
  return [view, said];
}
