// Ends a worker and everything that it started, and resolves only when none of it lives any more: a run is handed out
// again after that and not before. Found are: the worker itself (if its start time shows that it is the one), its
// process group, every process that carries the worker's mark, which also tells a program that left group and session
// long ago, what descends from these, and what did when it was looked for before. Nothing else is ever signalled. A
// process that cannot be ended (it belongs to another user by now, or hangs in the kernel) is waited for.
import { type Clock, delay } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { SECOND, TERM_TO_KILL_MS, UNDYING_MS } from '../support/limits.ts';
import {
  allProcesses,
  carriesMark,
  hasProc,
  isThisBoot,
  type ProcessInfo,
  processInfo,
} from './processes.ts';

/** A worker as a lease describes it: enough to tell it from a later process with the same pid. */
export interface WorkerIdentity {
  readonly mark: string;
  /** 0 where no record of the process was written: then the mark alone decides. */
  readonly pid: number;
  readonly startTime: string;
  readonly boot: string;
}

export interface EndOptions {
  readonly clock: Clock;
  /** SIGKILL at once, without SIGTERM first. */
  readonly force?: boolean;
  /** The caller is the parent and knows that no one else can have the pid by now: its group is ours even without it. */
  readonly own?: boolean;
  /** No caller waits: one look at the system's processes serves all who ask within a moment. */
  readonly together?: boolean;
  /** Called once, with pids, where SIGKILL does not end them: who waits may want to do something else. */
  readonly onUndying?: OnUndying;
}

export type OnUndying = (pids: readonly number[]) => void;

const LOOK_AGAIN_MS = 15;
/**
 * A look reads a file for each process of the system: with many short commands a look for each is most of the work. So
 * it is shared by who asks within so long, or within so many times what the last one took: two hundredths of the time.
 */
const TOGETHER_MS = 50;
const TOGETHER_TIMES = 50;
const LONGEST_LOOK_MS = 250;
const LOOK_AT_UNDYING_MS = SECOND;

export async function endGroup(worker: WorkerIdentity, options: EndOptions): Promise<void> {
  const { clock, force, own = false, together } = options;
  if (!(await untilTold(hasProc, clock))) return endWithoutProc(worker, options);
  if (!(await untilTold(() => isThisBoot(worker.boot), clock))) return;
  const known = new Map<number, string>();
  const search = (strike = false): Search => new Search(worker, own, known, strike);
  const look = (): readonly ProcessInfo[] => search().look();
  let victims = await untilTold(together ? () => search().lookTogether(clock) : look, clock);
  if (victims.length > 0 && !force) {
    for (const victim of victims) signal(victim.pid, 'SIGTERM');
    await untilGone(victims, clock, TERM_TO_KILL_MS);
    victims = await untilTold(look, clock);
  }
  const began = clock.monotonic();
  let undying = false;
  while (victims.length > 0) {
    for (const victim of victims) signal(victim.pid, 'SIGKILL');
    await untilGone(victims, clock, undying ? LOOK_AT_UNDYING_MS : LONGEST_LOOK_MS);
    victims = await untilTold(() => search(true).look(), clock);
    if (undying || victims.length === 0 || clock.monotonic() - began < UNDYING_MS) continue;
    undying = true;
    options.onUndying?.(victims.map(({ pid }) => pid));
  }
}

/** Asks the system until it answers: with no file to spare it cannot, which proves no process dead. */
async function untilTold<T>(ask: () => T | Promise<T>, clock: Clock): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (errnoOf(error) === '') throw error;
      await delay(clock, LONGEST_LOOK_MS);
    }
  }
}

let common: Promise<readonly ProcessInfo[]> | null = null;
let searching: Search[] = [];
let lastTookMs = 0;

function commonLook(clock: Clock): Promise<readonly ProcessInfo[]> {
  const wait = Math.min(LONGEST_LOOK_MS, Math.max(TOGETHER_MS, lastTookMs * TOGETHER_TIMES));
  common ??= delay(clock, wait).then(() => {
    const searches = searching;
    common = null;
    searching = [];
    const began = clock.monotonic();
    const all = allProcesses((info) => {
      for (const search of searches) search.see(info);
    });
    lastTookMs = clock.monotonic() - began;
    return all;
  });
  return common;
}

