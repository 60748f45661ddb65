// Checks that a folder is ours alone. Other users can fill a folder that they can write to with files of their choice,
// and its owner can change it at any moment. From such a folder no state is read and no job is started.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { JobrunError } from './errors.ts';

const ROOT = 0;

/** Throws `state-unsafe` if it is a link or no folder, belongs to another user, or can be written by others. */
export function refuseForeign(path: string): Stats {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw unsafe(path, 'is not a folder');
  if (process.getuid && stat.uid !== process.getuid())
    throw unsafe(path, 'belongs to another user');
  if (stat.mode & 0o022) throw unsafe(path, 'can be written by others');
  return stat;
}

/**
 * The same for the folder that job code is started from, which may be a link, and may belong to root, who could do
 * anything in any case. A group that is the user's own, with the same number, is not "others".
 */
export function refuseForeignJobs(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat || !process.getuid) return;
  if (stat.uid !== process.getuid() && stat.uid !== ROOT)
    throw unsafe(path, 'belongs to another user');
  if (isOpen(stat) && !(isOpen(statSync(dirname(path))) && isHidden(path)))
    throw unsafe(path, 'can be written by others');
}

const isOpen = ({ mode, gid }: Stats): boolean =>
  (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== process.getuid?.());

/**
 * No other user gets as far as this path: a folder above it lets only its owner through. A whole project made under
 * umask 0 in such a place is safe there; a folder that was opened alone is a slip, wherever it lies.
 */
function isHidden(path: string): boolean {
  const above = dirname(path);
  return above !== path && ((statSync(above).mode & 0o011) === 0 || isHidden(above));
}

/**
 * Opens a log to append to it. Another user could turn a name into a link, or make it a second name of a file, and let
 * us append to that. A pipe that is never read would hold us up for ever.
 */
export function openLogFile(path: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const fd = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
  const stat = fstatSync(fd);
  if (!stat.isFile() || stat.nlink <= 1) return fd;
  closeSync(fd);
  throw unsafe(path, 'has a second name elsewhere');
}

export function unsafe(path: string, why: string): JobrunError {
  const hint = `Look at it with: ls -ld ${path}; then chmod go-w, chown it to you, or move it away.`;
  return new JobrunError('state-unsafe', `${path} ${why}`, hint);
}
