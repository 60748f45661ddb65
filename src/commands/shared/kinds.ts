// The kinds of values that options take. Each says how its text is read, how a field of a request is checked, and
// what Tab offers for it.
import * as v from 'valibot';
import { STATE_NAMES, type StateName } from '../../run/run.ts';
import { isInstant } from '../../support/clock.ts';
import { parseDuration } from '../../support/durations.ts';
import { JobrunError } from '../../support/errors.ts';
import { checkDepth, type Json, parseJson } from '../../support/json.ts';
import { JOB_NAME_PART, MAX_JOB_NAME } from '../../support/limits.ts';
import * as schemas from '../../support/schema.ts';
import { firstOf, plainLine } from '../../support/text.ts';
import { zoneNamed } from '../../support/zone-names.ts';
import { type Kind, type Offer, type Shape, take } from './options.ts';

/** Any text up to a length. */
export const text = (longest: number, offer?: Offer): Kind<string> => ({
  read: (typed) => typed,
  schema: schemas.textUpTo(longest),
  shape: { type: 'string', minLength: 1, maxLength: longest },
  ...(offer && { offer }),
});

const MOST = Number.MAX_SAFE_INTEGER;

/** A whole number within bounds. */
export const count = (least: number, most = MOST): Kind<number> => ({
  read: (typed, what) => readInteger(typed, what, least, most),
  schema: schemas.whole(least, most),
  shape: { type: 'integer', minimum: least, ...(most !== MOST && { maximum: most }) },
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

const DURATION: Shape = {
  anyOf: [
    { type: 'number', minimum: 0, description: 'milliseconds' },
    { type: 'string', description: 'such as 500ms, 90s, 20m, 1h30m, 2d, 1w, PT20M' },
  ],
};

/** Milliseconds, or a text such as `90s`. */
export const duration: Kind<number> = {
  read: parseDuration,
  schema: schemas.duration,
  shape: DURATION,
};

/** The same, but not nothing. */
export const someTime = (problem: string, hint: string): Kind<number> => {
  const schema = v.pipe(
    schemas.duration,
    v.check((ms) => ms > 0, `: ${problem}\n${hint}\nbad-time`),
  );
  const read = (typed: string, what: string): number =>
    take(schema, parseDuration(typed, what), what);
  return { read, schema, shape: DURATION };
};

/** One of a few words. */
export const choice = <Word extends string>(words: readonly Word[]): Kind<Word> => {
  const schema = schemas.oneOf(words);
  const read = (typed: string, what: string): Word => take(schema, typed, what);
  return { read, schema, shape: { type: 'string', enum: [...words] }, offer: { values: words } };
};

/** States, as a list or as a text with commas. */
export const states = (
  known: readonly StateName[] = STATE_NAMES,
  of = '',
): Kind<readonly StateName[]> => {
  const schema = v.pipe(
    v.lazy((value) => (typeof value === 'string' ? schemas.text : schemas.list(schemas.text))),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const names = [dataset.value].flat().flatMap((text) => text.split(','));
      const states = names.map((name) => name.trim() as StateName);
      const wrong = states.find((state) => !known.includes(state));
      if (wrong === undefined) return states;
      addIssue({ message: schemas.noSuch(wrong, known, of) });
      return NEVER;
    }),
  );
  const read = (typed: string, what: string): readonly StateName[] => take(schema, typed, what);
  const one = { type: 'string', enum: [...known] };
  const commas = { type: 'string', description: 'with commas between' };
  const shape = { anyOf: [commas, { type: 'array', items: one }] };
  return { read, schema, shape, offer: { list: known } };
};

/** Any JSON. A command checks its depth and size itself, with a name for it. */
export const json: Kind<Json> = {
  schema: schemas.be<Json>('JSON', () => true),
  shape: {},
  nullable: true,
};

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
  schema: schemas.zone,
  shape: { type: 'string' },
  offer: 'zones',
};

const ISO = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** Milliseconds, or an ISO text with its zone: one without could mean two instants. */
const anInstant = schemas.made(
  schemas.must('a Date, an ISO instant such as 2026-12-01T18:30:00Z, or milliseconds', 'bad-time'),
  (value) => {
    const ms = typeof value === 'string' && ISO.test(value) ? Date.parse(value) : value;
    return isInstant(ms) ? Math.round(ms) : null;
  },
);

