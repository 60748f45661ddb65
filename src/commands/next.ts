// `jobrun next`: the next times of a cron expression, a schedule, or a job's own schedule.
import type { Recurrence } from '../catalog/catalog.ts';
import { checkCron, noteOf } from '../run/cron.ts';
import {
  newSchedule,
  nextTimes,
  noteOf as noteOfSchedule,
  type Rule,
  type Schedule,
} from '../run/schedule.ts';
import { isoOf } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { didYouMean } from '../support/text.ts';
import { showTime } from './shared/clock-texts.ts';
import type { Command, Context } from './shared/command.ts';
import { jobsAnywhere } from './shared/hosts.ts';
import { count, jobName, text, zone } from './shared/kinds.ts';
import { argument, option, optionOr } from './shared/options.ts';

interface Reply {
  readonly timezone: string;
  readonly next: readonly string[];
  /** One for each: what a change of clocks does to it, null on all other days. */
  readonly notes: readonly (string | null)[];
  /** Why there is no next time; null where there is one. */
  readonly why: string | null;
}

const MOST = 1000;

const options = {
  what: argument(
    '<cron|job|schedule>',
    text(1000, 'jobs and schedules'),
    'a cron expression in quotes, or a name',
  ),
  n: optionOr('-n, --count <n>', count(1, MOST), 'how many', 5),
  timezone: option('--tz <zone>', zone, 'time zone'),
};

export const next: Command<typeof options, Reply> = {
  name: 'next',
  reads: true,
  withoutDaemon: true,
  about: 'Show the next times of a cron expression, a job or a schedule.',
  examples: ["next '0 3 * * 1-5' --tz Europe/Berlin", 'next nightly -n 10'],
  options,

  /** An expression needs no state. No name has a space or an `@`, and no expression is without. */
  local({ what, n = 5, timezone }, { config, now }) {
    if (/^[A-Za-z0-9]\S*$/.test(what)) return null;
    const zone = timezone ?? config.timezone;
    checkCron(what, zone);
    const rule = { kind: 'cron', cron: what, timezone: zone } as const;
    return replyOf(rule, zone, nextTimes(rule, now, n));
  },

  async handle({ what, n, timezone }, context) {
    const schedule = await findSchedule(jobName(what), context);
    const { rule, nextAt } = schedule;
    const own = rule.kind === 'cron' ? rule.timezone : context.config.timezone;
    const times = nextAt === null ? [] : [nextAt, ...nextTimes(rule, nextAt, n - 1)];
    return replyOf(rule, timezone ?? own, times, whyNone(schedule));
  },

  async show(reply, out) {
    if (out.done(reply, reply.next)) return undefined;
    const here = { now: out.now, timezone: reply.timezone };
    for (const [i, at] of reply.next.entries()) {
      const note = reply.notes[i];
      out.line`${await showTime(at, here)}${note ? ` (${note})` : ''}`;
    }
    if (reply.next.length > 0) out.note`in ${reply.timezone}`;
    if (reply.why !== null) out.note`no next time is known: ${reply.why}`;
    return undefined;
  },
};

const replyOf = (
  rule: Rule,
  timezone: string,
  times: readonly number[],
  why = 'the expression has none',
): Reply => ({
  timezone,
  next: times.map(isoOf),
  notes: times.map((at) => (rule.kind === 'cron' ? noteOf(rule.cron, rule.timezone, at) : null)),
  why: times.length === 0 ? why : null,
});

function whyNone(schedule: Schedule): string {
  if (schedule.trouble) return noteOfSchedule(schedule) ?? '';
  if (schedule.rule.kind === 'cron') return 'the expression has none';
  return 'the end of its run decides it';
}

async function findSchedule(name: string, context: Context): Promise<Schedule> {
  const all = await context.engine.schedules();
  const made = all.find((one) => one.name === name) ?? all.find((one) => one.job === name);
  if (made) return made;
  await context.catalog.ready();
  const entry = context.catalog.find(name);
  const written = entry?.state === 'ok' ? entry.data.recurrence : null;
  // No daemon has seen the job yet.
  if (written) return newSchedule(asWritten(name, written), context.clock.now());
  const isJob = entry !== null || (await jobsAnywhere(context)).has(name);
  throw unknown(name, isJob, all);
}

const asWritten = (name: string, written: Recurrence): Parameters<typeof newSchedule>[0] => ({
  ...written,
  name,
  job: name,
  source: 'job',
  params: {},
  priority: null,
});

function unknown(name: string, isJob: boolean, all: readonly Schedule[]): JobrunError {
  const names = all.map((one) => one.name);
  const message = isJob
    ? `the job ${name} has no schedule`
    : `"${name}" is no cron expression, schedule or job`;
  const hint = didYouMean(name, isJob ? [] : names, 'See which there are: jobrun schedules');
  return new JobrunError('unknown-schedule', message, hint);
}
