// A schedule is a named rule that creates runs: what it is, how it begins and is changed, the times that its rule
// gives, the request for one of its runs, and its JSON. Which of those times make a run is told in firing.ts.
import { isInstant, isoOf, laterBy } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { MIN_EVERY_MS } from '../support/limits.ts';
import { nextCron } from './cron.ts';
import type { CatchUp, Overlap } from './policy.ts';
import type { Draft, TypedCommand } from './run.ts';
import { hideParams } from './secrets.ts';

export interface Schedule {
  readonly name: string;
  readonly job: string;
  /** `job`: written in the job's file; `made`: asked for with `schedule --cron` or `--every`. */
  readonly source: 'job' | 'made';
  readonly rule: Rule;
  readonly params: Json;
  /** The text that the job's `lock` function made of the params, which are the same for every run. */
  readonly lock?: string | null;
  /** Starts this program; the params only show it. */
  readonly command?: TypedCommand;
  readonly priority: number | null;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  readonly paused: boolean;
  readonly createdAt: number;
  /** The slot that comes next; null while a run decides it (`every`, `nextRun`) or when there is none. */
  readonly nextAt: number | null;
  /** The latest slot that made a run, and that run. */
  readonly lastAt: number | null;
  readonly lastRun: number | null;
  readonly skipped: number;
  /** Asked for as its beginning: until then it waits, however long that is. */
  readonly startAt?: number;
  /** The same, where a duration was asked for and no instant. */
  readonly startWaitMs?: number;
  /**
   * Slots after one instant and before another that made no run, and the latest that had made one before: see
   * served.ts.
   */
  readonly gap?: { readonly after: number; readonly until: number; readonly lastAt: number | null };
  /** Slots that had their runs while the clock was ahead. */
  readonly ahead?: { readonly from: number; readonly to: number };
  /** Why it makes no runs, or may make none. */
  readonly trouble?: Trouble;
}

export type Trouble =
  /** The job does not take the params that a schedule of its own gives: none at all. It makes no runs. */
  | { readonly kind: 'params'; readonly text: string }
  /** `nextRun` failed, and is asked again. */
  | { readonly kind: 'failing'; readonly text: string }
  /** `nextRun` gave null. It is not asked again before its file, of which this is a mark, has changed. */
  | { readonly kind: 'stopped'; readonly file: string }
  /** Its stored record makes no sense. It makes no runs before it is asked for anew. */
  | { readonly kind: 'aside'; readonly text: string };

export type Rule =
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'cron'; readonly cron: string; readonly timezone: string }
  | { readonly kind: 'nextRun' };

/** A schedule as it is asked for, before it has a history. */
export type Asked = Omit<
  Schedule,
  | 'paused'
  | 'createdAt'
  | 'nextAt'
  | 'lastAt'
  | 'lastRun'
  | 'skipped'
  | 'startAt'
  | 'startWaitMs'
  | 'gap'
  | 'ahead'
  | 'trouble'
>;

export const newSchedule = (asked: Asked, now: number): Schedule => ({
  ...asked,
  paused: false,
  createdAt: now,
  nextAt: firstAt(asked.rule, now),
  lastAt: null,
  lastRun: null,
  skipped: 0,
});

/** A schedule whose definition was changed: it keeps its history, and its next slot where the rule is the same. */
export function revised(schedule: Schedule, asked: Asked, now: number): Schedule {
  const { rule } = schedule;
  // A schedule in its place must not start the program that was typed for it.
  const { command: _, ...before } = schedule;
  const next = { ...before, ...asked };
  const anew = isAside(schedule);
  if (!anew && JSON.stringify(rule) === JSON.stringify(asked.rule)) return next;
  const { trouble, startAt, startWaitMs, gap, ahead, ...sound } = next;
  if (anew || rule.kind !== 'every' || asked.rule.kind !== 'every' || schedule.lastAt === null)
    return { ...sound, nextAt: firstAt(asked.rule, Math.max(now, schedule.lastAt ?? now)) };
  // Counted from the end of the last run as before; while a run is under way its end will tell.
  const { nextAt } = schedule;
  const longer = intervalOf(asked.rule.everyMs) - intervalOf(rule.everyMs);
  return { ...sound, nextAt: nextAt === null ? null : laterBy(nextAt, longer) };
}

