// The lock of a state folder for those who only read: any number of them at once, while nobody changes anything. Here
// nothing is made and nothing written, so that it works on a read-only file system too.
import { closeSync, constants, existsSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../support/clock.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';
import {
  checkFile,
  flock,
  type Holder,
  readHolder,
  refuseForeignState,
  type StateLock,
  unusable,
  waiting,
} from './lock.ts';

/** Takes a place among the readers; a folder without a lock has never been in use. Waits as `lockState` does. */
export async function shareState(dir: string, clock: Clock): Promise<StateLock> {
  if (existsSync(dir)) refuseForeignState(dir);
  const path = join(dir, 'lock');
  const wait = waiting(dir, path, clock);
  for (;;) {
    const fd = openShared(path);
    if (fd === null) return reading(() => undefined);
    if (fd !== 'taken' && flock(fd, 'share')) return reading(() => closeSync(fd));
    if (fd !== 'taken') closeSync(fd);
    await wait();
  }
}

/** Who holds the lock alone, asked without taking it; null where nobody does. */
export async function lockHolder(dir: string): Promise<Holder | null> {
  const path = join(dir, 'lock');
  if (!existsSync(path) || !lstatSync(path).isFile()) return null;
  const fd = openShared(path);
  if (fd === null) return null;
  const free = fd !== 'taken' && flock(fd, 'share');
  if (fd !== 'taken') closeSync(fd);
  return free ? null : (readHolder(path) ?? { pid: 0, kind: 'command' });
}

const reading = (release: () => void): StateLock => ({
  guard: () => undefined,
  isHeld: () => true,
  lost: new Promise(() => undefined),
  release: async () => release(),
});

function openShared(path: string): number | 'taken' | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const lockFlags = process.platform === 'linux' ? 0 : 0x10;
  try {
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | lockFlags);
    checkFile(fd, path);
    return fd;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === 'EAGAIN') return 'taken';
    throw error instanceof JobrunError ? error : unusable(path, error);
  }
}
