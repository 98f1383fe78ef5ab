/** Times and sizes in words and figures: three figures at the most, and always a unit. */

const NBSP = '\u00a0';

/**
 * A span of time: `870 µs`, `12.3 ms`, `1.53 s`, `2 min 5 s`.
 * @param {number | null | undefined} microseconds
 * @returns {string} a dash where nothing is known
 */
export function duration(microseconds) {
  if (microseconds === null || microseconds === undefined) return '–';
  const size = Math.abs(microseconds);
  const sign = microseconds < 0 ? '−' : '';
  if (size < 1000) return `${sign}${Math.round(size)}${NBSP}µs`;
  if (size < 1_000_000) return `${sign}${figures(size / 1000)}${NBSP}ms`;
  if (size < 60_000_000) return `${sign}${figures(size / 1_000_000)}${NBSP}s`;
  const seconds = Math.round(size / 1_000_000);
  return `${sign}${Math.floor(seconds / 60)}${NBSP}min${NBSP}${seconds % 60}${NBSP}s`;
}

/**
 * A number of bytes: `0 B`, `513 B`, `1.25 kB`.
 * @param {number | null | undefined} bytes
 * @returns {string} a dash where nothing is known
 */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  if (bytes < 1000) return `${bytes}${NBSP}B`;
  if (bytes < 1_000_000) return `${figures(bytes / 1000)}${NBSP}kB`;
  if (bytes < 1_000_000_000) return `${figures(bytes / 1_000_000)}${NBSP}MB`;
  return `${figures(bytes / 1_000_000_000)}${NBSP}GB`;
}

/**
 * A number and what it counts: `1 exchange`, `12 exchanges`.
 * @param {number} number
 * @param {string} one
 * @param {string} [many] where it is not `one` with an s
 * @returns {string}
 */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString('en')}${NBSP}${number === 1 ? one : many}`;
}

/**
 * The time of day, where the reader is: `14:03:09.125`.
 * @param {string} at RFC 3339
 * @returns {string}
 */
export function clock(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/**
 * A moment as microseconds since 1970; a Date would lose the last three figures.
 * @param {string} at RFC 3339
 * @returns {number}
 */
export function moment(at) {
  const found = /^(.{19})(?:\.(\d{1,6}))?/.exec(at ?? '');
  if (!found) return 0;
  const seconds = Date.parse(`${found[1]}Z`);
  return Number.isNaN(seconds) ? 0 : seconds * 1000 + Number((found[2] ?? '').padEnd(6, '0'));
}

/** @param {number} number */
function figures(number) {
  if (number < 9.995) return number.toFixed(2);
  return number < 99.95 ? number.toFixed(1) : number.toFixed(0);
}
