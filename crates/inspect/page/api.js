/** What the inspector's server can be asked. Everything goes to the page's own origin, with its cookie. */

/** An answer that is no success, in the server's own words. */
export class Problem extends Error {
  /**
   * @param {{title?: string, status?: number, detail?: string, at?: number, length?: number}} said
   */
  constructor(said) {
    super(said.detail || said.title || 'The inspector gave no reason.');
    this.status = said.status ?? 0;
    /** Where in a filter the trouble is, in characters. @type {{at: number, length: number} | null} */
    this.place = said.at === undefined ? null : { at: said.at, length: said.length ?? 1 };
  }
}

/**
 * Asks, and reads the answer as JSON.
 * @param {string} path
 * @param {RequestInit} [how]
 * @returns {Promise<any>} rejects with a Problem
 */
async function ask(path, how) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...how });
  } catch (error) {
    if (/** @type {Error} */ (error).name === 'AbortError') throw error;
    throw new Problem({ detail: 'The inspector does not answer: is the server still running?' });
  }
  if (response.ok) return response.json();
  let said;
  try {
    said = await response.json();
  } catch {
    said = { title: response.statusText };
  }
  if (response.status === 401) said.detail = 'This page is not let in any more: open the address that the server printed.';
  throw new Problem({ status: response.status, ...said });
}

/** @param {string} path @param {unknown} content */
const post = (path, content) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof content === 'string' ? content : JSON.stringify(content) });

/** @param {string} name */
const part = (name) => encodeURIComponent(name);

/**
 * A page of the list, the newest first.
 * @param {{filter?: string, after?: number, before?: number, limit?: number}} which
 * @param {AbortSignal} [signal]
 */
export function exchanges({ filter = '', after, before, limit = 10_000 }, signal) {
  const asked = new URLSearchParams({ limit: String(limit) });
  if (filter) asked.set('filter', filter);
  if (after !== undefined) asked.set('after', String(after));
  if (before !== undefined) asked.set('before', String(before));
  return ask(`/api/exchanges?${asked}`, { signal });
}

/** Everything about one exchange. @param {string} id @param {AbortSignal} [signal] */
export const exchange = (id, signal) => ask(`/api/exchanges/${part(id)}`, { signal });

/** A connection with the exchanges that rode on it, and its frames. @param {string | number} id */
export const connection = (id) => ask(`/api/connections/${part(String(id))}`);

/** Every rule that has decided something or is named anywhere. */
export const rules = () => ask('/api/rules');

/** A rule, and what it decided. @param {string} name */
export const rule = (name) => ask(`/api/rules/${part(name)}`);

/** What the server is, and how much it keeps. */
export const status = () => ask('/api/status');

/** An exchange as something to paste: `curl`, `get`, `test`. @param {string} id @param {string} form */
export const written = (id, form) => ask(`/api/exchanges/${part(id)}/as?form=${part(form)}`);

/** Records on or stops recording. @param {boolean} recording */
export const record = (recording) => post('/api/recording', { recording });

/** Forgets everything that is kept. */
export const clear = () => post('/api/clear', {});

/** Sends a request, or one like another again. @param {Record<string, unknown>} request */
export const replay = (request) => post('/api/replay', request);

/** Takes in a HAR file. @param {string} text its JSON */
export const readHar = (text) => post('/api/har', text);

/** Gives what is kept, or what a filter matches, as a HAR file. @param {{filter?: string, id?: string}} which @returns {Promise<any>} */
export function har(which) {
  const asked = new URLSearchParams();
  if (which.filter) asked.set('filter', which.filter);
  if (which.id) asked.set('id', which.id);
  return ask(`/api/har?${asked}`);
}
