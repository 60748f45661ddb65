// The runs of pages, from memory and from their files, whoever asks for them.
import type { Run } from '../../run/run.ts';
import { JobrunError } from '../../support/errors.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import type { Memory } from './memory.ts';
import type { Pages } from './pages.ts';

/** Null, with the damage noted, where a page cannot be read. */
export async function readable<T>(reading: Promise<T>, damage: JobrunError[]): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof JobrunError) || error.code !== 'state-damaged') throw error;
    damage.push(error);
    return null;
  }
}

/** All runs of a page as they are now, newest first. */
export async function runsOfPage(page: number, memory: Memory, pages: Pages): Promise<Run[]> {
  const known = collectPage(page, memory, NONE);
  const runs = isWhole(page, known, memory)
    ? known
    : collectPage(page, memory, await pages.runsOf(page));
  memory.tally.measure(page, runs);
  return runs;
}

/** What only the file of a page knows; nothing is read where memory has all of its runs. */
export async function filedRuns(
  page: number,
  memory: Memory,
  pages: Pages,
): Promise<ReadonlyMap<number, Run>> {
  return isWhole(page, collectPage(page, memory, NONE), memory) ? NONE : pages.runsOf(page);
}

const NONE: ReadonlyMap<number, Run> = new Map();

const isWhole = (page: number, known: readonly Run[], { tally }: Memory): boolean =>
  known.length >= tally.matching(page, null, null);

/** The runs of a page from memory and from its file, at this moment: no wait lies inside. */
export function collectPage(page: number, memory: Memory, filed: ReadonlyMap<number, Run>): Run[] {
  const runs: Run[] = [];
  for (let id = page * PAGE_SIZE + PAGE_SIZE - 1; id >= page * PAGE_SIZE; id--) {
    const known = memory.known(id);
    const run = known === undefined && filed.size > 0 ? filed.get(id) : known;
    if (run) runs.push(run);
  }
  return runs;
}
