// `manifest.json`: what a start reads first. It names the first segment of the journal that is still needed and says
// of each page what it counts, so that pages of settled runs need not be read at all.
import { join } from 'node:path';
import type { Disk } from '../../support/files.ts';
import { type Document, readDocument, writeDocument } from './document.ts';
import type { Position } from './journal.ts';
import type { Answered, SchedulesFile } from './registry.ts';
import type { JobCounts } from './tally.ts';

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
  readonly starts?: readonly (readonly [job: string, at: readonly number[]])[];
  readonly pages: readonly (readonly [page: number, counts: JobCounts])[];
}

/** What the line of the journal says by which an empty state takes in a whole one (import.ts). */
export interface Imported {
  readonly nextId: number;
  readonly changes: number;
  readonly pages: readonly (readonly [page: number, counts: JobCounts])[];
  readonly schedules: SchedulesFile['schedules'];
  readonly paused: SchedulesFile['paused'];
  readonly requests: readonly Answered[];
  readonly starts: readonly (readonly [job: string, at: readonly number[]])[];
}

export const manifestPath = (dir: string): string => join(dir, 'manifest.json');

export const readManifest = (disk: Disk, dir: string): Promise<Manifest | null> =>
  readDocument<Manifest>(disk, manifestPath(dir));

export const writeManifest = (disk: Disk, dir: string, manifest: Manifest): Promise<number> =>
  writeDocument<Manifest>(disk, manifestPath(dir), manifest);
