/** The pages on rules: what one says, where it is written, and what it has decided here. */
import * as api from './api.js';
import { element, fill } from './element.js';
import { count } from './quantity.js';
import { plain, shown } from './shown.js';
import { table } from './summaries.js';
import { link } from './place.js';

/**
 * A link to the page on a rule.
 * @param {string} name
 * @param {string} [section] where it is written, to be shown with it
 * @returns {HTMLElement}
 */
export function ruleLink(name, section) {
  return element('a', { class: 'rule', href: link({ view: 'rules', id: name }) },
    section && element('span', { class: 'section' }, brief(section)), element('span', { class: 'name' }, plain(name, 80)));
}

/** `RFC 9110, section 15.5.17` as it fits a label. @param {string} section @returns {string} */
export const brief = (section) => plain(section, 80).replace(', section ', ' § ');

/**
 * Shows the page on a rule, or the list of all rules.
 * @param {HTMLElement} root
 * @param {string} name empty for the list
 */
export async function show(root, name) {
  if (name) fill(root, ...page(await api.rule(name)));
  else fill(root, ...all((await api.rules()).rules));
}

/** @param {any} rule */
function page(rule) {
  return [
    element('p', { class: 'kicker' }, 'Rule'),
    element('h2', { tabindex: -1 }, plain(rule.name)),
    element('p', { class: 'says' }, shown(rule.says)),
    element('p', {}, element('span', { class: 'quiet' }, 'Written in '), plain(rule.section), rule.url && [' — ', outside(rule.url)]),
    element('h3', {}, 'Decided by it'),
    rule.decided.length
      ? table(rule.decided, 'Exchanges that this rule decided')
      : element('p', { class: 'quiet' }, 'No exchange that is kept was decided by it.'),
    rule.related.length > 0 && [element('h3', {}, 'Others of the same document'), element('ul', { class: 'rules' }, rule.related.map(line))],
    element('p', {}, element('a', { href: link({ view: 'rules' }) }, 'All rules')),
  ];
}

/** @param {any[]} rules */
function all(rules) {
  return [
    element('p', { class: 'kicker' }, count(rules.length, 'rule')),
    element('h2', { tabindex: -1 }, 'Rules'),
    element('p', { class: 'says' }, 'Whatever is decided here rests on one of these.'),
    element('ul', { class: 'rules' }, [...rules].sort((one, other) => one.name.localeCompare(other.name)).map(line)),
  ];
}

/** @param {any} rule */
const line = (rule) => element('li', {}, ruleLink(rule.name, rule.section), ' ', element('span', { class: 'quiet' }, shown(rule.says)));

/** @param {string} url */
function outside(url) {
  try {
    return element('a', { href: url, rel: 'noreferrer noopener', target: '_blank' }, 'read it there');
  } catch {
    return element('span', { class: 'quiet' }, plain(url));
  }
}
