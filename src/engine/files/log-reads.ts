// Reading the logs of runs. A long log takes a tenth of a second and ten times its size in memory. Long ones are read one
// after the other, and a request for one that is not begun yet shares it. Short ones never wait.
import type { LogLine } from '../../run/view.ts';
import { logPaths, readLog, sizesOf } from '../../store/log.ts';
import { type LogContent, wholeTable } from '../../store/log-format.ts';
import { MB } from '../../support/limits.ts';
import { RUN_LOG } from './log-lines.ts';

type Content = LogContent<LogLine>;

const LONG_BYTES = MB / 4;

export class LogReads {
  readonly #folder: string;
  /** Those that have not begun, by run. */
  readonly #asked = new Map<number, Promise<Content>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(run: number): Promise<Content> {
    const asked = this.#asked.get(run);
    if (asked) return asked;
    const sizes = await sizesOf(logPaths(this.#folder, run)).catch(() => []);
    const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    if (bytes <= LONG_BYTES) return this.#readNow(run);
    return this.#asked.get(run) ?? this.#inLine(run);
  }

  /** The table is made whole here, once for all who share it. */
  async #readNow(run: number): Promise<Content> {
    const { lines, rows, count } = await readLog(RUN_LOG, this.#folder, run);
    return { lines, rows: wholeTable(rows), count };
  }

  #inLine(run: number): Promise<Content> {
    const reading = this.#last.then(() => {
      this.#asked.delete(run);
      return this.#readNow(run);
    });
    this.#asked.set(run, reading);
    this.#last = reading.catch(() => undefined);
    return reading;
  }
}
