// Has job files read in a worker of their own, one after another, and tells each as soon as it is known. A file may do
// anything while it loads: wait for ever, block, end the process. That file is then broken, and the others go on: those
// behind a blocked file in a fresh worker at once, without waiting for its time to run out.

import { relative } from 'node:path';
import type { FileEntry, JobFile } from '../catalog/catalog.ts';
import { onAbort } from '../support/aborts.ts';
import { type Clock, delay, within } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { LOAD_TIMEOUT_MS, START_TIMEOUT_MS } from '../support/limits.ts';
import { seenTime } from '../support/seen-time.ts';
import { deferred } from '../support/wakeup.ts';
import type { Child } from './child.ts';
import { type Answer, FORGED, isUnready } from './messages.ts';
import type { WorkerPool } from './pool.ts';
import { dataFromJson } from './reading.ts';
import { type Exit, exitText } from './runner.ts';
import { isScarce } from './spawn.ts';

export interface InspectOptions {
  readonly pool: WorkerPool;
  /** The project folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly loadTimeoutMs?: number;
  /** Files of jobrun that are missing are waited for as long as this. */
  readonly startTimeoutMs?: number;
  /** Ends the reading: files not known by then stay unknown. */
  readonly signal?: AbortSignal;
}

/** A file that takes longer has the next one begun beside it. */
const ALONE_MS = 250;
/** A worker that does not take the next file within this is blocked by one before. */
const BLOCKED_MS = 1000;

/** Resolves when all files are known. */
export async function inspectJobs(
  files: readonly JobFile[],
  options: InspectOptions,
  known: (entry: FileEntry) => void,
): Promise<void> {
  await new Reading(options, known).read(files);
}

/** A file in the hands of a worker. */
interface Sent {
  readonly file: JobFile;
  readonly begun: Promise<void>;
  readonly done: Promise<void>;
  known: boolean;
  /** Set where the worker lacked files of jobrun, so that nothing is known of this one. */
  unready: boolean;
}

class Reading {
  readonly #options: InspectOptions;
  readonly #known: (entry: FileEntry) => void;
  readonly #timeoutMs: number;
  /** When files of jobrun were first found missing, by the monotonic clock. */
  #unreadySince: number | null = null;

  constructor(options: InspectOptions, known: (entry: FileEntry) => void) {
    this.#options = options;
    this.#known = known;
    this.#timeoutMs = options.loadTimeoutMs ?? LOAD_TIMEOUT_MS;
  }

  /** Reads files in one worker; what it cannot read goes to further ones. */
  async read(files: readonly JobFile[]): Promise<void> {
    if (files.length === 0 || this.#options.signal?.aborted) return;
    const child = await this.#start();
    if (child === null) return;
    const { signal, pool } = this.#options;
    const stop = (): void => void pool.end(child);
    const unlisten = signal && onAbort(signal, stop);
    const sent: Sent[] = [];
    const left = await this.#feed(child, files, sent);
    const later = child.exit?.unready && this.#mayBeInstalling() ? left : [];
    await Promise.all([this.read(later === left ? [] : left), this.#finish(child, sent)]);
    unlisten?.();
    await this.#readLater([...later, ...sent.flatMap((one) => (one.unready ? one.file : []))]);
  }

  /** Waits while the system starts no process; null where the reading is ended meanwhile. */
  async #start(): Promise<Child | null> {
    const { clock, signal, pool } = this.#options;
    while (!signal?.aborted) {
      try {
        return pool.acquireFor({ type: 'inspect' });
      } catch (error) {
        if (!isScarce(error)) throw error;
        await delay(clock, BLOCKED_MS, signal);
      }
    }
    return null;
  }

  /** False once files of jobrun have been missing for longer than an installation takes. */
  #mayBeInstalling(): boolean {
    const { clock, startTimeoutMs = START_TIMEOUT_MS } = this.#options;
    const now = clock.monotonic();
    this.#unreadySince ??= now;
    return now - this.#unreadySince <= startTimeoutMs;
  }

  async #readLater(files: readonly JobFile[]): Promise<void> {
    if (files.length === 0) return;
    await delay(this.#options.clock, BLOCKED_MS, this.#options.signal);
    await this.read(files);
  }

  /** Hands the files over one by one. Returns those that the worker no longer took. */
  async #feed(child: Child, files: readonly JobFile[], sent: Sent[]): Promise<readonly JobFile[]> {
    const gone = child.exited.then(() => undefined);
    for (const [i, file] of files.entries()) {
      if (child.exit) return files.slice(i);
      const next = this.#send(child, file);
      const patience = i === 0 ? this.#timeoutMs : BLOCKED_MS;
      if (!(await this.#within(Promise.race([next.begun, gone]), patience))) return files.slice(i);
      if (child.exit && !next.known && sent.some((other) => !other.known)) return files.slice(i);
      sent.push(next);
      await this.#within(Promise.race([next.done, gone]), ALONE_MS);
    }
    return [];
  }

  #send(child: Child, file: JobFile): Sent {
    const begun = deferred();
    const { defaults } = this.#options;
    const answer = child.call(
      { type: 'inspect', file, defaults, timeoutMs: this.#timeoutMs },
      begun.resolve,
    );
    const sent: Sent = {
      file,
      begun: begun.promise,
      known: false,
      unready: false,
      done: answer.then((given) => {
        sent.unready = isUnready(given) && this.#mayBeInstalling();
        // A worker that ended answers nothing: which file ended it is found out below.
        if (sent.unready || child.exit) return;
        sent.known = true;
        this.#known(entryOf(file, given));
      }),
    };
    return sent;
  }

  /** Waits for what is still open, ends the worker, and finds the culprit where it fell silent or died. */
  async #finish(child: Child, sent: readonly Sent[]): Promise<void> {
    const all = Promise.all(sent.map((one) => one.done));
    const margin = BLOCKED_MS / 2;
    await this.#within(Promise.race([all, child.exited]), this.#timeoutMs + margin);
    const died = child.exit;
    await this.#options.pool.end(child);
    if (this.#options.signal?.aborted) return;
    const open = sent.filter((one) => !one.known && !one.unready);
    const [only] = open;
    if (only && open.length === 1) {
      const never = `never finished loading (${showDuration(this.#timeoutMs)})`;
      const why = died ? endOf(died) : never;
      this.#known({
        ...only.file,
        state: 'broken',
        error: `${relative(this.#options.dir, only.file.file)}: ${why}`,
      });
      return;
    }
    await Promise.all(open.map((one) => this.read([one.file])));
  }

  /** True where it settled in time. */
  #within(work: Promise<unknown>, ms: number): Promise<boolean> {
    const settled = work.then(() => true);
    return within(seenTime(this.#options.clock), settled, ms, () => false);
  }
}

const endOf = (exit: Exit): string =>
  exit.unready
    ? `no worker process could be started to load it: ${exitText(exit)}`
    : `ended its process while it was loaded: ${exitText(exit)}`;

function entryOf(file: JobFile, answer: Answer): FileEntry {
  if (!answer.ok) return { ...file, state: 'broken', error: answer.message };
  const data = dataFromJson(answer.value);
  return data ? { ...file, state: 'ok', data } : { ...file, state: 'broken', error: FORGED };
}
