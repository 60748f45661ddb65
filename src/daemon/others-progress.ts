// The progress of attempts on other hosts, told to the clients that watch here. It is no change of a run. Other hosts
// write it beside their lease, it is looked up while a client watches, and news is told as if it had been said here.
import type { Engine } from '../engine/engine.ts';
import type { Members, Progressed } from '../engine/members.ts';
import type { Progress, Run } from '../run/run.ts';
import { type Clock, delay } from '../support/clock.ts';
import { isStoreAway } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';

export interface OthersProgressParts {
  readonly engine: Pick<Engine, 'find'>;
  readonly members: Pick<Members, 'progressed'>;
  readonly clock: Clock;
  readonly isWatched: () => boolean;
  readonly told: (run: Run, progress: Progress) => void;
  readonly onError: (error: unknown) => void;
}

/** With the time that a host takes to write it, it is seen within a second. */
const LOOK_EVERY_MS = SECOND / 2;

export class OthersProgress {
  readonly #p: OthersProgressParts;
  readonly #stopping = new AbortController();
  #known = new Map<number, string>();
  #over: Promise<void> = Promise.resolve();

  constructor(parts: OthersProgressParts) {
    this.#p = parts;
  }

  start(): void {
    this.#over = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, isWatched, onError } = this.#p;
    while (!signal.aborted) {
      await delay(clock, LOOK_EVERY_MS, signal);
      if (signal.aborted || !isWatched()) continue;
      await this.#look().catch((error) => {
        if (!isStoreAway(error)) onError(error);
      });
    }
  }

  async #look(): Promise<void> {
    const { engine, members, told } = this.#p;
    const now = await members.progressed();
    const known = this.#known;
    this.#known = new Map(now.map((one) => [one[0], textOf(one)]));
    const fresh = now.filter((one) => known.get(one[0]) !== textOf(one));
    await Promise.all(
      fresh.map(async ([id, percent, text]) => {
        const run = await engine.find(id);
        if (run?.state.name === 'running') told(run, { percent, text });
      }),
    );
  }
}

const textOf = ([, percent, text]: Progressed): string => `${percent} ${text}`;
