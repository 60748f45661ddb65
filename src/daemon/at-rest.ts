// Whether nothing is left to do: nothing runs or is about to, and nothing is due. What waits for a later time, for another
// run or for a result from outside, counts as nothing.
import type { Engine } from '../engine/engine.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { Attempts } from './attempts.ts';
import type { Scheduler } from './scheduler.ts';
import type { Recurring } from './schedules/recurring.ts';

export interface Busy {
  readonly engine: Pick<Engine, 'nextDueAt'>;
  readonly attempts: Pick<Attempts, 'size'>;
  readonly pool: Pick<WorkerPool, 'busy'>;
  readonly scheduler: Pick<Scheduler, 'claiming' | 'rests'>;
  readonly recurring: Pick<Recurring, 'busy' | 'rests'>;
}

export function isAtRest(busy: Busy, now: number): boolean {
  const { engine, attempts, pool, scheduler, recurring } = busy;
  if (attempts.size > 0 || pool.busy > 0 || scheduler.claiming || recurring.busy) return false;
  if (scheduler.rests || recurring.rests) return false;
  const next = engine.nextDueAt(now);
  return next === null || next > now;
}
