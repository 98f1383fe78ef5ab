/**
 * The bytes of a piece of the wire, cut where their meaning changes. It must not know how they are drawn.
 */

/**
 * @typedef {{start: number, length: number, depth: number, kind: string, name: string, says: string, rule: string | null, value: string | null, redacted?: boolean}} Span
 * @typedef {{start: number, end: number, path: Span[], leaf: number, isMarked?: boolean}} Run bytes of one meaning; `leaf` numbers the innermost span
 * @typedef {{direction: string, bytes: string, spans: Span[], length: number, truncated: boolean, frames: boolean, written: boolean, at_us: number | null}} Piece
 */

/** @param {string} base64 @returns {Uint8Array} */
export function bytes(base64) {
  const text = atob(base64 ?? '');
  const made = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) made[index] = text.charCodeAt(index);
  return made;
}

/**
 * Cuts a piece.
 * @param {Span[]} spans by their start, then their depth; one of depth n+1 lies inside one of depth n
 * @param {number} length how many bytes there are
 * @returns {{runs: Run[], leaves: {span: Span, path: Span[]}[]}} the runs cover every byte, in order
 */
export function cut(spans, length) {
  const ends = spans.flatMap((span) => [span.start, span.start + span.length]);
  const cuts = [...new Set([0, length, ...ends])].filter((at) => at >= 0 && at <= length).sort((one, other) => one - other);
  /** @type {Run[]} */
  const runs = [];
  /** @type {{span: Span, path: Span[]}[]} */
  const leaves = [];
  const numbers = new Map();
  /** @type {Span[]} */
  let path = [];
  let next = 0;
  for (let index = 0; index + 1 < cuts.length; index += 1) {
    const [start, end] = [cuts[index], cuts[index + 1]];
    path = path.filter((span) => span.start + span.length > start);
    while (next < spans.length && spans[next].start <= start) {
      const span = spans[next];
      next += 1;
      if (span.start + span.length > start) path = [...path.filter((outer) => outer.depth < span.depth), span];
    }
    const inner = path[path.length - 1];
    if (inner && !numbers.has(inner)) {
      numbers.set(inner, leaves.length);
      leaves.push({ span: inner, path });
    }
    runs.push({ start, end, path, leaf: inner ? numbers.get(inner) : -1 });
  }
  return { runs, leaves };
}

/**
 * The runs of a part of a piece, cut also where bytes are marked. A mark of no length is a run of no length.
 * @param {Run[]} runs
 * @param {{start: number, length: number, marks: {start: number, length: number}[]}} place
 * @returns {Run[]}
 */
export function within(runs, { start, length, marks }) {
  const end = start + length;
  const cuts = marks.flatMap((mark) => [mark.start, mark.start + mark.length]);
  const gaps = marks.filter((mark) => mark.length === 0).map((mark) => mark.start);
  /** @type {Run[]} */
  const found = [];
  for (const run of runs.filter((candidate) => candidate.start < end && candidate.end > start)) {
    const [from, to] = [Math.max(start, run.start), Math.min(end, run.end)];
    const edges = [...new Set([from, ...cuts.filter((at) => at > from && at < to), to])].sort((one, other) => one - other);
    for (let index = 0; index + 1 < edges.length; index += 1) {
      const part = { ...run, start: edges[index], end: edges[index + 1] };
      if (gaps.includes(part.start)) found.push({ ...part, end: part.start, isMarked: true });
      found.push({ ...part, isMarked: marks.some((mark) => mark.start <= part.start && mark.start + mark.length >= part.end) });
    }
  }
  return found;
}

/**
 * The bytes as text: UTF-8 where they are, and otherwise each byte for itself.
 * @param {Uint8Array} part
 * @returns {string}
 */
export function text(part) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part);
  } catch {
    return Array.from(part, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
  }
}
