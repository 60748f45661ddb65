// The state folder: what may lie in it, each by its name, the format of all of it, and what can be wrong with it.
//
// Each file says which format it has. A change of a file's contents raises the number and adds the step that makes the
// new one of the old, for good.
//
// There are two kinds of fault. Damage: a file is not what was written. It stops a start. An oddity: a record is what
// was written and still makes no sense. It is left out, or set aside under its name, and all else goes on.
//
// `aside/` has the originals of what was found damaged. A file is copied there, named after its content, so that no
// repair can cost it and no second start makes a second copy; what is no file at all is moved there.
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { type Disk, sumOf } from '../support/files.ts';

export type Kind = 'file' | 'folder' | 'socket';

/** `aside` comes first: what stands in the place of another is moved there. */
export const FOLDERS = ['aside', 'runs', 'journal', 'logs'] as const;

/** Written anew by a fold, the manifest last: where it is, the others are. */
export const DOCUMENTS = ['schedules.json', 'locks.json', 'manifest.json'] as const;

/** The entries that are damage if they are something else. Documents say so themselves if they are read. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['lock', 'file'],
  ['witness', 'file'],
  ['reserve', 'file'],
  ['jobrun.sock', 'socket'],
  ...FOLDERS.map((name) => [name, 'folder'] as const),
]);

/** A file in the folder explains it to readers. */
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

// ---------------------------------------------------------------------------------------------------------- faults

export function damaged(path: string, why: string): JobrunError {
  const hint = 'Nothing was changed. Look with: jobrun doctor';
  return new JobrunError('state-damaged', `${path} ${why}`, hint);
}

export const isDamage = (error: unknown): error is JobrunError =>
  error instanceof JobrunError && error.code === 'state-damaged';

/** Takes the description of a record that was left out, or set aside. */
export type Note = (what: string, setAside?: boolean) => void;

/** A record that makes no sense: left out, or, if it has a name, set aside under that. */
export interface Oddity {
  readonly path: string;
  readonly what: string;
  readonly setAside: boolean;
}

/** A damaged file. */
export interface Problem {
  readonly error: JobrunError;
  readonly path: string;
}

/** The damage that a reader finds: each file once, with the first thing that is wrong with it. */
export class Problems {
  readonly all: Problem[] = [];

  note(path: string, why: string): void {
    this.#add({ error: damaged(path, why), path });
  }

  /** Reads a file; null, with the problem noted, if it is damaged or no file at all. */
  async try<T>(path: string, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#add({ error, path });
      return null;
    }
  }

  /** The journal has to hold every commit that another file knows of. */
  endsBefore(journal: string, seq: number, known: readonly (readonly [string, number])[]): void {
    const ahead = known.find(([, includes]) => includes > seq);
    if (ahead)
      this.note(journal, `ends at commit ${seq}, but ${ahead[0]} knows of commit ${ahead[1]}`);
  }

  #add(problem: Problem): void {
    if (!this.all.some(({ path }) => path === problem.path)) this.all.push(problem);
  }
}

/** The bytes of a file; what is no file at all (a folder, a link, a pipe) is damage. */
export const readRegular = (disk: Disk, path: string): Promise<Buffer | null> =>
  regular(path, () => disk.read(path));

export async function regular<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (errnoOf(error) === 'EIO') throw damaged(path, 'cannot be read: the disk reports an error');
    if (!NO_FILE.has(errnoOf(error))) throw error;
    throw damaged(path, 'is not a regular file');
  }
}

/** The same for a caller that goes on without it: the bytes, null if nothing is there, or the fault. */
export async function readOrDamaged(
  disk: Disk,
  path: string,
): Promise<Buffer | JobrunError | null> {
  try {
    return await readRegular(disk, path);
  } catch (error) {
    if (isDamage(error)) return error;
    throw error;
  }
}

/** The names in a folder; what is no folder at all is damage. */
export async function listFolder(disk: Disk, path: string): Promise<string[]> {
  try {
    return await disk.list(path);
  } catch (error) {
    if (!NO_FILE.has(errnoOf(error))) throw error;
    throw damaged(path, 'is not a folder');
  }
}

/** The same for a caller that goes on without it: its first reader has reported the fault. */
export const namesIn = (disk: Disk, path: string): Promise<string[]> =>
  listFolder(disk, path).catch(() => []);

const NO_FILE = new Set(['EINVAL', 'ELOOP', 'EISDIR', 'ENOTDIR', 'ENXIO']);

/** Copies regular files. Returns the paths of the copies, also of those that were there already. */
export async function copyAside(
  disk: Disk,
  dir: string,
  paths: readonly string[],
): Promise<string[]> {
  const aside = join(dir, 'aside');
  await disk.makeFolder(aside);
  const there = new Set(await disk.list(aside));
  const copies: string[] = [];
  for (const path of new Set(paths)) {
    const bytes = await readOrDamaged(disk, path);
    if (!Buffer.isBuffer(bytes)) continue;
    const name = `${sumOf(bytes)}-${basename(path)}`;
    copies.push(join(aside, name));
    if (there.has(name)) continue;
    const copy = await disk.create(join(aside, name));
    await copy.write(bytes, 0);
    await copy.sync();
    await copy.close();
  }
  await disk.syncFolder(aside);
  return copies;
}

/** Moves what stands in the place of a file or folder and is none; returns where it is now. */
export async function moveAside(
  disk: Disk,
  dir: string,
  path: string,
  now: number,
): Promise<string> {
  const own = basename(path) === 'aside';
  const to = own ? join(dir, `aside-${now}`) : join(dir, 'aside', `${now}-${basename(path)}`);
  if (!own) await disk.makeFolder(join(dir, 'aside'));
  await disk.rename(path, to);
  await disk.syncFolder(dir);
  return to;
}
