// One process at a time on a state folder. The lock is a `flock` on `state/lock`: taken by a one-shot helper on a
// descriptor that it inherits, it belongs to our open file, so it stays when the helper ends and goes when this process
// does, by kill -9 too. Nothing has to be cleaned up and nothing can be stale. The holder that the file names is for
// people and for messages, never for deciding.
//
// Readers share it: any number of them at once, while no process changes anything. For them nothing is made and nothing
// written, so that it works on a read-only file system too.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, delay } from '../support/clock.ts';
import { errnoOf, isFewFiles, isFull, JobrunError, toJobrunError } from '../support/errors.ts';
import type { Disk, DiskFile } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { LOCK_WAIT_MS } from '../support/limits.ts';
import { refuseForeign, unsafe } from '../support/ownership.ts';
import { fits, object, oneOf, whole } from '../support/schema.ts';
import { isAlive } from '../support/system.ts';
import { FOLDERS } from './folder.ts';

export interface Holder {
  readonly pid: number;
  readonly kind: 'daemon' | 'command';
}

export interface StateLock {
  /**
   * Throws where the lock file is no longer the one that was locked: another process may hold the new one. Looks at
   * most every 100 ms, unless it must look `now`.
   */
  readonly guard: (now?: 'now') => void;
  /** The same without an error; false once it is released, too. */
  readonly isHeld: () => boolean;
  /** Resolves when the lock is found lost: its holder must not write any more. */
  readonly lost: Promise<JobrunError>;
  readonly release: () => Promise<void>;
}

/** Between two commits the lock is looked at again when this much has passed. */
const GUARD_EVERY_MS = 100;
/** Each look starts a process: many commands that wait would leave the one that they wait for no time. */
const LEAST_POLL_MS = 25;
const MOST_POLL_MS = 200;

/**
 * Takes the lock of a state folder, made here if needed, private from its first moment. Waits for a command that
 * holds it, at most `LOCK_WAIT_MS`; a daemon that holds it is `daemon-running` at once.
 */
export async function lockState(
  dir: string,
  kind: Holder['kind'],
  clock: Clock,
): Promise<StateLock> {
  prepareState(dir);
  const path = join(dir, 'lock');
  const wait = waiting(dir, path, clock);
  for (;;) {
    const fd = tryLock(path);
    if (fd !== null) return held(fd, path, kind, clock);
    await wait();
  }
}

/**
 * A moment until the next try. A command goes by; a daemon stays, so another process has to ask it. Each holder is
 * given its time: of commands typed at once each waits for all before it.
 */
function waiting(dir: string, path: string, clock: Clock): () => Promise<void> {
  let since = clock.monotonic();
  let before: number | undefined;
  let pause = LEAST_POLL_MS;
  return async () => {
    const holder = readHolder(path);
    const now = clock.monotonic();
    if (holder?.pid !== before) since = now;
    before = holder?.pid;
    const stays = holder?.kind === 'daemon' && isAlive(holder.pid);
    if (stays || now - since > LOCK_WAIT_MS) throw taken(dir, holder);
    await delay(clock, pause);
    pause = Math.min(MOST_POLL_MS, pause * 1.2);
  };
}

function held(fd: number, path: string, kind: Holder['kind'], clock: Clock): StateLock {
  ftruncateSync(fd);
  writeSync(fd, `${JSON.stringify({ pid: process.pid, kind } satisfies Holder)}\n`, 0);
  let checked = clock.monotonic();
  let tell: (error: JobrunError) => void = () => undefined;
  const lost = new Promise<JobrunError>((resolve) => {
    tell = resolve;
  });
  let released = false;
  const isHeld = (at?: 'now'): boolean => {
    if (released) return false;
    const now = clock.monotonic();
    if (!at && now - checked < GUARD_EVERY_MS) return true;
    if (!isSame(fd, path)) {
      tell(lostLock(path));
      return false;
    }
    checked = now;
    return true;
  };
  return {
    guard: (now) => {
      if (!isHeld(now)) throw lostLock(path);
    },
    isHeld: () => isHeld(),
    lost,
    release: async () => {
      released = true;
      // No process holds it now; our name in it would only mislead one that finds it taken by readers.
      if (isSame(fd, path)) ftruncateSync(fd);
      closeSync(fd);
    },
  };
}

