// A fold writes the readable files anew from what was committed, so that the journal before it is no longer needed.
// Order of effects, each durable before the next:
//
//   1. a new segment, its header and its name; commits go there from now on
//   2. each page with a changed run, then locks and schedules: one file at a time, a turn of the loop between them
//   3. the manifest, which names the new segment as the first that is needed
//   4. only then the old segments are removed, and pages that were empty a fold ago and still are
//
// A file is captured at one moment together with the sequence that it includes, and published only once that sequence
// is durable: a file never knows of a commit that the journal could still lose. Runs are never changed in place, so
// capturing is a list of references. A crash anywhere leaves more than is needed; the replay skips what each file
// already includes.
import { join } from 'node:path';
import type { Run } from '../../run/run.ts';
import type { Committer } from '../../store/committer.ts';
import { type Document, writeDocument } from '../../store/document.ts';
import { FORMAT } from '../../store/format.ts';
import { listSegments, type Position, segmentPath } from '../../store/journal.ts';
import type { Disk } from '../../support/files.ts';
import { FOLD_BYTES, FOLD_REMOVED, MAX_FOLD_BYTES, PAGE_SIZE } from '../../support/limits.ts';
import { collectPage, filedRuns } from './listing.ts';
import { type Manifest, writeManifest } from './manifest.ts';
import type { Memory } from './memory.ts';
import type { Pages } from './pages.ts';
import type { Registry } from './registry.ts';
import type { Room } from './room.ts';

export interface Folding {
  readonly disk: Disk;
  readonly dir: string;
  readonly memory: Memory;
  readonly registry: Registry;
  readonly pages: Pages;
  readonly room: Room;
  readonly committer: Committer;
  /** Asked before each file is replaced: throws where the state folder is no longer ours. */
  readonly guard: () => void;
  readonly counters: () => {
    readonly epoch: number;
    readonly nextId: number;
    readonly changes: number;
  };
}

export const journalFolder = (dir: string): string => join(dir, 'journal');

/** Where the journal is long enough for what would be written anew, which may be many times as much. */
export function isWorthFolding(journal: number, { memory, pages, room }: Part): boolean {
  if (memory.removed >= FOLD_REMOVED || room.wantsFold) return true;
  return (
    journal >= FOLD_BYTES && journal >= Math.min(MAX_FOLD_BYTES, pages.bytesOf(memory.dirty) / 4)
  );
}

type Part = Pick<Folding, 'memory' | 'pages' | 'room'>;

export async function fold(f: Folding): Promise<void> {
  f.guard();
  f.memory.removed = 0;
  const { segment, position } = await f.committer.rotate();
  const dirty = [...f.memory.dirty].sort((a, b) => a - b);
  const spent = spentPages(f);
  for (const page of dirty) {
    await writePage(f, page);
    await new Promise(setImmediate);
  }
  const write = async <T extends Document>(
    name: string,
    capture: (seq: number) => T,
  ): Promise<number> => writeDocument(f.disk, join(f.dir, name), await published(f, capture));
  await write('locks.json', (seq) => f.registry.locksFile(FORMAT, seq));
  await write('schedules.json', (seq) => f.registry.schedulesFile(FORMAT, seq));
  const manifest = await published(f, (seq) => manifestOf(f, seq, segment, position, spent));
  await writeManifest(f.disk, f.dir, manifest);
  await removeOld(f, manifest);
}

/**
 * Pages that an earlier fold wrote empty and nothing has touched since. Only now, as no line of the journal names a
 * run of theirs any more, may the manifest forget them and their files go.
 */
function spentPages({ memory, pages }: Folding): ReadonlySet<number> {
  const isSpent = (page: number): boolean => !memory.tally.hasPage(page) && !memory.dirty.has(page);
  return new Set([...pages.filed].filter(isSpent));
}

/** Captures what `capture` returns together with its sequence, and gives it back once that is durable. */
async function published<T>(f: Folding, capture: (seq: number) => T): Promise<T> {
  const seq = f.committer.seal();
  const captured = capture(seq);
  await f.committer.durable();
  f.guard();
  return captured;
}

async function writePage(f: Folding, page: number): Promise<void> {
  const filed = await filedRuns(page, f.memory, f.pages);
  // No wait between looking at the memory and sealing its sequence: a change between them would be in neither.
  const newest = collectPage(page, f.memory, filed);
  const seq = f.committer.seal();
  f.memory.dirty.delete(page);
  f.memory.tally.measure(page, newest);
  try {
    await f.committer.durable();
    f.guard();
    await f.pages.write(page, seq, newest.toReversed());
    forget(f, page, newest);
  } catch (error) {
    f.memory.dirty.add(page);
    throw error;
  }
}

/** What the page file holds now need not be held in memory; what changed since it was captured stays. */
function forget(f: Folding, page: number, written: readonly Run[]): void {
  const byId = new Map(written.map((run) => [run.id, run]));
  for (let id = page * PAGE_SIZE; id < (page + 1) * PAGE_SIZE; id++) {
    const run = f.memory.fresh.get(id);
    if (run === undefined) continue;
    if (run === null ? !byId.has(id) : byId.get(id) === run) f.memory.forget(id);
  }
}

/**
 * Only pages that have a file are named: a page that began during this fold stands in the new journal, all of it.
 */
function manifestOf(
  f: Folding,
  seq: number,
  segment: number,
  position: Position,
  spent: ReadonlySet<number>,
): Manifest {
  const { tally, dirty } = f.memory;
  const needed = [...f.pages.filed].filter((page) => !spent.has(page) || dirty.has(page));
  const pages = needed.sort((a, b) => a - b).map((page) => [page, tally.ofPage(page)] as const);
  const settled = tally.spans(needed);
  const requests = f.registry.requests.values();
  const starts = f.memory.starts();
  const lists = { requests, starts, pages, settled, aside: [...f.memory.aside] };
  return { format: FORMAT, seq, ...f.counters(), segment, position, ...lists };
}

async function removeOld(f: Folding, manifest: Manifest): Promise<void> {
  f.guard();
  const folder = journalFolder(f.dir);
  for (const old of await listSegments(f.disk, folder)) {
    if (old < manifest.segment) await f.disk.remove(segmentPath(folder, old));
  }
  const named = new Set(manifest.pages.map(([page]) => page));
  for (const page of await f.pages.list()) if (!named.has(page)) await f.pages.remove(page);
}
