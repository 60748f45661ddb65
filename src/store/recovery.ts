// Opening the state: the same path after a clean stop, a kill and a power cut.
//
//   read all of it (reader.ts) -> make sure of it -> fold what was replayed into new files and a new segment -> serve
//
// The two steps in the middle are not tidiness. After a kill, and after a failed sync, the system's cache may hold what
// the disk does not: a last line, or a name. A change that builds on such a thing and is synced itself would outlive
// it. So names are synced, the last segment that holds a line is written anew, and so is every page that a line touched
// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020). Other pages stay as they are.
//
// A state of an older format was read by steps that make it of this one (folder.ts). Before it is written anew as a
// whole, the manifest last, a copy goes to `aside/format-<format>-<epoch>/`. A crash in between leaves files of both
// formats, each of which says its own; an older jobrun refuses them, and the next start does the same again.
//
// With damage, nothing is changed but a copy of the original put aside, and the state is opened for reading.

import { dirname, join } from 'node:path';
import type { Clock } from '../support/clock.ts';
import { errnoOf, isFull, JobrunError } from '../support/errors.ts';
import { type Disk, isTemporary, replaceFile } from '../support/files.ts';
import { Committer } from './committer.ts';
import {
  copyAside,
  DOCUMENTS,
  FOLDERS,
  FORMAT,
  type Oddity,
  type Problem,
  Problems,
} from './folder.ts';
import { journalFolder, listSegments, Segment, segmentPath } from './journal.ts';
import { openWitness, readClockNote, readHeartbeat } from './notes.ts';
import type { Tables } from './pages.ts';
import { type Recovered, readState } from './reader.ts';
import { Reserve } from './reserve.ts';
import { Store, type StoreParts } from './store.ts';

export interface OpenOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly clock: Clock;
  /** Read what there is and change nothing, not even for recovery. */
  readonly readOnly?: boolean;
  /** Hold room for results on a full disk: for who stays. */
  readonly reserve?: boolean;
  readonly release?: () => Promise<void>;
  readonly onError?: (error: unknown) => void;
  readonly onCommit?: (ms: number) => void;
}

/** Puts on an opened state what is to serve it. */
export type EngineOn<T extends Tables, E> = (store: Store<T>) => E;

export interface OpenedState<E> {
  readonly engine: E;
  /** The damage of the state; then it was opened for reading only. */
  readonly damage: readonly JobrunError[];
  /** The records that make no sense: all else goes on. */
  readonly oddities: readonly Oddity[];
}

/**
 * Opens the state folder of a project, which the caller holds the lock of. Throws `state-newer` or
 * `state-older`, having touched nothing, where another jobrun wrote it and this one has no way from there.
 */
export async function openState<T extends Tables, E>(
  options: OpenOptions,
  tables: () => T,
  engineOn: EngineOn<T, E>,
): Promise<OpenedState<E>> {
  try {
    return await openOnce(options, tables(), engineOn);
  } catch (error) {
    const gives = options.reserve === true && isFull(error);
    if (!gives || !(await Reserve.removeFrom(options.disk, options.dir))) throw error;
    return openOnce(options, tables(), engineOn);
  }
}

async function openOnce<T extends Tables, E>(
  options: OpenOptions,
  tables: T,
  engineOn: EngineOn<T, E>,
): Promise<OpenedState<E>> {
  const { disk, dir } = options;
  const recovered = await readState<T>(disk, dir, tables);
  const { oddities } = recovered;
  const isOlder = recovered.format < FORMAT;
  let { problems } = recovered;
  if (isOlder && !options.readOnly && problems.length === 0)
    problems = await unsoundPages(recovered);
  if (!options.readOnly && problems.length === 0) {
    if (isOlder) await beginMigration(options, recovered);
    await keepOriginals(options, oddities);
    return { engine: await serveRecovered(options, recovered, engineOn), damage: [], oddities };
  }
  const common = await partsOf(options, recovered);
  // A copy is a help, not a condition: on a full disk the state can still be read.
  const paths = problems.map(({ path }) => path);
  if (!options.readOnly) await copyAside(disk, dir, paths).catch(common.onError);
  const refusal = problems[0]?.error ?? readOnlyRefusal();
  const store: Store<T> = new Store<T>({ ...common, writes: null, reserve: null, refusal });
  return { engine: engineOn(store), damage: problems.map(({ error }) => error), oddities };
}

/** Before the fold, which writes anew what makes no sense. Which segment of the journal had it is not known. */
async function keepOriginals(
  { disk, dir }: OpenOptions,
  oddities: readonly Oddity[],
): Promise<void> {
  if (oddities.length === 0) return;
  const folder = journalFolder(dir);
  const segments = (await listSegments(disk, folder)).map((one) => segmentPath(folder, one));
  await copyAside(disk, dir, [...oddities.map(({ path }) => path), ...segments]);
}

