// The options that code gives with a run (`ctx.emit`, the library's `schedule`), turned into the request that the
// command line makes too. In code a plain number is milliseconds, and an instant is a Date, its text, or the
// milliseconds of one.
import { isInstant } from '../support/clock.ts';
import { durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { fieldsOf, refuseUnknown, wrong } from './fields.ts';
import type { ScheduleRequest } from './made-schedules.ts';

const OF_RUN = ['key', 'retries', 'timeout', 'after'] as const;
const OF_SCHEDULE = ['every', 'cron', 'timezone', 'name', 'catchUp', 'overlap', 'replace'] as const;
const KNOWN = ['at', 'in', 'priority', ...OF_RUN, ...OF_SCHEDULE] as const;

/**
 * Throws `bad-option` for an option that there is not or that has no meaning here, `bad-time` for one that is no time.
 *
 * @param only `run` where no schedule can be made
 */
export function requestFromCode(
  job: string,
  params: unknown,
  options: unknown,
  only?: 'run',
): ScheduleRequest {
  const given = fieldsOf(options ?? {});
  refuseMisplaced(given, only);
  const { at, in: within, every, timeout, retries, ...rest } = given as Given;
  const request = {
    ...rest,
    job,
    ...(params !== undefined && { params }),
    ...(at !== undefined && { dueAt: timeFromCode('at', at) }),
    ...(within !== undefined && { inMs: durationMs(within, 'in') }),
    ...(every !== undefined && { everyMs: durationMs(every, 'every') }),
    // JSON has no infinity; null stands for it.
    ...(retries !== undefined && { retries: retries === Infinity ? null : retries }),
    ...(timeout !== undefined && { timeoutMs: durationMs(timeout, 'timeout') }),
    force: true,
  };
  return request as unknown as ScheduleRequest;
}

type Given = Readonly<Record<string, unknown>>;

function refuseMisplaced(given: Readonly<Record<string, unknown>>, only?: 'run'): void {
  refuseUnknown(given, KNOWN);
  if (given.at !== undefined && given.in !== undefined) throw excluded('at', 'in');
  if (given.every !== undefined && given.cron !== undefined) throw excluded('every', 'cron');
  const makes = only !== 'run' && (given.every !== undefined || given.cron !== undefined);
  const misplaced = (makes ? OF_RUN : OF_SCHEDULE).find((name) => given[name] !== undefined);
  if (misplaced === undefined) return;
  const why = makes ? 'only for a run' : 'only with every or cron';
  throw new JobrunError('bad-option', `${misplaced} has a meaning ${why}`, 'Leave it out.');
}

const excluded = (one: string, other: string): JobrunError =>
  new JobrunError('bad-option', `${one} and ${other} exclude each other`, 'Give one of them.');

const ISO = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** The milliseconds of a Date, of its ISO text, or as they are. A text without a zone could mean two instants. */
export function timeFromCode(what: string, at: unknown): number {
  if (at instanceof Date) return timeFromCode(what, at.getTime());
  const ms = typeof at === 'string' && ISO.test(at) ? Date.parse(at) : at;
  if (typeof ms === 'number' && isInstant(ms)) return Math.round(ms);
  if (typeof at === 'string' || typeof at === 'number') {
    const hint = 'Give a Date, an ISO instant such as 2026-12-01T18:30:00Z, or milliseconds.';
    throw new JobrunError('bad-time', `${what}: "${at}" is not an instant`, hint);
  }
  throw wrong(what, 'a Date');
}
