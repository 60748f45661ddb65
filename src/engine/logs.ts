// The logs and result tables of runs, where they are kept. A log is no promise: its lines may lag, and the last ones
// before a kill may be missing. Rows are one: those that belong to a checkpoint or a result are made durable before it.
import type { LogLine } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import type { Token } from './members.ts';

export interface Logs {
  /**
   * An attempt begins, under this lease; its rows go on after the ones of the checkpoint that it starts from. Lines
   * that an earlier lease still writes on another host are refused from now on.
   */
  begin(run: number, attempt: number, rows: number, token: Token): void;
  append(run: number, line: LogLine): void;
  /** Adds a row; false where the table is full. */
  row(run: number, n: number, value: Json): boolean;
  /** If true, `flush` is due before a checkpoint or a result: a reader that sees that one sees these lines too. */
  owes(run: number): boolean;
  /** Appends what was gathered; with `sync` it is durable when this resolves. */
  flush(run: number, sync: boolean): Promise<void>;
  /** The run has settled: nothing more is expected. Null where nothing was written. */
  close(run: number): Promise<void> | null;
  lines(run: number, which?: ReadLog): Promise<LogLine[]>;
  /** The rows of the result table. */
  rows(run: number): Promise<readonly Json[]>;
  /** Everything said so far after line `after`, then each line as it is said, until `signal` ends it. */
  follow(
    run: number,
    which: ReadLog & { readonly after?: number },
    signal: AbortSignal,
  ): AsyncIterable<NumberedLine>;
  /** Removes what is kept of a run. */
  remove(run: number): Promise<void>;
  /** Bytes that are kept of a run. */
  size(run: number): Promise<number>;
}

export interface ReadLog {
  /** Only the last so many. */
  readonly last?: number;
  readonly attempt?: number;
}

/** `n` counts the lines of a run from 1, also those that are no longer kept. */
export interface NumberedLine {
  readonly n: number;
  readonly line: LogLine;
}
