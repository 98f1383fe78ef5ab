/**
 * Building of the document. Text becomes text and nothing else: there is no way from here to markup, and an address
 * that is no place of this page and no published document is refused.
 */

/** What an attribute may be called; a listener is given as `on: { click }`, and there is no way to give a style. */
const ATTRIBUTE = /^(?:aria-[a-z]+|data-[a-z-]+|[a-z]+)$/;
const FORBIDDEN = new Set(['style', 'src', 'srcdoc', 'action', 'formaction']);

/**
 * Makes an element.
 * @param {string} tag its name; `svg:line` makes one of SVG
 * @param {Record<string, unknown>} [properties] attributes; `class`; `on`, its listeners; `value` and `checked` as properties
 * @param {...unknown} children nodes, text, lists of them; null, undefined and false are left out
 * @returns {any} the element
 */
export function element(tag, properties = {}, ...children) {
  const made = tag.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(/** @type {any} */ (value))) made.addEventListener(event, listener);
    } else if (name === 'value' || name === 'checked') {
      /** @type {any} */ (made)[name] = value;
    } else if (value === true) {
      set(made, name, '');
    } else if (value !== null && value !== undefined && value !== false) {
      set(made, name, String(value));
    }
  }
  append(made, children);
  return made;
}

/**
 * Puts children where others were.
 * @param {Element} parent
 * @param {...unknown} children as for `element`
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/**
 * Sets text only if it differs, so that nothing is laid out anew for nothing.
 * @param {Element} parent
 * @param {string} text
 */
export function write(parent, text) {
  if (parent.textContent !== text) parent.textContent = text;
}

/** @param {Element} made @param {string} name @param {string} value */
function set(made, name, value) {
  const isDrawn = made.namespaceURI !== 'http://www.w3.org/1999/xhtml';
  if (FORBIDDEN.has(name) || name.startsWith('on') || !(isDrawn || ATTRIBUTE.test(name))) {
    throw new Error(`the attribute ${name} is not for this page to set`);
  }
  if (name === 'href' && !value.startsWith('#/') && !/^https:\/\/(?:www\.rfc-editor\.org|fetch\.spec\.whatwg\.org|html\.spec\.whatwg\.org|www\.w3\.org|httpwg\.org)\//.test(value)) {
    throw new Error('a link leads to a place of this page or to a published rule');
  }
  made.setAttribute(name, value);
}

/** @param {Element} parent @param {unknown[]} children */
function append(parent, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(parent, child);
    else if (child instanceof Node) parent.append(child);
    else if (child !== null && child !== undefined && child !== false) parent.append(document.createTextNode(String(child)));
  }
}
