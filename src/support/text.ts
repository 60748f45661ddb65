// Text that people read: what a job or a caller wrote is made harmless before a terminal sees it, and a name that is
// nearly right gets a suggestion.
import { MB } from './limits.ts';

// ESC sequences come first (a colour code has printable letters that would stay), then every control character, C1 and
// the characters that turn the direction of writing. So a job's text can neither move the cursor nor pose as another.
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g;
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Removes everything that a terminal would act on; tabs and line breaks stay. */
export const plain = (text: string): string => text.replace(ESCAPES, '').replace(CONTROLS, '');

/** The same on one line: for tables, names and messages. */
export const plainLine = (text: string): string =>
  plain(text).replace(/\s+/g, (space) => (/[\n\t]/.test(space) ? ' ' : space));

/** The first characters of a text, without half of a surrogate pair at the end. */
export const firstOf = (text: string, most: number): string => text.slice(0, most).toWellFormed();

/** At most so many characters, with a mark that says how many more there were: `more` were dropped before. */
export function cutTo(most: number, text: string, more = 0): string {
  const over = Math.max(0, text.length - most) + more;
  if (over === 0) return text;
  const end = FIRST_HALF.test(text.charAt(most - 1)) ? most - 1 : most;
  return `${text.slice(0, end)} … [cut: ${over} more characters]`;
}

// JSON leaves these as they are, and a terminal would act on them; as escapes they are the same text.
const ACTED_ON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The JSON text of a value, without any character that a terminal acts on. */
export const harmlessJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    ACTED_ON,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A text in pieces of at most `size` UTF-16 units, 2 or more. A character of two units stays in one piece. */
export function* piecesOf(text: string, size: number): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = Math.min(from + size, text.length);
    const splits = end < text.length && SECOND_HALF.test(text.charAt(end));
    yield text.slice(from, splits ? end - 1 : end);
    from = splits ? end - 1 : end;
  }
}

const FIRST_HALF = /[\ud800-\udbff]/;
const SECOND_HALF = /[\udc00-\udfff]/;

/** Letters that may still be compared to find what was meant. */
export interface Effort {
  left: number;
}

/**
 * Some 20 ms. If there are very many long names, or many words that are looked for together, the last ones are not
 * looked at.
 */
export const newEffort = (): Effort => ({ left: 1_000_000 });

/** The candidate that was probably meant, or null: at most a third of its letters differ. */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  effort = newEffort(),
): string | null {
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  const meant = word.toLowerCase();
  for (const candidate of candidates) {
    const most = Math.min(least - 1, Math.max(1, Math.ceil(candidate.length / 3)));
    // The distance is never below this, and a caller's word of a megabyte must not cost a second.
    if (Math.abs(candidate.length - word.length) > most) continue;
    effort.left -= meant.length * (2 * most + 1);
    if (effort.left < 0) break;
    const distance = editDistance(meant, candidate.toLowerCase(), most);
    if (distance <= most) [best, least] = [candidate, distance];
  }
  return best;
}

/**
 * Returns the hint for a name that does not exist: the one that was probably meant, else `otherwise`, or all of them.
 */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherwise?: string,
  effort = newEffort(),
): string {
  const meant = nearest(word, candidates, effort);
  if (meant !== null) return `Did you mean "${meant}"?`;
  return otherwise ?? `Known are: ${[...candidates].join(', ')}.`;
}

/** The distance, or more than `most` where it is above that: only the fields near the diagonal can be within it. */
function editDistance(a: string, b: string, most: number): number {
  const far = most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  let next = row.map(() => far);
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - most);
    const to = Math.min(b.length, i + most);
    next[from - 1] = from === 1 ? i : far;
    let least = next[from - 1] ?? far;
    for (let j = from; j <= to; j++) {
      const swap = (row[j - 1] ?? far) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const one = Math.min(swap, (row[j] ?? far) + 1, (next[j - 1] ?? far) + 1);
      next[j] = one;
      least = Math.min(least, one);
    }
    if (to < b.length) next[to + 1] = far;
    if (least > most) return far;
    [row, next] = [next, row];
  }
  return row[b.length] ?? far;
}

/** `1 run`, `2 runs`, `1,204 runs`. */
export const count = (n: number, noun: string): string =>
  `${showCount(n)} ${noun}${n === 1 ? '' : 's'}`;

/** One word of a POSIX shell, whatever is in it. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same, left as it is where a shell takes it so. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : shellQuoted(text);

const NAMED = 5;

/** `2, 5, 9, 12, 14 and 83 more`: the lowest of many numbers, without sorting them all. */
export function lowestOf(numbers: ReadonlySet<number>): string {
  const lowest: number[] = [];
  for (const number of numbers) {
    if (number > (lowest[NAMED - 1] ?? Infinity)) continue;
    lowest.push(number);
    lowest.sort((a, b) => a - b).splice(NAMED);
  }
  const more = numbers.size - lowest.length;
  return lowest.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Without the byte order mark that Windows editors write before a text. */
export const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '');

/** Bytes as people read them: `12 MB`. */
export const showMegabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`;

/** A word as a title. */
export const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `1,204`; with few columns `1.2M`. */
export const showCount = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

export function showShortCount(n: number): string {
  if (n < 10_000) return showCount(n);
  if (n < 1_000_000) return `${Math.floor(n / 1000)}k`;
  return `${(Math.floor(n / 100_000) / 10).toFixed(1)}M`;
}
