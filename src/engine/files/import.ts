// Export and import of a state: what the store does with lines, for the tables of the engine.
import type { Run } from '../../run/run.ts';
import { readState } from '../../store/reader.ts';
import { exportState, type Import, importLines } from '../../store/stream.ts';
import type { Clock } from '../../support/clock.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Disk } from '../../support/files.ts';
import { type OpenOptions, openFileEngine } from './file-engine.ts';
import { newTables, type Tables } from './tables.ts';

export const exportLines = (
  disk: Disk,
  dir: string,
  clock: Clock,
  version: string,
): AsyncGenerator<string> => exportState(disk, dir, clock, version, newTables);

/** The caller holds the lock. Throws `refused` where the state is not empty. */
export async function importState(
  options: OpenOptions,
  lines: AsyncIterable<string>,
): Promise<Import> {
  const { disk, dir, clock } = options;
  // Recovered first, as for any change: what is left of a kill is made durable.
  const opened = await openFileEngine(options);
  await opened.engine.close();
  const state = await readState<Run, Tables>(disk, dir, newTables());
  if (opened.damage[0]) throw opened.damage[0];
  refuseUnlessEmpty(state.tables);
  const imported = await importLines(disk, dir, clock.now(), state, newTables(), lines);
  const { engine } = await openFileEngine(options);
  await engine.close();
  return imported;
}

function refuseUnlessEmpty({ paged, schedules }: Tables): void {
  const runs = Object.values(paged.tally.counts()).reduce((sum, n) => sum + n, 0);
  // Schedules that stand in job files come by themselves, wherever a daemon once ran.
  const made = schedules.values().some(({ source }) => source === 'made');
  if (runs === 0 && !made) return;
  const hint = 'Import into a new folder: jobrun import --state-dir <folder> <file>';
  const what = runs > 0 ? `${runs} runs` : 'schedules';
  throw new JobrunError('refused', `the state is not empty: it has ${what}`, hint);
}
