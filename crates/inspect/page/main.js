/** The page: its parts are made, and told of one another. */
import * as api from './api.js';
import { take } from './copy.js';
import { Detail } from './detail.js';
import { element, fill, write } from './element.js';
import { Exchanges } from './exchanges.js';
import { Filter } from './filter.js';
import * as har from './har.js';
import { help } from './help.js';
import * as keys from './keys.js';
import { List } from './list.js';
import { Live } from './live.js';
import { Notice } from './notice.js';
import { step } from './passed.js';
import * as place from './place.js';
import { count } from './quantity.js';
import { again } from './resend.js';
import * as theme from './theme.js';

const exchanges = new Exchanges();
const live = new Live(exchanges);
const list = new List(exchanges);
const detail = new Detail(exchanges);
const filter = new Filter();
const notice = new Notice();
const dialog = help();
const file = har.chooser(tookHar);
let recording = true;
let status = /** @type {any} */ (null);

const state = element('span', { class: 'state', role: 'status' });
const counts = element('span', { class: 'counts' });

/** @param {string} name @param {string} sign @param {string} title @param {string} deed */
const tool = (name, sign, title, deed) =>
  element('button', { type: 'button', class: 'tool', id: name, 'aria-label': title, title, on: { click: () => act(deed) } }, element('span', { 'aria-hidden': 'true' }, sign));

const pause = tool('pause', '❚❚', 'Pause recording (p)', 'pause');
const paint = tool('theme', '◐', 'Theme: as the system (t)', 'theme');

/** Everything a key or a button can ask for. @type {Record<string, () => unknown>} */
const DEEDS = {
  down: () => list.move(1),
  up: () => list.move(-1),
  'page-down': () => list.move(list.page),
  'page-up': () => list.move(-list.page),
  first: () => list.first(),
  last: () => list.last(),
  open: () => open(list.picked),
  back,
  filter: () => filter.input.focus(),
  'tab-next': () => detail.turnTab(1),
  'tab-back': () => detail.turnTab(-1),
  story: () => open(list.picked, 'story'),
  bytes: () => open(list.picked, 'bytes'),
  'difference-next': () => difference(1),
  'difference-back': () => difference(-1),
  timing: () => open(list.picked, 'timing'),
  connection: () => open(list.picked, 'connection'),
  edit: () => open(list.picked, 'edit'),
  replay,
  compare,
  copy,
  pause: toggleRecording,
  save: () => har.save({ filter: exchanges.filter }),
  take: () => file.click(),
  clear,
  theme: changeTheme,
  help: () => (dialog.open ? dialog.close() : dialog.showModal()),
};

/** Does one, and says what went wrong if it did. @param {string} deed */
async function act(deed) {
  try {
    await DEEDS[deed]();
  } catch (error) {
    notice.say(/** @type {Error} */ (error).message, true);
  }
}

/** Shows an exchange. @param {string} id @param {string} [tab] */
function open(id, tab = detail.id ? detail.tab : '') {
  if (!id) return;
  place.go({ view: 'exchanges', id, tab });
  detail.wantsFocus = true;
  if (detail.panel.dataset.shows?.startsWith(`${id}/`)) focusDetail();
}

/** Goes back: out of the help, the field that is written in, the pane, the filter. */
function back() {
  const { activeElement } = document;
  if (dialog.open) dialog.close();
  else if (activeElement === filter.input) list.grid.focus();
  else if (!detail.root.hidden) place.go({ view: 'list' });
  else if (exchanges.filter) filter.set('');
  else if (list.marked) mark('');
  list.grid.focus();
}

async function replay() {
  if (!list.picked) return;
  notice.say('Sent again; waiting for the answer …');
  const answer = await again(list.picked);
  const left = answer.left_out.length ? ` Left out: ${answer.left_out.join(', ')}.` : '';
  notice.say(`Sent again: ${answer.status}.${left}`);
  if (answer.id) place.go({ view: 'exchanges', id: answer.id, tab: 'story' });
}

/** Marks the exchange; with another one marked, compares the two. */
function compare() {
  const id = list.picked;
  if (!id) return;
  if (list.marked && list.marked !== id) {
    place.go({ view: 'exchanges', id, tab: `compare:${list.marked}` });
  } else {
    mark(list.marked === id ? '' : id);
    if (list.marked) notice.say('Marked. Go to another exchange and press c to compare the two.');
  }
}

/** Goes from difference to difference in what was passed on. @param {number} by */
function difference(by) {
  if (detail.tab !== 'bytes') open(list.picked, 'bytes');
  else if (!step(detail.panel, by)) notice.say('Nothing here was changed on its way.');
}

/** @param {string} id */
function mark(id) {
  list.marked = id;
  list.draw();
}

async function copy() {
  if (!list.picked) return;
  const { text } = await api.written(list.picked, 'curl');
  notice.say(`As curl: ${await take(text)}`);
}

/** What came of a HAR file: its first exchange is gone to, wherever its time has put it. @type {import('./har.js').Say} */
async function tookHar(said, isTrouble, ids) {
  notice.say(said, isTrouble);
  if (ids.length === 0) return;
  await exchanges.load();
  list.pick(ids[0]);
}

