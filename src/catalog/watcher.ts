// Says when something in the jobs folder has changed. It is in one of these states:
//
//   away      there is no jobs folder
//   events    the system tells of changes
//   polling   the system refuses to: every second the whole folder is looked at
//
// Another folder at the path (made anew, moved there, or behind a link that was turned) is followed, and tried with
// events first. The system also tells that the folder went away, or that a link on the way to it was turned: it looks
// at once then. A folder above it that is moved is told of by no event, and is seen within three seconds. While there
// is no folder, and where the system gives no watch, it looks a few times a second. A watch stays on the folder that
// was there when it began: where one below has been replaced, all watches are made anew. A system may drop events, and
// a folder on a network has none: everything is looked at every minute as well.
//
// Editors save in bursts, so it waits for a short calm before it tells. A file that is saved without end must not keep
// everything else from being noticed, so the wait has an upper bound.
import { realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type Clock, delay } from '../support/clock.ts';
import { orElse } from '../support/errors.ts';
import { MINUTE, SECOND } from '../support/limits.ts';
import { LinkWatches } from './links.ts';
import { identityOf, Watches, type WatchListeners } from './watches.ts';

/** How changes are noticed, and why no better. */
export interface Watch {
  readonly by: 'events' | 'polling' | 'nothing';
  readonly problem: string | null;
  /** The next step for the user. */
  readonly hint: string | null;
}

export interface Watcher {
  /** Resolves when every change from now on will be seen. */
  readonly ready: Promise<void>;
  /** Why the folder is polled; null where it is not. */
  readonly refusal: unknown;
  close(): Promise<void>;
}

export interface WatcherOptions {
  /** The jobs folder, absolute. */
  readonly folder: string;
  readonly clock: Clock;
  /**
   * These paths have come, gone or changed; with null any may have, and the whole folder is to be looked at. Resolves
   * when it has been.
   */
  readonly onChange: (paths: readonly string[] | null) => Promise<void>;
  /** The system refuses to watch: from now on the folder is polled. Once for each folder that is followed. */
  readonly onRefused: (error: unknown) => void;
}

const CALM_MS = 50;
const LONGEST_WAIT_MS = 400;
/** A release must be in use within a second. */
const LOOK_EVERY_MS = 300;
/** The same where the system tells what happens to the folder and the links to it: an idle daemon should sleep. */
const FAR_LOOK_EVERY_MS = 3 * SECOND;
const POLL_EVERY_MS = SECOND;
/** Polling takes at most a tenth of the time: a folder that is slow to read is read less often. */
const POLL_SHARE = 10;
const ALL_EVERY_MS = MINUTE;
/** By then the watches should have followed what became of a folder. */
const FOLLOWED_MS = SECOND;

export const watchJobs = (options: WatcherOptions): Watcher => new FolderWatcher(options);

