// The catalog of one jobs folder, kept current. A reload scans the folder and has the modules that a change concerns
// read again in a worker, the latest change first. It puts each new definition in place as soon as it is known. The old
// one stands meanwhile, and one file that never finishes loading keeps no other waiting. The function that loads code
// is handed in, for this folder knows no workers.
import { dirname, relative, sep } from 'node:path';
import type { Lack } from '../run/outcome.ts';
import { type Clock, within } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import { START_TIMEOUT_MS } from '../support/limits.ts';
import type { Fields } from '../support/schema.ts';
import { shared } from '../support/shared.ts';
import { deferred } from '../support/wakeup.ts';
import {
  BUILT_IN,
  type Catalog,
  type Checked,
  changeOf,
  type FileEntry,
  isExternal,
  type JobChange,
  type JobEntry,
  type JobFile,
  policyOf,
} from './catalog.ts';
import { type CheckInWorker, checkParams } from './check-params.ts';
import { optionsOf, readCommand, typedCommands } from './command-file.ts';
import { readExternal } from './external-file.ts';
import { Imports } from './imports.ts';
import { Lacks } from './lacks.ts';
import {
  changesBetween,
  type Found,
  isCode,
  type Listing,
  listFolder,
  mayHoldJob,
  scanJobs,
} from './loader.ts';

export interface CatalogParts {
  /** The jobs folder, absolute. */
  readonly folder: string;
  readonly defaults: Fields;
  /** True where programs typed in a shell of this machine may run as jobs. */
  readonly builtIn?: boolean;
  readonly clock: Clock;
  /** Reads modules in a worker; tells each as soon as it is known, resolves when all are, or at the abort. */
  readonly inspect: (
    files: readonly JobFile[],
    known: (entry: FileEntry) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly check: CheckInWorker;
}

/** Listeners hear of a long reload in steps this far apart, not once for each of a thousand files. */
const TELL_MS = 100;
/** A pass that takes longer hangs on some file: the next one begins without it. */
const PATIENCE_MS = 2000;
/** A pass over so many files takes longer than a process takes to start. */
const MANY = 200;
/** The folder is not scanned more often for the sake of names alone: a job may ask ten thousand times. */
const SCAN_AGAIN_MS = 50;
/** Nor for more than a tenth of the time. */
const SCAN_PAUSE = 9;

export class JobCatalog implements Catalog {
  readonly #parts: CatalogParts;
  readonly #listeners = new Set<() => void>();
  readonly #codeListeners = new Set<() => void>();
  readonly #changeListeners = new Set<(change: JobChange) => void>();
  #entries = new Map<string, FileEntry>();
  #builtInEntry: JobEntry | null = null;
  #sorted: readonly FileEntry[] | null = null;
  /** The folder as the last pass found it; null before the first. */
  #listing: Listing | null = null;
  #lately: { readonly until: number; readonly files: readonly JobFile[] } | null = null;
  /** Modules to be read, each with the number of the change that asks for it. */
  readonly #stale = new Map<string, number>();
  #changes = 0;
  /** Files that have changed since the last pass began; null for all of them. */
  #touched: readonly string[] | null = [];
  readonly #imports: Imports;
  readonly #lacks = new Lacks();
  readonly #list: () => Promise<Listing>;
  readonly #compare = shared(() => this.#isOutdated());
  #pass: { readonly abort: AbortController; readonly over: Promise<void> } | null = null;
  #first: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  readonly #asking = new Map<string, Promise<void>>();
  readonly #rereading = new Map<string, Promise<JobEntry | null>>();
  #awaited: { readonly name: string; readonly resolve: () => void }[] = [];
  #undoTell: (() => void) | null = null;

  constructor(parts: CatalogParts) {
    this.#parts = parts;
    this.#imports = new Imports(parts.folder);
    this.#list = shared(() => listFolder(parts.folder));
  }

