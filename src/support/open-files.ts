// How many files this process may have open. Where the limit is low, Node fails in many ways: modules seem to be
// missing, processes do not start, connections break. So a daemon looks before it begins.
import { readFileSync } from 'node:fs';
import { errnoOf, fewFiles } from './errors.ts';

/** What a daemon has open without any worker, with some room for clients and for loading its own modules. */
const BASE = 64;
/** Pipes of a worker process. */
const PER_WORKER = 4;

/** Throws `refused` where the limit is too low for a daemon with so many workers. */
export function refuseFewFiles(workers: number, limit = openFileLimit()): void {
  const needed = BASE + PER_WORKER * workers;
  if (limit === null || limit >= needed) return;
  throw fewFiles(
    `a daemon with ${workers} workers needs ${needed} open files, and may have ${limit}`,
  );
}

/** Null where the system does not say. */
function openFileLimit(): number | null {
  if (process.platform !== 'linux') return null;
  try {
    const [, limit] =
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? null : Number(limit);
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    return null;
  }
}
