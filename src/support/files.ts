// Everything that touches the disk durably goes through a Disk: the only place that renames or syncs. Tests put a
// recorder or a simulated disk in its place, and so can rebuild every state that a power cut could leave.
//
// The guarantee: after `sync` the bytes of a file are on the disk; after `syncFolder` its names are. Nothing else is. A
// written but unsynced file may come back empty, short or torn, and a rename may be lost or arrive before the bytes it
// names (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
import { constants, fdatasync, fstatSync, fsync, lstatSync, type Stats, writeSync } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errnoOf, JobrunError } from './errors.ts';

export interface Disk {
  /**
   * A new file, 0600, open for writing; fails with EEXIST where there is one, even a dangling link. With `append` it
   * takes everything at its end: if others cut it short, it gets no hole and stays too short, which `isAt` sees.
   */
  create(path: string, how?: 'append'): Promise<DiskFile>;
  /** The whole file, or null where there is none. Anything but a regular file is refused. */
  read(path: string): Promise<Buffer | null>;
  /** The same in pieces of some megabytes, to be taken one after the other to the end. */
  pieces(path: string): Promise<AsyncIterable<Buffer> | null>;
  /** Names in a folder; empty where there is none. */
  list(path: string): Promise<string[]>;
  /** A text that is another one after a name in the folder came or went; null where there is no folder. */
  stampOf(path: string): string | null;
  /** A folder, 0700, if it is not there yet; its name is durable when this resolves. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; nothing happens where there is none. */
  remove(path: string): Promise<void>;
  /** Makes the names in a folder durable: what was created, renamed and removed there. */
  syncFolder(path: string): Promise<void>;
  /** Bytes of the file system that holds a folder: how many there are, and how many of them are free to us. */
  space(path: string): Promise<Space>;
}

export interface Space {
  readonly total: number;
  readonly free: number;
}

export interface DiskFile {
  /** Writes all bytes at a place in the file, or fails. A file that is made to append takes its end as the place. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the bytes durable. After a failure the file must not be trusted any more: Linux forgets what it failed to
   *  write, and a second sync succeeds although the data is gone (the "fsyncgate" of 2018). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  /**
   * True if this is the file that has that name, and it still has so many bytes. A file that is removed or emptied
   * while it is open takes bytes as before, but they are lost.
   */
  isAt(path: string, bytes?: number): boolean;
  close(): Promise<void>;
}

/** Makes the bytes of a file durable. */
export const syncData = (file: FileHandle): Promise<void> => synced(fdatasync, file);

/** By the descriptor: the FileHandle of Yarn's Plug'n'Play cannot sync. */
const synced = (sync: typeof fsync, { fd }: FileHandle): Promise<void> =>
  new Promise((resolve, reject) => {
    sync(fd, (error) => (error ? reject(error) : resolve()));
  });

/** A umask that takes away the owner's own rights would leave files that we cannot open again. */
const MASKED = (process.umask() & 0o700) !== 0;

