// A schedule as it is asked for with `--every` or `--cron`. Its name is its key, so a second one of the same name is
// refused unless it is to replace the first.
import { isDeepStrictEqual } from 'node:util';
import { isBuiltIn } from '../../catalog/catalog.ts';
import { unknownSchedule } from '../../run/refusal.ts';
import {
  isAside,
  newSchedule,
  revised,
  type Schedule,
  type ScheduleView,
  type ShortSchedule,
  scheduleView,
  shortSchedule,
  startingAt,
  withTrouble,
} from '../../run/schedule.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Context } from './command.ts';
import { draftOf } from './drafts.ts';
import { jobsAnywhere } from './hosts.ts';
import { ruleOf, type ScheduleRequest } from './run-options.ts';

export interface Made {
  readonly schedule: Schedule;
  /** It has taken the place of another one. */
  readonly replaced: boolean;
}

/** Makes it, or with `dryRun` shows what it would be. Durable when it resolves. */
export async function makeSchedule(
  request: ScheduleRequest,
  context: Context,
  now: number,
  dryRun = false,
): Promise<Made> {
  const draft = await draftOf(request, context, now);
  const { name = draft.job, catchUp = 'once', overlap = 'skip', replace = false } = request;
  const asked = {
    name,
    job: draft.job,
    source: 'made' as const,
    rule: ruleOf(request, context.config.timezone),
    params: draft.params,
    lock: draft.origin?.lock ?? null,
    ...(draft.origin?.command && { command: draft.origin.command }),
    priority: request.priority === undefined ? null : draft.priority,
    catchUp,
    overlap,
  };
  const { dueAt, waitMs } = draft;
  let replaced = false;
  // If two of one name come at once, one is refused.
  const made = (present: Schedule | null): Schedule => {
    if (present && request.same && isSame(present, asked)) return present;
    if (present) refuseUnless(replace, present);
    replaced = present !== null;
    const next = present
      ? withTrouble(revised(present, asked, now), null)
      : newSchedule(asked, now);
    return dueAt === null ? next : startingAt(next, Math.max(now, dueAt), waitMs);
  };
  const schedule = dryRun
    ? made(await findSchedule(name, context))
    : ((await context.engine.changeSchedule(name, made)) as Schedule);
  return { schedule, replaced };
}

/** A start time counts only where the schedule is made: it has begun since. */
const isSame = (present: Schedule, asked: Partial<Schedule>): boolean =>
  !isAside(present) && isDeepStrictEqual({ ...present, ...asked }, present);

function refuseUnless(replace: boolean, present: Schedule): void {
  if (present.source === 'job') {
    const message = `the schedule ${present.name} is written in the file of its job`;
    throw new JobrunError('refused', message, 'Change it there, or choose another --name.');
  }
  if (replace) return;
  const message = `there is a schedule named ${present.name} already`;
  const hint = 'Put the new one in its place with --replace, or choose another --name.';
  throw new JobrunError('refused', message, hint);
}

/** How schedules are shown: with what is hidden in their params, and whether their job is there. */
export async function scheduleViewer(
  context: Context,
): Promise<(schedule: Schedule) => ScheduleView> {
  const isThere = await jobsThere(context);
  const { redact } = context.config;
  return (one) => scheduleView(one, { redact, missing: !isThere(one.job) });
}

/** How they are shown in rows. */
export async function shortScheduleViewer(
  context: Context,
): Promise<(schedule: Schedule) => ShortSchedule> {
  const isThere = await jobsThere(context);
  return (one) => shortSchedule(one, !isThere(one.job));
}

/** Here, or on another host. */
async function jobsThere(context: Context): Promise<(job: string) => boolean> {
  const names = await jobsAnywhere(context);
  return (job) => names.has(job) || isBuiltIn(context.catalog.find(job));
}

/** A schedule by its name. Throws `unknown-schedule`. */
export async function getSchedule(
  name: string,
  context: Pick<Context, 'engine'>,
): Promise<Schedule> {
  const found = await findSchedule(name, context);
  if (found) return found;
  const all = await context.engine.schedules();
  throw unknownSchedule(
    name,
    all.map((one) => one.name),
  );
}

async function findSchedule(
  name: string,
  { engine }: Pick<Context, 'engine'>,
): Promise<Schedule | null> {
  const all = await engine.schedules();
  return all.find((schedule) => schedule.name === name) ?? null;
}

/** Changes a schedule that is there, or (null) removes it. Throws `unknown-schedule`. */
export async function changeKnown(
  name: string,
  context: Pick<Context, 'engine'>,
  decide: (schedule: Schedule) => Schedule | null,
): Promise<void> {
  await getSchedule(name, context);
  await context.engine.changeSchedule(name, (present) => {
    if (!present) throw unknownSchedule(name, []);
    return decide(present);
  });
}
