// Workers outside that ask for runs, and wait where there is none. A waiting one costs nothing: the scheduler looks
// here when something may be able to start, and the polls are served in the order in which they came. A worker that has
// gone gets no run: a run that was taken for it meanwhile is given back. A worker that has closed its sending side may
// have gone: it gets what is there when it asks, and waits for nothing.

import type { Asking } from '../../commands/shared/outside.ts';
import type { Claimed, Engine } from '../../engine/engine.ts';
import { OUTSIDE } from '../../engine/members.ts';
import { hasGone, onAbort } from '../../support/aborts.ts';
import type { Clock } from '../../support/clock.ts';
import { OUTSIDE_SEEN_MS } from '../../support/limits.ts';

export interface PollsParts {
  readonly engine: Pick<Engine, 'claim'>;
  readonly clock: Clock;
  /** False while nothing may start: the daemon stops, or is cut off from its store. */
  readonly mayTake: () => boolean;
  /** They were taken for a worker that has gone. */
  readonly giveBack: (claimed: readonly Claimed[]) => void;
  readonly onError: (error: unknown) => void;
}

interface Poll {
  readonly asking: Asking;
  readonly done: (claimed: readonly Claimed[]) => void;
  readonly failed: (error: unknown) => void;
}

interface Seen {
  jobs: ReadonlySet<string>;
  /** By the monotonic clock, and as it is shown. */
  at: number;
  seenAt: number;
}

export class Polls {
  readonly #p: PollsParts;
  readonly #waiting = new Set<Poll>();
  readonly #seen = new Map<string, Seen>();
  /** When runs of each job were asked for last, by the monotonic clock. */
  readonly #asked = new Map<string, number>();
  #looking = false;
  #again = false;

  constructor(parts: PollsParts) {
    this.#p = parts;
  }

  ask(asking: Asking, signal: AbortSignal): Promise<readonly Claimed[]> {
    this.noteSeen(asking.worker, asking.jobs, true);
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(poll);
        unlisten();
        undo();
        this.noteSeen(asking.worker, asking.jobs, true);
      };
      const poll: Poll = {
        asking,
        done: (claimed) => {
          over();
          resolve(claimed);
        },
        failed: (error) => {
          over();
          reject(error);
        },
      };
      let hasLooked = false;
      const end = (): void => poll.done([]);
      const leave = (): void => {
        if (hasLooked || hasGone(signal)) end();
      };
      let undo = (): void => undefined;
      let unlisten = (): void => undefined;
      this.#waiting.add(poll);
      unlisten = onAbort(signal, leave);
      if (hasGone(signal)) return end();
      // Without a wait the look that begins now is the only one.
      if (asking.waitMs > 0) undo = this.#p.clock.after(asking.waitMs, end, { idle: true });
      this.#look().then(() => {
        hasLooked = true;
        const isOver = asking.waitMs <= 0 || signal.aborted;
        if (isOver && this.#waiting.has(poll)) end();
      }, poll.failed);
    });
  }

  /** Something may be able to start. */
  look = (): void => {
    if (this.#waiting.size > 0) this.#look().catch(this.#p.onError);
  };

  /** `asks`: for runs of these jobs. */
  noteSeen(worker: string, jobs: readonly string[], asks: boolean): void {
    const { clock } = this.#p;
    const at = clock.monotonic();
    const known = this.#seen.get(worker);
    const isOld = known !== undefined && at - known.at > OUTSIDE_SEEN_MS;
    const all = new Set([...(isOld || !known ? [] : known.jobs), ...jobs]);
    this.#seen.set(worker, { jobs: all, at, seenAt: clock.now() });
    if (asks) for (const job of jobs) this.#asked.set(job, at);
    this.#forgetOld(at);
  }

  isAsked(job: string): boolean {
    const at = this.#asked.get(job);
    const isLately = at !== undefined && this.#p.clock.monotonic() - at <= OUTSIDE_SEEN_MS;
    return isLately || [...this.#waiting].some(({ asking }) => asking.jobs.includes(job));
  }

  /** The workers that were heard within a minute, or wait. */
  seen(): readonly { name: string; jobs: readonly string[]; seenAt: number }[] {
    for (const { asking } of this.#waiting) this.noteSeen(asking.worker, asking.jobs, true);
    this.#forgetOld(this.#p.clock.monotonic());
    return [...this.#seen]
      .map(([name, { jobs, seenAt }]) => ({ name, jobs: [...jobs].sort(), seenAt }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #forgetOld(now: number): void {
    for (const [worker, { at }] of this.#seen)
      if (now - at > OUTSIDE_SEEN_MS) this.#seen.delete(worker);
    for (const [job, at] of this.#asked) if (now - at > OUTSIDE_SEEN_MS) this.#asked.delete(job);
  }

  /** One pass at a time; resolves when one that began after this call is through. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return this.#through;
    }
    this.#looking = true;
    this.#through = this.#passes();
    return this.#through;
  }

  #through: Promise<void> = Promise.resolve();

  async #passes(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#pass();
      } while (this.#again);
    } finally {
      this.#looking = false;
    }
  }

  async #pass(): Promise<void> {
    /** Jobs for which there was nothing a moment ago. */
    const inVain = new Set<string>();
    for (const poll of [...this.#waiting]) {
      if (!this.#p.mayTake()) return;
      const { jobs, count, worker } = poll.asking;
      const key = [...jobs].sort().join();
      if (inVain.has(key)) continue;
      const want = { workerKind: 'external', jobs, most: count } as const;
      const ref = { mark: OUTSIDE, pid: 0, outside: worker };
      try {
        const now = (): number => this.#p.clock.now();
        const claimed = await this.#p.engine.claim(want, () => ref, now);
        if (claimed.length === 0) inVain.add(key);
        else if (this.#waiting.has(poll)) poll.done(claimed);
        else this.#p.giveBack(claimed);
      } catch (error) {
        poll.failed(error);
      }
    }
  }
}
