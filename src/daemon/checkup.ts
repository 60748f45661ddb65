// The checks of `jobrun doctor`. Nothing here changes anything, and all of it works beside a live daemon. A problem is
// something that a promise may break on; a warning is worth knowing and costs nothing yet.
import { type Stats, statSync } from 'node:fs';
import { lstat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Finding, holderOf, type Inspected } from '../engine/open.ts';
import { type Boot, markOf, resumed } from '../run/keep-clock.ts';
import { waitsForClock } from '../run/served.ts';
import { isoOf } from '../support/clock.ts';
import { CONFIG_FILE, type Config } from '../support/config.ts';
import { showDuration } from '../support/durations.ts';
import { errnoOf, JobrunError, toJobrunError } from '../support/errors.ts';
import { MB, MINUTE } from '../support/limits.ts';
import { refuseForeignJobs } from '../support/ownership.ts';
import { textOrNull } from '../support/system.ts';
import { count, showMegabytes } from '../support/text.ts';
import type { WorkerIdentity } from '../workers/death.ts';
import {
  allProcesses,
  bootId,
  hasProc,
  MARK_VARIABLE,
  type ProcessInfo,
} from '../workers/processes.ts';
import { refuseWrongDefaults } from './jobs.ts';
import { notifyRules } from './watching/notify-rules.ts';

export type CheckName =
  | 'files'
  | 'permissions'
  | 'lock'
  | 'clock'
  | 'memory'
  | 'space'
  | 'processes'
  | 'config'
  | 'jobs'
  // Checks of a store: store-checkup.ts.
  | 'store'
  | 'durability'
  | 'rights'
  | 'members'
  | 'leases'
  | 'counts'
  | 'size'
  | 'awaited';

export interface Check {
  readonly name: CheckName;
  readonly status: 'ok' | 'warning' | 'problem';
  readonly summary: string;
  readonly findings: readonly Finding[];
}

export function checkOf(name: CheckName, summary: string, findings: readonly Finding[]): Check {
  const has = (level: Finding['level']): boolean => findings.some((one) => one.level === level);
  const status = has('problem') ? 'problem' : has('warning') ? 'warning' : 'ok';
  return { name, status, summary, findings };
}

export function checkFiles({ files, findings, known }: Inspected): Check {
  const format = known ? `format ${known.format}, ` : '';
  const summary = `${format}${count(files, 'file')}, ${count(known?.runs ?? 0, 'run')}, commit ${known?.commit ?? '?'}`;
  return checkOf('files', summary, findings);
}

const OTHERS_WRITE = 0o022;
const OTHERS_AT_ALL = 0o077;

/** The state is ours alone; no other user can put a job into the jobs folder. */
export async function checkPermissions({ state, jobs }: Config): Promise<Check> {
  const findings: Finding[] = [];
  const own = process.getuid?.();
  if (!(await statOrNull(state)) && !(await statOrNull(dirname(state)))) {
    const hint = 'Make it, or name another: --state-dir';
    const message = `${dirname(state)}, where the state is to be, is not there`;
    findings.push({ level: 'problem', file: state, message, hint });
  }
  for (const file of [state, join(state, 'manifest.json'), join(state, 'runs')]) {
    const stat = await statOrNull(file);
    if (!stat) continue;
    const foreign = own !== undefined && stat.uid !== own;
    const hint = `Look at it: ls -ld ${file}; then chmod go-w, or chown.`;
    const wrong = (message: string): void => {
      findings.push({ level: 'problem', file, message: `${file} ${message}`, hint });
    };
    if (foreign) wrong('belongs to another user');
    if (stat.mode & OTHERS_WRITE) wrong('can be written by others');
    else if (stat.mode & OTHERS_AT_ALL) {
      const message = `${file} can be read by others`;
      findings.push({ level: 'warning', file, message, hint: `chmod go= ${file}` });
    }
  }
  findings.push(...problemsOf(jobs, () => refuseForeignJobs(jobs)));
  return checkOf('permissions', findings.length === 0 ? 'private' : 'not in order', findings);
}

