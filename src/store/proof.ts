// What a damaged file still proves, from the most certain to the least.
//
// A document is sound; or it is JSON with another checksum, so a hand or rot has changed it, which is taken only where
// the caller asks for it and every part has the right shape; or the parts that fit their own checksums are taken, the
// others not.
//
// Each line of a journal fits its own checksum and names the one before it, so a line after a bad one is as certain as
// one before it. What the bad one held is unknown: a hole in the numbers of commits.
import { type Disk, sumOf } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { type Document, readOrDamaged } from './document.ts';
import { Reading } from './document-bytes.ts';
import { decode, type Line, linesOf, type Op, type Position } from './journal.ts';
import { upgraded } from './migrate.ts';

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

/** Commits that are missing, first to last. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

export interface Chain {
  readonly lines: readonly Line[];
  readonly holes: readonly Hole[];
  readonly end: number;
}

/** Strings the segments together, in order, from the position where they begin; null where that is not known. */
export function chainSegments(segments: readonly Buffer[], start: Position | null): Chain {
  const lines: Line[] = [];
  const holes: Hole[] = [];
  let end = start?.seq ?? null;
  const reach = (seq: number): void => {
    if (end !== null && seq > end) holes.push({ from: end + 1, to: seq });
    end = Math.max(end ?? 0, seq);
  };
  for (const bytes of segments) {
    const found = linesOf(bytes).flatMap((line) => decode(line) ?? []);
    const head = found.find(({ json }) => 'head' in json);
    if (head && head === found[0]) {
      const after = Number(head.json.after);
      // What a segment supersedes of those before it was never acknowledged.
      if (end !== null && lines.length > 0) end = Math.min(end, after);
      while ((lines.at(-1)?.seq ?? 0) > after) lines.pop();
      reach(after);
    }
    for (const { json } of found) {
      const seq = Number(json.s);
      if ('head' in json || (end !== null && seq <= end)) continue;
      reach(seq - 1);
      end = seq;
      lines.push({ seq, at: Number(json.t) || 0, ops: (json.ops as Op[] | undefined) ?? [] });
    }
  }
  return { lines, holes, end: end ?? 0 };
}
