// Says when something in the jobs folder has changed. Editors save in bursts, so it waits for a short calm; but a file
// that is saved without end must not keep everything else from being noticed, so the wait has an upper bound.
import { extname, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import type { Clock } from '../support/clock.ts';

export interface Watcher {
  /** Resolves when every change from now on will be seen. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export interface WatcherOptions {
  /** The jobs folder, absolute. */
  readonly folder: string;
  readonly clock: Clock;
  /**
   * `code`: something that jobs may import has changed (`paths`), so workers and definitions are out of date. Otherwise some
   * other file has: it matters only if it became, or was, a command job (`JobCatalog.rescan`).
   */
  readonly onChange: (change: {
    readonly code: boolean;
    readonly paths: readonly string[];
  }) => void;
  /** The system's watch failed (too many watches, …): changes may go unseen from now on. */
  readonly onError: (error: unknown) => void;
}

const CALM_MS = 50;
const LONGEST_WAIT_MS = 400;
const CODE = new Set([
  '.ts',
  '.mts',
  '.cts',
  '.tsx',
  '.js',
  '.mjs',
  '.cjs',
  '.jsx',
  '.json',
  '.node',
  '.wasm',
]);

export function watchJobs(options: WatcherOptions): Watcher {
  const burst = new Burst(options);
  const watcher = watch(options.folder, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => isIgnored(relative(options.folder, path)),
  });
  watcher.on('all', (_event, path) => burst.seen(path, isCode(relative(options.folder, path))));
  watcher.on('error', options.onError);
  const ready = new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  const close = async (): Promise<void> => {
    burst.stop();
    await watcher.close();
  };
  return { ready, close };
}

function isIgnored(path: string): boolean {
  if (path === '' || path.startsWith('..')) return false;
  return path.split(sep).some((part) => part === 'node_modules' || part.startsWith('.'));
}

/** Files in a folder `data` are what jobs work on: a job that writes there must not reload all jobs at each write. */
function isCode(path: string): boolean {
  return CODE.has(extname(path)) && !path.split(sep).slice(0, -1).includes('data');
}

class Burst {
  readonly #options: WatcherOptions;
  #code = false;
  #paths = new Set<string>();
  #since: number | null = null;
  #undo: (() => void) | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  seen(path: string, code: boolean): void {
    const now = this.#options.clock.monotonic();
    this.#code ||= code;
    if (code) this.#paths.add(path);
    this.#since ??= now;
    this.#undo?.();
    const left = this.#since + LONGEST_WAIT_MS - now;
    this.#undo = this.#options.clock.after(Math.min(CALM_MS, left), () => this.#tell(), {
      idle: true,
    });
  }

  #tell(): void {
    const change = { code: this.#code, paths: [...this.#paths] };
    this.stop();
    this.#options.onChange(change);
  }

  stop(): void {
    this.#undo?.();
    this.#undo = null;
    this.#since = null;
    this.#code = false;
    this.#paths = new Set();
  }
}
