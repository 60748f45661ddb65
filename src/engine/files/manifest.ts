// `manifest.json`: what a start reads first. It names the first segment of the journal that is still needed and says
// of each page what it counts and when its runs settled, so that pages of settled runs need not be read at all.
import { join } from 'node:path';
import * as v from 'valibot';
import { STATE_NAMES } from '../../run/run.ts';
import { RUN_ID } from '../../run/stored-run.ts';
import { type Document, damaged, readDocument, writeDocument } from '../../store/document.ts';
import type { Position } from '../../store/journal.ts';
import type { Disk } from '../../support/files.ts';
import {
  anything,
  faultOf,
  instant,
  list,
  mapOf,
  object,
  strict,
  tuple,
  whole,
} from '../../support/schema.ts';
import type { Answered, SchedulesFile } from './registry.ts';
import {
  type Note,
  pausesOf,
  requestsOf,
  type Starts,
  schedulesOf,
  sensible,
  startsOf,
} from './stored.ts';
import type { JobCounts, Spans } from './tally.ts';

export interface Manifest extends Document {
  /** Grows with each opening: the first half of every token. */
  readonly epoch: number;
  readonly nextId: number;
  /** The first segment that is needed, and where the chain of checksums stood before it. */
  readonly segment: number;
  readonly position: Position;
  /** How many changes of runs there ever were: numbers the events. */
  readonly changes: number;
  readonly requests: readonly Answered[];
  /** When attempts of each job began lately, for the rates; missing where an earlier version wrote the file. */
  readonly starts?: Starts;
  readonly pages: readonly (readonly [page: number, counts: JobCounts])[];
  /** When the runs of these pages settled; missing where an earlier version wrote the file. */
  readonly settled?: Spans;
  /** Runs that are set aside and had not ended: others may wait for them. Missing where there are none. */
  readonly aside?: readonly number[];
}

/** What the line of the journal says by which an empty state takes in a whole one (import.ts). */
export interface Imported {
  readonly nextId: number;
  readonly changes: number;
  readonly pages: readonly (readonly [page: number, counts: JobCounts])[];
  readonly schedules: SchedulesFile['schedules'];
  readonly paused: SchedulesFile['paused'];
  readonly requests: readonly Answered[];
  readonly starts: Starts;
  readonly settled?: Spans;
  readonly aside?: readonly number[];
}

export const manifestPath = (dir: string): string => join(dir, 'manifest.json');

/** Null where there is none. Lists lack what makes no sense of them; it is noted. */
export async function readManifest(
  disk: Disk,
  dir: string,
  note: Note = () => undefined,
): Promise<Manifest | null> {
  const path = manifestPath(dir);
  const data = await readDocument<Manifest>(disk, path);
  const manifest = data && readSense(data, note);
  if (typeof manifest === 'string') throw damaged(path, `makes no sense: ${manifest}`);
  return manifest;
}

export const writeManifest = (disk: Disk, dir: string, manifest: Manifest): Promise<number> =>
  writeDocument<Manifest>(disk, manifestPath(dir), manifest);

const PAGES = list(tuple(whole(0), anything));
const IMPORT = object({ nextId: RUN_ID, changes: whole(0), pages: PAGES });
const MANIFEST = object({
  epoch: whole(0),
  nextId: RUN_ID,
  segment: whole(0),
  position: object({ seq: whole(0), crc: whole(0) }),
  changes: whole(0),
  pages: PAGES,
});

/** A page of which it is not known what it holds: it is read. */
const UNKNOWN: JobCounts = { '': { queued: 1 } };

function pagesOf(pages: Manifest['pages'], note: Note): Manifest['pages'] {
  return pages.map(([page, held]) => {
    const wrong = faultOf(COUNTS, held);
    if (wrong !== null) note(`the counts of page ${page} make no sense: ${wrong}`);
    return [page, wrong === null ? held : UNKNOWN] as const;
  });
}

export type Common = Pick<Manifest, 'pages' | 'requests' | 'starts' | 'settled' | 'aside'>;
const listsOf = (
  { pages, requests, starts, settled, aside }: Common,
  note: Note,
): Common & Pick<Imported, 'starts'> => ({
  pages: pagesOf(pages, note),
  requests: requestsOf(requests, note),
  starts: startsOf(starts, note),
  settled: sensible(settled ?? [], SPAN, 'span of a page', note),
  aside: sensible<number>(aside ?? [], RUN_ID, 'run that is set aside', note),
});

/** The manifest with what makes sense of its lists; what is wrong, where its numbers make none. */
export function readSense(manifest: Manifest, note: Note): Manifest | string {
  const wrong = faultOf(MANIFEST, manifest);
  return wrong ?? { ...manifest, ...listsOf(manifest, note) };
}

/** What a line imports. Throws where its numbers make no sense: it is all there is. */
export function importOf(raw: unknown, note: Note): Imported {
  const wrong = faultOf(IMPORT, raw);
  if (wrong !== null) throw new Error(`its import makes no sense: ${wrong}`);
  const imported = raw as Imported;
  return {
    ...imported,
    ...listsOf(imported, note),
    schedules: schedulesOf(Array.isArray(imported.schedules) ? imported.schedules : [], note),
    paused: pausesOf(imported.paused, note),
  };
}

/** Page, and when the first and the last of its runs settled. */
const SPAN = v.pipe(
  tuple(whole(0), instant, instant),
  v.check((span) => {
    const [, first, last] = span as Spans[number];
    return first <= last;
  }, ' ends before it begins'),
);

/** Of each job, how many runs are in each state. */
const COUNTS = mapOf(
  strict(Object.fromEntries(STATE_NAMES.map((name) => [name, v.optional(whole(0))]))),
);
