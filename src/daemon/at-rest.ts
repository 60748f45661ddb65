// Whether nothing is left to do: nothing runs or is about to, and nothing is due. What waits for a later time, for another
// run or for a result from outside, counts as nothing.
import type { WorkerPool } from '../workers/pool.ts';
import type { Attempts } from './attempts.ts';
import type { Scheduler } from './scheduler.ts';
import type { Recurring } from './schedules/recurring.ts';

export interface Busy {
  readonly attempts: Pick<Attempts, 'size'>;
  readonly pool: Pick<WorkerPool, 'busy'>;
  readonly scheduler: Pick<Scheduler, 'claiming' | 'expects' | 'rests'>;
  readonly recurring: Pick<Recurring, 'busy' | 'rests'>;
}

export function isAtRest(busy: Busy): boolean {
  const { attempts, pool, scheduler, recurring } = busy;
  if (attempts.size > 0 || pool.busy > 0 || scheduler.claiming || recurring.busy) return false;
  return !(scheduler.expects || scheduler.rests || recurring.rests);
}
