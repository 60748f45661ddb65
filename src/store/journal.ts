// The journal: what was committed since the readable files were written. One line is one group commit:
//
//   crc32 SP {"s":sequence,"p":"crc32 of the line before","t":wall clock ms,"ops":[…]} LF
//
// The checksum starts from the one before it, so a missing, repeated or swapped line cannot pass. A line is begun only
// after the one before it is synced. Therefore a bad last line is a commit that was not reported (a torn tail), and a
// bad line with a good one after it is damage. A segment begins with a header that says which sequence it follows; a
// segment is used only once its header and its name are on the disk, so a missing one is damage too.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../support/errors.ts';
import { type Disk, type DiskFile, hex } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { stepsFrom } from './document.ts';
import { linesOf } from './document-bytes.ts';
import { FORMAT, listFolder, type Op, type Step } from './folder.ts';

/** The end of a chain of lines: the last sequence and its checksum. */
export interface Position {
  readonly seq: number;
  readonly crc: number;
}

export interface Line {
  readonly seq: number;
  readonly at: number;
  readonly ops: readonly Op[];
}

interface Header {
  readonly head: 1;
  readonly format: number;
  readonly segment: number;
  readonly after: number;
  readonly p: string;
}

const NAME = /^(\d{8})\.jsonl$/;
const CHECKSUM = /^[0-9a-f]{8}$/;
const SPACE = 32;

export const journalFolder = (dir: string): string => join(dir, 'journal');

export const segmentPath = (folder: string, segment: number): string =>
  join(folder, `${String(segment).padStart(8, '0')}.jsonl`);

/** Numbers of the segments that are there, in order. */
export async function listSegments(disk: Disk, folder: string): Promise<number[]> {
  const names = await listFolder(disk, folder);
  const numbers = names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
  return numbers.sort((a, b) => a - b);
}

/** The end of the journal, open for appending. */
export class Segment {
  readonly number: number;
  readonly path: string;
  readonly #file: DiskFile;
  #position: Position;
  #size: number;
  #over = false;

  private constructor(
    number: number,
    path: string,
    file: DiskFile,
    position: Position,
    size: number,
  ) {
    this.number = number;
    this.path = path;
    this.#file = file;
    this.#position = position;
    this.#size = size;
  }

  /** Makes a segment that follows `position`; its header and name are on the disk when this resolves. */
  static async create(
    disk: Disk,
    folder: string,
    number: number,
    position: Position,
  ): Promise<Segment> {
    const header: Header = {
      head: 1,
      format: FORMAT,
      segment: number,
      after: position.seq,
      p: hex(position.crc),
    };
    const { bytes } = encode(JSON.stringify(header), position.crc);
    const path = segmentPath(folder, number);
    // A line after a journal that was cut short must not look as if nothing was missing before it.
    const file = await disk.create(path, 'append');
    try {
      await file.write(bytes, 0);
      await file.sync();
      await disk.syncFolder(folder);
    } catch (error) {
      // The first error says what is wrong; a segment that stays has no line.
      await file.close().catch(() => undefined);
      await disk.remove(path).catch(() => undefined);
      throw error;
    }
    return new Segment(number, path, file, position, bytes.length);
  }

  get position(): Position {
    return this.#position;
  }

  get size(): number {
    return this.#size;
  }

  /** True if a start would find it, with all that was written to it. */
  get isNamed(): boolean {
    return this.#file.isAt(this.path, this.#size);
  }

  /** Nothing more may go here: a sync has failed, it was removed, or a later segment begins where this one ends. */
  get over(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
  }

