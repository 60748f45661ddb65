// Reads the state folder beside a process that works there: what is wrong at every look is wrong, the rest was its
// work.
import { type Clock, delay } from '../support/clock.ts';
import type { Disk } from '../support/files.ts';
import type { Tables } from './pages.ts';
import { type Recovered, readState } from './reader.ts';

const LOOKS = 4;
export const BETWEEN_LOOKS_MS = 60;

/** Reads the state until it has looked often enough to know what is wrong. */
export async function readSteadily<T extends Tables>(
  disk: Disk,
  dir: string,
  clock: Clock,
  tables: () => T,
): Promise<Recovered<T>> {
  let recovered = await readState(disk, dir, tables());
  for (let look = 1; look < LOOKS && recovered.problems.length > 0; look++) {
    await delay(clock, BETWEEN_LOOKS_MS);
    const before = new Set(recovered.problems.map(({ path }) => path));
    const again = await readState(disk, dir, tables());
    recovered = { ...again, problems: again.problems.filter(({ path }) => before.has(path)) };
  }
  return recovered;
}
