// Files that can be made again: written whole or not at all, but without a sync, and never an error. They stand apart
// from `files.ts` because each worker loads them.
import { existsSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, orElseSync } from './errors.ts';

let temporary = 0;

/**
 * Makes the folder of the file, but not the one above. Does nothing where it cannot write: the disk is full, or not
 * ours.
 */
export function writeCacheFile(path: string, text: string): void {
  const folder = dirname(path);
  const temp = join(folder, `.${basename(path)}.${process.pid}.${++temporary}.tmp`);
  try {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    writeFileSync(temp, text, { mode: 0o600, flag: 'wx' });
    renameSync(temp, path);
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    removeCacheFile(temp);
  }
}

export const removeCacheFile = (path: string): void =>
  orElseSync(undefined, () => unlinkSync(path));