/** By the same readers as the next daemon, which does not start with a mistake in it. */
export function checkConfig(config: Config): Check {
  const file = join(config.dir, CONFIG_FILE);
  const readers = [
    () => config.http,
    () => config.keep,
    () => notifyRules(config),
    () => refuseWrongDefaults(config),
  ];
  const problems = readers.flatMap((reader) => problemsOf(file, reader));
  const summary = problems.length === 0 ? 'readable' : 'no daemon starts with it';
  return checkOf('config', summary, [...problems, ...openPassword(config, file)]);
}

const OTHERS_READ = 0o044;

/** The password of a store is known to every user who can read the file. */
function openPassword({ tellsPassword }: Config, file: string): readonly Finding[] {
  const { mode = 0 } = (tellsPassword && statSync(file, { throwIfNoEntry: false })) || {};
  if ((mode & OTHERS_READ) === 0) return [];
  const message = `${file} has the password of the store in it, and others can read it`;
  const hint = `chmod go= ${file}; or keep the password in ~/.pgpass or PGPASSWORD.`;
  return [{ level: 'warning', file, message, hint }];
}

/** A config that `look` refuses is a problem of this file. */
function problemsOf(file: string, look: () => unknown): readonly Finding[] {
  try {
    look();
    return [];
  } catch (error) {
    if (!(error instanceof JobrunError) && errnoOf(error) === '') throw error;
    const { message, hint } = toJobrunError(error);
    return [{ level: 'problem', file, message, hint }];
  }
}

export async function checkLock({ state }: Config): Promise<Check> {
  const holder = await holderOf(state);
  const summary = holder === null ? 'free' : `held by a ${holder.kind} (pid ${holder.pid})`;
  return checkOf('lock', summary, []);
}

/** The facts that a clock is judged by. */
export interface ClockFacts extends Pick<Inspected, 'clockMark'> {
  readonly known: Pick<NonNullable<Inspected['known']>, 'newest' | 'schedules'> | null;
}

/**
 * The files do not tell which clock was right. So a clock that was set is no damage: what waits for it, or is kept
 * because of it, is told with the one command that ends that.
 */
export function checkClock(
  { known, clockMark }: ClockFacts,
  now: number,
  here: Boot | null = null,
): Check {
  const { newest = 0, schedules = [] } = known ?? {};
  const summary = newest === 0 ? isoOf(now) : `${isoOf(now)}, newest entry ${isoOf(newest)}`;
  const mend = 'Set the clock where it is wrong. If it is right: jobrun doctor --repair';
  const findings: Finding[] = [];
  const tell = (message: string, hint = mend): void => {
    findings.push({ level: 'warning', file: '', message, hint });
  };
  const names = schedules.filter((one) => waitsForClock(one, now)).map(({ name }) => name);
  if (names.length > 0)
    tell(`the clock was set back, and ${names.join(', ')} waits until it has caught up`);
  else if (newest > now + MINUTE)
    tell(
      `the clock is ${showDuration(newest - now)} behind the newest entry of the state`,
      'Set the clock where it is wrong. If it is right there is nothing to do.',
    );
  const mark = clockMark && markOf(resumed(clockMark, now, here), now);
  if (mark && mark.leapAt !== null) {
    const ms = showDuration(mark.leapAt - mark.trusted);
    tell(`the clock has leapt ahead by ${ms}: history is removed by the one before for a day`);
  }
  return checkOf('clock', summary, findings);
}

const NOTHING_READ = { bytes: 0, limit: 0 };

/** A daemon with the heap of this process takes in no more than the limit. */
export function checkMemory({ known }: Pick<Inspected, 'known'>): Check {
  const { bytes, limit } = known?.memory ?? NOTHING_READ;
  const findings: Finding[] = [];
  if (bytes > limit) {
    const message = 'new runs are refused until some are done';
    const hint = 'Or give the daemon more memory: NODE_OPTIONS=--max-old-space-size=<MB>';
    findings.push({ level: 'warning', file: '', message, hint });
  }
  const summary = `${showMegabytes(bytes)} of ${showMegabytes(limit)} taken by runs`;
  return checkOf('memory', summary, findings);
}

