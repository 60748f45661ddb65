// The catalog of one jobs folder, kept current. A reload scans the folder, has every module read again in a worker,
// and puts each new definition in place as soon as it is known: until then the old one stands, and one file that
// never finishes loading keeps no other waiting. What loads code is handed in, for this folder knows no workers.
import { type Clock, delay } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { nearest } from '../support/text.ts';
import type { Catalog, Checked, JobEntry, JobFile } from './catalog.ts';
import type { Fields } from './fields.ts';
import { type Found, readCommand, scanJobs } from './loader.ts';

export interface CatalogParts {
  /** The jobs folder, absolute. */
  readonly folder: string;
  readonly defaults: Fields;
  readonly clock: Clock;
  /** Reads modules in a worker; tells each as soon as it is known, resolves when all are, or at the abort. */
  readonly inspect: (
    files: readonly JobFile[],
    known: (entry: JobEntry) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Checks params and makes their lock texts, in a worker. */
  readonly check: (file: string, params: readonly Json[]) => Promise<Checked[]>;
}

/** Listeners hear of a long reload in steps this far apart, not once for each of a thousand files. */
const TELL_MS = 100;
/** A pass that takes longer hangs on some file: the next one begins without it. */
const PATIENCE_MS = 2000;

export class JobCatalog implements Catalog {
  readonly #parts: CatalogParts;
  readonly #listeners = new Set<() => void>();
  #entries = new Map<string, JobEntry>();
  #sorted: readonly JobEntry[] | null = null;
  #scanned: readonly Found[] = [];
  #pass: { readonly abort: AbortController; readonly over: Promise<void> } | null = null;
  #first: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #undoTell: (() => void) | null = null;

  constructor(parts: CatalogParts) {
    this.#parts = parts;
  }

  /** The files that define jobs, broken ones left out, as the folder has them now. Loads nothing. */
  files(): readonly JobFile[] {
    return scanJobs(this.#parts.folder).filter((found) => found.error === null);
  }

  names(): readonly string[] {
    return this.files().map((file) => file.name);
  }

  all(): readonly JobEntry[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  find(name: string): JobEntry | null {
    return this.#entries.get(name) ?? null;
  }

  /** Reads the definitions if that has not been done yet. */
  ready(): Promise<void> {
    this.#first ??= this.reload();
    return this.#first;
  }

  async check(job: string, params: readonly Json[]): Promise<Checked[]> {
    const entry = this.#getSound(job);
    const { has } = entry.data;
    if (has.has('params') || has.has('lock')) return this.#parts.check(entry.file, params);
    return params.map((value) => ({ ok: true, params: value, lock: null }));
  }

  #getSound(job: string): Extract<JobEntry, { state: 'ok' }> {
    const entry = this.find(job);
    if (entry?.state === 'ok') return entry;
    if (entry) {
      const message = `the job ${job} is broken: ${entry.error}`;
      throw new JobrunError('broken-job', message, 'Mend its file.');
    }
    const meant = nearest(job, this.#entries.keys());
    const hint = meant ? `Did you mean "${meant}"?` : 'See `jobrun jobs`.';
    throw new JobrunError('unknown-job', `there is no job named ${job}`, hint);
  }

  /** Calls back when entries have changed. Returns its undo. */
  onReload(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads everything anew. Resolves when a pass that began after this call is through. */
  reload(): Promise<void> {
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
    this.#pass = { abort, over: over.catch(() => undefined) };
    await over;
  }

  async #lastPass(): Promise<void> {
    const waiting = new AbortController();
    const late = delay(this.#parts.clock, PATIENCE_MS, waiting.signal);
    await Promise.race([this.#pass?.over, late]);
    waiting.abort();
  }

  /** Reloads only if files have come, gone, or become able to run: cheap enough for every stray file that changes. */
  async rescan(): Promise<void> {
    const now = JSON.stringify(scanJobs(this.#parts.folder));
    if (now !== JSON.stringify(this.#scanned)) await this.reload();
  }

  async #read(signal: AbortSignal): Promise<void> {
    const found = scanJobs(this.#parts.folder);
    this.#scanned = found;
    const names = new Set(found.map((file) => file.name));
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#forget(name);
    const modules: JobFile[] = [];
    for (const { error, ...file } of found) {
      if (error !== null) this.#put({ ...file, state: 'broken', error });
      else if (file.kind === 'command') this.#put(readCommand(file, this.#parts.defaults));
      else modules.push(file);
    }
    try {
      const known = (entry: JobEntry): void => (signal.aborted ? undefined : this.#put(entry));
      if (modules.length > 0) await this.#parts.inspect(modules, known, signal);
    } finally {
      this.#tell();
    }
  }

  #forget(name: string): void {
    this.#entries.delete(name);
    this.#changed();
  }

  #put(entry: JobEntry): void {
    this.#entries.set(entry.name, entry);
    this.#changed();
  }

  #changed(): void {
    this.#sorted = null;
    this.#undoTell ??= this.#parts.clock.after(TELL_MS, () => this.#tell(), { idle: true });
  }

  #tell(): void {
    this.#undoTell?.();
    this.#undoTell = null;
    for (const listener of this.#listeners) listener();
  }
}
