// The options by which a run or a schedule is asked for, in tables that `schedule`, `run`, `update`, lines of a batch,
// the library and jobs that emit share. Also the rules by which they are read if they depend on each other.

import * as v from 'valibot';
import { checkCron } from '../../run/cron.ts';
import { CATCH_UPS, OVERLAPS } from '../../run/policy.ts';
import type { TypedCommand } from '../../run/run.ts';
import type { Rule } from '../../run/schedule.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { MAX_KEY_LENGTH } from '../../support/limits.ts';
import { be, list, whole } from '../../support/schema.ts';
import type { Asked } from './command.ts';
import {
  choice,
  count,
  duration,
  instant,
  job,
  json,
  readInteger,
  runs,
  schedule,
  someTime,
  text,
  zone,
} from './kinds.ts';
import {
  argument,
  type Checked,
  checked,
  field,
  fieldsOf,
  flag,
  fromNames,
  type Kind,
  nameIn,
  option,
  optionMany,
  type Sent,
  wrong,
  yesOrNo,
} from './options.ts';
import { type GivenParams, readParams, type Texts } from './params.ts';
import { type Due, readDue } from './times.ts';

export const TIMES = {
  dueAt: option(
    '--at <time>',
    instant,
    'when: now, 18:30, 6pm, tomorrow 9:00, friday 5pm, 1 dec 9:00, 2026-12-01 18:30, in 20m, @seconds',
  ),
  // Read together with the others: only one of them may be given.
  inMs: option(
    '--in <duration>',
    { schema: duration.schema, shape: duration.shape ?? {} },
    'how long from now: 90s, 20m, 1h30m, 2d',
  ),
  timezone: {
    ...option(
      '--tz <zone>',
      zone,
      "the time zone of the times you type; default: the config's, else the shell's",
    ),
    name: 'timezone',
  },
};

const pair = be<Texts[number]>(
  'a pair of texts',
  (pair) => Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string',
);
const texts: Kind<Texts> & { readonly many: true } = { schema: list(pair), many: true };

export const PARAMS = {
  texts: optionMany(
    '-p, --param <name=text>',
    texts,
    'one param as text; name:=json for any other value',
  ),
  params: option('--params <json|@file|->', json, 'all params, as JSON, from a file or from stdin'),
};

const MAX_PRIORITY = 1_000_000;
export const priority = count(-MAX_PRIORITY, MAX_PRIORITY);

const MOST = Number.MAX_SAFE_INTEGER;

/** Null is no end. */
const retries: Kind<number | null> = {
  read: (typed, what) =>
    /^infin/i.test(typed) ? null : readInteger(typed, what, 0, MOST, 'infinite'),
  schema: v.nullable(whole(0)),
  shape: { type: ['integer', 'null'], minimum: 0 },
  nullable: true,
};

export const SETTINGS = {
  priority: option('--priority <n>', priority, "higher runs first; default: the job's, else 1"),
  key: option(
    '--key <text>',
    text(MAX_KEY_LENGTH),
    'return the existing run if one with this key has not settled',
  ),
  retries: option('--retries <n>', retries, "further attempts, or `infinite`; default: the job's"),
  timeoutMs: option(
    '--timeout <duration>',
    someTime('no time is left', 'Leave it out for no limit.'),
    "longest time of one attempt; default: the job's",
  ),
  after: optionMany('--after <id...>', runs(), 'start once these runs are done'),
};

/** A malformed value is dropped: a trace is no reason to refuse a run. */
const header: Kind<string> = {
  schema: be('a text', () => true),
  shape: { description: 'a text; anything else is dropped' },
};

/** The trace that a run belongs to. */
export const TRACE = {
  traceparent: field(header, 'the trace context of the caller'),
  tracestate: field(header, 'what its tracing systems add'),
};

/** The same of the environment of a command line. */
export function traceOfEnvironment({ TRACEPARENT, TRACESTATE }: NodeJS.ProcessEnv): object {
  if (!TRACEPARENT) return {};
  return { traceparent: TRACEPARENT, ...(TRACESTATE && { tracestate: TRACESTATE }) };
}

export const FORCE = flag('--force', 'even if the job is broken or does not exist yet');
/** The note about the time that was read. */
export const NOTE = field(text(1000));
export const DRY_RUN = flag('--dry-run', 'check the request and show it, but accept nothing');

export const RULE = {
  everyMs: option(
    '--every <duration>',
    someTime('the interval is zero', 'The shortest is 1s.'),
    'make a schedule: run again this long after the last run ended',
  ),
  cron: option('--cron <fields>', text(1000), 'make a schedule: "30 2 * * *", "@daily"'),
  name: option('--name <name>', schedule, "the schedule's name; default: the job's"),
  catchUp: option(
    '--catch-up <how>',
    choice(CATCH_UPS),
    'what to do about missed times: skip, once or all',
  ),
  overlap: option(
    '--overlap <how>',
    choice(OVERLAPS),
    'what to do while the last run has not settled: skip, queue, replace or allow',
  ),
  replace: flag('--replace', 'replace the schedule of this name'),
};

const { dueAt, inMs, timezone } = TIMES;
const { params } = PARAMS;

