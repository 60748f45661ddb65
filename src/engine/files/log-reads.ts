// Reading the logs of runs. A long log takes a tenth of a second and ten times its size in memory. Long ones are read
// one after the other, and a request for one that is not begun yet shares it. Short ones never wait. The long one that
// was read last is given again while its files are as they were: a page asks for a part after the other. It is held
// weakly, so that the collector decides how long.
import type { LogLine } from '../../run/view.ts';
import { logPaths, readLog, statsOf } from '../../store/log.ts';
import { type LogContent, wholeTable } from '../../store/log-format.ts';
import { MB } from '../../support/limits.ts';
import { RUN_LOG } from '../log-lines.ts';

type Content = LogContent<LogLine>;

const LONG_BYTES = MB / 4;

export class LogReads {
  readonly #folder: string;
  /** Those that have not begun, by run. */
  readonly #asked = new Map<number, Promise<Content>>();
  #known = { stamp: '', content: null as WeakRef<Content> | null };
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(run: number): Promise<Content> {
    const asked = this.#asked.get(run);
    if (asked) return asked;
    const { bytes, stamp } = await this.#look(run);
    if (bytes <= LONG_BYTES) return this.#readNow(run);
    const known = this.#known.stamp === stamp ? this.#known.content?.deref() : null;
    return known ?? this.#asked.get(run) ?? this.#inLine(run);
  }

  /** The table is made whole here, once for all who share it. */
  async #readNow(run: number): Promise<Content> {
    const { lines, rows, count } = await readLog(RUN_LOG, this.#folder, run);
    return { lines, rows: wholeTable(rows), count };
  }

  async #look(run: number): Promise<{ readonly bytes: number; readonly stamp: string }> {
    // Files that cannot be looked at have an empty stamp, and the read itself says what is wrong.
    const stats = await statsOf(logPaths(this.#folder, run)).catch(() => []);
    const stamps = stats.map((stat) => stat && [stat.ino, stat.size, stat.mtimeMs]);
    const bytes = stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0);
    return { bytes, stamp: JSON.stringify([run, stamps]) };
  }

  #inLine(run: number): Promise<Content> {
    const reading = this.#last.then(async () => {
      this.#asked.delete(run);
      // Lines that are appended while it is read make another log of it.
      const { stamp } = await this.#look(run);
      const content = await this.#readNow(run);
      this.#known = { stamp, content: new WeakRef(content) };
      return content;
    });
    this.#asked.set(run, reading);
    // Its reader hears of its error; the next one reads all the same.
    this.#last = reading.catch(() => undefined);
    return reading;
  }
}
