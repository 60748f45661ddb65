// The daemon looks now and then whether the state folder is still its own. The engine looks before each write; this is
// for the daemon that has nothing to write, and would keep its jobs running beside those of another one.
import type { Opened } from '../engine/open.ts';
import type { Clock } from '../support/clock.ts';
import type { JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';

const LOOK_EVERY_MS = 2 * SECOND;

/** Calls `onLost` when the lock was found to be gone; looks until then, or until it is given back. */
export function watchLock(
  lock: Opened['lock'],
  clock: Clock,
  onLost: (error: JobrunError) => void,
): void {
  lock.lost.then(onLost);
  const look = (): void => {
    if (lock.isHeld()) clock.after(LOOK_EVERY_MS, look, { idle: true });
  };
  look();
}
