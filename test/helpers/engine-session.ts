// An engine in use by a test: each call is noted in a ledger when it is made and when it is answered, so that what is
// found after a crash can be judged.
import type { Claimed } from '../../src/engine/engine.ts';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Origin, Run } from '../../src/run/run.ts';
import { abortIdle, retry, save } from '../../src/run/transitions.ts';
import type { Clock } from '../../src/support/clock.ts';
import type { Disk } from '../../src/support/files.ts';
import { type Ledger, textOf } from './engine-ledger.ts';
import { draft, finish, schedule, T0 } from './engine-values.ts';
import { Crash } from './simulated-disk.ts';

export const DIR = '/state';

/** Stands still unless it is moved. */
export function handClock(): Clock & { move(ms: number): void } {
  let now = T0;
  return {
    now: () => now,
    monotonic: () => now - T0,
    after: () => () => undefined,
    move: (ms) => {
      now += ms;
    },
  };
}

export interface SessionOptions {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export class Session {
  readonly engine: FileEngine;
  readonly #ledger: Ledger;
  readonly #clock: Clock;

  private constructor(engine: FileEngine, { ledger, clock }: SessionOptions) {
    this.engine = engine;
    this.#ledger = ledger;
    this.#clock = clock;
  }

  static async open(options: SessionOptions): Promise<Session> {
    const { disk, clock, ledger } = options;
    const { engine, damage } = await openFileEngine({ disk, dir: DIR, clock });
    if (damage[0]) throw damage[0];
    await ledger.settleDoubts(engine);
    ledger.listen(engine);
    return new Session(engine, options);
  }

  async accept(
    is: readonly number[],
    origin: Origin | null = null,
    request?: string,
  ): Promise<Run[]> {
    const doubts = is.map((i) => this.#ledger.asked(i));
    const drafts = is.map((i) => draft(i, origin));
    const accepted = await this.engine.accept(drafts, this.#clock.now(), { request });
    this.#certain(doubts);
    const runs = accepted.map(({ run }) => run);
    if (request !== undefined)
      this.#ledger.requested(
        request,
        runs.map(({ id }) => id),
      );
    return runs;
  }

  /** The runs that may be claimed are given, so that a claim without an answer is known for what it may be. */
  async claim(most: number, mark: string, marks: readonly number[]): Promise<Claimed[]> {
    const doubts = marks.map((i) => this.#ledger.maybe(i, (run) => run?.state.name === 'running'));
    const pid = 1000 + Number(mark.slice(1));
    const ref = { mark, pid };
    const claimed = await this.engine.claim(
      { workerKind: 'dedicated', most: most },
      () => ref,
      this.#clock.now(),
    );
    this.#certain(doubts);
    return claimed;
  }

  async held(
    claimed: Claimed,
    decide: (run: Run) => Run,
    dependents: readonly number[] = [],
  ): Promise<void> {
    const after = dependents.map((i) =>
      this.#ledger.maybe(i, (run) => run !== null && run.life === null),
    );
    const [noted, doubts] = this.#noting(decide);
    await this.engine.changeHeld(claimed.run.id, claimed.token, noted);
    this.#certain([...after, ...doubts]);
  }

  save(claimed: Claimed, checkpoint: number): Promise<void> {
    return this.held(claimed, (run) => save(run, { checkpoint }));
  }

  settle(claimed: Claimed, outcome: Outcome, dependents: readonly number[] = []): Promise<void> {
    return this.held(claimed, (run) => finish(run, outcome, this.#clock.now()), dependents);
  }

  async retry(id: number): Promise<void> {
    const [noted, doubts] = this.#noting((run) =>
      retry(run, DEFAULT_POLICY, this.#clock.now(), false),
    );
    await this.engine.change(id, noted);
    this.#certain(doubts);
  }

  async abort(run: Run): Promise<void> {
    const [noted, doubts] = this.#noting((now) => abortIdle(now, 'asked for', this.#clock.now()));
    await this.engine.change(run.id, noted);
    this.#certain(doubts);
  }

  async remove(run: Run): Promise<void> {
    const doubt = this.#ledger.maybe((run.params as { i: number }).i, (found) => found === null);
    await this.engine.remove([run.id]);
    this.#ledger.removed(run);
    this.#certain([doubt]);
  }

  async put(name: string): Promise<void> {
    const done = this.#ledger.scheduling(name, schedule(name));
    await this.engine.changeSchedule(name, () => schedule(name));
    done();
  }

  /** `fired`: how often it has fired with this. */
  async fire(name: string, fired: number, i: number): Promise<void> {
    const doubt = this.#ledger.asked(i);
    const next = schedule(name, fired);
    const done = this.#ledger.scheduling(name, next);
    const drafts = [draft(i, { schedule: name })];
    await this.engine.fire([name], () => ({ schedule: next, drafts }), this.#clock.now());
    done();
    this.#certain([doubt]);
  }

  /** Notes what a decision makes of a run at the moment that it is made. */
  #noting(decide: (run: Run) => Run): [(run: Run) => Run, { until: number }[]] {
    const doubts: { until: number }[] = [];
    const noted = (run: Run): Run => {
      const next = decide(run);
      const text = textOf(next);
      const fits = (found: Run | null): boolean => found !== null && textOf(found) === text;
      doubts.push(this.#ledger.maybe((run.params as { i: number }).i, fits));
      return next;
    };
    return [noted, doubts];
  }

  #certain(doubts: readonly { until: number }[]): void {
    for (const doubt of doubts) doubt.until = this.#ledger.moment;
  }
}

/** Passes over what is only the death of the process. */
export async function untilCrash(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isCrash(error)) throw error;
  }
}

export function isCrash(error: unknown): boolean {
  return error instanceof Crash || (error instanceof Error && isCrash(error.cause));
}