export const realDisk: Disk = {
  async create(path, how) {
    const file = await open(path, how === 'append' ? 'ax' : 'wx', 0o600);
    if (MASKED) await file.chmod(0o600);
    return new RealFile(file, how === 'append');
  },
  async read(path) {
    const pieces = await this.pieces(path);
    if (!pieces) return null;
    const all: Buffer[] = [];
    for await (const piece of pieces) all.push(piece);
    return all.length === 1 ? (all[0] as Buffer) : Buffer.concat(all);
  },
  async pieces(path) {
    let file: FileHandle;
    try {
      // Without O_NONBLOCK a pipe planted in place of the file would hang the reader for ever.
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
    return piecesOf(file, path);
  },
  async list(path) {
    try {
      // A link in place of a folder is none of ours, wherever it leads.
      if ((await lstat(path)).isSymbolicLink())
        throw Object.assign(new Error(`${path} is a link`), { code: 'ELOOP' });
      return await readdir(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  },
  stampOf(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isDirectory() ? `${stat.dev} ${stat.ino} ${stat.mtimeMs}` : null;
  },
  async makeFolder(path) {
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return;
      throw error;
    }
    if (MASKED) await chmod(path, 0o700);
    await this.syncFolder(dirname(path));
  },
  rename,
  async remove(path) {
    try {
      await unlink(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  },
  async syncFolder(path) {
    const folder = await open(path, 'r');
    try {
      await synced(fsync, folder);
    } catch (error) {
      throw NO_FOLDER_SYNC.has(errnoOf(error)) ? notDurable(path, error) : error;
    } finally {
      await folder.close();
    }
  },
  async space(path) {
    const { blocks, bavail, bsize } = await statfs(path);
    return { total: blocks * bsize, free: bavail * bsize };
  },
};

/** The errors of CIFS, sshfs and their kind at the sync of a folder. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

function notDurable(path: string, error: unknown): JobrunError {
  const message = `the file system of ${path} cannot sync folders (fsync: ${errnoOf(error)}), as CIFS and sshfs cannot`;
  const hint =
    'Keep the state on a local disk: --state-dir <folder>, JOBRUN_STATE, or "state" in the config.';
  return new JobrunError('state-unsafe', message, hint, error);
}

/** A file that is larger is read, and made into data, with the loop free in between: some 20 ms of work each. */
const PIECE_BYTES = 4 * 1024 * 1024;

async function* piecesOf(file: FileHandle, path: string): AsyncGenerator<Buffer> {
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw notAFile(path);
    for (let left = stat.size; left > 0; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(left, PIECE_BYTES));
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return;
      left -= bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/**
 * A short write only goes into the system's cache, which takes microseconds; a turn through the thread pool would take
 * many times as long. Work that waits for the disk, the sync, and large work never hold up the loop.
 */
const WRITE_AT_ONCE_BYTES = 64 * 1024;

class RealFile implements DiskFile {
  readonly #file: FileHandle;
  readonly #appends: boolean;
  #syncing: Promise<void> | null = null;
  #own: Stats | null = null;

  constructor(file: FileHandle, appends: boolean) {
    this.#file = file;
    this.#appends = appends;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    // A short write is no error: on a nearly full disk the first one tells only by its count.
    for (let done = 0; done < bytes.length; ) {
      const bytesWritten = await this.#writeSome(bytes.subarray(done), position + done);
      if (bytesWritten === 0)
        throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
      done += bytesWritten;
    }
  }

  async #writeSome(bytes: Uint8Array, place: number): Promise<number> {
    // POSIX leaves open where `pwrite` puts bytes in a file that appends; `write` goes to its end everywhere.
    const position = this.#appends ? null : place;
    if (bytes.length <= WRITE_AT_ONCE_BYTES)
      return writeSync(this.#file.fd, bytes, 0, bytes.length, position);
    return (await this.#file.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  async sync(): Promise<void> {
    this.#syncing = syncData(this.#file);
    await this.#syncing;
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  isAt(path: string, bytes = 0): boolean {
    this.#own ??= fstatSync(this.#file.fd);
    try {
      const named = lstatSync(path, { throwIfNoEntry: false });
      if (named?.ino !== this.#own.ino || named.dev !== this.#own.dev) return false;
      return named.size >= bytes;
    } catch (error) {
      // A process that may not look cannot tell that it is gone.
      return errnoOf(error) !== 'ENOTDIR';
    }
  }

  async close(): Promise<void> {
    // The descriptor must not become another file's under a sync.
    await this.#syncing?.catch(() => undefined);
    await this.#file.close();
  }
}

function notAFile(path: string): Error {
  return Object.assign(new Error(`${path} is not a regular file`), { code: 'EINVAL' });
}

let temporary = 0;

/**
 * Replaces a file by new content: either the old or the new one is there after a crash, and the new one from the moment
 * this resolves. Written to a temporary name beside it, synced, renamed over it, and the folder synced. If the content
 * comes in pieces, the next one is made when the one before is written. Returns how many bytes there are.
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  content: string | Buffer | Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<number> {
  const folder = dirname(path);
  const temp = join(folder, `.${basename(path)}.${process.pid}.${++temporary}.tmp`);
  const whole = typeof content === 'string' ? Buffer.from(content) : content;
  let size = 0;
  try {
    const file = await disk.create(temp);
    try {
      for await (const piece of Buffer.isBuffer(whole) ? [whole] : whole) {
        await file.write(piece, size);
        size += piece.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temp, path);
  } catch (error) {
    // The first error says what is wrong; a file that stays is swept away later.
    await disk.remove(temp).catch(() => undefined);
    throw error;
  }
  await disk.syncFolder(folder);
  return size;
}

/** The remains of replacements that a crash interrupted. */
export const isTemporary = (name: string): boolean => name.startsWith('.') && name.endsWith('.tmp');

/** How large a file is; 0 where it is not there. */
export async function bytesOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** How large the files of a folder are together. */
export async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder)) sum += await bytesOf(join(folder, name));
  return sum;
}

/** A CRC-32 in eight hexadecimal digits. */
export const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

export const sumOf = (body: string | Buffer, from = 0): string => hex(crc32(body, from));
