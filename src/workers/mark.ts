// The mark of a worker, which everything that it starts carries: never the same twice, not even after a crash. It says
// which daemon started the worker, and on which state folder. A copy of a state that is in use, as a backup that is tried
// beside it, has leases of the same processes: these are at work for another daemon, and not to be ended.
import { statSync } from 'node:fs';
import { randomBytes } from '../support/random.ts';
import { processInfo } from './processes.ts';

export function newMark(state: string): string {
  const { pid } = process;
  const startTime = processInfo(pid)?.startTime ?? '';
  return [randomBytes(12).toString('hex'), pid, startTime, folderOf(state)].join('.');
}

/** The daemon that has this worker, where it lives and works on another folder than this one; else null. */
export function otherDaemonOf(mark: string, state: string): number | null {
  const [, pid, startTime, folder] = /^[0-9a-f]+\.(\d+)\.(\d+)\.(\d+)$/.exec(mark) ?? [];
  if (pid === undefined || folder === folderOf(state)) return null;
  const info = processInfo(Number(pid));
  return info?.alive && info.startTime === startTime ? info.pid : null;
}

/** A folder that is moved stays the same one, and a copy is another. */
const folderOf = (state: string): string =>
  String(statSync(state, { bigint: true, throwIfNoEntry: false })?.ino ?? 0);
