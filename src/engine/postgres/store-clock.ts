// The time of the store, which all instants come from: its latest answer, carried on by the clock of this machine that
// is never set. So hosts agree on what is due, however wrong their own clocks are.
import { type Clock, elapsedOf, type TimerOptions } from '../../support/clock.ts';

export class StoreClock implements Clock {
  readonly #own: Clock;
  /** The store's time minus the elapsed time here; null before it was told. */
  #offset: number | null = null;
  /** By how much that may be wrong. */
  #doubtMs = Number.POSITIVE_INFINITY;

  constructor(own: Clock) {
    this.#own = own;
  }

  /**
   * The store told `at` in an answer between these two moments of the elapsed time. The moment in between is unknown:
   * so a new answer counts if it contradicts the last one, or is closer.
   */
  told(at: number, askedAt: number, answeredAt: number): void {
    const doubtMs = (answeredAt - askedAt) / 2;
    const offset = at - askedAt - doubtMs;
    const apart = Math.abs(offset - (this.#offset ?? offset));
    if (this.#offset !== null && apart <= doubtMs + this.#doubtMs && doubtMs >= this.#doubtMs)
      return;
    this.#offset = offset;
    this.#doubtMs = doubtMs;
  }

  now(): number {
    return Math.round(this.elapsed() + (this.#offset ?? this.#own.now() - this.elapsed()));
  }

  /** How far the clock of this machine is ahead of the store's; below zero where it is behind. */
  aheadMs(): number {
    return this.#own.now() - this.now();
  }

  monotonic(): number {
    return this.#own.monotonic();
  }

  elapsed(): number {
    return elapsedOf(this.#own);
  }

  after(ms: number, fn: () => void, options?: TimerOptions): () => void {
    return this.#own.after(ms, fn, options);
  }
}
