// `aside/`: originals of what was found damaged. A file is copied there, named after its content, so that no repair
// can cost it and no second start makes a second copy; what is no file at all is moved there.
import { basename, join } from 'node:path';
import { type Disk, sumOf } from '../support/files.ts';
import { readOrDamaged } from './document.ts';

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
