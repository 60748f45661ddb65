// The filter of a list as a person types it:
// `news -mail state:failed group:shop key:weekly since:2h param:customer.city=Berlin`. The dashboard, and clients that
// ask for a list with `q`, have it read here.
import * as v from 'valibot';
import { STATE_NAMES, type StateName } from '../../run/run.ts';
import { LISTS, type ListName } from '../../run/run-lists.ts';
import { RETRYING_STATES } from '../../run/view.ts';
import type { ParamWord } from '../../run/words.ts';
import { JobrunError } from '../../support/errors.ts';
import { text } from '../../support/schema.ts';
import { plainLine } from '../../support/text.ts';
import { field } from './options.ts';

export interface Filter {
  /** Each is in the run, job or schedule. */
  readonly words: readonly string[];
  /** None of these is. */
  readonly without: readonly string[];
  /** Parts of the job's name. */
  readonly job: readonly string[];
  /** How names of states begin; null where any will do. */
  readonly states: readonly string[] | null;
  /** Only runs that wait for their next attempt after one that failed. */
  readonly retrying: boolean;
  readonly group: string | null;
  readonly key: string | null;
  /** Each of these params has this value. */
  readonly params: readonly ParamWord[];
  /** Accepted at or after. */
  readonly since: number | null;
  /** The words that could not be read; they leave nothing out. */
  readonly unread: readonly string[];
}

/** More would be looked for one after the other in each of a million runs. */
const MAX_PARTS = 20;

const NO_FILTER: Filter = {
  ...{ words: [], without: [], job: [], params: [], unread: [] },
  ...{ states: null, retrying: false, group: null, key: null, since: null },
};

/** The field that carries a filter, in every request for a list. */
export const FILTER = field<string>(
  {
    read: (typed) => typed,
    schema: v.pipe(text, v.maxLength(1000, ' must have at most 1000 characters')),
    shape: { type: 'string', maxLength: 1000 },
  },
  'the words of a filter, as in the dashboard',
);

export function readFilter(typed: string, now: number): Filter {
  let filter = NO_FILTER;
  const parts = typed.split(/\s+/).filter((part) => part !== '' && part !== '-');
  for (const part of parts.slice(0, MAX_PARTS)) filter = withPart(filter, part, now);
  return { ...filter, unread: [...filter.unread, ...parts.slice(MAX_PARTS)] };
}

function withPart(filter: Filter, part: string, now: number): Filter {
  const [, name = '', value = ''] = /^(job|state|is|group|key|since|param):(.*)$/.exec(part) ?? [];
  if (name === '' && part.startsWith('-'))
    return { ...filter, without: [...filter.without, part.slice(1)] };
  if (name === '') return { ...filter, words: [...filter.words, part] };
  // Still being typed.
  if (value === '') return filter;
  if (name === 'param') return withParam(filter, part, value);
  if (name === 'job') return { ...filter, job: [...filter.job, value] };
  if (name === 'state') return withStates(filter, part, value);
  if (name === 'is') return withKind(filter, part, value);
  if (name !== 'since') return { ...filter, [name]: value };
  const ms = ageOf(value);
  if (ms === null) return { ...filter, unread: [...filter.unread, part] };
  // By the minute: a filter that moves with every look would never be the same twice.
  return { ...filter, since: Math.floor((now - ms) / 60_000) * 60_000 };
}

function withStates(filter: Filter, part: string, typed: string): Filter {
  if (unknownState(part) !== null) return { ...filter, unread: [...filter.unread, part] };
  return { ...filter, states: typed.toLowerCase().split(',').filter(Boolean) };
}

/** `is:retry` is enough. Retrying is no state: such a run is scheduled or queued. */
function withKind(filter: Filter, part: string, typed: string): Filter {
  if (RETRYING.startsWith(typed.toLowerCase())) return { ...filter, retrying: true };
  return { ...filter, unread: [...filter.unread, part] };
}

const RETRYING = 'retrying';

/** The first name in `state:done,fooo` that begins no state; null where there is none. */
function unknownState(part: string): string | null {
  const [, typed = ''] = /^state:(.*)$/.exec(part) ?? [];
  const begins = (name: string): boolean =>
    STATE_NAMES.some((state) => state.startsWith(name.toLowerCase()));
  return typed.split(',').find((name) => !begins(name)) ?? null;
}

/** A value may have `=` in it. */
function withParam(filter: Filter, part: string, typed: string): Filter {
  const [, path = '', value = ''] = /^([^=]+)=(.*)$/.exec(typed) ?? [];
  if (path === '') return { ...filter, unread: [...filter.unread, part] };
  return { ...filter, params: [...filter.params, { path, value }] };
}

/** The same for a request. Throws where a part of it cannot be read: it would find too much. */
export function filterOf(typed: string | undefined, now: number): Filter {
  const filter = readFilter(typed ?? '', now);
  const [unread] = filter.unread;
  if (unread === undefined) return filter;
  const { says, choices } = unreadText(unread);
  const hint = `Write state:failed, is:retrying, since:2h, param:customer.city=Berlin; at most ${MAX_PARTS} words in all.`;
  throw new JobrunError('bad-option', `the filter: ${[says, ...choices].join('; ')}`, hint);
}

/** The reason why a word of a filter cannot be read, and what it could be. */
export function unreadText(part: string): {
  readonly says: string;
  readonly choices: readonly string[];
} {
  const state = unknownState(part);
  if (state === null) return { says: `cannot read "${plainLine(part)}"`, choices: [] };
  const says = `there is no state "${plainLine(state)}"`;
  // The word that is meant is of another kind.
  if (/^retry/i.test(state)) return { says, choices: [`write is:${RETRYING}`] };
  return { says, choices: [`states: ${STATE_NAMES.join(', ')}`] };
}

/** The states that a filter leaves of a list: `state:fail` is enough. */
export const statesIn = (list: ListName, { states, retrying }: Filter): readonly StateName[] =>
  LISTS[list].filter(
    (name) =>
      (!states || states.some((part) => name.startsWith(part))) &&
      (!retrying || RETRYING_STATES.includes(name)),
  );

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };

function ageOf(typed: string): number | null {
  const [, n = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(typed) ?? [];
  return n === '' ? null : Number(n) * (UNITS[unit] ?? 0);
}

/** True where each of the words is in one of these texts, and none of the others. */
export function fitsTexts(
  texts: readonly (string | null)[],
  {
    words,
    without = [],
  }: { readonly words: readonly string[]; readonly without?: readonly string[] },
): boolean {
  const has = (word: string): boolean =>
    texts.some((one) => one?.toLowerCase().includes(word.toLowerCase()));
  return words.every(has) && !without.some(has);
}
