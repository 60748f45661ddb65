// Reads, finds and names files that other people write. In place of one there may be anything. A named pipe without a
// writer would hold up the reader for ever, a device has no end, and a byte order mark stands before what Windows
// editors save.
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  promises,
  readSync,
  type Stats,
} from 'node:fs';
import { delimiter, isAbsolute, join, relative } from 'node:path';
import { orElseSync } from './errors.ts';
import { MAX_SOURCE_BYTES } from './limits.ts';
import { withoutMark } from './text.ts';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** The text of a regular file. Throws as the system does, and EINVAL or EFBIG for what is none, or too large. */
export function readTextSync(path: string, most = MAX_SOURCE_BYTES): string {
  const file = openSync(path, FLAGS);
  try {
    const bytes = Buffer.alloc(sizeOf(fstatSync(file), most));
    // It may be growing: no more is read than was there.
    return textOf(bytes, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/** The same with the event loop free. Promises of files are loaded with the first use: most commands need none. */
export async function readText(path: string, most = MAX_SOURCE_BYTES): Promise<string> {
  const file = await promises.open(path, FLAGS);
  try {
    const bytes = Buffer.alloc(sizeOf(await file.stat(), most));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return textOf(bytes, bytesRead);
  } finally {
    await file.close();
  }
}

const textOf = (bytes: Buffer, length: number): string =>
  withoutMark(bytes.toString('utf8', 0, length));

function sizeOf(stats: Stats, most: number): number {
  if (!stats.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EINVAL' });
  if (stats.size <= most) return stats.size;
  throw Object.assign(new Error(`larger than ${most} bytes`), { code: 'EFBIG' });
}

/** The path of a program in the folders of a PATH, or null. */
export const programIn = (path: string, program: string): string | null =>
  path
    .split(delimiter)
    .map((folder) => join(folder || '.', program))
    .find((file) => orElseSync(false, () => accessSync(file, constants.X_OK) === undefined)) ??
  null;

/** The path from a folder, where the file lies in it; else as it is. */
export function shortPath(folder: string, file: string): string {
  const path = relative(folder, file);
  return path.startsWith('..') || isAbsolute(path) ? file : path;
}
