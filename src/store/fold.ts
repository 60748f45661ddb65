// A fold writes the readable files anew from what was committed, so that the journal before it is no longer needed.
// Order of effects, each durable before the next:
//
//   1. a new segment, its header and its name; commits go there from now on
//   2. each page with a changed run, then locks and schedules: one file at a time, a turn of the loop between them
//   3. the manifest, which names the new segment as the first that is needed
//   4. only then the old segments are removed, and pages that were empty a fold ago and still are
//
// A file is captured at one moment together with the sequence that it includes, and published only once that sequence
// is in the journal: a file never knows of a commit that the journal could still lose. (Where the journal was removed, its
// lines are in a new one, and nobody is told of them before this fold is through: see committer.ts.) Runs are never changed in place, so
// capturing is a list of references. A page whose file was removed, or is damaged, is written anew where memory has all of its
// records. Else it stays damage: what only the file held is lost, and what memory has goes into the new journal. A crash anywhere leaves more than is needed; the replay skips what each file
// already includes.
import type { Disk } from '../support/files.ts';
import { FOLD_BYTES, FOLD_REMOVED, MAX_FOLD_BYTES } from '../support/limits.ts';
import type { Committer } from './committer.ts';
import { isDamage } from './damage.ts';
import { documentPath, writeDocument } from './document.ts';
import { FORMAT } from './format.ts';
import { journalFolder, listSegments, type Position, segmentPath } from './journal.ts';
import { type Manifest, writeManifest } from './manifest.ts';
import type { PagedOperations, Pages, Row } from './pages.ts';
import type { Documents } from './table.ts';

export interface Folding {
  readonly disk: Disk;
  readonly dir: string;
  readonly documents: Documents;
  readonly pages: Pages<Row>;
  readonly operations: Pick<PagedOperations, 'whole'>;
  readonly committer: Committer;
  /** Takes the damage of a page. */
  readonly onError: (error: unknown) => void;
  readonly counters: () => {
    readonly epoch: number;
    readonly nextId: number;
    readonly changes: number;
  };
}

/** Where the journal is long enough for what would be written anew, which may be many times as much. */
export function isWorthFolding(journal: number, pages: Pages<Row>): boolean {
  const { removed, dirty } = pages.table;
  if (removed >= FOLD_REMOVED) return true;
  return journal >= FOLD_BYTES && journal >= Math.min(MAX_FOLD_BYTES, pages.bytesOf(dirty) / 4);
}

export async function fold(f: Folding): Promise<void> {
  const { table } = f.pages;
  table.removed = 0;
  await f.disk.makeFolder(f.pages.folder);
  const { segment, position } = await f.committer.rotate();
  const dirty = [...table.dirty].sort((a, b) => a - b);
  const spent = spentPages(f);
  for (const page of dirty) {
    await writePage(f, page).catch((error) => keepInJournal(f, page, error));
    await new Promise(setImmediate);
  }
  for (const name of f.documents.names) {
    if (name === 'manifest') continue;
    const data = await published(f, (seq) => ({
      format: FORMAT,
      seq,
      ...f.documents.fieldsOf(name),
    }));
    await writeDocument(f.disk, documentPath(f.dir, name), data);
  }
  const manifest = await published(f, (seq) => manifestOf(f, seq, segment, position, spent));
  await writeManifest(f.disk, f.dir, manifest);
  f.committer.forget(segment);
  await removeOld(f, manifest);
}

/**
 * Pages that an earlier fold wrote empty and nothing has touched since. Only now, as no line of the journal names a
 * run of theirs any more, may the manifest forget them and their files go.
 */
function spentPages({ pages }: Folding): ReadonlySet<number> {
  const { table } = pages;
  const isSpent = (page: number): boolean => !table.tally.hasPage(page) && !table.dirty.has(page);
  return new Set([...pages.filed].filter(isSpent));
}

/** Captures what `capture` returns together with its sequence, and gives it back once that is durable. */
async function published<T>(f: Folding, capture: (seq: number) => T): Promise<T> {
  const seq = f.committer.seal();
  const captured = capture(seq);
  await f.committer.written();
  return captured;
}

async function writePage(f: Folding, page: number): Promise<void> {
  const { pages } = f;
  const { table } = pages;
  const filed = await pages.onlyFiled(page);
  // No wait between looking at the memory and sealing its sequence: a change between them would be in neither.
  const newest = pages.collect(page, filed);
  const seq = f.committer.seal();
  table.dirty.delete(page);
  table.tally.measure(page, newest);
  try {
    await f.committer.written();
    await pages.write(page, seq, newest.toReversed());
    table.written(page, newest);
  } catch (error) {
    table.dirty.add(page);
    throw error;
  }
}

async function keepInJournal(f: Folding, page: number, error: unknown): Promise<void> {
  const { committer, operations, pages } = f;
  if (!isDamage(error)) throw error;
  pages.table.dirty.add(page);
  f.onError(error);
  // No wait between the look at the memory and the last of these: what changes after it stands after it.
  for (const record of pages.collect(page, new Map())) {
    if (pages.isLight(record)) continue;
    const ops = [JSON.stringify(operations.whole(record))];
    committer.commit({ ops, undo: () => undefined, told: () => undefined }).catch(() => undefined);
  }
  await committer.written();
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
  const { filed, table } = f.pages;
  const needed = [...filed].filter((page) => !spent.has(page) || table.dirty.has(page));
  const lists = {
    ...f.documents.fieldsOf('manifest'),
    ...table.summary(needed.sort((a, b) => a - b)),
  };
  return { format: FORMAT, seq, ...f.counters(), segment, position, ...lists };
}

async function removeOld(f: Folding, manifest: Manifest): Promise<void> {
  const folder = journalFolder(f.dir);
  for (const old of await listSegments(f.disk, folder)) {
    if (old < manifest.segment) await f.disk.remove(segmentPath(folder, old));
  }
  const named = new Set(manifest.pages.map(([page]) => page));
  for (const page of await f.pages.list()) if (!named.has(page)) await f.pages.remove(page);
}
