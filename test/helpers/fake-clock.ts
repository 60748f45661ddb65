// A clock that a test moves: time that passes, a wall clock that somebody sets, a machine that sleeps. Timers run when
// their time has come on the monotonic clock, which neither a set clock nor sleep moves, as in a real machine.
import type { Clock, TimerOptions } from '../../src/support/clock.ts';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #asleep = 0;
  readonly #timers = new Set<Timer>();
  /** The longest timer that was ever asked for. */
  longest = 0;
  /** Those that are to be met to the millisecond. */
  readonly sharp: number[] = [];

  constructor(wall: number) {
    this.#wall = wall;
  }

  now = (): number => this.#wall;
  monotonic = (): number => this.#monotonic;
  elapsed = (): number => this.#monotonic + this.#asleep;

  /** Missing until the test lets the system tell how long the machine has been up. */
  uptime?: () => number;

  after = (ms: number, fn: () => void, options?: TimerOptions): (() => void) => {
    const timer = { at: this.#monotonic + ms, fn };
    this.longest = Math.max(this.longest, ms);
    if (options?.sharp) this.sharp.push(ms);
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Timers that have not run. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Somebody sets the clock. */
  set(wall: number): void {
    this.#wall = wall;
  }

  /** The machine sleeps: its timers stand still, and its clock is ahead when it wakes up. */
  sleep(ms: number): void {
    this.#wall += ms;
    this.#asleep += ms;
  }

  /** The process is stopped for a while: time passes, and its timers are overdue when it wakes up. */
  stall(ms: number): void {
    this.#pass(ms);
  }

  /** Time passes; whatever a timer begins is over, as far as `quiet` can tell, before the next one runs. */
  async advance(ms: number, quiet: () => Promise<void>): Promise<void> {
    const end = this.#monotonic + ms;
    await quiet();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#pass(next.at - this.#monotonic);
      this.#timers.delete(next);
      next.fn();
      await quiet();
    }
    this.#pass(end - this.#monotonic);
  }

  #next(end: number): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.#timers)
      if (timer.at <= end && (first === null || timer.at < first.at)) first = timer;
    return first;
  }

  #pass(ms: number): void {
    this.#monotonic += Math.max(0, ms);
    this.#wall += Math.max(0, ms);
  }
}