async function toggleRecording() {
  await api.record(!recording);
  showRecording(!recording);
}

/** @param {boolean} is */
function showRecording(is) {
  recording = is;
  pause.firstChild.textContent = is ? '❚❚' : '▶';
  pause.setAttribute('aria-label', is ? 'Pause recording (p)' : 'Go on recording (p)');
  pause.title = pause.getAttribute('aria-label');
  showState();
}

async function clear() {
  await api.clear();
  exchanges.clear();
  place.go({ view: 'list' });
  notice.say('Everything that was kept is forgotten.');
}

function changeTheme() {
  showTheme(theme.next());
}

/** @param {string} name */
function showTheme(name) {
  const title = `Theme: ${name === 'system' ? 'as the system' : name} (t)`;
  paint.firstChild.textContent = { light: '○', dark: '●' }[name] ?? '◐';
  paint.setAttribute('aria-label', title);
  paint.title = title;
}

function showState() {
  const [name, words] = live.state !== 'live' ? ['waiting', 'waiting for the server'] : recording ? ['live', 'live'] : ['paused', 'paused'];
  state.className = `state ${name}`;
  write(state, words);
}

function showCounts() {
  const { kept, dropped } = exchanges.counts;
  const shown = exchanges.rows.length;
  const parts = [exchanges.filter ? `${shown.toLocaleString('en')} of ${count(kept, 'exchange')}` : count(shown, 'exchange')];
  if (dropped) parts.push(`${dropped.toLocaleString('en')} older forgotten`);
  write(counts, parts.join(', '));
  document.title = `Wirelight: ${count(shown, 'exchange')}`;
  const listening = status?.listeners[0];
  fill(list.empty, exchanges.filter
    ? ['No exchange that is kept matches ', element('code', {}, exchanges.filter), '.']
    : ['Nothing has been exchanged yet.', element('br'), 'Ask ', element('code', {}, listening ?? 'the server'), ' for something and it appears here, with its reasons.']);
}

async function showPlace() {
  const now = place.read(location.hash);
  document.body.dataset.view = now.view;
  if (now.view === 'exchanges') list.pick(now.id);
  await detail.show(now);
  if (detail.wantsFocus) focusDetail();
  list.draw();
}

function focusDetail() {
  detail.wantsFocus = false;
  detail.focus();
}

exchanges.addEventListener('change', showCounts);
exchanges.addEventListener('done', (event) => detail.heard(/** @type {CustomEvent} */ (event).detail));
exchanges.addEventListener('trouble', (event) => {
  const problem = /** @type {CustomEvent} */ (event).detail;
  if (problem.place) filter.tell(problem);
  else notice.say(problem.message, true);
});
live.addEventListener('state', showState);
live.addEventListener('connection', (event) => detail.heardOfConnection(/** @type {CustomEvent} */ (event).detail.id));
list.addEventListener('pick', (event) => {
  const id = /** @type {CustomEvent} */ (event).detail;
  if (detail.root.hidden) list.pick(id);
  else place.go({ view: 'exchanges', id, tab: detail.tab }, { replace: true });
});
list.addEventListener('open', (event) => {
  const id = /** @type {CustomEvent} */ (event).detail;
  place.go({ view: 'exchanges', id, tab: detail.id ? detail.tab : '' });
});
detail.addEventListener('closed', back);
filter.addEventListener('change', async (event) => {
  filter.tell(null);
  await exchanges.sift(/** @type {CustomEvent} */ (event).detail);
  list.follow();
});
addEventListener('hashchange', showPlace);
addEventListener('keydown', (event) => {
  if (dialog.open && event.key !== '?') return;
  const deed = keys.deed(event, keys.wanted());
  if (!deed) return;
  event.preventDefault();
  act(deed);
});
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  for (const dropped of event.dataTransfer?.files ?? []) har.read(dropped, tookHar);
});

/** @type {HTMLElement} */ (document.getElementById('tools')).append(
  filter.root,
  element('div', { class: 'told' }, state, counts),
  element('div', { class: 'buttons', role: 'group', 'aria-label': 'Tools' },
    pause,
    tool('clear', '∅', 'Forget everything that is kept (x)', 'clear'),
    tool('save', '⤓', 'Save as HAR (o)', 'save'),
    tool('take', '⤒', 'Take in a HAR file', 'take'),
    paint,
    tool('help', '?', 'Keys and filters (?)', 'help')),
  file);
/** @type {HTMLElement} */ (document.getElementById('main')).append(list.root, detail.root);
document.body.append(notice.root, dialog);

theme.choose(theme.chosen());
showTheme(theme.chosen());
showState();
list.grid.focus();
try {
  status = await api.status();
  showRecording(status.recording);
} catch (error) {
  notice.say(/** @type {Error} */ (error).message, true);
}
await exchanges.load();
live.listen(exchanges.rows.reduce((newest, row) => (row.state === 'done' ? Math.max(newest, row.seq) : newest), 0));
await showPlace();
document.documentElement.dataset.ready = 'yes';
