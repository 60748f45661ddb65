// The starts of one job, held against its rate limit: those within the last period, oldest first; all that are known
// while nobody has read what the limit is.
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

  /** Whether another one may begin now. */
  hasPlace(rate: RateLimit | null, now: number): boolean {
    if (rate === null) return true;
    // The clock was set back: what seems to lie ahead says nothing any more.
    while ((this.#at.at(-1) ?? now) > now) this.#at.pop();
    while (this.#at.length > 0 && (this.#at[0] ?? 0) <= now - rate.perMs) this.#at.shift();
    return this.#at.length < rate.limit;
  }

  /** When the job gets its next place; null where nothing is known to be in the way. */
  nextPlaceAt(rate: RateLimit | null): number | null {
    const oldest = this.#at[this.#at.length - (rate?.limit ?? 0)];
    return rate !== null && oldest !== undefined ? oldest + rate.perMs : null;
  }
}
