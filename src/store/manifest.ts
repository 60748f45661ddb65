// `manifest.json`: what a start reads first. It names the first segment of the journal that is still needed and says
// of each page what it holds, so that pages to which nothing happens any more need not be read at all.

import type { Disk } from '../support/files.ts';
import { MAX_RUN_ID } from '../support/limits.ts';
import { anything, faultOf, list, object, tuple, whole } from '../support/schema.ts';
import { type Document, documentPath, readDocument, writeDocument } from './document.ts';
import { damaged } from './folder.ts';
import type { Position } from './journal.ts';
import type { Tables } from './pages.ts';
import type { Reads } from './table.ts';
import type { Summary } from './tally.ts';

/** The tables that the manifest holds stand in it beside these, and so does what the pages hold. */
export interface Manifest extends Document, Summary {
  /** Grows with each opening: the first half of every token. */
  readonly epoch: number;
  readonly nextId: number;
  /** The first segment that is needed, and where the chain of checksums stood before it. */
  readonly segment: number;
  readonly position: Position;
  /** How many changes of records in pages there ever were: numbers the events. */
  readonly changes: number;
}

/** The line of the journal by which an empty state takes in a whole one (stream.ts); its tables stand beside these. */
export type Imported = Summary & Pick<Manifest, 'nextId' | 'changes'>;

/** Returns null if there is none. */
export async function readManifest(disk: Disk, dir: string): Promise<Manifest | null> {
  const path = documentPath(dir, 'manifest');
  const manifest = await readDocument<Manifest>(disk, path);
  const wrong = manifest && wrongIn(manifest);
  if (wrong !== null) throw damaged(path, `makes no sense: ${wrong}`);
  return manifest;
}

export const writeManifest = (disk: Disk, dir: string, manifest: Manifest): Promise<number> =>
  writeDocument<Manifest>(disk, documentPath(dir, 'manifest'), manifest);

const ID = whole(1, MAX_RUN_ID);
const PAGES = list(tuple(whole(0), anything));
const IMPORT = object({ nextId: ID, changes: whole(0), pages: PAGES });
const MANIFEST = object({
  epoch: whole(0),
  nextId: ID,
  segment: whole(0),
  position: object({ seq: whole(0), crc: whole(0) }),
  changes: whole(0),
  pages: PAGES,
});

/** Returns what is wrong with the numbers that all else hangs on. */
export const wrongIn = (manifest: Manifest): string | null => faultOf(MANIFEST, manifest);

/** How each operation of the journal is read. */
export const readsOf = ({ documents, operations }: Tables): Reads => ({
  ...documents.reads,
  ...operations.reads,
  import: ([kind, raw]) => [kind, importOf(raw)],
});

/** Returns what a line imports. Throws if its numbers make no sense: it is all there is. */
function importOf(raw: unknown): Imported {
  const wrong = faultOf(IMPORT, raw);
  if (wrong !== null) throw new Error(`its import makes no sense: ${wrong}`);
  return raw as Imported;
}
