// Which runs a schedule creates now; told in prose:
//
// cron. `nextAt` is the first slot not yet dealt with, and every slot is dealt with once. A clock that is set back
// finds slots that made no run, and no others (served.ts). Due slots fall in two kinds. A slot is missed if it was over
// two seconds past before any daemon looked at the clock (none ran, the machine slept, the clock jumped): `catchUp`
// decides how many of those are made up. Every other slot is served. Then `overlap` decides what becomes of a slot
// while an earlier run is not settled. Runs that `catchUp: all` asks for do not stand in each other's way: they are
// made, and wait in line. A slot that made no run is counted in `skipped`. While paused, slots pass by uncounted.
//
// every. The first run is due at once; while a run is not settled `nextAt` is null, and its end sets it. So it cannot
// overlap, and what came due during downtime is simply due. The interval is held as every wait is that is a duration
// (waits.ts).
//
// nextRun. As `every`, but a function of the job says when: `awaitsAnswer` tells that it is to be asked, `decided`
// takes what it said.
import { laterBy } from '../support/clock.ts';
import { mostBytes } from '../support/json.ts';
import { MAX_CATCH_UP, MAX_FIRING_BYTES, SECOND } from '../support/limits.ts';
import { countCron, lastCrons } from './cron.ts';
import type { Run } from './run.ts';
import {
  intervalOf,
  isAside,
  nextAt,
  type Rule,
  type Schedule,
  waitMsOf,
  withTrouble,
} from './schedule.ts';
import { hasRun, nextSlot } from './served.ts';
import { cut } from './waits.ts';

/** The facts about a schedule beside the clock. */
export interface Sight {
  /** Runs of this schedule that are not settled, and how many of them have not started. */
  readonly unsettled: number;
  readonly queued: number;
  /** The instant until which a daemon has seen the clock before now; null: none has. */
  readonly seenSince: number | null;
}

/** The changes to make now, in one commit. Nothing, where `schedule` is the one that was given. */
export interface Firing {
  readonly schedule: Schedule;
  /** The due times of the runs to create, oldest first. */
  readonly slots: readonly number[];
  /** The runs before these are to be aborted. */
  readonly replace: boolean;
  readonly skippedNow: number;
  /** `catchUp` had a word in it. */
  readonly missed: boolean;
}

/** A slot this late is missed. */
const LATE_MS = 2 * SECOND;

/** When the scheduler has to look at this schedule again; null where no clock decides it. */
export const wakeAt = (schedule: Schedule): number | null =>
  schedule.paused ? null : schedule.nextAt;

/** Which runs the schedule creates now, and what it is then. */
export function due(schedule: Schedule, now: number, sight: Sight): Firing {
  if (isAside(schedule)) return moved(schedule, schedule.nextAt);
  return schedule.rule.kind === 'cron'
    ? dueByClock(schedule, now, sight)
    : dueByRun(schedule, now, sight);
}

function dueByRun(schedule: Schedule, now: number, sight: Sight): Firing {
  const slot = slotByRun(schedule, now, sight);
  if (slot === null || slot > now || schedule.paused) return moved(schedule, slot);
  // A run that `retry` brought back is still going: its end will set the next time.
  if (sight.unsettled > 0) return moved(schedule, null);
  // `nextRun` must not be given an instant twice; for `every` it is only shown, and is true of a clock that was set
  // back.
  const { rule } = schedule;
  const lastAt = rule.kind === 'every' ? slot : Math.max(slot, schedule.lastAt ?? slot);
  const { startAt, startWaitMs, ...begun } = schedule;
  const next = { ...begun, nextAt: null, lastAt };
  return { schedule: next, slots: [slot], replace: false, skippedNow: 0, missed: false };
}

function slotByRun(schedule: Schedule, now: number, sight: Sight): number | null {
  const { rule, nextAt } = schedule;
  if (rule.kind !== 'every') return nextAt;
  const waitMs = waitMsOf(schedule);
  if (nextAt !== null) return waitMs === null ? nextAt : cut(nextAt, waitMs, now);
  // The run that was to set it has gone without doing so: a crash came between.
  return sight.unsettled === 0 ? laterBy(now, intervalOf(rule.everyMs)) : null;
}

const moved = (schedule: Schedule, nextAt: number | null): Firing => ({
  schedule: schedule.nextAt === nextAt ? schedule : { ...schedule, nextAt },
  slots: [],
  replace: false,
  skippedNow: 0,
  missed: false,
});

function dueByClock(schedule: Schedule, now: number, sight: Sight): Firing {
  if (schedule.nextAt === null || schedule.nextAt > now) return moved(schedule, schedule.nextAt);
  const nextAt = nextSlot(schedule, now);
  if (schedule.paused) return moved(schedule, nextAt);
  const { slots, passed, missed, after } = chosen(schedule, now, sight);
  const { served, replace } = withoutOverlap(schedule, slots, sight);
  const skippedNow = passed + slots.length - served.length;
  const lastAt = served.at(-1) ?? schedule.lastAt;
  const skipped = schedule.skipped + skippedNow;
  const { ahead, ...rest } = schedule;
  const until = served[0] ?? nextAt ?? now + 1;
  const next = {
    ...rest,
    ...(ahead && ahead.to > now && { ahead }),
    ...(passed > 0 && { gap: { after, until, lastAt: schedule.lastAt } }),
    ...{ nextAt, lastAt, skipped },
  };
  return {
    schedule: next,
    slots: served,
    replace,
    skippedNow,
    missed,
  };
}

