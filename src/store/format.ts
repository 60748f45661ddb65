// What may lie in a state folder, each by its name, and the format of all of it, with the steps that make it of older
// ones. Each file says which format it has. Whoever changes what a file holds raises the number and adds the step, for good.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../support/errors.ts';

export type Kind = 'file' | 'folder' | 'socket';

/** `aside` comes first: what stands in the place of another is moved there. */
export const FOLDERS = ['aside', 'runs', 'journal', 'logs'] as const;

/** Written anew by a fold, the manifest last: where it is, the others are. */
export const DOCUMENTS = ['schedules.json', 'locks.json', 'manifest.json'] as const;

/** What is damage if it is something else. Documents say so themselves if they are read. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['lock', 'file'],
  ['witness', 'file'],
  ['reserve', 'file'],
  ['jobrun.sock', 'socket'],
  ...FOLDERS.map((name) => [name, 'folder'] as const),
]);

/** Whoever looks into the folder finds it explained there. */
export async function placeReadme(dir: string): Promise<void> {
  try {
    const text = await readFile(new URL('../../state/README.md', import.meta.url));
    await writeFile(join(dir, 'README.md'), text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    // It helps people; a folder that takes no file will say so where it matters. And it may be gone itself: who
    // works in a copy of this repository and begins anew deletes the whole folder.
    if (!['EEXIST', 'ENOENT', 'ENOSPC', 'EROFS', 'EDQUOT'].includes(errnoOf(error))) throw error;
  }
}

/** The format that this version writes. */
export const FORMAT = 2;

export type DocumentName = 'manifest' | 'schedules' | 'locks' | 'page';
type Data = Readonly<Record<string, unknown>>;

/** One operation of the journal. The tables give it meaning. */
export type Op = readonly [kind: string, ...rest: unknown[]];

/** Makes of a format the next one. Pure: it is applied again after a crash, and to what is only looked at. */
export interface Step {
  readonly from: number;
  readonly document: (name: DocumentName, data: Data) => Data;
  /** The same for one operation of the journal. */
  readonly operation: (op: Op) => Op;
}

/**
 * Format 2 writes a change of a run without what the run saved before (`kept` in run/difference.ts). Format 1 wrote all
 * of it, which reads the same; the number keeps an older jobrun from taking what was left out for removed.
 */
const CHANGES_WITHOUT_WHAT_IS_KEPT: Step = {
  from: 1,
  document: (_, data) => data,
  operation: (op) => op,
};

export const STEPS: readonly Step[] = [CHANGES_WITHOUT_WHAT_IS_KEPT];
