// The system's answers about processes: whether one lives, by its pid alone, and how many files this one may have open.
// If that limit is low, Node fails in many ways: modules seem to be missing, processes do not start, connections break.
// So a daemon looks before it begins, and so does a command without one that may start a worker.
import { readFileSync } from 'node:fs';
import { errnoOf, fewFiles, orElseSync } from './errors.ts';

/** The files that a daemon has open without any worker, with some room for clients and for loading its own modules. */
const BASE = 64;
/** Pipes of a worker process. */
const PER_WORKER = 4;

/** A command that starts one worker, and may hold sessions with a store. */
const COMMAND = 40;

/** Throws `refused` where the limit is too low for a daemon with so many workers. */
export function refuseFewFiles(workers: number, limit = openFileLimit()): void {
  refuseFewer(BASE + PER_WORKER * workers, `a daemon with ${workers} workers`, limit);
}

/** The same for a command that works without a daemon. */
export const refuseFewFilesOffline = (): void =>
  refuseFewer(COMMAND, 'a command without a daemon', openFileLimit());

function refuseFewer(needed: number, who: string, limit: number | null): void {
  if (limit === null || limit >= needed) return;
  throw fewFiles(`${who} needs ${needed} open files, and may have ${limit}`);
}

/** Null where the system does not say. */
export function openFileLimit(): number | null {
  const limits = orElseSync('', () => readFileSync('/proc/self/limits', 'utf8'));
  const [, limit] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  return limit === undefined ? null : Number(limit);
}

/** A process as the kernel describes it in /proc. */
export interface ProcessStat {
  readonly alive: boolean;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In the kernel's own ticks: a pid that is given again has another one. */
  readonly startTime: string;
}

/** Null where no such process is. Throws where that cannot be told, as `textOrNull` does. */
export function statOf(pid: number): ProcessStat | null {
  const stat = textOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in brackets may hold anything, brackets and spaces too: the fields begin after the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', parent, group, session] = fields;
  // A zombie is dead, unless only its first thread has ended: the others still run its code, and keep its files open,
  // its `flock` too.
  const threads = Number(fields[17]);
  return {
    alive: state !== 'X' && state !== 'x' && (state !== 'Z' || threads > 1),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: fields[19] ?? '',
  };
}

/** By the pid alone, on any system. False for a zombie, though `kill(pid, 0)` finds it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
  // No /proc on this system, or the process has gone this moment: the next look at its pid tells.
  return orElseSync(null, () => statOf(pid))?.alive ?? true;
}

/** It has gone, or belongs to another user. */
const NOT_OURS: readonly string[] = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/**
 * A file of a process; null if that has gone, or belongs to another user. Throws where it cannot be told (no file can
 * be opened, the system fails): what is not known to be gone must not be taken for dead.
 */
export function textOrNull(path: string): string | null {
  try {
    // Node reads no other encoding without a large buffer for each file, and a look reads many.
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (NOT_OURS.includes(errnoOf(error))) return null;
    throw error;
  }
}
