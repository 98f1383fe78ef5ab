/**
 * The axis of the waterfall: time from left to right over the exchanges in view. Time in which nothing was under way is
 * folded to a narrow strip, so that two requests an hour apart can be seen beside one another.
 */

/** A silence is folded when it is longer than this share of the time in which something went on. */
const SILENCE_SHARE = 0.12;
/** What is left of it. */
const FOLD_SHARE = 0.05;

/**
 * @typedef {{start: number, end: number}} Span in microseconds
 * @typedef {{at: (time: number) => number, busy: number, folds: {at: number, length: number}[]}} Axis
 */

/**
 * Lays out an axis for spans of time.
 * @param {Span[]} spans in any order
 * @returns {Axis} `at` gives a place between 0 and 1; `busy` is the time that is shown to scale, in microseconds
 */
export function axis(spans) {
  const busy = merged(spans);
  if (busy.length === 0) return { at: () => 0, busy: 0, folds: [] };
  const worked = busy.reduce((sum, span) => sum + span.end - span.start, 0) || 1;
  /** @type {{start: number, end: number, from: number, to: number}[]} */
  const pieces = [];
  /** @type {{at: number, length: number}[]} */
  const folds = [];
  let width = 0;
  busy.forEach((span, index) => {
    if (index > 0) {
      const silence = { start: busy[index - 1].end, end: span.start };
      const long = silence.end - silence.start;
      const kept = long > worked * SILENCE_SHARE ? worked * FOLD_SHARE : long;
      if (kept < long) folds.push({ at: width + kept / 2, length: long });
      pieces.push({ ...silence, from: width, to: width + kept });
      width += kept;
    }
    pieces.push({ ...span, from: width, to: width + (span.end - span.start) });
    width += span.end - span.start;
  });
  width ||= 1;
  const at = (/** @type {number} */ time) => {
    const piece = pieces.find((candidate) => time <= candidate.end) ?? pieces[pieces.length - 1];
    const share = piece.end === piece.start ? 0 : (time - piece.start) / (piece.end - piece.start);
    return Math.min(1, Math.max(0, (piece.from + share * (piece.to - piece.from)) / width));
  };
  return { at, busy: worked, folds: folds.map((fold) => ({ at: fold.at / width, length: fold.length })) };
}

/**
 * The spans joined where they touch, by their beginning.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
function merged(spans) {
  const sorted = [...spans].sort((one, other) => one.start - other.start);
  /** @type {Span[]} */
  const joined = [];
  for (const span of sorted) {
    const last = joined[joined.length - 1];
    if (last && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else joined.push({ start: span.start, end: Math.max(span.end, span.start) });
  }
  return joined;
}