/** A schedule that is to begin at `at`, which is so long from now: with the first slot from then on. */
export function startingAt(schedule: Schedule, at: number, waitMs?: number): Schedule {
  const nextAt =
    schedule.rule.kind === 'cron'
      ? firstAt(schedule.rule, Math.max(at - 1, schedule.lastAt ?? 0))
      : at;
  const { startWaitMs: _, ...rest } = schedule;
  return { ...rest, nextAt, startAt: at, ...(waitMs !== undefined && { startWaitMs: waitMs }) };
}

/**
 * Slots that passed during the pause are gone: nothing was missed, it was meant. `every` knows no slots: what became
 * due is due. `nextRun` is asked again.
 */
export function withPause(schedule: Schedule, paused: boolean, now: number): Schedule {
  const { rule, nextAt } = schedule;
  const passed = rule.kind !== 'every' && schedule.paused && nextAt !== null && nextAt <= now;
  return { ...schedule, paused, nextAt: passed ? firstAt(rule, now) : nextAt };
}

export function withTrouble(schedule: Schedule, trouble: Trouble | null): Schedule {
  const { trouble: before, ...sound } = schedule;
  return trouble === null ? sound : { ...sound, trouble };
}

/** Why what is stored of it makes no sense: it is shown with that, and does nothing. Null where it makes sense. */
export const whyAside = ({ trouble }: Schedule): string | null =>
  trouble?.kind === 'aside' ? trouble.text : null;

export const isAside = (schedule: Schedule): boolean => whyAside(schedule) !== null;

/** The first slot of a rule that begins at `now`; null where its function has to be asked. */
export const firstAt = (rule: Rule, now: number): number | null =>
  rule.kind === 'every' ? now : nextAt(rule, now);

/** The next instant of the rule after `after`, or null where only a run can tell. */
export const nextAt = (rule: Rule, after: number): number | null =>
  nextTimes(rule, after, 1)[0] ?? null;

/** The next `n` instants after `after`; of `every` the earliest possible ones, as if its runs took no time. */
export function nextTimes(rule: Rule, after: number, n: number): number[] {
  if (rule.kind === 'nextRun') return [];
  if (rule.kind === 'every') {
    const times = Array.from({ length: n }, (_, i) => after + (i + 1) * intervalOf(rule.everyMs));
    return times.filter(isInstant);
  }
  const times: number[] = [];
  for (let at: number | null = after; times.length < n; ) {
    at = nextCron(rule.cron, rule.timezone, at);
    if (!isInstant(at)) break;
    times.push(at);
  }
  return times;
}

/** How long a schedule waits for its next run, where that is a duration; null where an instant decides. */
export function waitMsOf({ rule, nextAt, startAt, startWaitMs }: Schedule): number | null {
  if (rule.kind !== 'every' || nextAt === null) return null;
  return startAt === undefined ? intervalOf(rule.everyMs) : (startWaitMs ?? null);
}

/** The effective interval of `every`: never less than the shortest interval. */
export const intervalOf = (everyMs: number): number => Math.max(everyMs, MIN_EVERY_MS);

/**
 * The request for the run of one slot. Runs of one schedule share a lock unless they may overlap, so that a queued one
 * waits for the one before. A lock of the job's own does the same, since all its runs have the same params.
 */
export function draftOf(
  schedule: Schedule,
  slot: number,
  priority: number,
  lock: string | null = null,
): Draft {
  const own =
    lock ?? schedule.lock ?? (schedule.overlap === 'allow' ? null : `schedule ${schedule.name}`);
  return {
    job: schedule.job,
    params: schedule.params,
    priority: schedule.priority ?? priority,
    dueAt: slot,
    origin: {
      schedule: schedule.name,
      ...(own !== null && { lock: own }),
      ...(schedule.command && { command: schedule.command }),
    },
  };
}

