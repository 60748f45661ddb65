// The followers of logs in a store. All logs that one process follows are asked for in one statement, several times a
// second, and only while there is a follower.
import { onAbort } from '../../support/aborts.ts';
import { type Clock, delay } from '../../support/clock.ts';
import { SECOND } from '../../support/limits.ts';
import { Wakeup } from '../../support/wakeup.ts';
import type { NumberedLine } from '../logs.ts';
import { logOf, MOST_NEWS, newsOf, type Read } from './log-table.ts';
import type { Sessions } from './session.ts';

/** With the time that lines are gathered for, and what two statements take, a line is shown within half a second. */
const LOOK_EVERY_MS = SECOND / 5;

/** Lines that wait for a follower. */
const MOST_WAITING = 1000;

export class LogFollower {
  readonly run: number;
  readonly arrivals = new Wakeup();
  /** The last piece that it has seen; null before it has read what was there. */
  n: number | null = null;
  #count = 0;
  #lines: NumberedLine[] = [];

  constructor(run: number) {
    this.run = run;
  }

  /** It has read all up to piece `n`, which is the end of so many lines. */
  begin(n: number, count: number): void {
    this.n = n;
    this.#count = count;
  }

  see(pieces: readonly Read[]): void {
    const fresh = pieces.filter(({ n }) => this.n !== null && n > this.n);
    const last = fresh.at(-1);
    if (!last) return;
    const { lines, count } = logOf(fresh, this.#count);
    this.n = last.n;
    this.#count = count;
    this.#lines.push(...lines);
    this.arrivals.wake();
  }

  /** It takes nothing at present: the next lines stay in the store. */
  get isFull(): boolean {
    return this.#lines.length > MOST_WAITING;
  }

  take(): readonly NumberedLine[] {
    return this.#lines.splice(0);
  }
}

export class LogFollowers {
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #followers = new Set<LogFollower>();
  readonly #closing = new AbortController();
  #looking: Promise<void> | null = null;
  #hurry = new AbortController();

  constructor(sessions: Sessions, clock: Clock, onError: (error: unknown) => void) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#onError = onError;
  }

  add(follower: LogFollower): void {
    this.#followers.add(follower);
    this.#looking ??= this.#goOn();
  }

  remove(follower: LogFollower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#hurry.abort();
  }

  /** Lines were written here. */
  hurry(): void {
    this.#hurry.abort();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#hurry.abort();
    await this.#looking;
  }

  /** Reads what these do not have yet. */
  async look(followers: Iterable<LogFollower>): Promise<void> {
    for (;;) {
      const after = new Map<number, number>();
      const all = [...followers].filter(({ isFull }) => !isFull);
      for (const { run, n } of all)
        if (n !== null) after.set(run, Math.min(n, after.get(run) ?? Number.POSITIVE_INFINITY));
      if (after.size === 0) return;
      const rows = await this.#sessions.read<Read & { readonly run: number }>(newsOf(after));
      for (const follower of all) follower.see(rows.filter(({ run }) => run === follower.run));
      if (rows.length < MOST_NEWS) return;
    }
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#closing;
    const end = (): void => this.#hurry.abort();
    const unlisten = onAbort(signal, end);
    while (this.#followers.size > 0 && !signal.aborted) {
      this.#hurry = new AbortController();
      // A store that is away has the lines when it is back.
      await this.look(this.#followers).catch(this.#onError);
      await delay(this.#clock, LOOK_EVERY_MS, this.#hurry.signal);
    }
    unlisten();
    this.#looking = null;
  }
}
