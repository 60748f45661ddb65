// Matches a run against the words of a filter: each in its job, id, key, error or params, in upper or lower case. A
// number is an id only as a whole: 12 finds run 12 and not run 120; `#12` is nothing but an id. Hidden params are never
// searched: else their letters could be guessed one by one.
import type { Json } from '../support/json.ts';
import type { Run } from './run.ts';
import { errorOf, isRetrying } from './view.ts';

export interface Words {
  /** Each of these is in the run. */
  readonly words?: readonly string[];
  /** None of these is. */
  readonly without?: readonly string[];
  /** Each of these params has this value. */
  readonly params?: readonly ParamWord[];
  /** It waits for its next attempt after one that failed. */
  readonly retrying?: boolean;
  /** Names of params that are hidden, at any depth. */
  readonly hidden?: readonly string[];
}

/** `customer.city=Berlin`: the value at a path, as it is written in JSON, a text without its quotes. */
export interface ParamWord {
  readonly path: string;
  readonly value: string;
}

/** True if there is anything to look for. */
export const isSearched = ({ words = [], without = [], params = [], retrying }: Words): boolean =>
  retrying === true || words.length + without.length + params.length > 0;

/** A word as it is looked for. */
interface Word {
  readonly text: string;
  /** The id that it may be. */
  readonly id: number | null;
  /** It is an id or nothing. */
  readonly isId: boolean;
}

export class WordFilter {
  readonly #words: readonly Word[];
  readonly #without: readonly Word[];
  readonly #params: readonly ParamWord[];
  readonly #retrying: boolean;
  readonly #hidden: ReadonlySet<string>;

  constructor({ words = [], without = [], params = [], retrying = false, hidden = [] }: Words) {
    this.#retrying = retrying;
    this.#params = params;
    this.#words = words.map(wordOf);
    this.#without = without.map(wordOf);
    this.#hidden = new Set(hidden);
  }

  /** True where every run of this job fits, whatever else it holds. */
  fitsJob(job: string): boolean {
    const others = this.#without.length + this.#params.length;
    return others === 0 && !this.#retrying && this.#words.every((word) => isInName(word, job));
  }

  /** True where no run of this job fits. */
  excludesJob(job: string): boolean {
    return this.#without.some((word) => isInName(word, job));
  }

  /** The only run that can fit; null where that may be any. */
  get only(): number | null {
    return this.#words.find(({ isId }) => isId)?.id ?? null;
  }

  /**
   * Tells of a run's JSON, unread, that the run cannot fit (false), or that it may; null where no JSON can tell. Each
   * word stands in the JSON of a run that fits, letter by letter.
   */
  get inLine(): ((line: Buffer) => boolean) | null {
    const values = this.#params.flatMap(({ value }) => writtenIn(value) ?? []);
    const words = this.#words.flatMap(({ text, isId }) => (isId || !PLAIN.test(text) ? [] : text));
    if (values.length + words.length === 0) return null;
    const exact = values.map((value) => Buffer.from(value));
    return (line) => {
      if (!exact.every((value) => line.includes(value))) return false;
      if (words.length === 0) return true;
      const letters = line.toString('utf8').toLowerCase();
      return words.every((word) => letters.includes(word));
    };
  }

