// The options that code gives with a run (`ctx.emit`, the library's `schedule`), turned into the request that the
// command line makes too. In code a plain number is milliseconds, and an instant is a Date, its text, or the
// milliseconds of one.
import { durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { fieldsOf, notOneOf, wrong } from './fields.ts';
import type { ScheduleRequest } from './made-schedules.ts';

const KNOWN = [
  'at',
  'in',
  'every',
  'cron',
  'timezone',
  'name',
  'catchUp',
  'overlap',
  'replace',
  'priority',
  'key',
  'retries',
  'timeout',
  'after',
] as const;

/** Throws `bad-option` for an option that there is not, `bad-time` for one that is no time. */
export function requestFromCode(job: string, params: unknown, options: unknown): ScheduleRequest {
  const { at, in: within, every, timeout, ...rest } = fieldsOf(options ?? {});
  const unknown = Object.keys(rest).find((name) => !(KNOWN as readonly string[]).includes(name));
  if (unknown !== undefined) throw notOneOf('the options', unknown, KNOWN);
  const request = {
    ...rest,
    job,
    ...(params !== undefined && { params }),
    ...(at !== undefined && { dueAt: instantOf(at) }),
    ...(within !== undefined && { inMs: durationMs(within, 'in') }),
    ...(every !== undefined && { everyMs: durationMs(every, 'every') }),
    ...(timeout !== undefined && { timeoutMs: durationMs(timeout, 'timeout') }),
    force: true,
  };
  return request as unknown as ScheduleRequest;
}

function instantOf(at: unknown): number {
  if (at instanceof Date) return instantOf(at.getTime());
  const ms = typeof at === 'string' ? Date.parse(at) : at;
  if (typeof ms === 'number' && Number.isFinite(ms)) return Math.round(ms);
  if (typeof at === 'string') {
    const hint = 'Give a Date, an ISO instant such as 2026-12-01T18:30:00Z, or milliseconds.';
    throw new JobrunError('bad-time', `at: "${at}" is not an instant`, hint);
  }
  throw wrong('at', 'a Date');
}
