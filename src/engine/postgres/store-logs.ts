// The logs and result tables of runs in a store, where every host reads them, and that of a host which is gone stays.
// Lines of runs here are written in batches (log-batches.ts, which tells the order of effects). Reads come from the
// store, after what this process still has to write.
import type { LogLine } from '../../run/view.ts';
import { onAbort } from '../../support/aborts.ts';
import type { Clock } from '../../support/clock.ts';
import type { Json } from '../../support/json.ts';
import { MAX_RESULT_ROWS } from '../../support/limits.ts';
import { chosen } from '../log-lines.ts';
import type { Logs, NumberedLine, ReadLog } from '../logs.ts';
import type { Token } from '../members.ts';
import { LogBatches } from './log-batches.ts';
import { LogFollower, LogFollowers } from './log-followers.ts';
import { linesOf, logOf, type Read, removeOf, rowsOf, sizesOf } from './log-table.ts';
import type { Sessions } from './session.ts';

export interface StoreLogsOptions {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export class StoreLogs implements Logs {
  readonly #sessions: Sessions;
  readonly #onError: (error: unknown) => void;
  readonly #batches: LogBatches;
  readonly #followers: LogFollowers;
  readonly #removed = new Set<number>();
  #removing: Promise<void> | null = null;

  constructor({ sessions, clock, onError }: StoreLogsOptions) {
    this.#sessions = sessions;
    this.#onError = onError;
    this.#followers = new LogFollowers(sessions, clock, onError);
    const written = (): void => this.#followers.hurry();
    this.#batches = new LogBatches({ sessions, clock, onError, written });
  }

  begin(run: number, attempt: number, rows: number, token: Token): void {
    this.#batches.begin(run, token);
    // Nothing to cut where nothing was written: most runs never have a log.
    if (attempt > 1 || rows > 0) this.#batches.push(run, { begin: attempt, rows });
  }

  append(run: number, line: LogLine): void {
    this.#batches.push(run, line);
  }

  row(run: number, n: number, value: Json): boolean {
    if (n >= MAX_RESULT_ROWS) return false;
    this.#batches.push(run, { row: n, value });
    return true;
  }

  owes(run: number): boolean {
    return this.#batches.owes(run);
  }

  /** Lines that belong to a checkpoint or a result wait for a store that is away, as they do. */
  flush(run: number, sync: boolean): Promise<void> {
    return this.#batches.flush(run, sync);
  }

  close(run: number): Promise<void> | null {
    const isOwed = this.owes(run);
    this.#batches.forget(run);
    return isOwed ? this.flush(run, false).catch(this.#onError) : null;
  }

  /** Lines that cannot be written now are lost. */
  async closeAll(): Promise<void> {
    await this.#batches.close().catch(this.#onError);
    await this.#followers.close();
    await this.#batches.closeSession();
  }

  async lines(run: number, which: ReadLog = {}): Promise<LogLine[]> {
    await this.flush(run, false);
    return chosen((await this.#read(run, which)).lines, which).map(({ line }) => line);
  }

  async #read(
    run: number,
    { last, attempt }: ReadLog,
  ): Promise<{ n: number; count: number; lines: readonly NumberedLine[] }> {
    const end = attempt === undefined && last !== undefined ? Math.max(1, last) : null;
    const pieces = await this.#sessions.read<Read>(linesOf(run, end));
    // Those before the end of a log that is asked for were not read, and are not missing.
    const before = end === null ? 0 : (pieces[0]?.first ?? 0);
    const { lines, count } = logOf(pieces, before);
    return { n: pieces.at(-1)?.n ?? 0, count, lines };
  }

  async rows(run: number): Promise<readonly Json[]> {
    await this.flush(run, false);
    return logOf(await this.#sessions.read<Read>(rowsOf(run)), 0).rows;
  }

  async *follow(
    run: number,
    which: ReadLog & { readonly after?: number },
    signal: AbortSignal,
  ): AsyncIterable<NumberedLine> {
    const follower = new LogFollower(run);
    const isAsked = ({ line }: NumberedLine): boolean =>
      (which.attempt ?? line.attempt) === line.attempt;
    const unlisten = onAbort(signal, follower.arrivals.wake);
    try {
      await this.flush(run, false).catch(this.#onError);
      const { after = 0 } = which;
      const { n, count, lines } = await this.#read(run, after > 0 ? {} : which);
      follower.begin(n, count);
      this.#followers.add(follower);
      const shown = Math.min(after, count);
      yield* chosen(lines, which).filter((one) => one.n > shown);
      while (!signal.aborted) {
        yield* follower.take().filter(isAsked);
        if (!signal.aborted) await follower.arrivals.sleepInTurn();
      }
      // It has ended a moment ago, after all that it said was written.
      await this.#followers.look([follower]);
      yield* follower.take().filter(isAsked);
    } finally {
      this.#followers.remove(follower);
      unlisten();
    }
  }

  /** Those of one moment are one statement. */
  remove(run: number): Promise<void> {
    this.#batches.drop(run);
    this.#batches.forget(run);
    this.#removed.add(run);
    this.#removing ??= this.#removeAll();
    return this.#removing;
  }

  async #removeAll(): Promise<void> {
    await new Promise(setImmediate);
    this.#removing = null;
    const runs = [...this.#removed];
    this.#removed.clear();
    await this.#sessions.read(removeOf(runs));
  }

  async size(run: number): Promise<number> {
    const [found] = await this.#sessions.read<{ bytes: number }>(sizesOf([run]));
    return found?.bytes ?? 0;
  }
}
