// The kinds of values that options take. Each says how its text is read, how a field of a request is checked, and
// what Tab offers for it.
import { STATE_NAMES, type StateName } from '../../run/run.ts';
import { isInstant } from '../../support/clock.ts';
import { durationMs, parseDuration } from '../../support/durations.ts';
import { JobrunError } from '../../support/errors.ts';
import { checkDepth, type Json, parseJson } from '../../support/json.ts';
import { JOB_NAME_PART, MAX_JOB_NAME } from '../../support/limits.ts';
import { firstOf, plainLine } from '../../support/text.ts';
import { zoneNamed } from '../../support/zones.ts';
import { type Kind, notOneOf, type Offer, wrong } from './options.ts';

/** Any text up to a length. */
export const text = (longest: number, offer?: Offer): Kind<string> => ({
  read: (typed) => typed,
  check(value, what) {
    if (typeof value === 'string' && value !== '' && value.length <= longest) return value;
    throw wrong(what, `a text of 1 to ${longest} characters`);
  },
  ...(offer && { offer }),
});

const MOST = Number.MAX_SAFE_INTEGER;

/** A whole number within bounds. */
export const count = (least: number, most = MOST): Kind<number> => ({
  read: (typed, what) => readInteger(typed, what, least, most),
  check(value, what) {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most)
      return value as number;
    throw wrong(what, `a whole number from ${least} to ${most}`);
  },
});

/** A whole number given to an option. `or`: what else may stand there, read by the caller. */
export function readInteger(
  typed: string,
  what: string,
  least: number,
  most: number,
  or?: string,
): number {
  const value = /^-?\d+$/.test(typed) ? parseJson(typed) : undefined;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  const range = most === MOST ? `from ${least}` : `from ${least} to ${most}`;
  const hint = `Give a whole number ${range}${or === undefined ? '' : `, or ${or}`}.`;
  throw new JobrunError('bad-option', `${what}: "${typed}" does not fit`, hint);
}

/** Milliseconds, or a text such as `90s`. */
export const duration: Kind<number> = { read: parseDuration, check: durationMs };

/** The same, but not nothing. */
export const someTime = (problem: string, hint: string): Kind<number> => {
  const refuseNone = (ms: number, what: string): number => {
    if (ms > 0) return ms;
    throw new JobrunError('bad-time', `${what}: ${problem}`, hint);
  };
  return {
    read: (typed, what) => refuseNone(parseDuration(typed, what), what),
    check: (value, what) => refuseNone(durationMs(value, what), what),
  };
};

/** One of a few words. */
export const choice = <Word extends string>(words: readonly Word[]): Kind<Word> => ({
  read: (typed, what) => wordOf(typed, what, words),
  check: (value, what) => wordOf(value, what, words),
  offer: { values: words },
});

function wordOf<Word extends string>(value: Json, what: string, words: readonly Word[]): Word {
  if (words.includes(value as Word)) return value as Word;
  throw notOneOf(what, written(value), words);
}

/** States, as a list or as a text with commas. */
export const states = (
  known: readonly StateName[] = STATE_NAMES,
  of = '',
): Kind<readonly StateName[]> => {
  const read = (typed: string, what: string): readonly StateName[] =>
    typed.split(',').map((name) => wordOf(name.trim(), `${what}${of}`, known));
  return {
    read,
    check(value, what) {
      const list = Array.isArray(value) ? value : [value];
      return list.flatMap((one) => read(written(one), what));
    },
    offer: { list: known },
  };
};

/** Any JSON. A command checks its depth and size itself, with a name for it. */
export const json: Kind<Json> = { check: (value) => value, nullable: true };

/** JSON as it is typed. */
export const typedJson: Kind<Json> = { read: (typed, what) => jsonOf(typed, what), ...json };

export function jsonOf(typed: string, what: string, hint = QUOTING): Json {
  const value = parseJson(typed);
  if (value !== undefined) {
    checkDepth(value, `the values of ${what}`);
    return value;
  }
  throw new JobrunError('bad-option', `${what}: that is no JSON`, hint);
}

const QUOTING = `Quote it for the shell: '{"name":"value"}'.`;

