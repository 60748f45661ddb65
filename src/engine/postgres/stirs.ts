// The effect of a turn on what may start: the scheduler here, and those of other hosts, look where it matters to them.
import type { JobLimits } from '../../run/pick.ts';
import type { Run } from '../../run/run.ts';
import type { Pauses } from '../engine.ts';
import type { Unit } from './unit.ts';

/**
 * `place`: a job has a run less that runs, which matters where its limit was reached. As numbers they stand in the
 * notification of the change.
 */
export const STIRS = { nothing: 0, anything: 1, place: 2 } as const;
export type Stir = keyof typeof STIRS;

/** For all hosts: whether a job may start is the same for all of them where it is paused. */
export const stirOf = (unit: Unit): Stir => strongest(unit, (job) => isPaused(unit.pauses, job));

/** For this host. */
export const stirHere = (unit: Unit, limitsOf: (job: string, pauses: Pauses) => JobLimits): Stir =>
  strongest(unit, (job) => limitsOf(job, unit.pauses).blocked !== null);

function strongest({ stirs, changes }: Unit, isBlocked: (job: string) => boolean): Stir {
  if (stirs || changes.some(({ prev, run }) => letsStart(prev, run, isBlocked))) return 'anything';
  return changes.some(({ prev, run }) => hasLeft(prev, run)) ? 'place' : 'nothing';
}

/** A run that waits for its turn or its time, or one that has left a lock. */
function letsStart(prev: Run | null, run: Run, isBlocked: (job: string) => boolean): boolean {
  const { state, origin } = run;
  if (state.name === 'scheduled') return true;
  if (state.name === 'queued') return !isBlocked(run.job) || origin?.lock !== undefined;
  return hasLeft(prev, run) && origin?.lock !== undefined;
}

const hasLeft = (prev: Run | null, { state }: Run): boolean =>
  prev?.state.name === 'running' && state.name !== 'running';

const isPaused = ({ all, jobs }: Pauses, job: string): boolean => all || jobs.has(job);