const INSTANT: Shape = {
  anyOf: [
    { type: 'string', format: 'date-time' },
    { type: 'number', description: 'milliseconds since 1970' },
  ],
};

/** An instant. `--at` is read together with `--in` and `--tz`. */
export const instant: Kind<number> = { schema: anInstant, shape: INSTANT };

/** An instant that lies in the past: `2h`, `yesterday`, `22:00`. */
export const since: Kind<number> = {
  async read(typed, _what, { now, config }) {
    const { parseSince } = await import('../../support/typed-times.ts');
    return parseSince(typed, { now, timezone: config.timezone });
  },
  schema: anInstant,
  shape: INSTANT,
};

/** The error for a text that is wrong, with its first characters, and for a value that is no text at all. */
const unfit =
  (wanted: string, says: (shown: string) => string) =>
  ({ input }: { readonly input: unknown }): string =>
    typeof input === 'string'
      ? `${says(firstOf(plainLine(input), MAX_JOB_NAME))}\nbad-option`
      : schemas.must(wanted, 'bad-option')({ input });

const ID = /^[1-9]\d{0,14}$/;

const id = schemas.made(
  unfit(
    "a text such as '12'",
    (shown) => `: "${shown}" is no id of a run\nA run has a whole number: see \`jobrun list\`.`,
  ),
  (value) => (typeof value === 'string' && ID.test(value) ? Number(value) : null),
);

const AN_ID = { type: 'string', pattern: ID.source };

/** The number of a run. Throws `bad-option` for what cannot be one. */
export const runId = (value: unknown): number => take(id, value, '');

/** A run. Tab offers those in one of these states. */
export const run = (offered: readonly StateName[] | null = null): Kind<number, string> => ({
  read: (typed) => String(runId(typed)),
  schema: id,
  shape: AN_ID,
  offer: { runs: offered },
});

/** Several runs, each once. `4,5` is two of them. */
export const runs = (
  offered: readonly StateName[] | null = null,
): Kind<readonly number[], readonly string[]> & { readonly many: true } => ({
  read: (typed) => splitIds(typed).map((id) => String(runId(id))),
  schema: v.pipe(
    schemas.list(id),
    v.transform((ids) => [...new Set(ids)]),
  ),
  shape: { type: 'array', items: AN_ID },
  offer: { runs: offered },
  many: true,
});

/**
 * An empty text is no list of none, but an id that is missing, as from a shell variable that was never set. The run
 * must not start without what it was to wait for.
 */
const splitIds = (typed: string): readonly string[] =>
  typed.split(/,(?=.)/).map((id) => id.replace(/,$/, ''));

const named = (what: string, see: string): schemas.Schema<string> =>
  schemas.be(
    unfit(
      `the name of ${what}`,
      (shown) =>
        `: "${shown}" cannot be the name of ${what}\nLetters, digits, ".", "_", "-" and "/" between parts, at most ${MAX_JOB_NAME}: ${see}.`,
    ),
    (name) =>
      typeof name === 'string' &&
      name.length <= MAX_JOB_NAME &&
      name.split('/').every((part) => JOB_NAME_PART.test(part)),
  );

const aJob = named('a job', 'see `jobrun jobs`');
const aSchedule = named('a schedule', 'see `jobrun schedules`');

/** A job's name, by its form alone. Throws `bad-option` before anything looks for it. */
export const jobName = (raw: unknown): string => take(aJob, raw, '');

/** The same of a schedule: most have the name of their job. */
const scheduleName = (raw: unknown): string => take(aSchedule, raw, '');

const A_NAME: Shape = { type: 'string', minLength: 1, maxLength: MAX_JOB_NAME };

export const job: Kind<string> = { read: jobName, schema: aJob, shape: A_NAME, offer: 'jobs' };
export const schedule: Kind<string> = {
  read: scheduleName,
  schema: aSchedule,
  shape: A_NAME,
  offer: 'schedules',
};
