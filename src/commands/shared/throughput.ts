// How many runs ended in each of the last minutes. It is kept from the first request on, and begins with what the
// newest settled runs tell of the time before; unknown minutes are null.
import type { Engine } from '../../engine/engine.ts';
import { isSettled, type Run, SETTLED } from '../../run/run.ts';
import { MINUTE } from '../../support/limits.ts';
import type { Context } from './command.ts';
import type { Throughput } from './replies.ts';

const MINUTES = 16;
/** Runs of the time before are looked at in parts of about a page, until one has nothing of these minutes. */
const PART = 1000;
/** Most of them: more would hold up the first picture. Runs that ended in minutes before are then not known. */
const MOST_PARTS = 10;

interface Minute {
  ended: number;
  failed: number;
}

const counters = new WeakMap<Engine, Promise<Counter>>();

export async function throughputOf({ engine, clock }: Context): Promise<Throughput> {
  let counter = counters.get(engine);
  if (!counter) {
    counter = Counter.start(engine, clock.now());
    counters.set(engine, counter);
  }
  return (await counter).read(clock.now());
}

class Counter {
  readonly #minutes = new Map<number, Minute>();
  /** The first minute of which all is known. */
  #since = Number.NEGATIVE_INFINITY;
  #isReady = false;

  static async start(engine: Engine, now: number): Promise<Counter> {
    const counter = new Counter();
    const known = new Map<number, Run>();
    // A run that settles while the time before is looked at counts as well, once.
    engine.onChange(({ prev, run }) => {
      if (!isSettled(run) || (prev && isSettled(prev))) return;
      if (counter.#isReady) counter.#add(run);
      else known.set(run.id, run);
    });
    const first = minuteOf(now) - MINUTES + 1;
    let below = Number.POSITIVE_INFINITY;
    for (let parts = 0; ; parts++) {
      const { runs } = await engine.list({ states: SETTLED, limit: PART, below, light: true });
      for (const run of runs) known.set(run.id, known.get(run.id) ?? run);
      const newest = Math.max(...runs.map(endOf));
      if (runs.length < PART || minuteOf(newest) < first) break;
      below = runs.at(-1)?.id ?? 0;
      if (parts + 1 < MOST_PARTS) continue;
      // Some of the minutes of this last part may lie in what is not looked at.
      counter.#since = minuteOf(newest) + 1;
      break;
    }
    for (const run of known.values()) counter.#add(run);
    counter.#isReady = true;
    return counter;
  }

  read(now: number): Throughput {
    const last = minuteOf(now);
    const minutes = Array.from({ length: MINUTES }, (_, i) => last - MINUTES + 1 + i);
    for (const minute of this.#minutes.keys())
      if (minute < last - MINUTES) this.#minutes.delete(minute);
    const at = (minute: number, what: keyof Minute): number | null =>
      minute < this.#since ? null : (this.#minutes.get(minute)?.[what] ?? 0);
    return {
      ended: minutes.map((minute) => at(minute, 'ended')),
      failed: minutes.map((minute) => at(minute, 'failed')),
    };
  }

  #add(run: Run): void {
    const minute = minuteOf(endOf(run));
    const present = this.#minutes.get(minute) ?? { ended: 0, failed: 0 };
    this.#minutes.set(minute, present);
    present.ended++;
    if (run.state.name === 'failed') present.failed++;
  }
}

const endOf = ({ state }: Run): number => ('settledAt' in state ? state.settledAt : 0);
const minuteOf = (at: number): number => Math.floor(at / MINUTE);