  /** Null where the params decide, and the run is at hand without them. */
  fits(run: Run, isLight = false): boolean | null {
    if (this.#retrying && !isRetrying(run)) return false;
    const isAtHand = (word: Word): boolean => isOutside(word, run);
    if (this.#without.some(isAtHand)) return false;
    const missing = this.#words.filter((word) => !isAtHand(word));
    if (missing.some(({ isId }) => isId)) return false;
    const isOver = missing.length === 0 && this.#without.length === 0;
    if (isOver && this.#params.length === 0) return true;
    if (isLight) return null;
    if (!this.#params.every((one) => hasParam(run.params, one, this.#hidden))) return false;
    const isInParams = ({ text, isId }: Word): boolean =>
      !isId && isInside(run.params, text, this.#hidden);
    return missing.every(isInParams) && !this.#without.some(isInParams);
  }
}

/**
 * True where every run that fits the second filter fits the first one: letters were added to a word, or another word. A
 * number that grows may become another id.
 */
export function isNarrower(wide: Words, narrow: Words): boolean {
  const { words = [], without = [], params = [] } = narrow;
  const isWithin = (part: string, word: string): boolean =>
    part === word ||
    (!wordOf(part).isId &&
      wordOf(word).id === null &&
      word.toLowerCase().includes(part.toLowerCase()));
  return (
    (wide.retrying !== true || narrow.retrying === true) &&
    (wide.words ?? []).every((part) => words.some((word) => isWithin(part, word))) &&
    (wide.without ?? []).every((word) => without.includes(word)) &&
    (wide.params ?? []).every((one) => params.some((other) => isSame(one, other))) &&
    JSON.stringify(wide.hidden ?? []) === JSON.stringify(narrow.hidden ?? [])
  );
}

/** Letters that JSON has as they are. A colon may stand between the name of an error and its message. */
const PLAIN = /^[!#-9;-[\]-~]+$/;

/** A param's value as JSON has it; null where it may have it in several ways: 1.0 is 1. */
function writtenIn(value: string): string | null {
  if (value === '') return null;
  if (value.trim() === '' || Number.isNaN(Number(value))) return JSON.stringify(value).slice(1, -1);
  return Number.isSafeInteger(Number(value)) && String(Number(value)) === value ? value : null;
}

const isSame = (one: ParamWord, other: ParamWord): boolean =>
  one.path === other.path && one.value === other.value;

function wordOf(typed: string): Word {
  const [, mark, digits] = /^(#?)([1-9]\d{0,14})$/.exec(typed) ?? [];
  const id = digits === undefined ? null : Number(digits);
  return { text: typed.toLowerCase(), id, isId: mark === '#' };
}

const isInName = ({ text, isId }: Word, job: string): boolean =>
  !isId && job.toLowerCase().includes(text);

/** Anywhere but in the params. */
function isOutside(word: Word, run: Run): boolean {
  if (word.id === run.id) return true;
  if (word.isId) return false;
  if (isInName(word, run.job) || run.origin?.key?.toLowerCase().includes(word.text)) return true;
  const error = errorOf(run);
  return error !== null && `${error.name}: ${error.message}`.toLowerCase().includes(word.text);
}

/** In a name or a value, at any depth. */
function isInside(value: Json, text: string, hidden: ReadonlySet<string>): boolean {
  if (typeof value === 'string') return value.toLowerCase().includes(text);
  if (value === null) return false;
  if (typeof value !== 'object') return String(value).includes(text);
  if (Array.isArray(value)) return value.some((inner) => isInside(inner, text, hidden));
  for (const name in value) {
    if (name.toLowerCase().includes(text)) return true;
    if (!hidden.has(name) && isInside(value[name] as Json, text, hidden)) return true;
  }
  return false;
}

/** A path is names with dots between, and numbers for the places of a list. A name may have dots itself. */
function hasParam(
  value: Json,
  { path, value: wanted }: ParamWord,
  hidden: ReadonlySet<string>,
): boolean {
  if (path === '') return typeof value === 'string' ? value === wanted : writtenAs(value, wanted);
  if (value === null || typeof value !== 'object') return false;
  const parts = path.split('.');
  return parts.some((_, i) => {
    const name = parts.slice(0, i + 1).join('.');
    if (hidden.has(name) || !Object.hasOwn(value, name)) return false;
    const inner = (value as { readonly [name: string]: Json })[name] as Json;
    return hasParam(inner, { path: parts.slice(i + 1).join('.'), value: wanted }, hidden);
  });
}

/** Numbers are compared as such: 1.0 is 1. Lists and objects have no value of their own. */
function writtenAs(value: Json, wanted: string): boolean {
  if (typeof value === 'number') return wanted.trim() !== '' && Number(wanted) === value;
  return (value === null || typeof value === 'boolean') && String(value) === wanted;
}
