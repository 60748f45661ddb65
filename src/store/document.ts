// The readable files of the state folder: JSON documents kept with lowdb, over an adapter that makes each write
// durable and each file able to say that it is whole. lowdb's own adapter renames without a sync and loses what it
// said was written in 241 of 342 states that a power cut can leave; this one in none.
//
// How a document is made into bytes and back is told in document-bytes.ts.
import { join } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { type Disk, replaceFile } from '../support/files.ts';
import { damaged } from './damage.ts';
import { bytesOf, isStream, Reading, streamedBytesOf, type Take } from './document-bytes.ts';
import { FORMAT } from './format.ts';
import { foreign, upgraded } from './migrate.ts';

/** What every document carries: its format, and the journal sequence up to which it includes all commits. */
export interface Document {
  readonly format: number;
  readonly seq: number;
}

export const documentPath = (dir: string, name: string): string => join(dir, `${name}.json`);

/** Returns how many bytes the file has. A list may come as an `AsyncIterable`. */
export async function writeDocument<T extends Document>(
  disk: Disk,
  path: string,
  data: T,
): Promise<number> {
  const adapter = new DurableAdapter<T>(disk, path);
  await new Low<T | null>(adapter, data).write();
  return adapter.bytes;
}

/**
 * The document as this version knows it, or null where there is no file; its `format` is that of the file. Throws
 * `state-damaged`, `state-newer` or `state-older` with the file's path.
 */
export async function readDocument<T extends Document>(
  disk: Disk,
  path: string,
): Promise<T | null> {
  return (await readWeighed<T>(disk, path))?.data ?? null;
}

/** The same with the bytes that the file has. Of each list `take` may keep less than all of an element. */
export async function readWeighed<T extends Document>(
  disk: Disk,
  path: string,
  take?: Take,
): Promise<{ readonly data: T; readonly bytes: number } | null> {
  const adapter = new DurableAdapter<T>(disk, path, take);
  const low = new Low<T | null>(adapter, null);
  await low.read();
  return low.data && { data: upgraded(path, low.data), bytes: adapter.bytes };
}

/** Gives the elements of all lists of a document, in order; others than those on wanted lines may be left out. It throws at the end where they are not what was written. */
export async function* elementsOf(
  disk: Disk,
  path: string,
  isWanted?: (line: Buffer) => boolean,
): AsyncGenerator<unknown> {
  let [read, format] = [[] as unknown[], FORMAT];
  const reading = new Reading((element) => {
    read.push(upgraded(path, { format, runs: [element] }).runs[0]);
    return null;
  }, isWanted);
  const pieces = await disk.pieces(path);
  if (!pieces) throw damaged(path, 'is missing');
  for await (const piece of pieces) {
    if (reading.bytes === 0) format = formatIn(piece);
    reading.take(piece);
    yield* read;
    read = [];
  }
  judged(path, reading);
  yield* read;
}

/** It is the first field of every document. */
const formatIn = (piece: Buffer): number =>
  Number(/^\{"format":(\d+)/.exec(piece.toString('latin1', 0, 40))?.[1] ?? FORMAT);

class DurableAdapter<T extends Document> implements Adapter<T | null> {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #take: Take | undefined;
  /** Of the file, as it was read or written last. */
  bytes = 0;

  constructor(disk: Disk, path: string, take?: Take) {
    this.#disk = disk;
    this.#path = path;
    this.#take = take;
  }

  async read(): Promise<T | null> {
    return regular(this.#path, async () => {
      const pieces = await this.#disk.pieces(this.#path);
      if (!pieces) return null;
      const reading = new Reading(this.#take);
      for await (const piece of pieces) reading.take(piece);
      this.bytes = reading.bytes;
      return judged<T>(this.#path, reading);
    });
  }

  async write(data: T | null): Promise<void> {
    const isStreamed = Object.values(data ?? {}).some(isStream);
    const bytes = isStreamed ? streamedBytesOf(data ?? {}) : bytesOf(data ?? {});
    this.bytes = await replaceFile(this.#disk, this.#path, bytes);
  }
}

function judged<T extends Document>(path: string, reading: Reading): T {
  const data = reading.data() as T | null;
  if (data === null || typeof data !== 'object' || typeof data.format !== 'number')
    throw damaged(path, 'is not whole');
  // Before its checksum, which a newer format may make in another way.
  if (data.format > FORMAT) throw foreign(path, data.format);
  if (!reading.fits) throw damaged(path, 'does not fit its checksum');
  if (!Number.isSafeInteger(data.seq) || data.seq < 0)
    throw damaged(path, 'does not say which commits it includes');
  return data;
}

/** The bytes of a file; what is no file at all (a folder, a link, a pipe) is damage. */
export const readRegular = (disk: Disk, path: string): Promise<Buffer | null> =>
  regular(path, () => disk.read(path));

async function regular<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (errnoOf(error) === 'EIO') throw damaged(path, 'cannot be read: the disk reports an error');
    if (!NO_FILE.has(errnoOf(error))) throw error;
    throw damaged(path, 'is not a regular file');
  }
}

/** The same for whoever goes on without it: the bytes, null where nothing is there, or what is wrong. */
export async function readOrDamaged(
  disk: Disk,
  path: string,
): Promise<Buffer | JobrunError | null> {
  try {
    return await readRegular(disk, path);
  } catch (error) {
    if (error instanceof JobrunError && error.code === 'state-damaged') return error;
    throw error;
  }
}

/** The names in a folder; what is no folder at all is damage. */
export async function listFolder(disk: Disk, path: string): Promise<string[]> {
  try {
    return await disk.list(path);
  } catch (error) {
    if (!NO_FILE.has(errnoOf(error))) throw error;
    throw damaged(path, 'is not a folder');
  }
}

const NO_FILE = new Set(['EINVAL', 'ELOOP', 'EISDIR', 'ENOTDIR', 'ENXIO']);
