// What the system says about processes: which ones live, and whether one is the one that was meant. A pid alone proves
// nothing, for it is given again; a zombie is dead, though `kill(pid, 0)` calls it alive.
import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf } from '../support/errors.ts';

/** The variable by which everything that a worker ever started can be found. */
export const MARK_VARIABLE = 'JOBRUN_WORKER';

export interface Identity {
  /** When the process began, in the kernel's own ticks; empty where the system does not tell. */
  readonly startTime: string;
  /** Differs after each start of the machine; empty where the system does not tell. */
  readonly boot: string;
}

export interface ProcessInfo {
  readonly pid: number;
  readonly alive: boolean;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTime: string;
}

export function processIdentity(pid: number): Identity {
  return { startTime: processInfo(pid)?.startTime ?? '', boot: bootId() };
}

let boot: string | null = null;

export function bootId(): string {
  boot ??= textOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return boot;
}

let proc: boolean | null = null;

/** False on systems that have no /proc. */
export function hasProc(): boolean {
  proc ??= textOrNull('/proc/self/stat') !== null;
  return proc;
}

/** When a process began that was started a moment ago; empty where that cannot be told, and its mark has to do. */
export function startTimeOf(pid: number): string {
  try {
    return processInfo(pid)?.startTime ?? '';
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    return '';
  }
}

/** Null where no such process is. */
export function processInfo(pid: number): ProcessInfo | null {
  const stat = textOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in brackets may hold anything, brackets and spaces too: the fields begin after the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', parent, group, session] = fields;
  return {
    pid,
    alive: state !== 'Z' && state !== 'X' && state !== 'x',
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: fields[19] ?? '',
  };
}

/** Every process there is, zombies too. */
export function allProcesses(): readonly ProcessInfo[] {
  const infos: ProcessInfo[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const info = pid > 0 ? processInfo(pid) : null;
    if (info) infos.push(info);
  }
  return infos;
}

/** True where the process was started, by whomever, with this mark in its environment. */
export function carriesMark(pid: number, mark: string): boolean {
  const environment = textOrNull(`/proc/${pid}/environ`);
  return environment !== null && `\0${environment}`.includes(`\0${MARK_VARIABLE}=${mark}\0`);
}

/** It has gone, or belongs to somebody else. */
const NOT_OURS: readonly string[] = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/**
 * A file of a process; null where that has gone, or belongs to somebody else. Throws where it cannot be told (no file
 * can be opened, the system fails): what is not known to be gone must not be taken for dead.
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
