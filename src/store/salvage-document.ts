// What a damaged document still proves. From the most certain to the least: it is sound; one bit is wrong, and put
// right; its parts that fit their own checksums are taken, the others not; it is JSON with another checksum, so a hand
// has edited it, which is believed only where the caller asks for it and every part has the right shape.
import { sumOf } from '../support/checksums.ts';
import type { Disk } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { type Document, readOrDamaged } from './document.ts';
import { Reading } from './document-bytes.ts';
import { isOneBitOff, linesIn, mendText } from './mend.ts';
import { upgraded } from './migrate.ts';

export type Proof = 'sound' | 'mended' | 'edited' | 'parts' | 'nothing';

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
  const mended = mendDocument(bytes);
  const data = mended && documentOf<T>(mended);
  if (data) return { proof: mended === bytes ? 'sound' : 'mended', data, parts: [] };
  const edited = documentOf<T>(bytes);
  if (edited && hasAll(edited) && accepts(edited))
    return { proof: 'edited', data: edited, parts: [] };
  const parts = partsOf(bytes);
  return { proof: parts.length > 0 ? 'parts' : 'nothing', data: null, parts };
}

/** As a file is read: no text may be as long as a page. */
const PIECE_BYTES = 4 * 1024 * 1024;

function documentOf<T extends Document>(bytes: Buffer): T | null {
  const reading = new Reading();
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    reading.take(bytes.subarray(at, at + PIECE_BYTES));
  const data = reading.data() as Partial<T> | null;
  const fits = typeof data?.format === 'number' && typeof data.seq === 'number';
  return fits ? (data as T) : null;
}

/** Rot that makes one element of two is JSON as well; who edits by hand changes what is in them. */
function hasAll(data: Document & { readonly sums?: unknown }): boolean {
  const elements = Object.values(data).flatMap((value) => (Array.isArray(value) ? value : []));
  return String(data.sums).length === elements.length * SUM_LENGTH;
}

/** `,"sum":"01234567"}` and the line feed. */
const END = 19;

/** The same bytes where they fit their checksum, others where one bit was wrong, null where more is. */
function mendDocument(bytes: Buffer): Buffer | null {
  const body = bytes.subarray(0, Math.max(0, bytes.length - END));
  const end = bytes.subarray(body.length);
  const right = Buffer.from(`,"sum":"${sumOf(body)}"}\n`);
  if (end.equals(right)) return bytes;
  if (isOneBitOff(end, right)) return Buffer.concat([body, right]);
  const sum = /^,"sum":"([0-9a-f]{8})"\}\n$/.exec(end.toString('latin1'))?.[1];
  const mended = sum === undefined ? null : mendText(body, Number.parseInt(sum, 16));
  return mended && Buffer.concat([mended, end]);
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
  return linesIn(bytes).flatMap((line) => {
    const text = line.at(-1) === 44 ? line.subarray(0, -1) : line;
    return sums.has(sumOf(text)) ? (parseJson(text.toString('utf8')) ?? []) : [];
  });
}
