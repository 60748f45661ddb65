// The readable files of the state folder: JSON documents kept with lowdb, over an adapter that makes each write
// durable and each file able to say that it is whole. lowdb's own adapter renames without a sync and loses what it
// said was written in 241 of 342 states that a power cut can leave; this one in none.
//
// How a document is made into bytes and back is told in document-bytes.ts.
import { basename, dirname, join } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { JobrunError } from '../support/errors.ts';
import { type Disk, replaceFile, sumOf } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import {
  bytesOf,
  isStream,
  linesOf,
  Reading,
  streamedBytesOf,
  type Take,
} from './document-bytes.ts';
import {
  type DocumentName,
  damaged,
  FORMAT,
  readOrDamaged,
  regular,
  STEPS,
  type Step,
} from './folder.ts';

/** The fields of every document: its format, and the journal sequence up to which it includes all commits. */
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

/** The same with the bytes that the file has. `take` may keep less than all of an element of each list. */
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

/**
 * Yields the elements of all lists of a document, in order; those on lines that are not wanted may be left out. Throws
 * at the end where they are not what was written.
 */
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
  /** The size of the file, as it was read or written last. */
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

/** The steps from a format to that of this version; null where there is no way. */
export function stepsFrom(format: number): readonly Step[] | null {
  const steps: Step[] = [];
  for (let at = format; at !== FORMAT; at++) {
    const step = at < FORMAT ? STEPS.find(({ from }) => from === at) : undefined;
    if (!step) return null;
    steps.push(step);
  }
  return steps;
}

/** The form of a sound document of any format in this version; its `format` stays what the file says. */
function upgraded<T extends { readonly format: number }>(path: string, data: T): T {
  const steps = stepsFrom(data.format);
  if (!steps) throw foreign(path, data.format);
  if (steps.length === 0) return data;
  const name = nameOf(path);
  let next: Readonly<Record<string, unknown>> = { ...data };
  for (const step of steps) next = step.document(name, next);
  return { ...next, format: data.format } as T;
}

const nameOf = (path: string): DocumentName =>
  basename(dirname(path)) === 'runs' ? 'page' : (basename(path, '.json') as DocumentName);

/** A format that this version has no way from. */
export function foreign(path: string, format: number): JobrunError {
  const message = `${path} has format ${format}, this jobrun knows ${FORMAT}`;
  if (format > FORMAT)
    return new JobrunError(
      'state-newer',
      message,
      'Use the version of jobrun that wrote it, or a newer one.',
    );
  const hint = 'Nothing was changed. Start once a version of jobrun that still migrates it.';
  return new JobrunError('state-older', message, hint);
}

// --------------------------------------------------------------------------------- what a damaged document still
// proves
//
// A document is sound; or it is JSON with another checksum, so a hand or rot has changed it, which is taken only where
// the caller asks for it and every part has the right shape; or the parts that fit their own checksums are taken, the
// others not.

export type Proof = 'sound' | 'edited' | 'parts' | 'nothing';

export interface Salvaged<T> {
  readonly proof: Proof;
  /** All of it; null where only parts are proven, or nothing. */
  readonly data: T | null;
  /** Parts that fit their own checksums. */
  readonly parts: readonly unknown[];
  /** The bytes as they were found; null where there is no regular file. */
  readonly bytes: Buffer | null;
}

export async function salvageDocument<T extends Document>(
  disk: Disk,
  path: string,
  accepts: (data: T) => boolean,
): Promise<Salvaged<T>> {
  const bytes = await readOrDamaged(disk, path);
  if (!Buffer.isBuffer(bytes)) return { proof: 'nothing', data: null, parts: [], bytes: null };
  const found = judge<T>(bytes, accepts);
  const data = found.data && upgraded(path, found.data);
  return { ...found, data, bytes };
}

function judge<T extends Document>(
  bytes: Buffer,
  accepts: (data: T) => boolean,
): Omit<Salvaged<T>, 'bytes'> {
  const { data, fits } = documentOf<T>(bytes);
  if (data && fits) return { proof: 'sound', data, parts: [] };
  if (data && hasAll(data) && accepts(data)) return { proof: 'edited', data, parts: [] };
  const parts = partsOf(bytes);
  return { proof: parts.length > 0 ? 'parts' : 'nothing', data: null, parts };
}

/** As a file is read: no text may be as long as a page. */
const PIECE_BYTES = 4 * 1024 * 1024;

function documentOf<T extends Document>(bytes: Buffer): { data: T | null; fits: boolean } {
  const reading = new Reading();
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    reading.take(bytes.subarray(at, at + PIECE_BYTES));
  const data = reading.data() as Partial<T> | null;
  const isDocument = typeof data?.format === 'number' && typeof data.seq === 'number';
  return { data: isDocument ? (data as T) : null, fits: reading.fits };
}

/** Rot that makes one element of two is JSON as well; who edits by hand changes what is in them. */
function hasAll(data: Document & { readonly sums?: unknown }): boolean {
  const elements = Object.values(data).flatMap((value) => (Array.isArray(value) ? value : []));
  return String(data.sums).length === elements.length * SUM_LENGTH;
}

const SUMS = '"sums":"';
const SUM_LENGTH = 8;
const QUOTE = 34;

function partsOf(bytes: Buffer): readonly unknown[] {
  const sums = new Set<string>();
  // The last of these names: params may have it too.
  const at = bytes.lastIndexOf(SUMS);
  const all = at < 0 ? Buffer.alloc(0) : bytes.subarray(at + SUMS.length);
  for (let from = 0; from + SUM_LENGTH <= all.length && all[from] !== QUOTE; from += SUM_LENGTH)
    sums.add(all.toString('latin1', from, from + SUM_LENGTH));
  return linesOf(bytes).flatMap((line) => {
    const text = line.at(-1) === 44 ? line.subarray(0, -1) : line;
    return sums.has(sumOf(text)) ? (parseJson(text.toString('utf8')) ?? []) : [];
  });
}
