// How many runs ended in each of the last minutes. It is kept from the first time that somebody asks, and begins with
// what the newest settled runs tell of the time before; minutes that nobody knows of are null.
import type { Engine } from '../engine/engine.ts';
import { isSettled, type Run } from '../run/run.ts';
import { MINUTE } from '../support/limits.ts';
import type { Tools } from './command.ts';

export interface Pulse {
  /** Runs that ended, minute by minute, this one last; null where nobody counted. */
  readonly ended: readonly (number | null)[];
  /** Of these, the failed ones. */
  readonly failed: readonly (number | null)[];
}

export const PULSE_MINUTES = 16;
/** Two pages at most are read for the time before. */
const LOOK_BACK = 1000;

interface Minute {
  ended: number;
  failed: number;
}

const counters = new WeakMap<Engine, Promise<Counter>>();

export async function pulseOf({ engine, clock }: Tools): Promise<Pulse> {
  let counter = counters.get(engine);
  if (!counter) {
    counter = Counter.start(engine);
    counters.set(engine, counter);
  }
  return (await counter).read(clock.now());
}

class Counter {
  readonly #minutes = new Map<number, Minute>();
  /** The first minute of which all is known. */
  #since = Number.NEGATIVE_INFINITY;

  static async start(engine: Engine): Promise<Counter> {
    const counter = new Counter();
    const { total, runs } = await engine.list({
      states: ['done', 'failed', 'aborted'],
      limit: LOOK_BACK,
    });
    // What settles while this is set up is heard by the listener: nothing waits between the list and here.
    engine.onChange(({ prev, run }) => {
      if (isSettled(run) && !(prev && isSettled(prev))) counter.#add(run);
    });
    for (const run of runs) counter.#add(run);
    const oldest = Math.min(...runs.map(endOf));
    if (total > runs.length) counter.#since = minuteOf(oldest) + 1;
    return counter;
  }

  read(now: number): Pulse {
    const last = minuteOf(now);
    const minutes = Array.from({ length: PULSE_MINUTES }, (_, i) => last - PULSE_MINUTES + 1 + i);
    for (const minute of this.#minutes.keys())
      if (minute < last - PULSE_MINUTES) this.#minutes.delete(minute);
    const at = (minute: number, what: keyof Minute): number | null =>
      this.#minutes.get(minute)?.[what] ?? (minute < this.#since ? null : 0);
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
