// Job files that change while the daemon runs. Workers that have loaded older code get no further run, definitions are
// read anew, and the log says what became of a job. Broken jobs are read again and again, ever less often. A package
// that they lacked, or a file that was only half there, may have come without a change of any job file.
import { existsSync } from 'node:fs';
import { changeOf, type JobChange } from '../catalog/catalog.ts';
import { type Watch, type Watcher, watchJobs } from '../catalog/watcher.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { errnoOf } from '../support/errors.ts';
import { MINUTE, SECOND } from '../support/limits.ts';
import type { Jobs } from './jobs.ts';
import type { DaemonLog } from './watching/log.ts';

export interface FollowParts {
  readonly config: Pick<Config, 'jobs'>;
  readonly jobs: Pick<Jobs, 'catalog' | 'pool'>;
  readonly log: Pick<DaemonLog, 'job' | 'logger'>;
  readonly clock: Clock;
  /** All definitions have been read once: until then every job is new. */
  readonly isLoaded: () => boolean;
  /** False: files are read anew when that is asked for, and where it has to be known. */
  readonly watch: boolean;
}

const FIRST_TRY_MS = SECOND;
const LAST_TRY_MS = MINUTE;
/** Trying takes at most a tenth of the time: a file that hangs is loaded for as long as it may. */
const TRY_SHARE = 10;

/** The message if there are no jobs because there is no folder of them; null if there is one. */
export function missingFolder({
  jobs,
}: Pick<Config, 'jobs'>): { readonly message: string; readonly hint: string } | null {
  if (existsSync(jobs)) return null;
  const hint = 'Make it, or name the right one: "jobs" in jobrun.config.json.';
  return { message: `the jobs folder ${jobs} is not there`, hint };
}

export class FileFollower {
  readonly #p: FollowParts;
  #watcher: Watcher | null = null;
  #undoTry: () => void = () => undefined;
  #tryAfterMs = FIRST_TRY_MS;
  #isClosed = false;

  constructor(parts: FollowParts) {
    this.#p = parts;
    const { catalog, pool } = parts.jobs;
    catalog.onCode(() => pool.renew());
    catalog.onChange((change) => this.#changed(change));
  }

  /** Begins to watch, where that is wanted. */
  begin(): void {
    const { config, clock, log, watch } = this.#p;
    const missing = missingFolder(config);
    if (missing) log.logger.warn(`${missing.message}. ${missing.hint}`);
    if (!watch) return;
    this.#watcher = watchJobs({
      folder: config.jobs,
      clock,
      onChange: (paths) => this.#look(paths),
      onRefused: (error) => {
        const { problem, hint } = pollingFor(error);
        log.logger.warn(`${problem}. ${hint}`);
      },
    });
  }

  get watch(): Watch {
    if (!this.#watcher) return { by: 'nothing', problem: null, hint: null };
    const { refusal } = this.#watcher;
    return refusal === null ? { by: 'events', problem: null, hint: null } : pollingFor(refusal);
  }

  /** Reads all job files anew; says what became of which job. */
  async reload(): Promise<readonly JobChange[]> {
    const { catalog } = this.#p.jobs;
    await catalog.ready();
    const before = new Map(catalog.all().map((entry) => [entry.name, entry]));
    await catalog.reload();
    const names = new Set([...before.keys(), ...catalog.all().map(({ name }) => name)]);
    return [...names]
      .sort()
      .flatMap((name) => changeOf(before.get(name) ?? null, catalog.find(name)) ?? []);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#undoTry();
    await this.#watcher?.close();
  }

  /** Resolves when the folder has been looked at; reading what has changed may take longer. */
  async #look(paths: readonly string[] | null): Promise<void> {
    const { catalog } = this.#p.jobs;
    try {
      if (paths !== null) this.#read(catalog.changed(paths));
      else if (await catalog.isOutdated()) this.#read(catalog.reload([]));
    } catch (error) {
      this.#failed(error);
    }
  }

  #read(reading: Promise<void>): void {
    reading.catch((error) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#p.log.logger.error({ err: error }, 'the jobs could not be read');
  }

  #changed(change: JobChange): void {
    const { log, isLoaded } = this.#p;
    const isBroken = change.became === 'broken';
    if (isBroken || isLoaded()) log.job(change);
    if (isBroken) this.#tryAgain(FIRST_TRY_MS);
  }

  /** Has the broken jobs read in a while, if there still are any then. */
  #tryAgain(afterMs: number): void {
    this.#undoTry();
    this.#tryAfterMs = afterMs;
    this.#undoTry = this.#p.clock.after(afterMs, () => void this.#try(), { idle: true });
  }

  async #try(): Promise<void> {
    const { catalog } = this.#p.jobs;
    const { clock } = this.#p;
    const begun = clock.monotonic();
    if (this.#isClosed || !catalog.all().some(({ state }) => state === 'broken')) return;
    try {
      await catalog.rereadBroken();
    } catch (error) {
      this.#failed(error);
    }
    const later = Math.min(2 * this.#tryAfterMs, LAST_TRY_MS);
    this.#tryAgain(Math.max(later, TRY_SHARE * (clock.monotonic() - begun)));
  }
}

function pollingFor(error: unknown): Watch {
  const code = errnoOf(error);
  const limit = code === 'EMFILE' ? 'max_user_instances' : 'max_user_watches';
  const why = error instanceof Error ? error.message : String(error);
  return {
    by: 'polling',
    problem: `the system does not watch the jobs folder, so it is read every second: ${why}`,
    hint: ['ENOSPC', 'EMFILE'].includes(code)
      ? `Allow more: sysctl fs.inotify.${limit}=524288, then start the daemon again.`
      : 'Changes are seen all the same, a second later.',
  };
}