/** True while anything lives in the group that this process led: cheap, but blind for what has left it. */
export const leftBehind = (worker: WorkerIdentity): boolean =>
  worker.pid > 1 && signal(-worker.pid, 0);

/** True where anything of the worker lives besides itself: what its runs have left behind. */
export function hasCompany(worker: WorkerIdentity): boolean {
  return new Search(worker, true).look().some(({ pid }) => pid !== worker.pid);
}

/** One look for all living processes that are the worker's. */
class Search {
  readonly #worker: WorkerIdentity;
  readonly #ownsGroup: boolean;
  readonly #known: Map<number, string>;
  readonly #strike: boolean;
  readonly #found = new Set<number>();

  /**
   * `known`: those of the looks before, by pid, and the time of their start; once its parent is dead nothing may tell
   * any more whose a process is. `strike`: each is killed when it is seen, for a moment later it may have started the
   * next and be gone.
   */
  constructor(
    worker: WorkerIdentity,
    own: boolean,
    known = new Map<number, string>(),
    strike = false,
  ) {
    this.#worker = worker;
    const isThere = (): boolean => processInfo(worker.pid)?.startTime === worker.startTime;
    this.#ownsGroup = worker.pid > 1 && (own || isThere());
    this.#known = known;
    this.#strike = strike;
  }

  look(): readonly ProcessInfo[] {
    return this.#living(allProcesses((info) => this.see(info)));
  }

  async lookTogether(clock: Clock): Promise<readonly ProcessInfo[]> {
    searching.push(this);
    return this.#living(await commonLook(clock));
  }

  see(info: ProcessInfo): void {
    if (!this.#isOurs(info)) return;
    this.#found.add(info.pid);
    if (this.#strike && info.alive && info.pid !== process.pid) signal(info.pid, 'SIGKILL');
  }

  #isOurs(info: ProcessInfo): boolean {
    const { pid, startTime, mark } = this.#worker;
    if (info.pid === pid && info.startTime === startTime) return true;
    if (this.#known.get(info.pid) === info.startTime) return true;
    if (this.#ownsGroup && (info.group === pid || info.session === pid)) return true;
    return info.alive && Number(info.startTime) >= Number(startTime) && carriesMark(info.pid, mark);
  }

  #living(all: readonly ProcessInfo[]): readonly ProcessInfo[] {
    addDescendants(all, this.#found);
    this.#found.delete(process.pid);
    const living = all.filter((info) => info.alive && this.#found.has(info.pid));
    for (const { pid, startTime } of living) this.#known.set(pid, startTime);
    return living;
  }
}

function addDescendants(all: readonly ProcessInfo[], found: Set<number>): void {
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const info of all) if (found.has(info.parent)) found.add(info.pid);
  }
}

async function untilGone(
  victims: readonly ProcessInfo[],
  clock: Clock,
  atMostMs: number,
): Promise<void> {
  const end = clock.monotonic() + atMostMs;
  let wait = LOOK_AGAIN_MS / 4;
  const anyThere = (): boolean => victims.some(isStillThere);
  while ((await untilTold(anyThere, clock)) && clock.monotonic() < end) {
    await delay(clock, wait);
    wait = Math.min(wait * 2, LOOK_AGAIN_MS);
  }
}

function isStillThere(victim: ProcessInfo): boolean {
  const now = processInfo(victim.pid);
  return now?.alive === true && now.startTime === victim.startTime;
}

/** Signals a process, or with a negative number its group. False where there is none. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    if (errnoOf(error) === 'EPERM') return true;
    throw error;
  }
}

/**
 * Elsewhere only the group can be reached, and only by its number. A lease without a pid names no group, so its process
 * is taken for dead, though on a store it may live.
 */
async function endWithoutProc(worker: WorkerIdentity, options: EndOptions): Promise<void> {
  if (worker.pid <= 1) return;
  const { clock, force } = options;
  const begin = clock.monotonic();
  for (let wait = 5; signal(-worker.pid, 0); wait = Math.min(wait * 2, LONGEST_LOOK_MS)) {
    const late = force === true || clock.monotonic() - begin >= TERM_TO_KILL_MS;
    signal(-worker.pid, late ? 'SIGKILL' : 'SIGTERM');
    await delay(clock, wait);
  }
}
