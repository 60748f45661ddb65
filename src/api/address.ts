// The address at which the daemon of a state folder listens. The path follows from the folder alone, so that a client
// finds it without asking. The system would silently cut a path that is too long for a socket, and two folders could
// then share one. Such a socket lies in a private folder of this user instead, under a name made of the state's path.
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { getBuiltinModule } from 'node:process';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { MAX_SOCKET_PATH } from '../support/limits.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Possible paths of the socket: the daemon takes the first, a client looks at each. The environment of a service and
 * that of a shell name different folders for the same user.
 */
export function socketPaths(state: string, env: Env = process.env): readonly string[] {
  const real = realPath(state);
  const inside = join(real, 'jobrun.sock');
  if (fits(inside)) return [inside];
  // For long paths alone: neither is worth its time in every command.
  const { createHash } = getBuiltinModule('node:crypto');
  const { tmpdir } = getBuiltinModule('node:os');
  const name = `${createHash('sha256').update(real).digest('hex').slice(0, 24)}.sock`;
  const uid = process.getuid?.() ?? 0;
  const runtime = env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'jobrun')] : [];
  const folders = [...runtime, join(tmpdir(), `jobrun-${uid}`), `/tmp/jobrun-${uid}`];
  return [...new Set(folders.map((folder) => join(folder, name)))].filter(fits);
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= MAX_SOCKET_PATH;

/** The way through no symbolic link, also of a folder that is not there yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return join(realPath(dirname(path)), basename(path));
  }
}

/** Makes the folder of a socket that lies outside the state folder, and makes sure that it is ours alone. */
export function prepareFolder(path: string, state: string): void {
  const folder = dirname(path);
  if (folder === realPath(state)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isPrivate(folder)) throw unsafe(folder);
}

/** A client believes only a socket in a folder that no other user can write to. */
export function isSafe(path: string, state: string): boolean {
  return dirname(path) === realPath(state) || isPrivate(dirname(path));
}

function isPrivate(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat?.isDirectory() || (stat.mode & 0o077) !== 0) return false;
  return process.getuid === undefined || stat.uid === process.getuid();
}

function unsafe(folder: string): JobrunError {
  const hint = 'Remove it, or set XDG_RUNTIME_DIR to a folder that only you can write to.';
  return new JobrunError('state-unsafe', `${folder} is not a private folder of this user`, hint);
}
