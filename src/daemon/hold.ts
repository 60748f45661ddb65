// The daemon looks now and then whether the state folder is still its own. The engine looks before each write; this is
// for the daemon that has nothing to write, and would keep its jobs running beside those of another one. With the same
// beat it notes that it is alive: after a kill that says until when its runs were under way.
import type { Members } from '../engine/members.ts';
import type { Opened } from '../engine/open.ts';
import type { Clock } from '../support/clock.ts';
import type { JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';

const LOOK_EVERY_MS = 2 * SECOND;

export interface Hold {
  readonly lock: Opened['lock'];
  readonly members: Pick<Members, 'beat'>;
  readonly clock: Clock;
  readonly attempts: { readonly size: number };
  readonly onLost: (error: JobrunError) => void;
}

/**
 * Calls `onLost` when the lock was found to be gone. The returned function is to be called at each tick: it looks, and
 * while jobs run it goes on looking by itself. Without any, nothing is at stake between two ticks, and nothing wakes.
 */
export function watchLock({ lock, members, clock, attempts, onLost }: Hold): () => void {
  lock.lost.then(onLost);
  let planned = false;
  const look = (): void => {
    if (!lock.isHeld() || planned || attempts.size === 0) return;
    planned = true;
    members.beat(clock.now());
    const again = (): void => {
      planned = false;
      look();
    };
    clock.after(LOOK_EVERY_MS, again, { idle: true });
  };
  return look;
}
