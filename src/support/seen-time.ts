// Time that this process was there to see. A stopped process (SIGSTOP, a frozen container, a suspended machine) wakes up
// with all its timers overdue, although whatever it was waiting for may have been stopped with it. So time limits on
// other processes count only seen time: while any limit is set, a beat passes every second, and a beat that comes more
// than two seconds late counts as one second. A stop therefore costs a limit at most one second, and a limit on a busy
// machine ends later, never earlier.
import type { Clock, TimerOptions } from './clock.ts';
import { SECOND } from './limits.ts';

const BEAT_MS = SECOND;
const GAP_MS = 2 * SECOND;

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
  #limits = 0;
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
    this.#seen += passed > GAP_MS && this.#limits > 0 ? BEAT_MS : passed;
    return this.#seen;
  }

  after(ms: number, fn: () => void, options?: TimerOptions): () => void {
    const until = this.monotonic() + ms;
    if (++this.#limits === 1) this.#beat();
    let over = false;
    let undo = (): void => undefined;
    const end = (): void => {
      if (!over && --this.#limits === 0) this.#undoBeat();
      over = true;
    };
    const wait = (): void => {
      const left = until - this.monotonic();
      if (left > 0) undo = this.#clock.after(left, wait, options);
      else {
        end();
        fn();
      }
    };
    undo = this.#clock.after(ms, wait, options);
    return () => {
      undo();
      end();
    };
  }

  #beat(): void {
    this.#undoBeat = this.#clock.after(
      BEAT_MS,
      () => {
        this.monotonic();
        this.#beat();
      },
      { idle: true },
    );
  }
}