  /**
   * Appends one line and syncs it; it is durable when this resolves. `ops` are JSON texts. On failure the segment is
   * where it was before, or it is over: what a failed sync leaves may reach the disk at any time or never, so a line
   * written in its place could be overwritten by it after a power cut.
   */
  async append(seq: number, at: number, ops: readonly string[]): Promise<void> {
    assert(!this.#over, `segment ${this.number} is over`);
    const json = `{"s":${seq},"p":"${hex(this.#position.crc)}","t":${at},"ops":[${ops.join(',')}]}`;
    const { bytes, crc } = encode(json, this.#position.crc);
    try {
      await this.#file.write(bytes, this.#size);
    } catch (error) {
      await this.#cutBack();
      throw error;
    }
    try {
      await this.#file.sync();
    } catch (error) {
      this.end();
      // This line was not reported, and a start should not find it in the system's cache.
      await this.#file.truncate(this.#size).catch(() => undefined);
      throw error;
    }
    this.#size += bytes.length;
    this.#position = { seq, crc };
  }

  async #cutBack(): Promise<void> {
    try {
      await this.#file.truncate(this.#size);
    } catch {
      // The written part of the line stays behind its end: the next line goes to another segment.
      this.end();
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function encode(json: string, from: number): { bytes: Buffer; crc: number } {
  // Made into bytes once: the checksum is of these, and takes its place before them.
  const bytes = Buffer.from(`........ ${json}\n`);
  const crc = crc32(bytes.subarray(9, -1), from);
  bytes.write(hex(crc), 'latin1');
  return { bytes, crc };
}

export type Reading =
  | { readonly kind: 'headerless' }
  | { readonly kind: 'foreign'; readonly format: number }
  | { readonly kind: 'misfit'; readonly why: string }
  | ({ readonly kind: 'ok' } & Chain)
  | ({ readonly kind: 'damaged'; readonly why: string } & Chain);

interface Chain {
  readonly lines: readonly Line[];
  /** The chain at the start and after each line: a later segment may follow any of them. */
  readonly positions: readonly Position[];
  readonly end: Position;
  /** How many bytes of the file are whole. */
  readonly whole: number;
}

/**
 * Reads one segment, which must begin at a known position; which lines it supersedes is the caller's to see. Line by
 * line: a segment may have more bytes than a string can hold.
 */
export function readSegment(
  bytes: Buffer,
  segment: number,
  isKnown: (position: Position) => boolean,
): Reading {
  const all = linesOf(bytes);
  const header = all[0] && all.length > 1 ? decode(all[0]) : null;
  if (!header || !('head' in header.json)) {
    const later = all.slice(1).some((line) => decode(line) !== null);
    return later ? { kind: 'misfit', why: 'is damaged in its first line' } : { kind: 'headerless' };
  }
  // A header by its checksum: a version of jobrun wrote all of its fields.
  const head = header.json as unknown as Header;
  const steps = stepsFrom(head.format);
  if (!steps) return { kind: 'foreign', format: head.format };
  const start = { seq: head.after, crc: Number.parseInt(head.p, 16) };
  if (head.segment !== segment || !isKnown(start)) {
    return { kind: 'misfit', why: `follows commit ${head.after}, which is not there` };
  }
  return readLines(all, start, steps);
}

/** Takes in the lines of a segment; what it supersedes of the ones before it was never acknowledged. */
export function follow(read: Chain, known: Map<number, Position>, lines: Line[]): void {
  const start = read.positions[0]?.seq ?? 0;
  while ((lines.at(-1)?.seq ?? 0) > start) lines.pop();
  for (const line of read.lines) lines.push(line);
  for (const seq of [...known.keys()]) if (seq > start) known.delete(seq);
  for (const position of read.positions) known.set(position.seq, position);
}

function readLines(all: readonly Buffer[], start: Position, steps: readonly Step[]): Reading {
  const lines: Line[] = [];
  const positions = [start];
  // Bytes after the last line feed were never finished, even if they look whole.
  for (const [i, bytes] of all.slice(1, -1).entries()) {
    const line = lineAfter(positions.at(-1) as Position, bytes);
    if (!line) {
      const chain = chainOf(all, lines, positions);
      if (!all.slice(i + 2).some((later) => decode(later) !== null))
        return { kind: 'ok', ...chain };
      return {
        kind: 'damaged',
        why: `is damaged in line ${i + 2}, and later lines are not`,
        ...chain,
      };
    }
    lines.push(steps.length === 0 ? line.line : upgradedLine(line.line, steps));
    positions.push(line.position);
  }
  return { kind: 'ok', ...chainOf(all, lines, positions) };
}

const upgradedLine = (line: Line, steps: readonly Step[]): Line => ({
  ...line,
  ops: line.ops.map((op) => steps.reduce((one, step) => step.operation(one), op)),
});

function chainOf(
  all: readonly Buffer[],
  lines: readonly Line[],
  positions: readonly Position[],
): Chain {
  const whole = all.slice(0, lines.length + 1).reduce((sum, line) => sum + line.length + 1, 0);
  return { lines, positions, end: positions.at(-1) as Position, whole };
}

/** The line, if it is the one that follows `end`. */
function lineAfter(end: Position, bytes: Buffer): { line: Line; position: Position } | null {
  const decoded = decode(bytes);
  const json = decoded?.json as { s?: number; p?: string; t?: number; ops?: Op[] } | undefined;
  if (!decoded || json?.s !== end.seq + 1 || json.p !== hex(end.crc)) return null;
  const seq = end.seq + 1;
  return {
    line: { seq, at: json.t ?? 0, ops: json.ops ?? [] },
    position: { seq, crc: decoded.crc },
  };
}

/** A line that fits its own checksum; each names the checksum before it, so it can be judged alone. */
export function decode(line: Buffer): { json: Record<string, unknown>; crc: number } | null {
  if (line.length < 10 || line[8] !== SPACE) return null;
  const body = line.subarray(9);
  const json = parseJson(body.toString('utf8')) as Record<string, unknown> | undefined;
  if (json === undefined || json === null || typeof json !== 'object') return null;
  const before = String(json.p);
  if (!CHECKSUM.test(before)) return null;
  const crc = crc32(body, Number.parseInt(before, 16));
  return hex(crc) === line.toString('latin1', 0, 8) ? { json, crc } : null;
}

// ---------------------------------------------------------------------------------- what a damaged journal still
// proves
//
// A line fits its own checksum and names the one before it, so one after a bad line is as certain as one before it. The
// contents of the bad line are unknown: a hole in the numbers of commits.

/** Commits that are missing, first to last. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

export interface Proven {
  readonly lines: readonly Line[];
  readonly holes: readonly Hole[];
  readonly end: number;
}

/** Strings the segments together, in order, from the position where they begin; null where that is not known. */
export function chainSegments(segments: readonly Buffer[], start: Position | null): Proven {
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
      // Lines that a segment supersedes in those before it were never acknowledged.
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