class FolderWatcher implements Watcher {
  readonly ready: Promise<void>;
  refusal: unknown = null;
  readonly #o: WatcherOptions;
  readonly #burst: Burst;
  readonly #closing = new AbortController();
  readonly #over: Promise<void>;
  /** The folder that the path led to at the last look; null where there was none. */
  #root: string | null = null;
  #watches: Watches | null = null;
  #links: LinkWatches | null = null;
  /** Ends the pause before the next look: the path may lead elsewhere. */
  #turned = new AbortController();
  /** When all of the folder is looked at, and when the watches are. */
  #allAt = Number.POSITIVE_INFINITY;
  #watchesAt = Number.POSITIVE_INFINITY;

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.#burst = new Burst(options);
    this.ready = this.#followRoot();
    this.#over = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#turned.abort();
    this.#burst.stop();
    await this.#over;
    this.#links?.close();
    await this.#watches?.close();
  }

  async #run(): Promise<void> {
    const { clock } = this.#o;
    await this.ready;
    for (;;) {
      const turned = this.#turned.signal;
      await delay(clock, this.#pauseMs(), turned);
      if (this.#closing.signal.aborted) return;
      if (turned.aborted) await this.#watchLinks();
      await this.#followRoot();
      if (clock.monotonic() >= this.#watchesAt) await this.#checkWatches();
      if (clock.monotonic() >= this.#allAt) await this.#lookAtAll();
    }
  }

  #pauseMs(): number {
    const isTold = this.#root !== null && this.refusal === null && this.#links?.areWhole;
    return isTold ? FAR_LOOK_EVERY_MS : LOOK_EVERY_MS;
  }

  async #followRoot(): Promise<void> {
    // The watches tell of no change that came while they were made: so it looks until there is none.
    while (!this.#closing.signal.aborted) {
      const root = await rootOf(this.#o.folder);
      if (root === this.#root) return;
      this.#root = root;
      await this.#watchLinks();
      await this.#watch();
    }
  }

  async #watchLinks(): Promise<void> {
    this.#turned = new AbortController();
    this.#links?.close();
    this.#links = await LinkWatches.on(this.#o.folder, () => this.#turned.abort());
  }

  /** Watches are kept by their path in the process: the old ones have to go before there are new ones. */
  async #watch(): Promise<void> {
    const { folder } = this.#o;
    await this.#watches?.close();
    this.#watches = null;
    this.refusal = null;
    const real = await orElse(null, () => realpath(folder));
    if (real !== null) {
      const listeners: WatchListeners = {
        seen: (path) => this.#burst.seen(join(folder, relative(real, path))),
        rootSeen: () => this.#turned.abort(),
        folderSeen: () => {
          this.#watchesAt = this.#o.clock.monotonic() + FOLLOWED_MS;
        },
        refused: (error) => this.#poll(watches, error),
      };
      const watches: Watches = new Watches(real, listeners, this.#o.clock);
      this.#watches = watches;
      await watches.ready;
    }
    await this.#lookAtAll();
  }

  #poll(watches: Watches, error: unknown): void {
    if (this.#watches !== watches || this.refusal !== null) return;
    this.refusal = error;
    void watches.close();
    // The watches may have worked until now, and the next look at everything be a minute away.
    this.#allAt = this.#o.clock.monotonic();
    this.#turned.abort();
    this.#o.onRefused(error);
  }

  async #checkWatches(): Promise<void> {
    this.#watchesAt = Number.POSITIVE_INFINITY;
    if (this.refusal === null && !(await this.#watches?.areComplete())) await this.#watch();
  }

  async #lookAtAll(): Promise<void> {
    const { clock, onChange } = this.#o;
    const begun = clock.monotonic();
    await onChange(null);
    const now = clock.monotonic();
    const polling = Math.max(POLL_EVERY_MS, POLL_SHARE * (now - begun));
    this.#allAt = now + (this.refusal === null ? ALL_EVERY_MS : polling);
    if (this.refusal === null) this.#watchesAt = Math.min(this.#watchesAt, now + ALL_EVERY_MS);
  }
}

/** Two that differ are two folders. */
async function rootOf(folder: string): Promise<string | null> {
  return orElse(null, async () => `${await realpath(folder)} ${identityOf(await stat(folder))}`);
}

class Burst {
  readonly #options: WatcherOptions;
  #paths = new Set<string>();
  #since: number | null = null;
  #undo: (() => void) | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  seen(path: string): void {
    const now = this.#options.clock.monotonic();
    this.#paths.add(path);
    this.#since ??= now;
    this.#undo?.();
    const left = this.#since + LONGEST_WAIT_MS - now;
    this.#undo = this.#options.clock.after(Math.min(CALM_MS, left), () => this.#tell(), {
      idle: true,
    });
  }

  #tell(): void {
    const paths = [...this.#paths];
    this.stop();
    void this.#options.onChange(paths);
  }

  stop(): void {
    this.#undo?.();
    this.#undo = null;
    this.#since = null;
    this.#paths = new Set();
  }
}
