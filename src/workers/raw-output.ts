// Output of a job, read at the daemon's pace: of a flood of tiny lines so many a turn are taken, and the next piece is
// read only when this one is done with, and when the flow of it allows. The job waits meanwhile, and everybody else
// gets their turns.
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import { SECOND } from '../support/limits.ts';
import { LineCutter } from './lines.ts';

/** A line costs about as much time as so many bytes of a long one. */
const LINE_BYTES = 3000;
/** At most: some 40,000 short lines. */
const BYTES_PER_SECOND = 120_000_000;
/**
 * The share of a core for all floods together: on a slow or busy machine they are read more slowly. Writing them down
 * costs as much again.
 */
const SHARE = 0.1;
/** A read that takes a millisecond counts as so many bytes at least. */
const MS_BYTES = BYTES_PER_SECOND / SECOND / SHARE;
/** Some 80,000 short lines, about what the log of a run keeps. */
const FREE_BYTES = 240_000_000;

/** Those that wait: each gets its part of the pace. */
const waiting = new Set<Flow>();

export class Flow {
  readonly #clock: Clock;
  #credit = FREE_BYTES;
  #at: number;
  #waits: { readonly resume: () => void; readonly undo: () => void } | null = null;
  #free = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** Has a piece read, and counts it by how many lines it had; null: it had nothing that was printed. */
  read(bytes: number, take: () => number | null): void {
    const since = this.#clock.monotonic();
    const count = take();
    if (count === null) return;
    const counted = count * LINE_BYTES + bytes;
    const timed = (this.#clock.monotonic() - since) * MS_BYTES;
    // The free part is free however fast the machine is.
    this.#credit -= this.#credit > 0 ? counted : Math.max(counted, timed);
  }

  /** Calls back when more may be read. False, and no call, where that is now. */
  wait(resume: () => void): boolean {
    const now = this.#clock.monotonic();
    const perMs = BYTES_PER_SECOND / SECOND / (waiting.size + 1);
    this.#credit = Math.min(FREE_BYTES, this.#credit + (now - this.#at) * perMs);
    this.#at = now;
    if (this.#credit >= 0 || this.#free) return false;
    waiting.add(this);
    const undo = this.#clock.after(-this.#credit / perMs, () => this.#resume());
    this.#waits = { resume, undo };
    return true;
  }

  get isWaiting(): boolean {
    return this.#waits !== null;
  }

  /** The rest is little, and read at once: its process has ended, or the run that printed it. */
  free(free: boolean): void {
    this.#free = free;
    this.#waits?.undo();
    this.#resume();
  }

  #resume(): void {
    const waits = this.#waits;
    this.#waits = null;
    waiting.delete(this);
    waits?.resume();
  }
}

const LINE_END = 10;
/** A few milliseconds of work. */
const LINES_A_TURN = 500;
/** Lines that ask the daemon for something are fewer: each is a change of the state, written to the disk. */
const ASKING_A_TURN = 20;

export class RawOutput {
  readonly #stream: Readable;
  readonly #lines: LineCutter;
  readonly #flow: Flow;
  #rest: Buffer | null = null;
  /** Something was read since this was asked last. */
  #active = false;
  /** The stream was being read when that was asked last. */
  #wasRead = true;
  /** Calls of the lines that were read, which are not answered yet. */
  #asked = 0;
  #most = LINES_A_TURN;
  /** Nothing is read before they are. */
  #holds = false;
  #hurries = false;

  constructor(stream: Readable, clock: Clock, line: (text: string) => void) {
    this.#stream = stream;
    this.#flow = new Flow(clock);
    this.#lines = new LineCutter(line, clock);
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** Gives out at once what was read, a last line without its end too. */
  flush(): void {
    const rest = this.#rest;
    this.#rest = null;
    if (rest) this.#lines.write(rest);
    this.#lines.flush();
  }

  /** True if there is, or lately was, anything to read. */
  isActive(): boolean {
    const active = this.#active || this.#rest !== null;
    this.#active = false;
    return active;
  }

  /** A line asks for something: no more is read until it is done, as a module waits for its own calls. */
  asks(): void {
    this.#asked++;
    this.#most = ASKING_A_TURN;
  }

  done(): void {
    this.#asked = Math.max(0, this.#asked - 1);
    if (this.#asked === 0 && this.#holds) this.#step();
  }

  /** The process has ended: what little is left is read without waiting. */
  hurry(): void {
    this.#hurries = true;
    this.#flow.free(true);
    if (this.#holds) this.#step();
  }

  /** True where all turn long it was being read, and nothing was there. To be asked once a turn. */
  isQuiet(): boolean {
    const wasRead = this.#wasRead;
    this.#wasRead = !this.#stream.isPaused();
    return !this.isActive() && wasRead && this.#wasRead;
  }

  /** It is a flood, and is read at its pace. */
  get isHeld(): boolean {
    return this.#flow.isWaiting;
  }

  /** The rest is read without waiting, or, with false, at its pace again. */
  free(free: boolean): void {
    this.#flow.free(free);
  }

  #read(chunk: Buffer): void {
    this.#active = true;
    // Node may still hand out what it had read when the stream was paused.
    this.#rest = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (this.#stream.isPaused()) return;
    this.#step();
  }

  #step(): void {
    this.#holds = false;
    const rest = this.#rest;
    if (!rest) {
      this.#stream.resume();
      return;
    }
    const { end, lines } = linesOf(rest, this.#most);
    this.#most = LINES_A_TURN;
    this.#rest = end < rest.length ? rest.subarray(end) : null;
    this.#flow.read(end, () => {
      this.#lines.write(rest.subarray(0, end));
      return lines;
    });
    if (this.#asked > 0 && !this.#hurries) {
      this.#holds = true;
      this.#stream.pause();
      return;
    }
    if (this.#flow.wait(() => this.#step())) {
      this.#stream.pause();
      return;
    }
    if (!this.#rest) {
      this.#stream.resume();
      return;
    }
    this.#stream.pause();
    setImmediate(() => this.#step());
  }
}

/** After the exit, for pipes that a grandchild still holds open: until they are silent, and in all. */
const SILENT_MS = 200;
const LONGEST_MS = 5 * SECOND;
/** The same if the end was asked for: what prints on has not obeyed, and is ended next. */
const LONGEST_OF_ENDED_MS = 2 * SILENT_MS;

/** Calls back when the process has ended and what it printed has been read. */
export function afterExit(
  child: ChildProcess,
  outputs: readonly RawOutput[],
  clock: Clock,
  isEnded: () => boolean,
  over: (exitCode: number | null, signal: string | null) => void,
): void {
  child.on('exit', (exitCode, signal) => {
    for (const output of outputs) output.hurry();
    const exitedAt = clock.monotonic();
    const look = (): void => {
      const active = outputs.map((output) => output.isActive()).includes(true);
      const longest = isEnded() ? LONGEST_OF_ENDED_MS : LONGEST_MS;
      if (active && clock.monotonic() - exitedAt < longest) undo = clock.after(SILENT_MS, look);
      else over(exitCode, signal);
    };
    let undo = clock.after(SILENT_MS, look);
    child.on('close', () => {
      undo();
      over(exitCode, signal);
    });
  });
}

/** The end of the lines of one turn, and their number. */
function linesOf(bytes: Buffer, most: number): { readonly end: number; readonly lines: number } {
  let end = 0;
  for (let lines = 0; lines < most; lines++) {
    const at = bytes.indexOf(LINE_END, end);
    if (at < 0) return { end: bytes.length, lines };
    end = at + 1;
  }
  return { end, lines: most };
}
