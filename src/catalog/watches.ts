// The system's watches on a folder and all folders below it: one for each folder, none for a file, so that a hundred
// thousand data files cost nothing. The watch of a folder names the file in it that has come, gone or changed.
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { FSWatcher } from 'chokidar';
import type { Clock } from '../support/clock.ts';
import { orElse } from '../support/errors.ts';
import { isHidden } from './loader.ts';

export interface WatchListeners {
  /** Something has come, gone or changed here. */
  readonly seen: (path: string) => void;
  /** A folder has: whether the watches still lie on what is there can be asked in a moment. */
  readonly folderSeen: () => void;
  /** The folder that all of them lie in was moved or removed. May be called for less. */
  readonly rootSeen: () => void;
  /** The system gives no more watches, or takes one back. May be called again and again. */
  readonly refused: (error: unknown) => void;
}

/**
 * chokidar looks at every file of a folder whenever one of them changes, to find the folders among them. Here it is
 * given nothing but the folders: of 60,000 data files in one, each write would take a second of the processor.
 */
class FolderWatcher extends FSWatcher {
  readonly #pace: Pace;

  constructor(options: ConstructorParameters<typeof FSWatcher>[0], clock: Clock) {
    super(options);
    this.#pace = new Pace(clock);
    const handler = this._nodeFsHandler;
    const read = handler._handleRead.bind(handler);
    handler._handleRead = (folder, isFirst, ...rest) => {
      const list = async (): Promise<unknown> =>
        this.closed ? undefined : await read(folder, isFirst, ...rest);
      return isFirst ? list() : this.#pace.run(folder, list);
    };
  }

  override close(): Promise<void> {
    this.#pace.stop();
    return super.close();
  }

  override _readdirp(root: string, options: Reading = {}): ReturnType<FSWatcher['_readdirp']> {
    const { directoryFilter } = options;
    return super._readdirp(root, {
      ...options,
      type: 'directories',
      alwaysStat: false,
      fileFilter: () => false,
      directoryFilter: (entry) => {
        // chokidar asks the stats of an entry for nothing that the listing of its folder does not say.
        entry.stats = entry.dirent as Stats | undefined;
        return typeof directoryFilter !== 'function' || directoryFilter(entry);
      },
    });
  }
}

/**
 * Lists a folder again no sooner than after ten times what the last listing took. chokidar lists a folder at each
 * change in it: with 60,000 files and constant writes this took 40 % of a core. Changes are told without it; it only
 * finds the folders to watch.
 */
class Pace {
  readonly #clock: Clock;
  readonly #readyAt = new Map<string, number>();
  readonly #planned = new Map<string, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(folder: string, list: () => Promise<unknown>): Promise<unknown> {
    if (this.#planned.has(folder)) return undefined;
    const left = (this.#readyAt.get(folder) ?? 0) - this.#clock.monotonic();
    if (left <= 0) return this.#list(folder, list);
    const begin = (): void => {
      this.#planned.delete(folder);
      void this.#list(folder, list);
    };
    this.#planned.set(folder, this.#clock.after(left, begin, { idle: true }));
    return undefined;
  }

  stop(): void {
    for (const undo of this.#planned.values()) undo();
    this.#planned.clear();
  }

  async #list(folder: string, list: () => Promise<unknown>): Promise<unknown> {
    const began = this.#clock.monotonic();
    const listed = await list();
    const now = this.#clock.monotonic();
    const pause = LISTING_SHARE * (now - began);
    if (pause > SHORT_MS) this.#readyAt.set(folder, now + pause);
    else this.#readyAt.delete(folder);
    return listed;
  }
}

const LISTING_SHARE = 10;
/** A folder that is listed so fast needs no pause. */
const SHORT_MS = 100;

type Reading = NonNullable<Parameters<FSWatcher['_readdirp']>[1]>;

export class Watches {
  /** Resolves when every change from now on will be told, or after `close`. */
  readonly ready: Promise<void>;
  readonly #root: string;
  readonly #listeners: WatchListeners;
  readonly #watcher: FSWatcher;
  /** By its path, which folder was there when its watch began. */
  readonly #folders = new Map<string, string>();
  #isReady: () => void = () => undefined;
  /** Before it is ready, all that it sees is what was there. */
  #isOpen = false;

  /** `root` must lead over no link. */
  constructor(root: string, listeners: WatchListeners, clock: Clock) {
    this.#root = root;
    this.#listeners = listeners;
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    const options = {
      atomic: false,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: (path: string, stats?: Stats): boolean =>
        stats?.isDirectory() === false || this.#isBelowHidden(path),
    };
    this.#watcher = new FolderWatcher(options, clock);
    this.#watcher.add(root);
    this.#watcher.on('addDir', (path, stats) => this.#added(path, stats));
    this.#watcher.on('unlinkDir', (path) => this.#gone(path));
    this.#watcher.on('raw', (_event, name, details) => {
      const { watchedPath } = details as { readonly watchedPath: string };
      // The system names the watched folder itself where that was moved or removed.
      if (watchedPath === root && (name === null || name === basename(root))) listeners.rootSeen();
      this.#changed(join(watchedPath, name ?? ''));
    });
    this.#watcher.on('error', listeners.refused);
    this.#watcher.once('ready', () => {
      this.#isOpen = true;
      this.#isReady();
    });
  }

  /** False where a folder is not watched, or another one is in its place. */
  async areComplete(): Promise<boolean> {
    for await (const [path, folder] of foldersBelow(this.#root))
      if (this.#folders.get(path) !== folder) return false;
    return true;
  }

  async close(): Promise<void> {
    this.#isReady();
    const closed = this.#watcher.close();
    // It has no listeners any more, and what is under way in it may still fail.
    this.#watcher.on('error', () => undefined);
    await closed;
  }

  #added(path: string, stats: Stats | undefined): void {
    if (stats) this.#folders.set(path, identityOf(stats));
    this.#tell(path, true);
  }

  #gone(path: string): void {
    this.#folders.delete(path);
    this.#tell(path, true);
  }

  #changed(path: string): void {
    if (!this.#isBelowHidden(path)) this.#tell(path, this.#folders.has(path));
  }

  #tell(path: string, isFolder: boolean): void {
    if (!this.#isOpen) return;
    this.#listeners.seen(path);
    if (isFolder) this.#listeners.folderSeen();
  }

  #isBelowHidden(path: string): boolean {
    const way = relative(this.#root, path);
    return way !== '' && !way.startsWith('..') && way.split(sep).some(isHidden);
  }
}

/** Identity of a folder: another folder made in its place differs, even if it gets the same inode number. */
export const identityOf = ({ dev, ino, birthtimeMs }: Stats): string =>
  `${dev} ${ino} ${birthtimeMs}`;

async function* foldersBelow(path: string): AsyncGenerator<[string, string]> {
  const stats = await orElse(null, () => lstat(path));
  if (!stats?.isDirectory()) return;
  yield [path, identityOf(stats)];
  const entries = await orElse([], () => readdir(path, { withFileTypes: true }));
  for (const entry of entries)
    if (entry.isDirectory() && !isHidden(entry.name)) yield* foldersBelow(join(path, entry.name));
}
