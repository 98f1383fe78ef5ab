/**
 * Where the reader is, as the address's fragment says it, so that a place can be linked to and gone back from:
 * `#/`, `#/exchanges/3-2/bytes`, `#/rules/if-none-match`, `#/connections/3`.
 */

/** @typedef {{view: 'list' | 'exchanges' | 'rules' | 'connections', id: string, tab: string}} Place */

/**
 * Reads a fragment; what it does not know is the list.
 * @param {string} fragment
 * @returns {Place}
 */
export function read(fragment) {
  const [view, id = '', tab = ''] = fragment.replace(/^#?\/?/, '').split('/').map(decoded);
  if (view === 'rules') return { view, id, tab: '' };
  if ((view === 'exchanges' || view === 'connections') && id) return { view, id, tab };
  return { view: 'list', id: '', tab: '' };
}

/**
 * The address of a place.
 * @param {Partial<Place>} place
 * @returns {string}
 */
export function link({ view = 'list', id = '', tab = '' }) {
  if (view === 'list') return '#/';
  return `#/${[view, id, tab].filter(Boolean).map(encodeURIComponent).join('/')}`;
}

/**
 * Goes to a place.
 * @param {Partial<Place>} place
 * @param {{replace?: boolean}} [how] `replace`: without a step in the history, as when the cursor runs through the list
 */
export function go(place, { replace = false } = {}) {
  const to = link(place);
  if (to === (location.hash || '#/')) return;
  if (replace) {
    history.replaceState(null, '', to);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = to;
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
