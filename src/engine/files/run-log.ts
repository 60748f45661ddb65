// The logs and result tables of runs. Lines are gathered for a moment and appended in the background; they are not
// synced, for a log is no promise. Rows are: before a checkpoint or a result is committed, the rows that belong to
// it are made durable with `flush`.

import type { LogLine } from '../../run/view.ts';
import { LogWriter, logPaths, readLog, removeLog, sizesOf } from '../../store/log.ts';
import { wholeTable } from '../../store/log-format.ts';
import { onAbort } from '../../support/aborts.ts';
import type { Clock } from '../../support/clock.ts';
import { isFull } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { MAX_RESULT_ROWS } from '../../support/limits.ts';
import { Wakeup } from '../../support/wakeup.ts';
import type { Logs, NumberedLine, ReadLog } from '../logs.ts';
import { chosen, RUN_LOG } from './log-lines.ts';

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
  readonly #followers = new Map<number, Set<(n: number, line: LogLine) => void>>();

  constructor({ folder, clock, onError, makeRoom }: RunLogParts) {
    this.#folder = folder;
    this.#clock = clock;
    this.#onError = onError;
    this.#makeRoom = makeRoom;
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

  /** A line that a kill takes with it was promised to nobody. */
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
    await this.flush(run, false).catch(this.#onError);
    const { lines } = await readLog(RUN_LOG, this.#folder, run);
    return chosen(lines, which).map(({ line }) => line);
  }

  async rows(run: number): Promise<readonly Json[]> {
    await this.flush(run, false).catch(this.#onError);
    return wholeTable((await readLog(RUN_LOG, this.#folder, run)).rows);
  }

  async *follow(
    run: number,
    which: ReadLog & { readonly after?: number },
    signal: AbortSignal,
  ): AsyncIterable<NumberedLine> {
    const queue: NumberedLine[] = [];
    const arrivals = new Wakeup();
    const stop = this.#subscribe(run, (n, line) => {
      queue.push({ n, line });
      arrivals.wake();
    });
    const unlisten = onAbort(signal, arrivals.wake);
    try {
      await this.flush(run, false).catch(this.#onError);
      const { lines, count } = await readLog(RUN_LOG, this.#folder, run);
      this.#writer(run).knows(count);
      // Lines that a full disk refused were shown, but do not count any more.
      const after = Math.min(which.after ?? 0, count);
      yield* chosen(lines, which).filter(({ n }) => n > after);
      for (;;) {
        for (const { n, line } of queue.splice(0)) {
          if (n > count && (which.attempt ?? line.attempt) === line.attempt) yield { n, line };
        }
        if (signal.aborted && queue.length === 0) return;
        await arrivals.sleepInTurn();
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
        for (const follower of this.#followers.get(run) ?? []) follower(n, line);
      };
      writer = new LogWriter({
        ...{ kind: RUN_LOG, folder: this.#folder, id: run, clock: this.#clock },
        ...{ told, onError: this.#onError },
      });
      this.#open.set(run, writer);
    }
    return writer;
  }

  #subscribe(run: number, follower: (n: number, line: LogLine) => void): () => void {
    const followers = this.#followers.get(run) ?? new Set();
    this.#followers.set(run, followers.add(follower));
    return () => {
      followers.delete(follower);
      if (followers.size > 0) return;
      this.#followers.delete(run);
      this.#forget(run, this.#open.get(run));
    };
  }
}