export interface ScheduleView {
  readonly name: string;
  readonly job: string;
  readonly every: number | null;
  readonly cron: string | null;
  readonly timezone: string | null;
  readonly params: Json;
  readonly catchUp: Schedule['catchUp'];
  readonly overlap: Schedule['overlap'];
  readonly paused: boolean;
  readonly nextAt: string | null;
  readonly lastAt: string | null;
  readonly lastRun: string | null;
  readonly next: readonly string[];
  readonly skipped: number;
  /** `missing`: its job has no file; `stopped`: there is nothing more to come, or it cannot fire. */
  readonly state: 'ok' | 'paused' | 'missing' | 'stopped';
  /** The note for its owner: why it makes no runs, or not as was written. */
  readonly note: string | null;
  /** The file of its job defines it: it is changed and removed there. */
  readonly inFile: boolean;
}

export interface Seen {
  readonly redact: readonly string[];
  /** The job has no file. */
  readonly missing: boolean;
  /** Next times, at most. */
  readonly times?: number;
}

const NEXT_TIMES = 5;

/** A schedule as the world sees it; a contract like `viewOf`. */
export function scheduleView(
  schedule: Schedule,
  { redact, missing, times = NEXT_TIMES }: Seen = { redact: [], missing: false },
): ScheduleView {
  const { rule, nextAt, lastAt, lastRun } = schedule;
  const next = nextAt === null ? [] : [nextAt, ...nextTimes(rule, nextAt, times - 1)];
  return {
    name: schedule.name,
    job: schedule.job,
    every: rule.kind === 'every' ? intervalOf(rule.everyMs) : null,
    cron: rule.kind === 'cron' ? rule.cron : null,
    timezone: rule.kind === 'cron' ? rule.timezone : null,
    params: redact.length > 0 ? hideParams(schedule.params, redact) : schedule.params,
    catchUp: schedule.catchUp,
    overlap: schedule.overlap,
    paused: schedule.paused,
    nextAt: nextAt === null ? null : isoOf(nextAt),
    lastAt: lastAt === null ? null : isoOf(lastAt),
    lastRun: lastRun === null ? null : String(lastRun),
    next: next.map(isoOf),
    skipped: schedule.skipped,
    state: stateOf(schedule, missing),
    note: missing && !isAside(schedule) ? `no job named ${schedule.job}` : noteOf(schedule),
    inFile: schedule.source === 'job' && !missing,
  };
}

/** A schedule as a row shows it: its next times take longer to find than all the rest. */
export type ShortSchedule = Omit<ScheduleView, 'params' | 'next'>;

export function shortSchedule(schedule: Schedule, missing: boolean): ShortSchedule {
  const {
    params: _p,
    next: _n,
    ...short
  } = scheduleView({ ...schedule, params: null }, { redact: [], missing, times: 1 });
  return short;
}

/** The rule in words: `30 2 * * * Europe/Berlin`, `every 10m`. */
export function ruleText({ cron, every, timezone }: ShortSchedule): string {
  if (cron !== null) return `${cron} ${timezone ?? ''}`;
  return every === null ? 'as the job says' : `every ${showDuration(every)}`;
}

function stateOf(schedule: Schedule, missing: boolean): ScheduleView['state'] {
  const { trouble, paused } = schedule;
  if (missing && !isAside(schedule)) return 'missing';
  if (trouble && trouble.kind !== 'failing') return 'stopped';
  return paused ? 'paused' : 'ok';
}

/** The note of a schedule for its owner, or null. */
export function noteOf({ rule, trouble }: Pick<Schedule, 'rule' | 'trouble'>): string | null {
  switch (trouble?.kind) {
    case 'params':
      return `it makes no runs: ${trouble.text}`;
    case 'failing':
      return `nextRun failed and is asked again: ${trouble.text}`;
    case 'stopped':
      return 'nextRun gave null: no more runs until the job file changes';
    case 'aside':
      return `what is stored of it makes no sense, so it makes no runs: ${trouble.text}`;
    case undefined: {
      const short = rule.kind === 'every' && rule.everyMs < MIN_EVERY_MS;
      return short
        ? `the shortest interval is ${showDuration(MIN_EVERY_MS)}: it runs so often`
        : null;
    }
  }
}
