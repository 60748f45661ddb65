// Files of the jobs folder that were probably meant to be jobs, and what they lack: a script without its run bit, a
// module with an ending that no job has. Looked at only when a job is not found, and when all jobs are listed.
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { orElseSync } from '../support/errors.ts';
import { JOB_NAME_PART } from '../support/limits.ts';
import { lackOf, withoutEnding } from './command-file.ts';
import { isLeftOut, listFolder, statsAt } from './loader.ts';

/** `lacks` is read behind the file's name, and says what to do. */
export interface Unfit {
  readonly file: string;
  readonly lacks: string;
}

/**
 * The file that has the name of a job, or that name with its ending, and defines none; null if there is no such file.
 */
export function unfitOf(folder: string, name: string): Unfit | null {
  if (!name.split('/').every((part) => JOB_NAME_PART.test(part))) return null;
  const path = join(folder, name);
  const isNamed = (entry: string): boolean =>
    entry === basename(path) || withoutEnding(entry) === basename(path);
  for (const entry of entriesOf(dirname(path))) {
    const unfit = isNamed(entry) && !isLeftOut(entry) ? lookAt(join(dirname(path), entry)) : null;
    if (unfit) return unfit;
  }
  return null;
}

/** More are not looked at: a folder with so many keeps something else there. */
const MOST = 200;

/** All such files of the folder, without scripts that other scripts may only read. */
export async function unfitIn(folder: string): Promise<readonly Unfit[]> {
  const { scripts } = await listFolder(folder);
  return scripts.slice(0, MOST).flatMap((file) => {
    const unfit = lookAt(file);
    return unfit?.isMeant ? [{ file, lacks: unfit.lacks }] : [];
  });
}

const OTHER_MODULE = /\.(?:cts|[jt]sx)$/;
const ENDING = 'has an ending that no job has: it must be .ts, .mts, .js, .mjs or .cjs';

function lookAt(file: string): (Unfit & { readonly isMeant: boolean }) | null {
  const stats = statsAt(file);
  if (!stats?.isFile()) return null;
  const lack = OTHER_MODULE.test(file) ? { lacks: ENDING, isMeant: true } : lackOf(file, stats);
  return lack && { file, ...lack };
}

const entriesOf = (folder: string): readonly string[] =>
  orElseSync([], () => readdirSync(folder).sort());
