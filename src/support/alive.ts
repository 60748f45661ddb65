// Tells whether a process lives, by its pid alone.
import { readFileSync } from 'node:fs';
import { errnoOf } from './errors.ts';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Dead, and only waiting for a parent that does not look. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch (error) {
    // No /proc on this system, or the process has gone this moment: the next look at its pid tells.
    if (errnoOf(error) === '') throw error;
    return false;
  }
}
