// A schedule as it is asked for with `--every` or `--cron`: its name is its key, so a second one of the same name is
// refused unless it is to take the first one's place.
import { checkCron } from '../run/cron.ts';
import { unknownSchedule } from '../run/refusal.ts';
import {
  newSchedule,
  type Rule,
  revised,
  type Schedule,
  type ScheduleView,
  scheduleView,
  startingAt,
  withTrouble,
} from '../run/schedule.ts';
import { CATCH_UPS, OVERLAPS } from '../run/slot-policy.ts';
import { JobrunError } from '../support/errors.ts';
import { LONGEST_MS } from '../support/limits.ts';
import { zoneNamed } from '../support/zones.ts';
import type { Tools } from './command.ts';
import { draftOf, type RunRequest } from './drafts.ts';
import {
  type Fields,
  fieldsOf,
  optionalChoice,
  optionalInteger,
  optionalText,
  scheduleName,
  wrong,
} from './fields.ts';

export interface ScheduleRequest extends RunRequest {
  readonly everyMs?: number;
  readonly cron?: string;
  readonly timezone?: string;
  readonly name?: string;
  readonly catchUp?: string;
  readonly overlap?: string;
  readonly replace?: boolean;
}

/** Makes it, or with `dryRun` shows what it would be. Durable when it resolves. */
export async function makeSchedule(
  raw: unknown,
  tools: Tools,
  now: number,
  dryRun = false,
): Promise<Schedule> {
  const fields = fieldsOf(raw);
  const draft = await draftOf(raw, tools, now);
  const name = fields.name === undefined ? draft.job : scheduleName(fields.name);
  const asked = {
    name,
    job: draft.job,
    source: 'made' as const,
    rule: ruleOf(fields, tools.config.timezone),
    params: draft.params,
    lock: draft.origin?.lock ?? null,
    priority: fields.priority === undefined ? null : draft.priority,
    catchUp: optionalChoice(fields, 'catchUp', CATCH_UPS) ?? ('once' as const),
    overlap: optionalChoice(fields, 'overlap', OVERLAPS) ?? ('skip' as const),
  };
  const { dueAt, waitMs } = draft;
  // Of two of one name that come at once, one is refused.
  const made = (present: Schedule | null): Schedule => {
    if (present) refuseUnless(fields.replace === true, present);
    const next = present
      ? withTrouble(revised(present, asked, now), null)
      : newSchedule(asked, now);
    return dueAt === null ? next : startingAt(next, Math.max(now, dueAt), waitMs);
  };
  if (dryRun) return made(await findSchedule(name, tools));
  const changing = tools.engine.changeSchedule(name, made);
  tools.wake();
  return (await changing) as Schedule;
}

function ruleOf(fields: Fields, timezone: string): Rule {
  const everyMs = optionalInteger(fields, 'everyMs', 1, LONGEST_MS);
  if (everyMs !== undefined) return { kind: 'every', everyMs };
  const cron = optionalText(fields, 'cron', 1000);
  if (cron === undefined) throw wrong('cron', 'a cron expression');
  const given = optionalText(fields, 'timezone', 100);
  const zone = given === undefined ? timezone : zoneNamed(given, 'timezone');
  checkCron(cron, zone);
  return { kind: 'cron', cron, timezone: zone };
}

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
export function scheduleViewer({ catalog, config }: Tools): (schedule: Schedule) => ScheduleView {
  const names = new Set(catalog.names());
  const { redact } = config;
  return (one) => scheduleView(one, { redact, missing: !names.has(one.job) });
}

/** A schedule by its name. Throws `unknown-schedule`. */
export async function getSchedule(name: string, tools: Pick<Tools, 'engine'>): Promise<Schedule> {
  const found = await findSchedule(name, tools);
  if (found) return found;
  const all = await tools.engine.schedules();
  throw unknownSchedule(
    name,
    all.map((one) => one.name),
  );
}

async function findSchedule(
  name: string,
  { engine }: Pick<Tools, 'engine'>,
): Promise<Schedule | null> {
  const all = await engine.schedules();
  return all.find((schedule) => schedule.name === name) ?? null;
}

/** Changes a schedule that is there, or (null) removes it. Throws `unknown-schedule`. */
export async function changeKnown(
  name: string,
  tools: Pick<Tools, 'engine'>,
  decide: (schedule: Schedule) => Schedule | null,
): Promise<void> {
  await getSchedule(name, tools);
  await tools.engine.changeSchedule(name, (present) => {
    if (!present) throw unknownSchedule(name, []);
    return decide(present);
  });
}