/** The space that a daemon needs for its results, and the space that it needs to go on for a while. */
const FULL_BYTES = 4 * MB;
const LOW_BYTES = 64 * MB;
const FULL_FILES = 50;
const LOW_FILES = 1000;

export async function checkSpace({ state, dir }: Config): Promise<Check> {
  const where = (await statOrNull(state)) ? state : dir;
  const { bavail, bsize, files, ffree } = await statfs(where);
  const free = bavail * bsize;
  const findings: Finding[] = [];
  const tell = (level: Finding['level'], message: string): void => {
    const hint = 'Make room there: new runs are refused while the disk is full.';
    findings.push({ level, file: where, message, hint });
  };
  const left = `${Math.floor(free / MB)} MB`;
  if (free < FULL_BYTES) tell('problem', `the disk is full: ${left} left`);
  else if (free < LOW_BYTES) tell('warning', `the disk is nearly full: ${left} left`);
  // Some file systems make inodes as they need them, and say that they have none.
  if (files > 0 && ffree < FULL_FILES)
    tell('problem', `there is room for ${ffree} more files only`);
  else if (files > 0 && ffree < LOW_FILES) tell('warning', `room for ${ffree} more files`);
  const inodes = files > 0 ? `, ${ffree} files` : '';
  return checkOf('space', `${left}${inodes} free`, findings);
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null;
    throw error;
  }
}

// Processes started by a daemon that is gone: they carry its worker's mark in their environment, and no process of
// jobrun stands above them any more. The next daemon ends them before it takes their runs back; doctor says so before.

export function findOrphans(state: string): readonly WorkerIdentity[] {
  if (!hasProc()) return [];
  const all = new Map(allProcesses().map((info) => [info.pid, info]));
  const marked = [...all.values()].flatMap((info) => {
    if (!info.alive || info.pid === process.pid) return [];
    const { [MARK_VARIABLE]: mark, JOBRUN_STATE: of } = environmentOf(info.pid);
    return mark === undefined || of !== state ? [] : [{ mark, info }];
  });
  // A process that a job has sent away from its own has no parent to tell, and the mark of one that has.
  const kept = new Set(marked.flatMap(({ mark, info }) => (isCaredFor(info, all) ? [mark] : [])));
  return marked
    .filter(({ mark }) => !kept.has(mark))
    .map(({ mark, info: { pid, startTime } }) => ({ mark, pid, startTime, boot: bootId() }));
}

export function checkOrphans(orphans: readonly WorkerIdentity[]): Check {
  const findings = orphans.map(({ pid }): Finding => {
    const message = `process ${pid} was started by a daemon that is gone, and lives`;
    const hint = 'The next daemon ends it before its run goes on; at once: jobrun doctor --repair';
    return { level: 'problem', file: '', message, hint };
  });
  const summary = orphans.length === 0 ? 'no orphans' : count(orphans.length, 'orphan');
  return checkOf('processes', summary, findings);
}

/** Above it is a jobrun that carries no mark itself: its daemon, or the command that asked it. */
function isCaredFor(info: ProcessInfo, all: ReadonlyMap<number, ProcessInfo>): boolean {
  for (let above = all.get(info.parent); above; above = all.get(above.parent)) {
    const marked = environmentOf(above.pid)[MARK_VARIABLE] !== undefined;
    if (!marked && textOf(above.pid, 'cmdline').includes('jobrun')) return true;
  }
  return false;
}

function environmentOf(pid: number): Readonly<Record<string, string>> {
  const entries = textOf(pid, 'environ').split('\0');
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

const textOf = (pid: number, what: 'environ' | 'cmdline'): string =>
  textOrNull(`/proc/${pid}/${what}`) ?? '';
