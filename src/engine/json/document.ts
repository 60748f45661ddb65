// The readable files of the state folder: JSON documents kept with lowdb, over an adapter that makes each write
// durable and each file able to say that it is whole. lowdb's own adapter renames without a sync and loses what it
// said was written in 241 of 342 states that a power cut can leave; this one in none.
//
// Each element of a list stands on a line of its own, with its checksum in `sums`: one rotten sector costs the runs in
// it and no others. The last field is `sum`, the CRC-32 of everything before it.
import { crc32 } from 'node:zlib';
import { type Adapter, Low } from 'lowdb';
import { errnoOf, JobrunError } from '../../support/errors.ts';
import { type Disk, replaceFile } from '../../support/files.ts';
import { FORMAT } from './format.ts';
import { foreign, upgraded } from './migrate.ts';

/** What every document carries: its format, and the journal sequence up to which it includes all commits. */
export interface Document {
  readonly format: number;
  readonly seq: number;
}

export function openDocument<T extends Document>(disk: Disk, path: string): Low<T | null> {
  return new Low<T | null>(new DurableAdapter<T>(disk, path), null);
}

export async function writeDocument<T extends Document>(
  disk: Disk,
  path: string,
  data: T,
): Promise<void> {
  const low = openDocument<T>(disk, path);
  low.data = data;
  await low.write();
}

/**
 * The document as this version knows it, or null where there is no file; its `format` is that of the file. Throws
 * `state-damaged`, `state-newer` or `state-older` with the file's path.
 */
export async function readDocument<T extends Document>(
  disk: Disk,
  path: string,
): Promise<T | null> {
  const low = openDocument<T>(disk, path);
  await low.read();
  return low.data && upgraded(path, low.data);
}

class DurableAdapter<T extends Document> implements Adapter<T | null> {
  readonly #disk: Disk;
  readonly #path: string;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  async read(): Promise<T | null> {
    const bytes = await readRegular(this.#disk, this.#path);
    return bytes === null ? null : parseDocument<T>(bytes, this.#path);
  }

  async write(data: T | null): Promise<void> {
    await replaceFile(this.#disk, this.#path, textOf(data));
  }
}

/** The bytes of a file; what is no file at all (a folder, a link, a pipe) is damage. */
export async function readRegular(disk: Disk, path: string): Promise<Buffer | null> {
  try {
    return await disk.read(path);
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

/** At most so many at the end of a file. */
const SUM_BYTES = 20;
const SUM = /,"sum":"([0-9a-f]{8})"\}\n?$/;

function textOf(data: Document | null): string {
  const sums: string[] = [];
  const fields = Object.entries(data ?? {}).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) return `"${name}":${JSON.stringify(value)}`;
    const items = value.map((item) => JSON.stringify(item));
    sums.push(...items.map(sumOf));
    return `"${name}":[\n${items.join(',\n')}\n]`;
  });
  const body = `{${fields.join(',')},"sums":"${sums.join('')}"`;
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

export const sumOf = (body: string | Buffer): string => crc32(body).toString(16).padStart(8, '0');

function parseDocument<T extends Document>(bytes: Buffer, path: string): T {
  const data = parseOrNull(bytes.toString('utf8')) as (T & { sum?: string }) | null;
  if (data === null || typeof data !== 'object' || typeof data.format !== 'number')
    throw damaged(path, 'is not whole');
  // Before its checksum, which a newer format may make in another way.
  if (data.format > FORMAT) throw foreign(path, data.format);
  // Of the bytes as they are: made into bytes again, a page would cost a third more to read.
  const end = bytes.subarray(-SUM_BYTES);
  const match = SUM.exec(end.toString('latin1'));
  if (!match || match[1] !== sumOf(bytes.subarray(0, bytes.length - end.length + match.index)))
    throw damaged(path, 'does not fit its checksum');
  return data;
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function damaged(path: string, why: string): JobrunError {
  const hint = 'Nothing was changed. Look with: jobrun doctor';
  return new JobrunError('state-damaged', `${path} ${why}`, hint);
}
