// A schedule as it is read from a file. A schedule that makes no sense, or whose cron or zone this version cannot read,
// is stopped with a reason. It is shown, fires nothing, and continues when it is asked for anew.
import * as v from 'valibot';
import { JobrunError } from '../support/errors.ts';
import { LONGEST_MS, MAX_JOB_NAME } from '../support/limits.ts';
import {
  type Fields,
  faultOf,
  fits,
  flag,
  instant,
  isFields,
  json,
  milliseconds,
  number,
  numberBetween,
  object,
  oneOf,
  text,
  textUpTo,
  variant,
  whole,
} from '../support/schema.ts';
import { checkCron } from './cron.ts';
import { CATCH_UPS, OVERLAPS } from './policy.ts';
import { isAside, type Rule, type Schedule } from './schedule.ts';
import { RUN_ID, TYPED_COMMAND } from './stored-run.ts';

const NAME = textUpTo(MAX_JOB_NAME);
export const RULE = variant<Rule['kind']>('kind', {
  every: object({ everyMs: numberBetween(0, LONGEST_MS) }),
  cron: object({ cron: text, timezone: text }),
  nextRun: object({}),
});
const TROUBLE = variant('kind', {
  params: object({ text }),
  failing: object({ text }),
  stopped: object({ file: text }),
  aside: object({ text }),
});

const FIELDS = {
  job: NAME,
  source: oneOf(['job', 'made']),
  rule: RULE,
  params: json,
  catchUp: oneOf(CATCH_UPS),
  overlap: oneOf(OVERLAPS),
  paused: flag,
  createdAt: instant,
  nextAt: v.nullable(instant),
  lastAt: v.nullable(instant),
  lastRun: v.nullable(RUN_ID),
  priority: v.nullable(number),
  skipped: whole(0),
  lock: v.optional(v.nullable(text)),
  command: v.optional(TYPED_COMMAND),
  startAt: v.optional(instant),
  startWaitMs: v.optional(milliseconds),
  gap: v.optional(object({ after: instant, until: instant, lastAt: v.nullable(instant) })),
  ahead: v.optional(object({ from: instant, to: instant })),
  trouble: v.optional(TROUBLE),
};
const SCHEDULE = object({ name: NAME, ...FIELDS });

/** The schedule, or what stands in its place; what is wrong, where it has no name. */
export function readSchedule(raw: unknown): Schedule | string {
  const wrong = faultOf(SCHEDULE, raw);
  if (wrong !== null)
    return isFields(raw) && fits(NAME, raw.name) ? setAside(raw, raw.name, wrong) : wrong;
  const schedule = raw as Schedule;
  const isStopped = isAside(schedule) && schedule.nextAt === null;
  const unread = isStopped ? null : unreadable(schedule.rule);
  return unread === null ? schedule : stopped(schedule, unread);
}

function unreadable(rule: Rule): string | null {
  if (rule.kind !== 'cron') return null;
  try {
    checkCron(rule.cron, rule.timezone);
    return null;
  } catch (error) {
    if (error instanceof JobrunError) return error.message;
    throw error;
  }
}

/** Stopped for good: it cannot fire, and says why. */
export const stopped = (schedule: Schedule, why: string): Schedule => ({
  ...schedule,
  nextAt: null,
  trouble: { kind: 'aside', text: why },
});

function setAside(raw: Fields, name: string, why: string): Schedule {
  const sure = Object.entries(FIELDS).filter(
    ([field, schema]) => raw[field] !== undefined && fits(schema, raw[field]),
  );
  const kept = Object.fromEntries(sure.map(([field]) => [field, raw[field]]));
  return stopped({ ...BLANK, name, job: name, ...kept }, why);
}

/** The stand-in for fields that make no sense. */
const BLANK: Omit<Schedule, 'name' | 'job'> = {
  source: 'made',
  rule: { kind: 'nextRun' },
  params: {},
  priority: null,
  catchUp: 'once',
  overlap: 'skip',
  paused: false,
  createdAt: 0,
  nextAt: null,
  lastAt: null,
  lastRun: null,
  skipped: 0,
};
