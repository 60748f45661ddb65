// What a worker is told of a run, and what it gives back to be kept for the next attempt.
import { latestAttempt, type Run } from '../run/run.ts';
import type { Saved } from '../run/transitions.ts';
import type { Assignment } from '../workers/messages.ts';

export function assignmentOf(run: Run, file: string): Assignment {
  const { life, origin } = run;
  return {
    run: run.id,
    job: run.job,
    file,
    attempt: latestAttempt(run),
    params: run.params,
    dueAt: run.state.dueAt,
    schedule: origin?.schedule ?? null,
    initialized: life?.initialized ?? false,
    ...(life?.checkpoint !== undefined && { checkpoint: life.checkpoint }),
    rows: life?.rows ?? 0,
    rowBytes: life?.rowBytes ?? 0,
    steps: life?.steps ?? {},
  };
}

/** What of a worker's `save` is kept with the run: nothing but what there is to save. */
export function savedOf({ checkpoint, rows, rowBytes, initialized, step }: Saved): Saved {
  return {
    ...(checkpoint !== undefined && { checkpoint }),
    ...(rows !== undefined && { rows }),
    ...(rowBytes !== undefined && { rowBytes }),
    ...(initialized && { initialized }),
    ...(step && { step }),
  };
}
