// The distance by which the wall clock has been set since the watch began. An instant minus that offset is steady time:
// what was to come ten minutes later comes ten minutes later, however the clock is set meanwhile. A sleep of the
// machine moves both, for the ten minutes are over after it. Small drifts, as NTP makes them, are no offset.
import { type Clock, elapsedOf } from './clock.ts';
import { CLOCK_JUMP_MS } from './limits.ts';

export class SteadyTime {
  readonly #clock: Clock;
  readonly #base: number;
  #offset = 0;
  /** A thousand runs are looked at within one millisecond. */
  #at = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#base = this.#drift();
  }

  /** In milliseconds: above 0 where the clock was set forward. */
  get offset(): number {
    const now = this.#clock.now();
    if (now === this.#at) return this.#offset;
    this.#at = now;
    const drift = this.#drift() - this.#base;
    if (Math.abs(drift - this.#offset) > CLOCK_JUMP_MS) this.#offset = Math.round(drift);
    return this.#offset;
  }

  #drift(): number {
    return this.#clock.now() - elapsedOf(this.#clock);
  }
}