  /** The files that define jobs, broken ones left out, as the folder has them now. Loads nothing. */
  files(): readonly JobFile[] {
    const { clock, folder } = this.#parts;
    const now = clock.monotonic();
    if (this.#lately && now < this.#lately.until) return this.#lately.files;
    const files = scanJobs(folder).filter((found) => found.error === null);
    const end = clock.monotonic();
    this.#lately = { until: end + Math.max(SCAN_AGAIN_MS, SCAN_PAUSE * (end - now)), files };
    return files;
  }

  names(): readonly string[] {
    return this.files().map((file) => file.name);
  }

  all(): readonly FileEntry[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  find(name: string): JobEntry | null {
    return this.#entries.get(name) ?? (name === BUILT_IN ? this.#builtIn() : null);
  }

  /** Neither in lists nor among the names: nothing but a command line asks for it. */
  #builtIn(): JobEntry | null {
    const { builtIn, defaults } = this.#parts;
    const files = this.#listing?.jobs ?? this.files();
    if (!builtIn || files.some(({ name }) => name === BUILT_IN)) return null;
    this.#builtInEntry ??= typedCommands(defaults);
    return this.#builtInEntry;
  }

  /** Reads the definitions if that has not been done yet. */
  ready(): Promise<void> {
    this.#first ??= this.reload();
    return this.#first;
  }

  known(name: string): Promise<void> {
    if (this.#entries.has(name)) return Promise.resolve();
    // The lines of a batch ask one by one for the same job: one look at the folder is enough for them all.
    const asking = this.#asking.get(name) ?? this.#untilKnown(name);
    this.#asking.set(name, asking);
    return asking.finally(() => this.#asking.delete(name));
  }

  async #untilKnown(name: string): Promise<void> {
    const { promise: here, resolve } = deferred();
    this.#awaited.push({ name, resolve });
    const any = Promise.race([here, this.#allRead(name), this.#readAhead(name)]);
    await within(this.#parts.clock, any, START_TIMEOUT_MS, () => undefined);
  }

  /** Resolves when the job is known, or nothing is being read any more of what is in the folder now. */
  async #allRead(name: string): Promise<void> {
    await this.ready();
    // Without a watcher, a look at the folder would take in whatever else has changed there.
    if (this.#entries.has(name)) return;
    await this.rescan();
    while (this.#next ?? this.#pass) await (this.#next ?? this.#pass?.over);
  }

  /** Among thousands of files, the one that a caller waits for is read in a worker of its own. */
  async #readAhead(name: string): Promise<void> {
    const files = this.files();
    const file = files.find((one) => one.name === name);
    if (files.length < MANY || file?.kind !== 'module') return new Promise(() => undefined);
    await this.#parts.inspect([file], (entry) => this.#put(entry), new AbortController().signal);
  }

  /**
   * Reads the definition of one job at once, whatever is known of it. `lack`: a run of it did not find this, so the job
   * is broken until it is there.
   */
  reread(name: string, lack?: Lack): Promise<JobEntry | null> {
    if (lack) this.#lacks.found(name, lack);
    const reading = this.#rereading.get(name) ?? this.#reread(name);
    this.#rereading.set(name, reading);
    return reading.finally(() => this.#rereading.delete(name));
  }

  async #reread(name: string): Promise<JobEntry | null> {
    const { jobs } = await this.#list();
    const found = jobs.find((one) => one.name === name);
    const module = found && this.#putUnlessModule(found);
    if (!found) this.#forget(name);
    if (module) {
      const known = (entry: FileEntry): void => this.#put(entry);
      await this.#parts.inspect([module], known, new AbortController().signal);
    }
    this.#tell();
    return this.find(name);
  }

  rereadBroken(): Promise<void> {
    const broken = this.all().filter(({ state }) => state === 'broken');
    if (broken.length === 0) return Promise.resolve();
    this.#changes++;
    for (const { name } of broken) this.#stale.set(name, this.#changes);
    return this.reload([]);
  }

  check(job: string, params: readonly Json[]): Promise<Checked[]> {
    return checkParams(job, params, this, this.#parts.check);
  }

  /** Calls back when entries have changed. Returns its undo. */
  onReload(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back when code that jobs may have loaded has changed. Returns its undo. */
  onCode(listener: () => void): () => void {
    this.#codeListeners.add(listener);
    return () => this.#codeListeners.delete(listener);
  }

  /** Calls back when a job becomes broken, whole, new or gone. Returns its undo. */
  onChange(listener: (change: JobChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Reads what these changed paths concern, which may be nothing. Resolves as `reload` does. */
  async changed(paths: readonly string[]): Promise<void> {
    const code: string[] = [];
    for (const path of paths) if (await this.#isCode(path)) code.push(path);
    if (code.length > 0) await this.reload(code);
    // A command is no code: it is read again with the next pass, which may find it broken or whole.
    else if (paths.some((path) => this.#isJob(path))) await this.reload([]);
    else if (paths.some(mayHoldJob)) await this.rescan();
  }

  /**
   * JSON in a folder `data` is what jobs work on, and must not reload all jobs at each write, unless one imports it.
   */
  async #isCode(path: string): Promise<boolean> {
    if (!isCode(path)) return false;
    const folders = relative(this.#parts.folder, dirname(path)).split(sep);
    if (!path.endsWith('.json') || !folders.includes('data') || this.#isJob(path)) return true;
    return this.#imports.isImported(path);
  }

  /** True for the file of a job, and for the options beside a command. */
  #isJob(path: string): boolean {
    const isIt = ({ file, kind }: Found): boolean =>
      file === path || (kind === 'command' && optionsOf(file) === path);
    return this.#listing?.jobs.some(isIt) === true;
  }

  /**
   * Reads anew what these changed files concern, or everything. Resolves when a pass that began after this call is
   * through.
   */
  reload(changed: readonly string[] | null = null): Promise<void> {
    if (this.#listing && (changed === null || changed.length > 0)) this.#tellCode();
    this.#touched = changed && this.#touched && [...this.#touched, ...changed];
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** One pass after the other; but one that hangs on a file is given up for the next. */
  async #begin(): Promise<void> {
    await this.#lastPass();
    this.#pass?.abort.abort();
    this.#next = null;
    const abort = new AbortController();
    const over = this.#read(abort.signal);
    // The caller of this pass hears of its error; the next pass only waits for its end.
    const pass = { abort, over: over.catch(() => undefined) };
    this.#pass = pass;
    try {
      await over;
    } finally {
      if (this.#pass === pass) this.#pass = null;
    }
  }

  async #lastPass(): Promise<void> {
    if (this.#pass) await within(this.#parts.clock, this.#pass.over, PATIENCE_MS, () => undefined);
  }

  /**
   * Reloads only if files have come, gone or changed, or have become able to run: cheap enough for every stray file
   * that changes. A file that was found already may still be read just now: that is waited for.
   */
  async rescan(): Promise<void> {
    if (this.#listing === null || (await this.isOutdated())) await this.reload([]);
    else await this.#lastPass();
  }

  /** True where the folder is no longer as the last pass found it. */
  isOutdated(): Promise<boolean> {
    return this.#compare();
  }

  async #isOutdated(): Promise<boolean> {
    const now = await this.#list();
    if (this.#listing === null) return false;
    if (JSON.stringify(now.jobs) !== JSON.stringify(this.#listing.jobs)) return true;
    return (await this.#codeChanges(this.#listing, now)).length > 0;
  }

  async #codeChanges(before: Listing, now: Listing): Promise<readonly string[]> {
    const changed: string[] = [];
    for (const path of changesBetween(before, now))
      if (await this.#isCode(path)) changed.push(path);
    return changed;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const found = await this.#mark();
    const names = new Set(found.map((file) => file.name));
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#forget(name);
    const modules = found.flatMap((file) => this.#putUnlessModule(file) ?? []);
    try {
      const asked = new Map(this.#stale);
      const stale = modules.filter(({ name }) => asked.has(name));
      stale.sort((a, b) => (asked.get(b.name) ?? 0) - (asked.get(a.name) ?? 0));
      const known = (entry: FileEntry): void => {
        if (signal.aborted) return;
        // A file that has changed again meanwhile is to be read again.
        if (this.#stale.get(entry.name) === asked.get(entry.name)) this.#stale.delete(entry.name);
        this.#put(entry);
      };
      if (stale.length > 0) await this.#parts.inspect(stale, known, signal);
    } finally {
      this.#tell();
    }
  }

  /** Records at once everything that needs no code to be loaded. Returns the module that has to be read. */
  #putUnlessModule({ error, ...file }: Found): JobFile | null {
    if (error !== null) this.#put({ ...file, state: 'broken', error });
    else if (file.kind === 'command') this.#put(readCommand(file, this.#parts.defaults));
    else if (file.kind === 'external') this.#put(readExternal(file, this.#parts.defaults));
    else return file;
    return null;
  }

  /** Scans the folder, and marks what has to be read. */
  async #mark(): Promise<readonly Found[]> {
    const touched = this.#touched;
    this.#touched = [];
    const before = this.#listing;
    const listing = await listFolder(this.#parts.folder);
    this.#listing = listing;
    const unseen = before ? await this.#codeChanges(before, listing) : [];
    if (unseen.some((path) => !touched?.includes(path))) this.#tellCode();
    const known = new Map(before?.jobs.map((file) => [file.name, JSON.stringify(file)]));
    const found = listing.jobs;
    const changed = touched && [...new Set([...touched, ...unseen])];
    const files = new Set(found.map(({ file }) => file));
    const affected = changed && (await this.#imports.affected(changed, (path) => files.has(path)));
    this.#changes++;
    for (const file of found) {
      const concerned = affected === null || affected.has(file.file);
      if (
        concerned ||
        !this.#entries.has(file.name) ||
        known.get(file.name) !== JSON.stringify(file)
      ) {
        this.#stale.set(file.name, this.#changes);
        // Its code may be another by now, that needs no such package.
        this.#lacks.forget(file.name);
      }
    }
    return found;
  }

  #forget(name: string): void {
    const before = this.find(name);
    this.#stale.delete(name);
    this.#lacks.forget(name);
    this.#entries.delete(name);
    this.#tellChange(before, null);
    this.#changed();
  }

  #put(found: FileEntry): void {
    const lack = found.state === 'ok' ? this.#lacks.of(found.name) : null;
    const { name, file, kind } = found;
    const entry: FileEntry = lack ? { name, file, kind, state: 'broken', error: lack } : found;
    const before = this.#entries.get(entry.name);
    this.#entries.set(entry.name, entry);
    for (const { name, resolve } of this.#awaited) if (name === entry.name) resolve();
    this.#awaited = this.#awaited.filter(({ name }) => name !== entry.name);
    this.#tellChange(before ?? null, entry);
    this.#changed();
    // Runs are handed out as before until the listeners know: not a moment too long into processes of another kind.
    if (before && handOutOf(before) !== handOutOf(entry)) this.#tell();
  }

  #changed(): void {
    this.#sorted = null;
    this.#undoTell ??= this.#parts.clock.after(TELL_MS, () => this.#tell(), { idle: true });
  }

  #tellCode(): void {
    for (const listener of this.#codeListeners) listener();
  }

  #tellChange(before: JobEntry | null, after: JobEntry | null): void {
    const change = changeOf(before, after);
    if (change) for (const listener of this.#changeListeners) listener(change);
  }

  #tell(): void {
    this.#undoTell?.();
    this.#undoTell = null;
    for (const listener of this.#listeners) listener();
  }
}

/** The fields that decide whether, and into which process, a run of the job is handed out. */
const handOutOf = (entry: FileEntry): string =>
  `${entry.kind} ${entry.state} ${isExternal(entry)} ${policyOf(entry).isolation}`;
