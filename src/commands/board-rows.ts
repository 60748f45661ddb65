// The rows of the dashboard's lists: only what a row shows, and texts no longer than a row.
import type { Pauses } from '../engine/engine.ts';
import type { Counts } from '../run/run.ts';
import { ruleText, type Schedule, type ScheduleView } from '../run/schedule.ts';
import type { RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { plainLine } from '../support/text.ts';
import type { Tools } from './shared/command.ts';
import { scheduleViewer } from './shared/made-schedules.ts';
import { instantOf } from './shared/times.ts';
import { type JobView, jobNames, jobState, NO_RUNS } from './shared/views.ts';

export interface BoardRun {
  readonly id: string;
  readonly job: string;
  readonly state: RunView['state'];
  readonly percent: number;
  readonly text: string;
  /** Why it waits, why it was aborted, or what the error says. */
  readonly note: string;
  readonly attempt: number;
  readonly maxAttempts: number | null;
  readonly dueAt: number;
  readonly startedAt: number | null;
  readonly settledAt: number | null;
  readonly schedule: string | null;
  /** Its daemon was cut off, and none runs: `note` says when it was last known to be alive. */
  readonly cutOff?: true;
}

export interface BoardJob {
  readonly name: string;
  readonly state: JobView['state'];
  readonly group: string;
  /** Its description, or what is broken. */
  readonly text: string;
  readonly rule: string;
  readonly nextAt: number | null;
  readonly counts: Counts;
}

export interface BoardSchedule {
  readonly name: string;
  readonly job: string;
  /** With its time zone. */
  readonly rule: string;
  readonly state: ScheduleView['state'];
  readonly paused: boolean;
  /** The file of its job defines it, so it cannot be removed. */
  readonly inFile: boolean;
  /** Why it creates no runs. */
  readonly note: string;
  readonly lastAt: number | null;
  readonly nextAt: number | null;
  /** The end of the current run decides the next time. */
  readonly afterRun: boolean;
}

/** As much as fits on the widest screens. */
const LONGEST = 300;

export const short = (text: string | null | undefined): string =>
  plainLine((text ?? '').slice(0, LONGEST)).trim();

export const boardRun = (run: RunView): BoardRun => ({
  id: run.id,
  job: run.job,
  state: run.state,
  percent: run.progress.percent,
  text: short(run.progress.text),
  note: short(run.reason ?? run.error?.message),
  attempt: run.attempt,
  maxAttempts: run.maxAttempts,
  dueAt: instantOf(run.dueAt),
  startedAt: run.startedAt === null ? null : instantOf(run.startedAt),
  settledAt: run.settledAt === null ? null : instantOf(run.settledAt),
  schedule: run.schedule,
  ...(run.state === 'running' && run.reason !== null && { cutOff: true }),
});

/**
 * The next attempt of a run that waits for a retry: `try 2 of 6`. Empty where the latest attempt did not fail: after a
 * call-back the next attempt has the same number again.
 */
export function retryText(
  { attempt, maxAttempts }: Pick<RunView, 'attempt' | 'maxAttempts'>,
  hasFailed: boolean,
): string {
  if (attempt === 0 || !hasFailed) return '';
  if (maxAttempts === null) return `try ${attempt + 1}`;
  return attempt < maxAttempts ? `try ${attempt + 1} of ${maxAttempts}` : '';
}

export const JOB_ORDERS = ['name', 'waiting', 'errors', 'next'] as const;

const RANK: Readonly<Record<(typeof JOB_ORDERS)[number], (job: BoardJob) => number>> = {
  name: () => 0,
  waiting: ({ counts }) => -(counts.scheduled + counts.waiting + counts.queued),
  errors: ({ counts }) => -(counts.failed + counts.aborted),
  next: ({ nextAt }) => nextAt ?? Number.POSITIVE_INFINITY,
};

/** All jobs whose name fits these words: those with a file, and those that runs still ask for. */
export async function boardJobs(
  tools: Tools,
  words: Words,
  order: keyof typeof RANK,
): Promise<readonly BoardJob[]> {
  const counts = await tools.engine.countsByJob();
  const pauses = await tools.engine.pauses();
  const rules = new Map<string, Schedule>();
  for (const schedule of await tools.engine.schedules()) {
    if (schedule.source === 'job' || !rules.has(schedule.job)) rules.set(schedule.job, schedule);
  }
  return (await jobNames(tools))
    .filter((name) => fitsWords(name, words))
    .map((name) => jobRow(name, counts.get(name) ?? NO_RUNS, rules.get(name), pauses, tools))
    .sort((a, b) => compare(RANK[order](a), RANK[order](b)));
}

/** All schedules whose name and job fit these words. */
export async function boardSchedules(
  tools: Tools,
  words: Words,
  order: 'name' | 'next',
): Promise<readonly BoardSchedule[]> {
  const view = scheduleViewer(tools);
  const files = new Set(tools.catalog.names());
  const rank = ({ nextAt }: BoardSchedule): number =>
    order === 'name' ? 0 : (nextAt ?? Number.POSITIVE_INFINITY);
  return [...(await tools.engine.schedules())]
    .filter(({ name, job }) => fitsWords(`${name} ${job}`, words))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((one) => boardSchedule(view(one), one.source === 'job' && files.has(one.job)))
    .sort((a, b) => compare(rank(a), rank(b)));
}

export const boardSchedule = (view: ScheduleView, inFile: boolean): BoardSchedule => ({
  name: view.name,
  job: view.job,
  rule: ruleText(view),
  state: view.state,
  paused: view.paused,
  inFile,
  note: short(view.note),
  lastAt: view.lastAt === null ? null : instantOf(view.lastAt),
  nextAt: view.nextAt === null ? null : instantOf(view.nextAt),
  afterRun: view.nextAt === null && view.cron === null,
});

/** The words of a filter: those that a name has, and those that it does not have. */
export interface Words {
  readonly words?: readonly string[];
  readonly without?: readonly string[];
}

export function fitsWords(text: string, { words = [], without = [] }: Words): boolean {
  const has = (word: string): boolean => text.toLowerCase().includes(word.toLowerCase());
  return words.every(has) && !without.some(has);
}

const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

function jobRow(
  name: string,
  counts: Counts,
  schedule: Schedule | undefined,
  pauses: Pauses,
  tools: Tools,
): BoardJob {
  const entry = tools.catalog.find(name);
  const data = entry?.state === 'ok' ? entry.data : null;
  return {
    name,
    state: jobState(name, entry, pauses),
    group: short(data?.group),
    text: short(entry?.state === 'broken' ? entry.error : data?.description),
    rule: ruleOf(schedule),
    nextAt: schedule?.nextAt ?? null,
    counts,
  };
}

function ruleOf(schedule: Schedule | undefined): string {
  if (!schedule) return '';
  const { rule } = schedule;
  if (schedule.paused) return 'paused';
  if (rule.kind === 'cron') return rule.cron;
  return rule.kind === 'every' ? `every ${showDuration(rule.everyMs)}` : 'its own times';
}
