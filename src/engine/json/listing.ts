// Lists without holding all runs: counts come from the tally, and only the pages that can hold a part of the window
// asked for are looked into, newest first. Where the filter asks for more than the tally knows (key, text, time), the
// runs themselves are looked at, a page at a turn, so that nothing else waits.
import type { Run } from '../../run/run.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { Query } from '../engine.ts';
import type { Memory } from './memory.ts';
import type { Pages } from './pages.ts';

export interface Listed {
  readonly total: number;
  readonly runs: readonly Run[];
}

export async function listRuns(query: Query, memory: Memory, pages: Pages): Promise<Listed> {
  const states = query.states?.length ? query.states : null;
  const jobs = query.jobs ?? null;
  const counted = query.key === undefined && query.text === undefined && query.since === undefined;
  const fits = filterOf(query);
  const from = query.offset ?? 0;
  const until = from + query.limit;
  const runs: Run[] = [];
  let seen = 0;
  for (const page of memory.tally.pages()) {
    const most = memory.tally.matching(page, states, jobs);
    if (most === 0) continue;
    if (counted && (seen + most <= from || seen >= until)) {
      seen += most;
      if (seen >= until) break;
      continue;
    }
    const all = await runsOfPage(page, memory, pages);
    if (query.since !== undefined && all.every((run) => run.createdAt < (query.since as number)))
      break;
    for (const run of all) {
      if (!fits(run)) continue;
      if (seen >= from && seen < until) runs.push(run);
      seen++;
    }
    if (counted && seen >= until) break;
    await new Promise(setImmediate);
  }
  return { total: counted ? memory.tally.matching(null, states, jobs) : seen, runs };
}

/** All runs of a page as they are now, newest first. */
export async function runsOfPage(page: number, memory: Memory, pages: Pages): Promise<Run[]> {
  const filed = await filedRuns(page, memory, pages);
  return collectPage(page, memory, filed);
}

/** What only the file of a page knows; nothing is read where memory has all of its runs. */
export async function filedRuns(
  page: number,
  memory: Memory,
  pages: Pages,
): Promise<ReadonlyMap<number, Run>> {
  const runs = collectPage(page, memory, new Map());
  return runs.length < memory.tally.matching(page, null, null) ? pages.runsOf(page) : new Map();
}

/** The runs of a page from memory and from its file, at this moment: no wait lies inside. */
export function collectPage(page: number, memory: Memory, filed: ReadonlyMap<number, Run>): Run[] {
  const runs: Run[] = [];
  for (let id = page * PAGE_SIZE + PAGE_SIZE - 1; id >= page * PAGE_SIZE; id--) {
    const run = currentOf(id, memory) ?? (memory.fresh.has(id) ? undefined : filed.get(id));
    if (run) runs.push(run);
  }
  return runs;
}

/** The run as memory has it; undefined where only its page can tell, or it was removed. */
export const currentOf = (id: number, memory: Memory): Run | undefined =>
  memory.live.get(id) ?? memory.fresh.get(id) ?? undefined;

function filterOf(query: Query): (run: Run) => boolean {
  const states = query.states?.length ? new Set<string>(query.states) : null;
  const jobs = query.jobs ? new Set(query.jobs) : null;
  const text = query.text?.toLowerCase();
  return (run) =>
    (!states || states.has(run.state.name)) &&
    (!jobs || jobs.has(run.job)) &&
    (query.key === undefined || run.origin?.key === query.key) &&
    (query.since === undefined || run.createdAt >= query.since) &&
    (text === undefined || textOf(run).includes(text));
}

const textOf = (run: Run): string => `${run.id} ${run.job} ${run.origin?.key ?? ''}`.toLowerCase();
