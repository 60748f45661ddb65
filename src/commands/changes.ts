// How many changes there have been, of whatever is shown: runs, jobs, schedules, pauses, busy workers. A client that
// has seen a list asks whether the count is still the same, or follows it, at most five times a second. It then asks
// itself for what has changed. So a slow reader costs the daemon nothing, and misses moments, never the truth. No
// command of its own: `events` tells people of each change.
import type { Engine } from '../engine/engine.ts';
import { onAbort } from '../support/aborts.ts';
import { delay } from '../support/clock.ts';
import { Wakeup } from '../support/wakeup.ts';
import { type Command, type Context, hearsOfChanges } from './shared/command.ts';
import { hostViews } from './shared/hosts.ts';
import { count } from './shared/kinds.ts';
import { field } from './shared/options.ts';
import { noDaemon } from './shared/waiting.ts';

export interface Changes {
  /** Grows with each change. The count of another daemon is another one. */
  readonly n: number;
}

const options = { since: field(count(0), 'the count that is known: told of when it is another') };

const AT_MOST_EVERY_MS = 200;

export const changes: Command<typeof options, Changes, Changes> = {
  name: 'changes',
  reads: true,
  about: '',
  examples: [],
  options,

  handle: async (_request, context) => ({ n: await counterOf(context).look(context) }),

  follows: () => true,

  async *stream({ since }, context, signal): AsyncGenerator<Changes> {
    if (!hearsOfChanges(context)) throw noDaemon('watching');
    const counter = counterOf(context);
    const changed = new Wakeup();
    const undo = [counter.onRun(changed.wake), onAbort(signal, changed.wake)];
    try {
      for (let told = since; !signal.aborted; ) {
        const n = await counter.look(context);
        if (n !== told) {
          told = n;
          yield { n };
          await delay(context.clock, AT_MOST_EVERY_MS, signal);
        } else {
          // A change that no run makes is not announced.
          const undoLook = context.clock.after(AT_MOST_EVERY_MS, changed.wake, { idle: true });
          await changed.sleepInTurn();
          undoLook();
        }
      }
    } finally {
      for (const end of undo) end();
    }
  },

  show: () => undefined,
};

const counters = new WeakMap<Engine, Counter>();

function counterOf({ engine, clock }: Context): Counter {
  const known = counters.get(engine) ?? new Counter(engine, clock.now());
  counters.set(engine, known);
  return known;
}

class Counter {
  #n: number;
  #setup: readonly unknown[] = [];
  readonly #listeners = new Set<() => void>();

  /** Counted on from the time: no count of an earlier daemon comes again. */
  constructor(engine: Engine, now: number) {
    this.#n = now;
    engine.onChange(() => {
      this.#n++;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls back for each change of a run. Returns its undo. */
  onRun(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async look(context: Context): Promise<number> {
    const { engine, catalog, daemon } = context;
    const { all, jobs } = await engine.pauses();
    const schedules = await engine.schedules();
    const workers = daemon ? daemon.workers().busy : await aliveHosts(context);
    const setup = [schedules, catalog.all(), workers, all, [...jobs].join()];
    if (setup.some((one, i) => one !== this.#setup[i])) this.#n++;
    this.#setup = setup;
    return this.#n;
  }
}

/** Daemons of other hosts, if none runs here. */
const aliveHosts = async (context: Context): Promise<string> =>
  (await hostViews(context)).map(({ id, state }) => `${id} ${state}`).join();
