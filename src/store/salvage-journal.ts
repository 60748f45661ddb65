// All commits that a damaged journal still proves. Each line fits its own checksum and names the one before it, so a
// line after a bad one is as certain as one before it; only what the bad one held is unknown: a hole in the numbers.
// A line with one flipped bit is put right (mend.ts), its line feed too.
import { sumOf } from '../support/checksums.ts';
import { decode, type Line, type Op, type Position } from './journal.ts';
import { isOneBitOff, linesIn, mendText } from './mend.ts';

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

interface Found {
  readonly json: Record<string, unknown>;
  readonly crc: number;
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
    const found = findLines(bytes, lines.length === 0 ? (start?.crc ?? null) : null);
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

/** Every line of a segment that is whole, or can be made so with certainty. */
function findLines(bytes: Buffer, crc: number | null): readonly Found[] {
  const found: Found[] = [];
  let before = crc;
  const take = (one: Found | null): boolean => {
    if (!one) return false;
    found.push(one);
    before = one.crc;
    return true;
  };
  for (const piece of linesIn(bytes)) {
    if (take(decode(piece)) || take(mendLine(piece, before))) continue;
    // A line feed that became another character has made one line of two.
    let from = 0;
    for (const at of lineFeeds(piece)) if (take(decode(piece.subarray(from, at)))) from = at + 1;
    if (from > 0) take(decode(piece.subarray(from)));
  }
  return found;
}

function* lineFeeds(piece: Buffer): Iterable<number> {
  for (const [at, byte] of piece.entries()) {
    const off = byte ^ 10;
    if ((off & (off - 1)) === 0) yield at;
  }
}

const HEAD = 9;
const SUM = /^[0-9a-f]{8} $/;
const BEFORE = /"p":"([0-9a-f]{8})"/;

function mendLine(piece: Buffer, before: number | null): Found | null {
  const head = piece.subarray(0, HEAD);
  const body = piece.subarray(HEAD);
  const own = BEFORE.exec(body.subarray(0, 200).toString('latin1'))?.[1];
  const starts = [before, own === undefined ? null : Number.parseInt(own, 16)];
  for (const from of starts) {
    if (from === null) continue;
    const sum = Buffer.from(`${sumOf(body, from)} `);
    if (isOneBitOff(head, sum)) return decode(Buffer.concat([sum, body]));
    const text = head.toString('latin1');
    const mended = SUM.test(text) ? mendText(body, Number.parseInt(text, 16), from) : null;
    const line = mended && decode(Buffer.concat([head, mended]));
    if (line) return line;
  }
  return null;
}
