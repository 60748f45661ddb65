// Time that this process was there to see. A stopped process (SIGSTOP, a frozen container, a suspended machine) wakes
// up with all its timers overdue, although whatever it was waiting for may have been stopped with it. So time limits on
// other processes count only seen time. While any limit is set, a beat passes every second, and a beat that comes more
// than two seconds late counts as one second. A stop therefore costs a limit at most one second, and a limit on a busy
// machine ends later, never earlier.
import type { Clock, TimerOptions } from './clock.ts';
import { SECOND } from './limits.ts';

const BEAT_MS = SECOND;
const GAP_MS = 2 * SECOND;
/**
 * A limit has no timer of its own before the last stretch of its time: the beat looks at it. Most are taken back by
 * then.
 */
const NEAR_MS = 3 * SECOND;

interface Limit {
  readonly until: number;
  readonly fn: () => void;
  readonly options: TimerOptions | undefined;
  undo: (() => void) | null;
}

const known = new WeakMap<Clock, SeenTime>();

/** The seen time of a clock: one beat serves every limit that is set on it. */
export function seenTime(clock: Clock): SeenTime {
  const found = known.get(clock) ?? new SeenTime(clock);
  known.set(clock, found);
  return found;
}

export class SeenTime implements Pick<Clock, 'monotonic' | 'after'> {
  readonly #clock: Clock;
  #seen = 0;
  #last: number;
  readonly #limits = new Set<Limit>();
  #undoBeat: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.monotonic();
  }

  monotonic(): number {
    const now = this.#clock.monotonic();
    const passed = now - this.#last;
    this.#last = now;
    // Without a limit there is no beat, and nothing that a gap could cut short.
    this.#seen += passed > GAP_MS && this.#limits.size > 0 ? BEAT_MS : passed;
    return this.#seen;
  }

  after(ms: number, fn: () => void, options?: TimerOptions): () => void {
    const limit: Limit = { until: this.monotonic() + ms, fn, options, undo: null };
    if (this.#limits.size === 0) this.#beat();
    this.#limits.add(limit);
    if (ms <= NEAR_MS) this.#arm(limit, ms);
    return () => this.#forget(limit);
  }

  #arm(limit: Limit, ms: number): void {
    const look = (): void => {
      const left = limit.until - this.monotonic();
      if (left > 0) {
        this.#arm(limit, left);
        return;
      }
      this.#forget(limit);
      limit.fn();
    };
    limit.undo = this.#clock.after(ms, look, limit.options);
  }

  #forget(limit: Limit): void {
    limit.undo?.();
    if (this.#limits.delete(limit) && this.#limits.size === 0) this.#undoBeat();
  }

  #beat(): void {
    const beat = (): void => {
      const now = this.monotonic();
      for (const limit of this.#limits) {
        const left = Math.max(0, limit.until - now);
        if (limit.undo === null && left <= NEAR_MS) this.#arm(limit, left);
      }
      this.#beat();
    };
    this.#undoBeat = this.#clock.after(BEAT_MS, beat, { idle: true });
  }
}
