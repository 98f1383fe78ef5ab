/** What differs between two lists or two texts, as rows of left and right. It must not know how they are shown. */

/** How many lines of either text are compared one by one; beyond, only what both begin and end with is found. */
const LINES_MAX = 1500;

/** @typedef {'same' | 'changed' | 'added' | 'removed'} Kind */
/**
 * @template T
 * @typedef {{kind: Kind, left: T | null, right: T | null}} Pair
 */

/**
 * Aligns two lists by their longest common subsequence.
 * @template T
 * @param {T[]} left
 * @param {T[]} right
 * @param {(item: T) => string} [key] what makes two items the same
 * @returns {Pair<T>[]}
 */
export function align(left, right, key = String) {
  const one = left.map(key);
  const other = right.map(key);
  let head = 0;
  while (head < one.length && head < other.length && one[head] === other[head]) head += 1;
  let tail = 0;
  while (tail < one.length - head && tail < other.length - head && one[one.length - 1 - tail] === other[other.length - 1 - tail]) tail += 1;
  const pairs = /** @type {Pair<T>[]} */ ([]);
  for (let i = 0; i < head; i += 1) pairs.push({ kind: 'same', left: left[i], right: right[i] });
  const middle = { left: left.slice(head, left.length - tail), right: right.slice(head, right.length - tail) };
  pairs.push(...between(middle.left, middle.right, key));
  for (let i = tail; i > 0; i -= 1) pairs.push({ kind: 'same', left: left[left.length - i], right: right[right.length - i] });
  return pairs;
}

/**
 * @template T
 * @param {T[]} left @param {T[]} right @param {(item: T) => string} key
 * @returns {Pair<T>[]}
 */
function between(left, right, key) {
  const removed = left.map((item) => /** @type {Pair<T>} */ ({ kind: 'removed', left: item, right: null }));
  const added = right.map((item) => /** @type {Pair<T>} */ ({ kind: 'added', left: null, right: item }));
  if (!left.length || !right.length || left.length > LINES_MAX || right.length > LINES_MAX) return [...removed, ...added];
  const one = left.map(key);
  const other = right.map(key);
  const width = right.length + 1;
  const longest = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = one[i] === other[j]
        ? longest[(i + 1) * width + j + 1] + 1
        : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const pairs = /** @type {Pair<T>[]} */ ([]);
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && one[i] === other[j]) {
      pairs.push({ kind: 'same', left: left[i], right: right[j] });
      i += 1;
      j += 1;
    } else if (j >= right.length || (i < left.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      pairs.push(removed[i]);
      i += 1;
    } else {
      pairs.push(added[j]);
      j += 1;
    }
  }
  return pairs;
}

/** @typedef {{name: string, value: string, redacted?: boolean}} Field */

/**
 * Aligns the fields of two messages: by name, whatever its case, in the order of the left; a field whose value differs
 * is one row, and not two.
 * @param {Field[]} left
 * @param {Field[]} right
 * @returns {Pair<Field>[]}
 */
export function fields(left, right) {
  const remaining = [...right];
  /** @type {Pair<Field>[]} */
  const pairs = left.map((field) => {
    const named = remaining.filter((other) => same(other.name, field.name));
    const found = named.find((other) => other.value === field.value) ?? (left.filter((one) => same(one.name, field.name)).length === 1 ? named[0] : undefined);
    if (!found) return { kind: 'removed', left: field, right: null };
    remaining.splice(remaining.indexOf(found), 1);
    return { kind: found.value === field.value ? 'same' : 'changed', left: field, right: found };
  });
  return [...pairs, ...remaining.map((field) => /** @type {Pair<Field>} */ ({ kind: 'added', left: null, right: field }))];
}

/**
 * Aligns the start lines and the fields of two messages, either of which may be missing.
 * @param {{line: string, version: string, fields: Field[]} | null} left
 * @param {{line: string, version: string, fields: Field[]} | null} right
 * @returns {Pair<Field>[]} a start line is a field without a name
 */
export function messages(left, right) {
  // What was sent on is told without a version, which then is nothing to compare.
  const isShort = [left, right].some((message) => message?.version === '');
  const line = (/** @type {any} */ message) => (message ? [{ name: '', value: isShort ? `${message.method} ${message.target}` : message.line }] : []);
  return fields([...line(left), ...(left?.fields ?? [])], [...line(right), ...(right?.fields ?? [])]);
}

/** @param {string} one @param {string} other */
const same = (one, other) => one.toLowerCase() === other.toLowerCase();
