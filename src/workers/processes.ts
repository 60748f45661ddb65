// The system's answers about processes: which ones live, and whether one is the one that was meant. A pid alone proves
// nothing, for it is given again; a zombie is dead, though `kill(pid, 0)` calls it alive.
//
// A process that a worker starts carries the worker's mark twice. In its environment, which it may drop, and which only
// its own user may read. And, on Linux, as its limit of file locks (RLIMIT_LOCKS): the kernel has ignored that limit
// since 2.4.25, but still hands it on to every child, through a new environment, session or user, and shows it to
// everybody.
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { orElseSync } from '../support/errors.ts';
import { randomBytes } from '../support/random.ts';
import { type ProcessStat, statOf, textOrNull } from '../support/system.ts';

/** The variable by which everything that a worker ever started can be found. */
export const MARK_VARIABLE = 'JOBRUN_WORKER';

export interface ProcessInfo extends ProcessStat {
  readonly pid: number;
}

let boot: string | null = null;

/**
 * Names the life of the machine, and of the container in it: there pids begin anew with each start, though the machine
 * has gone on. Empty where the system does not tell.
 */
export function bootId(): string {
  if (boot !== null) return boot;
  const machine = textOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  boot = machine === '' ? '' : `${machine}/${processInfo(FIRST_PID)?.startTime ?? ''}`;
  return boot;
}

const FIRST_PID = 1;

/**
 * The scope in which a pid means the same as here: this life of this machine, and this name space, for two containers
 * may begin within one tick. Empty if the system does not tell: then no process is known to be dead by its pid.
 */
export function pidSpace(): string {
  const names = orElseSync(null, () => readlinkSync('/proc/self/ns/pid'));
  return names === null || bootId() === '' ? '' : `${bootId()} ${names}`;
}

/** False where everything that lived then is gone. Leases of earlier versions name the machine alone. */
export function isThisBoot(then: string): boolean {
  const now = bootId();
  return then === '' || then === now || then === now.slice(0, now.indexOf('/'));
}

let proc: boolean | null = null;

/** False on systems that have no /proc. */
export function hasProc(): boolean {
  proc ??= textOrNull('/proc/self/stat') !== null;
  return proc;
}

/** When a process began that was started a moment ago; empty where that cannot be told, and its mark has to do. */
export const startTimeOf = (pid: number): string =>
  orElseSync('', () => processInfo(pid)?.startTime ?? '');

/** Null where no such process is. */
export function processInfo(pid: number): ProcessInfo | null {
  const stat = statOf(pid);
  return stat && { pid, ...stat };
}

/**
 * A chain of processes that each start the next and end is caught long before; only a machine that is swamped goes on.
 */
const MOST_ROUNDS = 64;

/**
 * Every process there is, zombies too; `see` is told of each at once, for it may be gone a moment later. A list of
 * /proc alone can miss one that lives throughout, as the next of a chain: a listed process has ended when it is read,
 * and the one that it started was not listed. So it is listed again, until no new process appears and none was started
 * meanwhile. The newest come first: they are the ones that do not stay.
 */
export function allProcesses(
  see: (info: ProcessInfo) => void = () => undefined,
): readonly ProcessInfo[] {
  const infos = new Map<number, ProcessInfo | null>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const last = lastStarted();
    const pids = readdirSync('/proc').map(Number);
    const unseen = pids.filter((pid) => pid > 0 && !infos.has(pid)).sort((a, b) => b - a);
    for (const pid of unseen) {
      const info = processInfo(pid);
      infos.set(pid, info);
      if (info) see(info);
    }
    if (unseen.length === 0 && lastStarted() === last) break;
  }
  return [...infos.values()].filter((info) => info !== null);
}

/** The pid that was given last. */
const lastStarted = (): string => textOrNull('/proc/loadavg')?.trim().split(' ').at(-1) ?? '';

/** The mark as a number, for a limit; null where a mark is no number in hexadecimal digits. */
export function limitOf(mark: string): number | null {
  const digits = /^[0-9a-f]{12}/.exec(mark)?.[0];
  // Never so small that it could be a limit set on purpose, and exact as a number.
  return digits === undefined ? null : 2 ** 48 + Number.parseInt(digits, 16);
}

/** Shell text that sets the limit for the shell and all that it starts; bash calls it x, other shells w. */
export function markingScript(mark: string): string {
  const limit = process.platform === 'linux' ? limitOf(mark) : null;
  return limit === null ? '' : `ulimit -w ${limit} 2>/dev/null || ulimit -x ${limit} 2>/dev/null\n`;
}

/** True where the process was started, by whomever, under this mark. */
export function carriesMark(pid: number, mark: string): boolean {
  const limit = limitOf(mark);
  const limits = limit === null ? null : textOrNull(`/proc/${pid}/limits`);
  if (limits?.includes(` ${limit} `)) return true;
  const environment = textOrNull(`/proc/${pid}/environ`);
  return environment !== null && `\0${environment}`.includes(`\0${MARK_VARIABLE}=${mark}\0`);
}

/**
 * The mark of a worker, which everything that it starts carries: never the same twice, not even after a crash. It says
 * which daemon started the worker, and on which state folder. A copy of a state that is in use, as a backup that is
 * tried beside it, has leases of the same processes: these are at work for another daemon, and not to be ended.
 */
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
