// The logs and result tables of runs. Lines are gathered for a moment and appended in the background; they are not
// synced, for a log is no promise. Rows are: before a checkpoint or a result is committed, the rows that belong to
// it are made durable with `flush`.

import type { LogLine } from '../../run/view.ts';
import { LogWriter, logPaths, removeLog, sizesOf } from '../../store/log.ts';
import { type LogContent, withMissing } from '../../store/log-format.ts';
import { onAbort } from '../../support/aborts.ts';
import type { Clock } from '../../support/clock.ts';
import { isFull } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { MAX_RESULT_ROWS, SECOND } from '../../support/limits.ts';
import { weightOfValue } from '../../support/weight.ts';
import { chosen, RUN_LOG } from '../log-lines.ts';
import type { Logs, NumberedLine, ReadLog } from '../logs.ts';
import { LogFollower } from './log-follower.ts';
import { LogReads } from './log-reads.ts';

/** Lines that a follower has not taken after this long are dropped. */
const PATIENCE_MS = 2 * SECOND;

export interface RunLogParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** The disk is full for rows, which belong to a result: gives up what was held free for that. */
  readonly makeRoom: () => Promise<void>;
}

export class RunLogFiles implements Logs {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #makeRoom: () => Promise<void>;
  readonly #open = new Map<number, LogWriter<LogLine>>();
  readonly #reads: LogReads;
  readonly #followers = new Map<number, Set<LogFollower>>();
  #stopLooking: (() => void) | null = null;

  constructor({ folder, clock, onError, makeRoom }: RunLogParts) {
    this.#folder = folder;
    this.#clock = clock;
    this.#onError = onError;
    this.#makeRoom = makeRoom;
    this.#reads = new LogReads(folder);
  }

  begin(run: number, attempt: number, rows: number): void {
    // Nothing to cut where nothing was written: most runs never have a log.
    if (attempt > 1 || rows > 0) this.#writer(run).push({ begin: attempt, rows });
  }

  append(run: number, line: LogLine): void {
    this.#writer(run).push(line);
  }

  row(run: number, n: number, value: Json): boolean {
    if (n >= MAX_RESULT_ROWS) return false;
    this.#writer(run).push({ row: n, value });
    return true;
  }

  /** A line that a kill takes with it was promised to no client. */
  owes(): boolean {
    return false;
  }

  async flush(run: number, sync: boolean): Promise<void> {
    try {
      await this.#open.get(run)?.flush(sync);
    } catch (error) {
      if (sync && isFull(error)) await this.#makeRoom();
      throw error;
    }
  }

  close(run: number): Promise<void> | null {
    const writer = this.#open.get(run);
    return writer ? this.#close(run, writer) : null;
  }

  async #close(run: number, writer: LogWriter<LogLine>): Promise<void> {
    await writer.flush(false).catch(this.#onError);
    // A follower has seen lines of it: the next ones go on from their number, also if the file is removed meanwhile.
    if (!this.#followers.has(run)) this.#forget(run, writer);
  }

  #forget(run: number, writer: LogWriter<LogLine> | undefined): void {
    if (writer?.isEmpty && this.#open.get(run) === writer) this.#open.delete(run);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((run) => this.close(run)));
  }

  async lines(run: number, which: ReadLog = {}): Promise<LogLine[]> {
    const { lines } = await this.#read(run);
    return chosen(lines, which).map(({ line }) => line);
  }

  async rows(run: number): Promise<readonly Json[]> {
    return (await this.#read(run)).rows;
  }

  async #read(run: number, begins = (): void => undefined): Promise<LogContent<LogLine>> {
    await this.flush(run, false).catch(this.#onError);
    const written = this.#open.get(run)?.written ?? 0;
    begins();
    return withMissing(RUN_LOG, await this.#reads.read(run), written);
  }

  async *follow(
    run: number,
    which: ReadLog & { readonly after?: number },
    signal: AbortSignal,
  ): AsyncIterable<NumberedLine> {
    const follower = new LogFollower(which.attempt);
    const stop = this.#subscribe(run, follower);
    const unlisten = onAbort(signal, follower.arrivals.wake);
    try {
      const { lines, count } = await this.#read(run, () => follower.beginReading());
      this.#writer(run).knows(count);
      const asked = chosen(lines, which);
      // Lines that a full disk refused were shown, but do not count any more.
      const after = Math.min(which.after ?? 0, count);
      const before = which.last === undefined ? 0 : (asked[0]?.n ?? count + 1) - 1;
      follower.add(asked, count, Math.max(after, before));
      for (;;) {
        for (let one = follower.take(); one; one = follower.take()) yield one;
        if (follower.isBehind) {
          const read = await this.#read(run, () => follower.beginReading());
          follower.add(read.lines, read.count);
        } else if (signal.aborted) return;
        else await follower.arrivals.sleepInTurn();
      }
    } finally {
      stop();
      unlisten();
    }
  }

  async remove(run: number): Promise<void> {
    this.#open.delete(run);
    await removeLog(this.#folder, run);
  }

  async size(run: number): Promise<number> {
    const sizes = await sizesOf(logPaths(this.#folder, run));
    return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  #writer(run: number): LogWriter<LogLine> {
    let writer = this.#open.get(run);
    if (!writer) {
      const told = (n: number, line: LogLine): void => {
        const followers = this.#followers.get(run);
        const bytes = followers ? weightOfValue(line) : 0;
        for (const follower of followers ?? []) follower.put(n, line, bytes);
      };
      writer = new LogWriter({
        ...{ kind: RUN_LOG, folder: this.#folder, id: run, clock: this.#clock },
        ...{ told, onError: this.#onError },
      });
      this.#open.set(run, writer);
    }
    return writer;
  }

  #subscribe(run: number, follower: LogFollower): () => void {
    const followers = this.#followers.get(run) ?? new Set();
    this.#followers.set(run, followers.add(follower));
    this.#stopLooking ??= this.#look();
    return () => {
      followers.delete(follower);
      if (followers.size > 0) return;
      this.#followers.delete(run);
      this.#forget(run, this.#open.get(run));
      if (this.#followers.size > 0) return;
      this.#stopLooking?.();
      this.#stopLooking = null;
    };
  }

  /** Returns its undo. */
  #look(): () => void {
    const look = (): void => {
      for (const followers of this.#followers.values()) for (const one of followers) one.look();
      this.#stopLooking = this.#look();
    };
    return this.#clock.after(PATIENCE_MS, look, { idle: true });
  }
}
