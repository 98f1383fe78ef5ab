/** The story of an exchange: what happened from top to bottom, each decision with its rule and what would have changed it. */
import { element, fill } from './element.js';
import { duration } from './quantity.js';
import { ruleLink } from './rules.js';
import { plain, shown } from './shown.js';

/** What kind of a step it is, for those who cannot see its sign. @type {Record<string, string>} */
const KINDS = {
  request: 'Request', connection: 'Connection', decision: 'Decision', upstream: 'Upstream', response: 'Response', end: 'End',
};

/**
 * Shows it.
 * @param {HTMLElement} panel
 * @param {any} detail
 */
export function show(panel, detail) {
  const declined = detail.story.filter((/** @type {any} */ step) => step.declines).length;
  fill(panel,
    element('h3', { class: 'unseen' }, declined ? `Story, ${declined} declined` : 'Story'),
    element('ol', { class: 'story' }, detail.story.map((/** @type {any} */ step) => told(step, detail))));
}

/** @param {any} step @param {any} detail */
function told(step, detail) {
  const decision = step.trail === null || step.trail === undefined ? null : detail.trail[step.trail];
  const rule = decision?.rule ?? (step.rule ? { name: step.rule, section: '' } : null);
  const saysWhy = decision && !step.sentence.includes(decision.because);
  return element('li', { class: `step ${KINDS[step.kind] ? step.kind : 'decision'}${step.declines ? ' declines' : ''}` },
    element('span', { class: 'at' }, step.at_us === null ? '' : duration(step.at_us)),
    element('span', { class: 'node', 'aria-hidden': 'true' }),
    element('div', { class: 'body' },
      element('p', { class: 'sentence' },
        element('span', { class: step.declines ? 'label' : 'unseen' }, step.declines ? 'Declined' : KINDS[step.kind] ?? 'Step'), ' ', shown(without(step.sentence, decision?.otherwise))),
      saysWhy && element('p', { class: 'because' }, shown(decision.because)),
      decision?.otherwise && element('p', { class: 'otherwise' },
        element('span', { class: 'otherwise-title' }, 'What would have changed it'), ' ', shown(decision.otherwise)),
      rule && element('p', { class: 'foot' }, ruleLink(rule.name, rule.section),
        decision && element('span', { class: 'rule-says' }, plain(decision.rule.says, 200)))));
}

/**
 * A sentence without its end that says what would have changed it, because that stands below it by itself.
 * @param {string} sentence
 * @param {string | null | undefined} otherwise
 */
function without(sentence, otherwise) {
  // It begins with a capital there.
  const at = otherwise ? sentence.lastIndexOf(otherwise.slice(1)) : -1;
  const end = at < 0 ? -1 : sentence.lastIndexOf('. ', at);
  return end < 0 ? sentence : sentence.slice(0, end + 1);
}
