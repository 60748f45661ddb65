// The work on a state that no engine serves: a look at all of it, its repair, its export and import. The store does it,
// for the tables of the engine; here is what a look tells of runs.
import { type ClockMark, readMark } from '../../run/keep-clock.ts';
import type { Schedule } from '../../run/schedule.ts';
import {
  type Inspection as Inspected,
  inspect,
  type Repaired,
  repair,
} from '../../store/doctor.ts';
import type { OpenOptions } from '../../store/recovery.ts';
import { exportState, importState as importInto } from '../../store/stream.ts';
import type { Import } from '../../store/stream-format.ts';
import type { Clock } from '../../support/clock.ts';
import type { Disk } from '../../support/files.ts';
import type { MemoryUse } from '../engine.ts';
import { heapForRuns } from './room.ts';
import { type Found, newTables, type Tables } from './tables.ts';

export interface Inspection extends Omit<Inspected<Tables>, 'clockNote'> {
  readonly known: Known | null;
  readonly clockMark: ClockMark | null;
}

/** The state's own description. */
export interface Known {
  readonly format: number;
  /** The number of the last commit. */
  readonly commit: number;
  readonly runs: number;
  /** The latest instant that anything in it has; 0 where there is none. */
  readonly newest: number;
  readonly schedules: readonly Schedule[];
  readonly memory: MemoryUse & { readonly limit: number };
}

export async function inspectState(disk: Disk, dir: string, clock: Clock): Promise<Inspection> {
  const { clockNote, ...found } = await inspect(disk, dir, clock, newTables);
  const known = found.recovered && knownOf(found.recovered);
  return { ...found, known, clockMark: readMark(clockNote) };
}

export const repairState = (options: OpenOptions, found: Inspection): Promise<Repaired> =>
  repair(options, newTables, found);

export const exportLines = (
  disk: Disk,
  dir: string,
  clock: Clock,
  version: string,
): AsyncGenerator<string> => exportState(disk, dir, clock, version, newTables);

export const importState = (options: OpenOptions, lines: AsyncIterable<string>): Promise<Import> =>
  importInto(options, newTables, lines);

function knownOf({ tables, format, end }: Found): Known {
  const { paged } = tables;
  return {
    format,
    commit: end.seq,
    runs: paged.tally.matching(null),
    newest: newestInstant(tables),
    schedules: tables.schedules.values(),
    memory: { bytes: paged.bytes.unsettled, limit: heapForRuns() },
  };
}

function newestInstant({ paged, schedules }: Tables): number {
  let newest = 0;
  const see = (at: number | null | undefined): void => {
    if (at !== null && at !== undefined && at > newest) newest = at;
  };
  for (const runs of [paged.live.values(), paged.held()])
    for (const { createdAt, life, state } of runs) {
      see(createdAt);
      see(life?.startedAt);
      if ('settledAt' in state) see(state.settledAt);
    }
  for (const { createdAt, lastAt } of schedules.values()) {
    see(createdAt);
    see(lastAt);
  }
  return newest;
}
