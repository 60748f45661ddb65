// The starts of one job, held against its rate limit: those within the last period, oldest first; all that are known
// while the limit has not been read.
import { CLOCK_JUMP_MS } from '../support/limits.ts';
import type { RateLimit } from './policy.ts';

/** While the limit is not known, this many starts of a job are remembered: no sensible rate is higher. */
const MOST_STARTS = 1000;

export class Starts {
  readonly #at: number[] = [];

  get all(): readonly number[] {
    return this.#at;
  }

  add(at: number): void {
    this.#at.push(at);
  }

  /** None lies ahead of now. */
  cut(now: number): void {
    for (const [i, at] of this.#at.entries()) this.#at[i] = Math.min(at, now);
  }

  /** It has not begun after all. */
  takeBack(at: number): void {
    const i = this.#at.lastIndexOf(at);
    if (i >= 0) this.#at.splice(i, 1);
  }

  /** Only as many starts as the rate allows can ever matter. */
  trim(limits: { readonly unread?: true; readonly rateLimit: RateLimit | null }): void {
    const most = limits.unread ? MOST_STARTS : (limits.rateLimit?.limit ?? 0);
    if (most === 0) this.#at.length = 0;
    while (this.#at.length > most) this.#at.shift();
  }

  /** True if another one may begin now. */
  hasPlace(rate: RateLimit | null, now: number): boolean {
    if (rate === null) return true;
    // Only a clock that no daemon has followed puts a start ahead; a small drift does not free its place.
    while ((this.#at.at(-1) ?? now) > now + CLOCK_JUMP_MS) this.#at.pop();
    while (this.#at.length > 0 && (this.#at[0] ?? 0) <= now - rate.perMs) this.#at.shift();
    return this.#at.length < rate.limit;
  }

  /** When the job gets its next place; null where nothing is known to be in the way. */
  nextPlaceAt(rate: RateLimit | null): number | null {
    const oldest = this.#at[this.#at.length - (rate?.limit ?? 0)];
    return rate !== null && oldest !== undefined ? oldest + rate.perMs : null;
  }
}
