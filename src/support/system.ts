// The system's answers about processes: whether one lives, by its pid alone, and how many files this one may have open.
// If that limit is low, Node fails in many ways: modules seem to be missing, processes do not start, connections break.
// So a daemon looks before it begins, and so does a command without one that may start a worker.
import { readFileSync } from 'node:fs';
import { errnoOf, fewFiles, orElseSync } from './errors.ts';

/** The files that a daemon has open without any worker, with some room for clients and for loading its own modules. */
const BASE = 64;
/** Pipes of a worker process. */
const PER_WORKER = 4;

/** A command that starts one worker, and may hold sessions with a store. */
const COMMAND = 40;

/** Throws `refused` where the limit is too low for a daemon with so many workers. */
export function refuseFewFiles(workers: number, limit = openFileLimit()): void {
  refuseFewer(BASE + PER_WORKER * workers, `a daemon with ${workers} workers`, limit);
}

/** The same for a command that works without a daemon. */
export const refuseFewFilesOffline = (): void =>
  refuseFewer(COMMAND, 'a command without a daemon', openFileLimit());

function refuseFewer(needed: number, who: string, limit: number | null): void {
  if (limit === null || limit >= needed) return;
  throw fewFiles(`${who} needs ${needed} open files, and may have ${limit}`);
}

/** Null where the system does not say. */
export function openFileLimit(): number | null {
  const limits = orElseSync('', () => readFileSync('/proc/self/limits', 'utf8'));
  const [, limit] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  return limit === undefined ? null : Number(limit);
}

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
  // No /proc on this system, or the process has gone this moment: the next look at its pid tells.
  const stat = orElseSync('', () => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}