/** Nothing is migrated before all of it is sound: as long as no byte has changed, its own version can repair it. */
async function unsoundPages({ pages }: Recovered): Promise<readonly Problem[]> {
  const problems = new Problems();
  for (const page of pages.filed) {
    const path = pages.path(page);
    const file = await problems.try(path, () => pages.read(page));
    if (!file) problems.note(path, 'is missing');
  }
  return problems.all;
}

/** All pages are written anew by the fold that every start makes. */
async function beginMigration({ disk, dir }: OpenOptions, recovered: Recovered): Promise<void> {
  await keepOlder(disk, dir, recovered);
  for (const page of recovered.pages.filed) recovered.tables.paged.dirty.add(page);
}

const readOnlyRefusal = (): JobrunError =>
  new JobrunError(
    'state-read-only',
    'the state was opened for reading only',
    'Use a command that changes it.',
  );

type Common<T extends Tables> = Omit<StoreParts<T>, 'writes' | 'refusal' | 'reserve'>;

const partsOf = async <T extends Tables>(
  { disk, dir, clock, onError, release }: OpenOptions,
  { tables, pages, epoch, nextId, changes }: Recovered<T>,
): Promise<Common<T>> => ({
  ...{ disk, dir, clock, tables, pages, nextId, changes, epoch: epoch + 1 },
  clockNote: await readClockNote(disk, dir),
  lastBeat: await readHeartbeat(disk, dir),
  onError: onError ?? (() => undefined),
  release: release ?? (async () => undefined),
});

/** Goes on from what was read: makes it durable, writes it anew where a line or a repair touched it, and serves. */
export async function serveRecovered<T extends Tables, E>(
  options: OpenOptions,
  recovered: Recovered<T>,
  engineOn: EngineOn<T, E>,
): Promise<E> {
  const { disk, dir, clock } = options;
  const common = await partsOf(options, recovered);
  const folder = journalFolder(dir);
  await makeSure(disk, dir, recovered);
  const segment = await Segment.create(disk, folder, recovered.lastSegment + 1, recovered.end);
  const witness = await openWitness(disk, dir, recovered.end.seq);
  const onCommit = options.onCommit ?? (() => undefined);
  const reserve = options.reserve ? await Reserve.open(disk, dir, clock) : null;
  const onGone = (error: JobrunError): Promise<void> => store.restore(error);
  const write = { disk, folder, clock, witness, segment, reserve, onCommit, onGone };
  const writes = { committer: new Committer(write), witness };
  const store = new Store<T>({ ...common, writes, reserve, refusal: null });
  const engine = engineOn(store);
  await store.begin();
  return engine;
}

/** Makes durable what was read: all names, and the only line that may not have been synced, the last. */
async function makeSure(disk: Disk, dir: string, { pages, tail }: Recovered): Promise<void> {
  const folder = journalFolder(dir);
  for (const own of [dir, ...FOLDERS.map((name) => join(dir, name))]) await disk.makeFolder(own);
  for (const own of [dir, pages.folder, folder]) await removeTemporaries(disk, own);
  // A page that was replaced and never synced looks written, so that no fold would write it again.
  await disk.syncFolder(pages.folder);
  await syncParent(disk, dir);
  if (tail) await replaceFile(disk, segmentPath(folder, tail.segment), tail.whole);
}

/** The folder of the state may not be ours to open; then its owner made it durable, or it cannot be done. */
async function syncParent(disk: Disk, dir: string): Promise<void> {
  try {
    await disk.syncFolder(dirname(dir));
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errnoOf(error))) throw error;
  }
}

/**
 * Copies what a migration rewrites, unless a migration that was killed has done so. The manifest goes last: where it
 * is in the copy, the copy is whole, and what lies in the state now may be rewritten already.
 */
async function keepOlder(
  disk: Disk,
  dir: string,
  { format, epoch }: { readonly format: number; readonly epoch: number },
): Promise<void> {
  const copy = join(dir, 'aside', `format-${format}-${epoch}`);
  for (const folder of [join(dir, 'aside'), copy]) await disk.makeFolder(folder);
  const last = join(copy, 'manifest.json');
  if ((await disk.read(last)) !== null) return;
  for (const folder of ['runs', 'journal']) {
    await disk.makeFolder(join(copy, folder));
    await removeTemporaries(disk, join(copy, folder));
    for (const name of await disk.list(join(dir, folder)))
      if (!isTemporary(name)) await copyFile(disk, dir, copy, join(folder, name));
  }
  await removeTemporaries(disk, copy);
  for (const name of ['witness', ...DOCUMENTS]) await copyFile(disk, dir, copy, name);
}

async function copyFile(disk: Disk, dir: string, copy: string, name: string): Promise<void> {
  const bytes = await disk.read(join(dir, name));
  if (bytes !== null) await replaceFile(disk, join(copy, name), bytes);
}

/** The remains of files that a crash interrupted while they were replaced. */
async function removeTemporaries(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder))
    if (isTemporary(name)) await disk.remove(join(folder, name));
}