/** A thing in place of the lock (a pipe, a folder) cannot be locked, and was not put there by us. */
function checkFile(fd: number, path: string): void {
  if (fstatSync(fd).isFile()) return;
  closeSync(fd);
  throw unsafe(path, 'is not a regular file');
}

/** The locked descriptor, or null where another process holds the lock. */
function tryLock(path: string): number | null {
  for (;;) {
    const fd = openLock(path);
    if (fd === null) return null;
    if (!flock(fd)) {
      closeSync(fd);
      return null;
    }
    // Between opening and locking the file may have been replaced: then the lock is on a file that no other process
    // sees.
    if (isSame(fd, path)) return fd;
    closeSync(fd);
  }
}

function openLock(path: string): number | null {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  // On macOS and BSD the lock comes with the opening itself (O_EXLOCK | O_NONBLOCK).
  const lockFlags = process.platform === 'linux' ? 0 : 0x20;
  try {
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | lockFlags;
    return checked(openSync(path, flags, 0o600), path);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return null;
    throw error instanceof JobrunError ? error : unusable(path, error);
  }
}

/** The text of the lock is written over the old one: never into a file that has another name as well. */
function checked(fd: number, path: string): number {
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.nlink <= 1) {
    fchmodSync(fd, 0o600);
    return fd;
  }
  closeSync(fd);
  throw unsafe(path, stat.isFile() ? 'has a second name elsewhere' : 'is not a file');
}

