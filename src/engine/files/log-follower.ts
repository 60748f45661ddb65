// A follower of a run's log, with the lines that it has not taken yet. They are bounded, and untaken ones are dropped:
// a terminal that was stopped must not gather in memory all that a job prints meanwhile. It reads on in the file.
import type { LogLine } from '../../run/view.ts';
import { MB } from '../../support/limits.ts';
import { Wakeup } from '../../support/wakeup.ts';
import type { NumberedLine } from '../logs.ts';

/** Heap of the lines that wait for it. */
const MOST_WAITING = MB;

export class LogFollower {
  readonly arrivals = new Wakeup();
  readonly #attempt: number | undefined;
  #waiting: NumberedLine[] = [];
  #next = 0;
  #bytes = 0;
  /** The last line that it has taken, and where it was at the last look. */
  #taken = 0;
  #takenBefore = -1;
  #isReading = false;
  /** Lines that are not here: they have to be read. */
  isBehind = true;

  constructor(attempt: number | undefined) {
    this.#attempt = attempt;
  }

  /** A line was said. */
  put(n: number, line: LogLine, bytes: number): void {
    if (!this.isBehind) this.#bytes += bytes;
    if (this.#bytes > MOST_WAITING) this.isBehind = true;
    if (!this.isBehind) this.#waiting.push({ n, line });
    this.arrivals.wake();
  }

  /** The rest of the log is read now: lines printed meanwhile come after it. */
  beginReading(): void {
    this.isBehind = false;
    this.#isReading = true;
    this.#bytes = 0;
  }

  /** Takes the lines that were read, and their number. `from`: lines up to this one are not asked for. */
  add(read: readonly NumberedLine[], count: number, from = 0): void {
    this.#isReading = false;
    this.#taken = Math.max(this.#taken, from);
    const later = this.#waiting.filter(({ n }) => n > count);
    this.#waiting = read.filter(({ n }) => n > this.#taken).concat(later);
    this.#next = 0;
  }

  /** The next line; null where there is none, or the next one has to be read. */
  take(): NumberedLine | null {
    for (;;) {
      const one = this.#waiting[this.#next++];
      if (!one) break;
      if (one.n <= this.#taken) continue;
      this.#taken = one.n;
      if ((this.#attempt ?? one.line.attempt) === one.line.attempt) return one;
    }
    this.#waiting = [];
    this.#next = 0;
    if (!this.isBehind) this.#bytes = 0;
    return null;
  }

  /** Called now and then: lets go what it has not taken since the last time. */
  look(): void {
    const isStill = this.#taken === this.#takenBefore && this.#next < this.#waiting.length;
    this.#takenBefore = this.#taken;
    if (!isStill || this.#isReading) return;
    this.#waiting = [];
    this.#next = 0;
    this.isBehind = true;
  }
}
