// The dashboard's requests, as any client could make them: a window of a list, and all of the run, job or schedule
// under the cursor. The answers come as what the dashboard keeps.
import type { Results } from '../commands/results.ts';
import { readFilter } from '../commands/shared/filter.ts';
import type { Details, JobView } from '../commands/shared/replies.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { SETTLED } from '../run/run.ts';
import type { ScheduleView, ShortSchedule } from '../run/schedule.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { layoutFor } from './layout.ts';
import type { Link } from './link.ts';
import { infoOf, orderOf, windowFor } from './lists.ts';
import type { Model } from './model.ts';
import type { Detail, List, Window } from './replies.ts';

export interface ListQuestion {
  readonly of: List['of'];
  readonly args: { readonly [name: string]: Json };
  readonly offset: number;
  readonly limit: number;
  readonly around: string | null;
}

export interface DetailQuestion {
  readonly of: List['of'];
  readonly id: string;
  /** With the result table of the run. */
  readonly rows: boolean;
}

/** The window that is on the screen, with as much around it as most keys need. */
export function listQuestion(model: Model, now: number): ListQuestion {
  const { place } = model;
  const { offset, limit } = windowFor(place, layoutFor(model.size).list);
  const around = place.id !== null && { around: place.id };
  const args = { ...whichOf(model, now), ...around, offset, limit, short: true };
  return { of: infoOf(model.tab).of, args, offset, limit, around: place.id };
}

/** The list of a tab, as it is filtered and ordered. */
export function whichOf(model: Model, now: number): { readonly [name: string]: Json } {
  const { list } = infoOf(model.tab);
  const q = readable(model.filter, now);
  return { ...(list && { list }), ...(q !== '' && { q }), order: orderOf(model) };
}

/** A word that is still being typed leaves nothing out. */
function readable(filter: string, now: number): string {
  const { unread } = readFilter(filter, now);
  return filter
    .split(/\s+/)
    .filter((part) => !unread.includes(part))
    .join(' ');
}

/** The window in parts, as it is found; the last one is whole. */
export async function* askList(
  { of, args, offset }: ListQuestion,
  link: Link,
  signal: AbortSignal,
): AsyncGenerator<List> {
  if (of === 'run') {
    for await (const part of link.listInParts(args, signal)) {
      const { runs, ...listed } = part as Listed<ShortRun>;
      yield { ...windowIn(listed, offset), of, rows: runs };
    }
  } else if (of === 'job') {
    const reply = (await link.call('jobs', args)) as Reply & { jobs: JobView[] };
    yield { ...windowIn(reply, offset), of, rows: reply.jobs };
  } else {
    const reply = (await link.call('schedules', args)) as Reply & {
      schedules: ShortSchedule[];
    };
    yield { ...windowIn(reply, offset), of, rows: reply.schedules };
  }
}

type Reply = Partial<Window>;

const windowIn = ({ total = 0, at = null, complete = true }: Reply, offset: number): Window => ({
  ...{ total, offset, at, complete },
});

const MAX_ATTEMPTS = 20;
const MAX_ROWS = 200;
/** A column of the sparkline for each. */
const MAX_HISTORY = 40;

/** Null where there is no such run, job or schedule. */
export async function askDetail(question: DetailQuestion, link: Link): Promise<Detail | null> {
  try {
    return await detailOf(question, link);
  } catch (error) {
    if (error instanceof JobrunError && error.code.startsWith('unknown-')) return null;
    throw error;
  }
}

async function detailOf({ of, id, rows }: DetailQuestion, link: Link): Promise<Detail> {
  if (of === 'job') {
    const settled = { job: id, state: [...SETTLED], limit: MAX_HISTORY, short: true };
    const [job, { runs: history }] = (await Promise.all([
      link.call('jobs', { name: id, short: true }),
      link.call('list', settled),
    ])) as [JobView & { runs: ShortRun[] }, Listed<ShortRun>];
    return { kind: of, job, runs: job.runs, history };
  }
  if (of === 'schedule') {
    const { schedules } = (await link.call('schedules', { name: id })) as {
      schedules: [ScheduleView];
    };
    return { kind: of, schedule: schedules[0] };
  }
  // The log is followed on a stream of its own.
  const asked = { id, attempts: MAX_ATTEMPTS, results: 0, log: 0 };
  const [run, results] = await Promise.all([
    link.call('show', asked),
    rows ? link.call('results', { id, last: MAX_ROWS }) : null,
  ]);
  const details = run as Details;
  return { kind: of, run: details, attempts: details.attempts, results: results as Results | null };
}
