// A schedule as it is read from a file. One that makes no sense, or whose cron or zone this version cannot read, is
// stopped with a reason: it is shown, fires nothing, and goes on when it is asked for anew.
import { JobrunError } from '../support/errors.ts';
import { LONGEST_MS, MAX_JOB_NAME } from '../support/limits.ts';
import {
  type Check,
  type Fields,
  flag,
  instant,
  isFields,
  json,
  nullOr,
  number,
  numberBetween,
  object,
  oneOf,
  text,
  textUpTo,
  whole,
  withoutDot,
} from '../support/shape.ts';
import { checkCron } from './cron.ts';
import { isAside, type Rule, type Schedule } from './schedule.ts';
import { CATCH_UPS, OVERLAPS } from './slot-policy.ts';
import { DURATION, RUN_ID } from './stored-run.ts';

const NAME = textUpTo(MAX_JOB_NAME);
const RULES: Readonly<Record<Rule['kind'], Check>> = {
  every: object({ everyMs: numberBetween(0, LONGEST_MS) }),
  cron: object({ cron: text, timezone: text }),
  nextRun: object({}),
};
const TROUBLES: Readonly<Record<string, Check>> = {
  params: object({ text }),
  failing: object({ text }),
  stopped: object({ file: text }),
  aside: object({ text }),
};

const FIELDS: Readonly<Record<string, Check>> = {
  job: NAME,
  source: oneOf(['job', 'made']),
  rule: byKind(RULES),
  params: json,
  catchUp: oneOf(CATCH_UPS),
  overlap: oneOf(OVERLAPS),
  paused: flag,
  createdAt: instant,
  nextAt: nullOr(instant),
  lastAt: nullOr(instant),
  lastRun: nullOr(RUN_ID),
  priority: nullOr(number),
  skipped: whole(0),
};
const OPTIONAL: Readonly<Record<string, Check>> = {
  lock: nullOr(text),
  startAt: instant,
  startWaitMs: DURATION,
  gap: object({ after: instant, until: instant, lastAt: nullOr(instant) }),
  ahead: object({ from: instant, to: instant }),
  trouble: byKind(TROUBLES),
};
const SCHEDULE = object({ name: NAME, ...FIELDS }, OPTIONAL);

function byKind(kinds: Readonly<Record<string, Check>>): Check {
  const named = object({ kind: oneOf(Object.keys(kinds)) });
  return (value) => named(value) ?? kinds[(value as Rule).kind]?.(value) ?? null;
}

/** The schedule, or what stands in its place; what is wrong, where it has no name. */
export function readSchedule(raw: unknown): Schedule | string {
  const wrong = SCHEDULE(raw);
  if (wrong !== null) {
    if (!isFields(raw) || NAME(raw.name) !== null) return withoutDot(wrong);
    return setAside(raw, withoutDot(wrong));
  }
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

function setAside(raw: Fields, why: string): Schedule {
  const fields = Object.entries({ ...FIELDS, ...OPTIONAL }).filter(
    ([name, check]) => raw[name] !== undefined && check(raw[name]) === null,
  );
  const kept = Object.fromEntries(fields.map(([name]) => [name, raw[name]]));
  const name = raw.name as string;
  return stopped({ ...BLANK, name, job: name, ...kept }, why);
}

/** What stands for fields that make no sense. */
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