/** A time zone by its name. */
export const zone: Kind<string> = {
  read: (typed, what) => zoneNamed(typed, what),
  check(value, what) {
    if (typeof value === 'string') return zoneNamed(value, what);
    throw wrong(what, 'the name of a time zone');
  },
  offer: 'zones',
};

const ISO = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** Milliseconds, or an ISO text with its zone: one without could mean two instants. */
function checkInstant(value: unknown, what: string): number {
  const ms = typeof value === 'string' && ISO.test(value) ? Date.parse(value) : value;
  if (isInstant(ms)) return Math.round(ms);
  if (typeof value === 'string' || typeof value === 'number') {
    const hint = 'Give a Date, an ISO instant such as 2026-12-01T18:30:00Z, or milliseconds.';
    throw new JobrunError('bad-time', `${what}: "${value}" is not an instant`, hint);
  }
  throw wrong(what, 'a Date');
}

/** An instant. `--at` is read together with `--in` and `--tz`. */
export const instant: Kind<number> = { check: checkInstant };

/** An instant that lies in the past: `2h`, `yesterday`, `22:00`. */
export const since: Kind<number> = {
  async read(typed, _what, { now, config }) {
    const { parseSince } = await import('../../support/typed-times.ts');
    return parseSince(typed, { now, timezone: config.timezone });
  },
  check: checkInstant,
};

/** Whatever stands where a text should: an object may have a `toString` that is none. */
const written = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const ID = /^[1-9]\d{0,14}$/;

/** The number of a run. Throws `bad-option` for what cannot be one. */
export function runId(value: unknown): number {
  if (typeof value === 'string' && ID.test(value)) return Number(value);
  const given = firstOf(plainLine(written(value ?? '')), MAX_JOB_NAME);
  const hint = 'A run has a whole number: see `jobrun list`.';
  throw new JobrunError('bad-option', `"${given}" is no id of a run`, hint);
}

/** A run. Tab offers those in one of these states. */
export const run = (offered: readonly StateName[] | null = null): Kind<number, string> => ({
  read: (typed) => String(runId(typed)),
  check: runId,
  offer: { runs: offered },
});

/** Several runs, each once. `4,5` is two of them. */
export const runs = (
  offered: readonly StateName[] | null = null,
): Kind<readonly number[], readonly string[]> & { readonly many: true } => ({
  read: (typed) => splitIds(typed).map((id) => String(runId(id))),
  check(value) {
    if (Array.isArray(value)) return [...new Set(value.map(runId))];
    throw wrong('ids', 'a list of ids');
  },
  offer: { runs: offered },
  many: true,
});

/**
 * An empty text is no list of none, but an id that is missing, as of a shell variable that was never set: the run must
 * not start without what it was to wait for.
 */
const splitIds = (typed: string): readonly string[] =>
  typed.split(/,(?=.)/).map((id) => id.replace(/,$/, ''));

/** A job's name, by its form alone. Throws `bad-option` before anything looks for it. */
export const jobName = (raw: unknown): string => nameOf(raw, 'a job', 'see `jobrun jobs`');

/** The same of a schedule: most have the name of their job. */
export const scheduleName = (raw: unknown): string =>
  nameOf(raw, 'a schedule', 'see `jobrun schedules`');

function nameOf(raw: unknown, what: string, see: string): string {
  const name = typeof raw === 'string' ? raw : '';
  const fits =
    name.length <= MAX_JOB_NAME && name.split('/').every((part) => JOB_NAME_PART.test(part));
  if (fits) return name;
  const shown = firstOf(plainLine(written(raw ?? '')), MAX_JOB_NAME);
  const hint = `Letters, digits, ".", "_", "-" and "/" between parts, at most ${MAX_JOB_NAME}: ${see}.`;
  throw new JobrunError('bad-option', `"${shown}" cannot be the name of ${what}`, hint);
}

export const job: Kind<string> = { read: jobName, check: jobName, offer: 'jobs' };
export const schedule: Kind<string> = {
  read: scheduleName,
  check: scheduleName,
  offer: 'schedules',
};