/** A run as it is asked for. Without a time it is due at once. */
export const RUN = {
  job: argument('<job>', job, 'the job to run'),
  ...PARAMS,
  ...{ dueAt, inMs },
  ...SETTINGS,
  ...TRACE,
  force: FORCE,
};
export type RunRequest = Checked<typeof RUN> & { readonly command?: TypedCommand };

/** A schedule as it is asked for. */
export const SCHEDULE = {
  ...RUN,
  ...RULE,
  timezone,
  /** Asked for by code, which may be started again and again. */
  same: field(
    yesOrNo,
    'if there is a schedule of this name that is just the same, that one is the reply',
  ),
};
export type ScheduleRequest = Checked<typeof SCHEDULE> & Pick<RunRequest, 'command'>;

/** A line of a batch. Its times are words, as they are typed. */
export const LINE = { job: RUN.job, params, dueAt, inMs, ...SETTINGS, ...TRACE, force: FORCE };

const FROM_CODE = { dueAt, inMs, timezone, ...SETTINGS, ...TRACE, ...RULE };

export interface AskedRun extends GivenParams, Due {
  readonly note?: string;
  /** The zone in which it was read, and is shown again. */
  readonly timezone: string;
}

/** Returns the params and the time that were typed. */
export async function askRun(
  { timezone: given }: { readonly timezone?: string },
  asked: Pick<Asked<typeof TIMES & typeof PARAMS>, 'typed' | 'now' | 'config' | 'readStdin'>,
  isNow = false,
): Promise<AskedRun> {
  const { typed, now, config } = asked;
  const timezone = given ?? config.timezone;
  const times = { at: typed.dueAt, in: typed.inMs, now: isNow };
  const { due, note } = await readDue(times, { now, timezone });
  const trace = traceOfEnvironment(process.env);
  return {
    ...(await readParams(asked)),
    ...due,
    ...(note !== null && { note }),
    timezone,
    ...trace,
  };
}

export function missingJob(): JobrunError {
  const hint = 'See which there are: jobrun jobs';
  return new JobrunError('bad-option', 'no job was named', hint);
}

const OF_RUN = ['key', 'after', 'retries', 'timeoutMs', 'wait', 'follow'];
const OF_RULE = ['name', 'catchUp', 'overlap', 'replace'];

/**
 * Refuses what does not go together. Returns whether it makes a schedule.
 *
 * @param shown how the caller writes an option: `--catch-up` or `catchUp`
 */
export function isRule(
  given: Readonly<Record<string, unknown>>,
  shown: (key: string) => string,
  ofRule = OF_RULE,
): boolean {
  const { everyMs, cron } = given;
  const [every, by] = [shown('everyMs'), shown('cron')];
  refuseBoth(given, 'everyMs', 'cron', shown);
  const makes = everyMs !== undefined || cron !== undefined;
  const why = makes ? 'only for a run' : `only with ${every} or ${by}`;
  refuseGiven(given, makes ? OF_RUN : ofRule, shown, why);
  return makes;
}

export function refuseGiven(
  given: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  shown: (key: string) => string,
  why: string,
): void {
  const key = keys.find((one) => given[one] !== undefined);
  if (key === undefined) return;
  throw new JobrunError('bad-option', `${shown(key)} has a meaning ${why}`, 'Leave it out.');
}

/** Refuses two options that exclude each other. */
export function refuseBoth(
  given: Readonly<Record<string, unknown>>,
  one: string,
  other: string,
  shown: (key: string) => string,
): void {
  if (given[one] === undefined || given[other] === undefined) return;
  const message = `${shown(one)} and ${shown(other)} exclude each other`;
  throw new JobrunError('bad-option', message, 'Give one of them.');
}

/**
 * The request for a run or a schedule that code asks for (`ctx.emit`, the library's `schedule`). In code a job may be
 * named before it exists. Throws `bad-option` for an option that is unknown or has no meaning here.
 *
 * @param only `run` where no schedule can be made
 */
export function requestFromCode(
  job: string,
  params: Json | undefined,
  options: Json,
  only?: 'run',
): Sent<typeof SCHEDULE> {
  const given = fromNames(FROM_CODE, fieldsOf(options ?? {}));
  const shown = (key: string): string => nameIn(FROM_CODE, key);
  refuseBoth(given, 'dueAt', 'inMs', shown);
  if (only === 'run') refuseGiven(given, Object.keys(RULE), shown, 'only with every or cron');
  const makes = isRule(given, shown, [...OF_RULE, 'timezone']);
  const same = makes && { same: true };
  return { ...given, job, ...(params !== undefined && { params }), force: true, ...same };
}

/** The request of a job that emits. */
export const emittedRequest = (job: string, params: Json, options: Json): ScheduleRequest =>
  checked(SCHEDULE, requestFromCode(job, params, options));

export const isScheduleRequest = ({ everyMs, cron }: ScheduleRequest): boolean =>
  everyMs !== undefined || cron !== undefined;

/** Returns when a schedule is due. `here` is the zone of an expression that names none. */
export function ruleOf({ everyMs, cron, timezone }: ScheduleRequest, here: string): Rule {
  if (everyMs !== undefined) return { kind: 'every', everyMs };
  if (cron === undefined) throw wrong('cron', 'a cron expression');
  const zone = timezone ?? here;
  checkCron(cron, zone);
  return { kind: 'cron', cron, timezone: zone };
}