interface Slot {
  readonly at: number;
  /** Made up by `catchUp: all`. */
  readonly inLine: boolean;
}

/** The slots due now, without the missed ones that `catchUp` lets pass; `passed` counts those. */
function chosen(
  schedule: Schedule,
  now: number,
  sight: Sight,
): { slots: Slot[]; passed: number; missed: boolean; after: number } {
  const first = Math.max(schedule.nextAt ?? now, (schedule.lastAt ?? -1) + 1) - 1;
  const seen = Math.min(now, Math.max(first, sight.seenSince ?? first));
  const late = Math.max(seen, now - LATE_MS - 1);
  const missed = countMissed(schedule, seen, late);
  const made = caughtUp(schedule, missed, seen, late);
  const inLine = schedule.catchUp === 'all';
  const slots = [
    ...newest(schedule.rule, first, seen).map((at) => ({ at, inLine: false })),
    ...made.map((at) => ({ at, inLine })),
    ...newest(schedule.rule, late, now).map((at) => ({ at, inLine: false })),
  ];
  const open = slots.filter(({ at }) => !hasRun(schedule, at));
  const passed = missed - made.filter((at) => !hasRun(schedule, at)).length;
  return { slots: open, passed, missed: missed > 0, after: first };
}

/** The number of slots that made no run and were due while no daemon looked. */
function countMissed({ rule, ahead }: Schedule, after: number, until: number): number {
  if (rule.kind !== 'cron') return 0;
  const count = (from: number, to: number): number =>
    to > from ? countCron(rule.cron, rule.timezone, from, to) : 0;
  if (!ahead) return count(after, until);
  return count(after, until) - count(Math.max(after, ahead.from - 1), Math.min(until, ahead.to));
}

/** All that a schedule makes now goes into one line of the journal: of large runs that takes fewer. */
function mostRuns({ params }: Schedule): number {
  if (mostBytes(params) * MAX_CATCH_UP <= MAX_FIRING_BYTES) return MAX_CATCH_UP;
  const bytes = Buffer.byteLength(JSON.stringify(params));
  return Math.min(MAX_CATCH_UP, Math.max(1, Math.floor(MAX_FIRING_BYTES / bytes)));
}

function caughtUp(schedule: Schedule, missed: number, after: number, until: number): number[] {
  if (missed === 0 || schedule.catchUp === 'skip') return [];
  const limit = schedule.catchUp === 'once' ? 1 : mostRuns(schedule);
  return missed <= limit
    ? between(schedule.rule, after, until)
    : newest(schedule.rule, after, until, limit);
}

/** The slots after `after` and up to `until`, oldest first. */
function between(rule: Rule, after: number, until: number): number[] {
  const slots: number[] = [];
  for (let at = nextAt(rule, after); at !== null && at <= until; at = nextAt(rule, at))
    slots.push(at);
  return slots;
}

/** The same, but at most `limit`, the latest ones: what is recent is worth more than what is long past. */
function newest(rule: Rule, after: number, until: number, limit = MAX_CATCH_UP): number[] {
  return rule.kind === 'cron' ? lastCrons(rule.cron, rule.timezone, after, until, limit) : [];
}

function withoutOverlap(
  schedule: Schedule,
  slots: readonly Slot[],
  sight: Sight,
): { served: number[]; replace: boolean } {
  const all = slots.map((slot) => slot.at);
  if (schedule.overlap === 'allow') return { served: all, replace: false };
  if (schedule.overlap === 'replace') {
    return { served: all.slice(-1), replace: all.length > 0 && sight.unsettled > 0 };
  }
  let inTheWay = schedule.overlap === 'queue' ? sight.queued : sight.unsettled;
  const served: number[] = [];
  for (const slot of slots) {
    if (inTheWay > 0 && !slot.inLine) continue;
    served.push(slot.at);
    inTheWay += 1;
  }
  return { served, replace: false };
}

/** The run of this schedule has settled: `every` counts from here. */
export function afterSettled(schedule: Schedule, run: Run, now: number): Schedule {
  if (schedule.rule.kind !== 'every' || schedule.nextAt !== null || isAside(schedule))
    return schedule;
  const endedAt = 'settledAt' in run.state ? Math.min(run.state.settledAt, now) : now;
  return { ...schedule, nextAt: laterBy(endedAt, intervalOf(schedule.rule.everyMs)) };
}

/** Is the job's `nextRun` function to be asked, with the last run? */
export const awaitsAnswer = (schedule: Schedule, unsettled: number): boolean =>
  schedule.rule.kind === 'nextRun' &&
  schedule.nextAt === null &&
  !schedule.paused &&
  (schedule.trouble === undefined || schedule.trouble.kind === 'failing') &&
  unsettled === 0;

/** The result of `nextRun`. An instant that has had its run is not given another one. */
export function decided(schedule: Schedule, answer: number, now: number): Schedule {
  const { lastAt } = schedule;
  const fresh = lastAt === null || answer > lastAt;
  const nextAt = fresh ? answer : Math.max(now, lastAt + 1);
  return { ...withTrouble(schedule, null), nextAt };
}