function flock(fd: number, how: 'alone' | 'share' = 'alone'): boolean {
  if (process.platform !== 'linux') return true;
  const { status, error } = spawnSync('flock', ['-n', how === 'alone' ? '-x' : '-s', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  if (!error) return status === 0;
  if (isFewFiles(error)) throw toJobrunError(error);
  const hint = 'Install util-linux (or busybox): it has the program flock.';
  throw new JobrunError(
    'state-unsafe',
    'the state folder cannot be locked: no program "flock"',
    hint,
    error,
  );
}

function isSame(fd: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return named !== undefined && named.ino === ours.ino && named.dev === ours.dev;
}

/** The holder that the file names; null if that makes no sense. */
export function readHolder(path: string): Holder | null {
  try {
    const holder = parseJson(readFileSync(path, 'utf8'));
    return fits(HOLDER, holder) ? holder : null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

const HOLDER = object({ pid: whole(1), kind: oneOf(['daemon', 'command']) });

/** Makes the state folder, or refuses one that others could have prepared or could change. */
export function prepareState(dir: string): void {
  try {
    mkdirSync(dir, { recursive: false, mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw unusable(dir, error);
  }
  const { mode } = refuseForeignState(dir);
  if ((mode & 0o777) !== 0o700) makePrivate(dir);
}

/**
 * The state folder and the folders in it are ours alone, or it is refused: one that was turned into a link would have
 * us read and write somewhere else.
 */
function refuseForeignState(dir: string): Stats {
  const stat = refuseForeign(dir);
  for (const name of FOLDERS) {
    const folder = join(dir, name);
    if (lstatSync(folder, { throwIfNoEntry: false })) refuseForeign(folder);
  }
  return stat;
}

/** Also where the umask took away our own rights. On a read-only disk it stays as it is: it cannot be written. */
function makePrivate(dir: string): void {
  try {
    chmodSync(dir, 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw unusable(dir, error);
  }
}

function unusable(path: string, cause: unknown): JobrunError {
  const errno = errnoOf(cause);
  if (errno === 'ENOENT' && existsSync(dirname(path))) {
    const message = `${path} cannot be made: nothing can be made in ${dirname(path)}`;
    return new JobrunError('state-unsafe', message, 'Name another: --state-dir', cause);
  }
  if (errno === 'ENOENT') {
    return new JobrunError(
      'state-unsafe',
      `${dirname(path)} is not there`,
      'Make it, or name another: --state-dir',
      cause,
    );
  }
  if (errno === 'EROFS' || errno === 'EACCES' || errno === 'EPERM') {
    return new JobrunError(
      'state-read-only',
      `${path} cannot be written`,
      'Make the state folder writable.',
      cause,
    );
  }
  if (isFull(cause))
    return new JobrunError('disk-full', `no room for ${path}`, 'Make room on the disk.', cause);
  if (isFewFiles(cause)) return toJobrunError(cause);
  return new JobrunError(
    'state-unsafe',
    `${path} cannot be opened: ${(cause as Error).message}`,
    'Look at it with: ls -l',
    cause,
  );
}

function taken(dir: string, holder: Holder | null): JobrunError {
  const who =
    holder && isAlive(holder.pid)
      ? `${holder.kind === 'daemon' ? 'a daemon' : 'a command'} (pid ${holder.pid})`
      : 'another process';
  const hint = 'Use it through the commands, or end it first: jobrun stop';
  return new JobrunError('daemon-running', `${who} already works on ${dir}`, hint);
}

function lostLock(path: string): JobrunError {
  const hint = 'Start it again; the lock file must stay as long as it runs.';
  return new JobrunError('state-unsafe', `${path} was removed or replaced while it was held`, hint);
}

// ------------------------------------------------------------------------------------------ for those who only read

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

/** The process that holds the lock alone, asked without taking it; null if there is none. */
export async function lockHolder(dir: string): Promise<Holder | null> {
  const path = join(dir, 'lock');
  if (!existsSync(path) || !lstatSync(path).isFile()) return null;
  const fd = openShared(path);
  if (fd === null) return null;
  const free = fd !== 'taken' && flock(fd, 'share');
  if (fd !== 'taken') closeSync(fd);
  return free ? null : (readHolder(path) ?? { pid: 0, kind: 'command' });
}

/**
 * The daemon that holds the lock, by its pid. Null if there is none, or if that cannot be proven: a pid alone may be
 * that of another process, or of another container's.
 */
export async function lockedBy(dir: string): Promise<number | null> {
  const holder = await lockHolder(dir);
  const proven = holder?.kind === 'daemon' && isAlive(holder.pid) && hasOpen(holder.pid, dir);
  return proven ? holder.pid : null;
}

function hasOpen(pid: number, dir: string): boolean {
  if (process.platform !== 'linux') return true;
  const { ino, dev } = lstatSync(join(dir, 'lock'));
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      const open = statSync(join(folder, fd), { throwIfNoEntry: false });
      return open?.ino === ino && open.dev === dev;
    });
  } catch (error) {
    // It has gone this moment, or is another user's.
    if (errnoOf(error) === '') throw error;
    return false;
  }
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

// ------------------------------------------------------------------------------------------------------ what it guards

/**
 * The disk of who holds the lock. Each change asks first whether the folder is still the one that was locked. A process
 * that was busy or asleep for long may find another in its place, with another owner. `guard` throws where the lock is
 * lost. A change of names goes by the path, so it looks at once: the state must not be written anew into a folder that
 * was put there a moment ago, for what it then answers would be missing once the old one is back.
 */
export function lockedDisk(disk: Disk, guard: StateLock['guard']): Disk {
  const held =
    <A extends readonly unknown[], T>(change: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      guard('now');
      return change(...args);
    };
  return {
    read: (path) => disk.read(path),
    pieces: (path) => disk.pieces(path),
    list: (path) => disk.list(path),
    stampOf: (path) => disk.stampOf(path),
    space: (path) => disk.space(path),
    syncFolder: (path) => disk.syncFolder(path),
    makeFolder: held((path) => disk.makeFolder(path)),
    rename: held((from, to) => disk.rename(from, to)),
    remove: held((path) => disk.remove(path)),
    create: held(async (path, how) => lockedFile(await disk.create(path, how), guard)),
  };
}

/** An open file stays the one that it was, but its contents may be lost. */
const lockedFile = (file: DiskFile, guard: () => void): DiskFile => ({
  async write(bytes, position) {
    guard();
    await file.write(bytes, position);
  },
  sync: () => file.sync(),
  truncate: (size) => file.truncate(size),
  isAt: (path, bytes) => file.isAt(path, bytes),
  close: () => file.close(),
});
