// The tables of the engine, beside the runs: schedules and pauses (`schedules.json`), leases and the worker processes
// that hold them (`locks.json`), and in the manifest the requests that were answered, so that a repeated one is known,
// the starts of jobs with a rate, and what runs that wait for others have not heard yet. A new durable fact is a table
// here.
import * as v from 'valibot';
import type { Difference } from '../../run/difference.ts';
import type { News } from '../../run/intake.ts';
import { asideOf, type Run } from '../../run/run.ts';
import { type Schedule, whyAside } from '../../run/schedule.ts';
import { acknowledged, RUN_ID } from '../../run/stored-run.ts';
import { readSchedule } from '../../run/stored-schedule.ts';
import type { Note, Op } from '../../store/folder.ts';
import type { Tables as Stored } from '../../store/pages.ts';
import type { Recovered } from '../../store/reader.ts';
import type { Store } from '../../store/store.ts';
import {
  type Aside,
  Documents,
  fitting,
  KeyedTable,
  operands,
  type Replay,
  type Rows,
  sensible,
  type Table,
  type Transaction,
} from '../../store/table.ts';
import { isInstant } from '../../support/clock.ts';
import {
  MAX_BATCH,
  MAX_JOB_NAME,
  MAX_REQUESTS_REMEMBERED,
  REQUEST_MEMORY_MS,
} from '../../support/limits.ts';
import { Recent } from '../../support/recent.ts';
import {
  be,
  faultOf,
  fits,
  flag,
  instant,
  isFields,
  list,
  object,
  text,
  textUpTo,
  tuple,
  whole,
} from '../../support/schema.ts';
import { weightOfValue } from '../../support/weight.ts';
import type { Pauses, PauseTarget } from '../engine.ts';
import type { Ids } from '../ids.ts';
import { RUN_LOG } from '../log-lines.ts';
import type { Lease, Worker } from '../members.ts';
import { Memory } from './memory.ts';
import {
  failDoubted,
  type Held,
  type LeaseRow,
  MARK,
  RunTable,
  rowOf,
  TOKEN,
} from './run-table.ts';

/** A request that was answered, and the ids it got. */
export type Answered = readonly [request: string, ids: Ids, at: number];

const NAME = textUpTo(MAX_JOB_NAME);
/** The group of process 1 is everything. */
const PID = be(
  'the number of a process other than 1',
  (value) => value !== 1 && fits(whole(0), value),
);
const LEASE = object({ run: RUN_ID, token: TOKEN, mark: MARK });
const WORKER = object({ mark: MARK, pid: PID, startTime: text, boot: text });
const NEWS = object({ run: RUN_ID, at: instant, why: v.nullable(text) });
const STARTS = tuple(NAME, list(instant));

/** As many as a batch may have: each number stands for a run that is looked for. */
const SEVERAL = tuple(RUN_ID, whole(1, MAX_BATCH));
const IDS = v.lazy((value) => (Array.isArray(value) ? SEVERAL : RUN_ID));
const REQUEST = tuple(text, list(IDS), instant);

const ALL = object({ all: flag });
const ONE = object({ job: NAME });
const TARGET = v.lazy((value) => (isFields(value) && value.all === true ? ALL : ONE));

function scheduleOf(raw: unknown, note: Note): Schedule | string {
  const schedule = readSchedule(raw);
  if (typeof schedule !== 'string' && schedule !== raw)
    note(`schedule ${schedule.name} makes no sense: ${whyAside(schedule)}`, true);
  return schedule;
}

function stoppedOf(schedule: Schedule): Aside | null {
  const { name } = schedule;
  const why = whyAside(schedule);
  if (why === null) return null;
  const message = `schedule ${name} is stopped, for it makes no sense: ${why}`;
  const hint = `Ask for it anew: jobrun schedule … --name ${name} --replace; or end it: jobrun unschedule ${name}`;
  return { message, hint };
}

/** A lease as it is kept: whose it is, its token says. */
export type FiledLease = Pick<Lease, 'run' | 'token' | keyof Worker>;

/** Given and taken with a change of the run (`set`). A document tells of the process too. */
class Leases extends KeyedTable<number, LeaseRow> {
  readonly #workers: KeyedTable<string, Worker>;

  constructor(workers: KeyedTable<string, Worker>) {
    const read = (raw: unknown): LeaseRow | string => {
      const lease = fitting<LeaseRow>(LEASE)(raw);
      return typeof lease === 'string' ? lease : rowOf(lease.run, lease);
    };
    super({ field: 'leases', line: null, what: 'lease', key: ({ run }) => run, read });
    this.#workers = workers;
  }

  /** Returns the lease of a run with the process that holds it. */
  of(run: number): FiledLease | null {
    const row = this.get(run);
    if (!row) return null;
    const { token, mark } = row;
    const { pid = 0, startTime = '', boot = '' } = this.#workers.get(mark) ?? {};
    return { run, token, mark, pid, startTime, boot };
  }

  override dump(): readonly FiledLease[] {
    return this.values().map(({ run }) => this.of(run) as FiledLease);
  }

  override replay([kind, run, change, lease]: Op): void {
    if (kind !== 'set') return;
    const state = (change as Difference).state;
    if (lease) this.swap(run as number, null, rowOf(run as number, lease as Held));
    else if (state && state.name !== 'running') this.swap(run as number, null, null);
  }
}

/** Schedules with their params, each of which may be as large as a run's. */
class Schedules extends KeyedTable<string, Schedule> {
  /** Estimated heap of all of them. */
  bytes = 0;

  constructor() {
    super({
      ...{ field: 'schedules', line: 'schedule', what: 'schedule', read: scheduleOf },
      ...{ key: ({ name }) => name, put: 'schedule', drop: 'unschedule', aside: stoppedOf },
      counted: 'schedules',
    });
  }

  override swap(name: string, before: Schedule | null, after: Schedule | null): void {
    const present = this.get(name);
    this.bytes += (after ? weightOfValue(after) : 0) - (present ? weightOfValue(present) : 0);
    super.swap(name, before, after);
  }
}

/** The jobs whose runs do not start, or all of them. */
class Paused implements Table, Rows<PauseTarget, boolean> {
  readonly field = 'paused';
  readonly line = 'paused';
  readonly reads = { pause: operands(TARGET, flag) };
  readonly #paused = { all: false, jobs: new Set<string>() };

  get pauses(): Pauses {
    return this.#paused;
  }

  pause(tx: Transaction, target: PauseTarget, paused: boolean): void {
    const { all, jobs } = this.#paused;
    tx.write(['pause', target, paused]);
    tx.change(this, target, 'all' in target ? all : jobs.has(target.job), paused);
  }

  swap(target: PauseTarget, _before: boolean | null, paused: boolean | null): void {
    if ('all' in target) this.#paused.all = paused === true;
    else if (paused) this.#paused.jobs.add(target.job);
    else this.#paused.jobs.delete(target.job);
  }

  dump(): unknown {
    return { all: this.#paused.all, jobs: [...this.#paused.jobs].sort() };
  }

  load(raw: unknown, note: Note): void {
    const { all, jobs } = isFields(raw) ? raw : {};
    const wrong = faultOf(flag, all);
    if (wrong !== null) note(`what is paused makes no sense: all ${wrong}`);
    this.#paused.all = all === true;
    const read = (job: unknown): { job: string } | string =>
      faultOf(NAME, job) ?? { job: job as string };
    for (const { job } of sensible(jobs, read, 'paused job', note)) this.#paused.jobs.add(job);
  }

  replay([kind, target, paused]: Op): void {
    if (kind === 'pause') this.swap(target as PauseTarget, null, paused as boolean);
  }
}

/** When attempts of each job began lately, for the rates. The picker holds them. */
class Starts implements Table, Rows<string, number> {
  readonly field = 'starts';
  readonly line = 'starts';
  readonly reads = {};
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** A start that is taken back was told to no process: the job may start as often as before. */
  swap(job: string, before: number | null, after: number | null): void {
    const { picker } = this.#memory;
    if (after !== null) picker.counted(job, after);
    else if (before !== null) picker.uncounted(job, before);
  }

  /** In one order on each engine, so that the same state is the same stream. */
  dump(): unknown {
    return this.#memory.starts().toSorted(([a], [b]) => compared(a, b));
  }

  /** Missing if an earlier version wrote the document. */
  load(raw: unknown, note: Note): void {
    const read = fitting<readonly [job: string, at: readonly number[]]>(STARTS);
    for (const [job, all] of sensible(raw ?? [], read, 'list of starts', note))
      for (const at of all) this.swap(job, null, at);
  }

  replay([kind, id, change, lease]: Op, { find }: Replay): void {
    if (kind !== 'set' || !lease) return;
    const job = (find(id as number) as Run | null)?.job;
    const at = (change as Difference).life?.startedAt;
    if (job !== undefined && isInstant(at)) this.swap(job, null, at);
  }
}

/** The news of a settled run that not all runs have heard. Missing if an earlier version wrote the document. */
class Untold extends KeyedTable<number, News> {
  constructor() {
    super({
      ...{ field: 'untold', line: 'untold', what: 'news', read: fitting<News>(NEWS) },
      ...{ key: ({ run }) => run, put: 'untold', drop: 'told', keyIs: RUN_ID },
    });
  }

  override load(raw: unknown, note: Note): void {
    super.load(raw ?? [], note);
  }
}

/** The requests of late, each with its time. */
class RecentRequests extends Recent<Answered> {
  constructor() {
    super(MAX_REQUESTS_REMEMBERED, REQUEST_MEMORY_MS);
  }

  override set(request: string, answered: Answered): void {
    super.set(request, answered, answered[2]);
  }
}

/**
 * In the order in which they were answered: where the clock was set back in between, those that came last are not the
 * youngest, and read in the order of their times they would be forgotten.
 */
class Requests extends KeyedTable<string, Answered> {
  constructor() {
    super(
      {
        ...{ field: 'requests', line: 'request', what: 'request' },
        ...{ read: fitting<Answered>(REQUEST), key: ([request]) => request, put: 'asked' },
      },
      new RecentRequests(),
    );
  }

  /** In an order that each engine has. */
  exported(): readonly Answered[] {
    return this.values().toSorted(([a, , at], [b, , then]) => at - then || compared(a, b));
  }
}

const compared = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const BY_HAND =
  'schedules and pauses: those that fit their own checksums are kept; look at jobrun schedules';

export class Tables implements Stored<Run> {
  readonly schedules = new Schedules();
  readonly paused = new Paused();
  readonly workers = new KeyedTable<string, Worker>({
    ...{ field: 'workers', line: null, what: 'worker', read: fitting<Worker>(WORKER) },
    ...{ key: ({ mark }) => mark, put: 'worker', drop: 'gone' },
  });
  readonly leases = new Leases(this.workers);
  readonly requests = new Requests();
  readonly starts: Starts;
  readonly untold = new Untold();
  readonly runs: RunTable;
  readonly paged: Memory;
  readonly documents: Documents;
  readonly log = RUN_LOG;

  constructor(memory: Memory) {
    this.paged = memory;
    this.starts = new Starts(memory);
    this.runs = new RunTable(memory, this.leases, this.starts);
    this.documents = new Documents([
      { name: 'locks', byHand: null, tables: [this.leases, this.workers] },
      { name: 'schedules', byHand: BY_HAND, tables: [this.schedules, this.paused] },
      { name: 'manifest', byHand: null, tables: [this.requests, this.starts, this.untold] },
    ]);
  }

  get operations(): RunTable {
    return this.runs;
  }

  get content(): string | null {
    const runs = this.paged.tally.matching(null);
    // Schedules that stand in job files come by themselves, wherever a daemon once ran.
    const made = this.schedules.values().some(({ source }) => source === 'made');
    return runs > 0 ? `${runs} runs` : made ? 'schedules' : null;
  }

  /** A run stays settled as it stands, a schedule stopped. */
  acknowledge(): readonly string[] {
    const runs = [...this.paged.held()].flatMap((run) => {
      const why = asideOf(run);
      if (why === null) return [];
      this.paged.put(run, acknowledged(run));
      return `run ${run.id} makes no sense: ${why}: it is ${run.state.name}`;
    });
    const schedules = this.schedules.values().flatMap((schedule) => {
      const why = whyAside(schedule);
      return why === null
        ? []
        : `schedule ${schedule.name} makes no sense and stays stopped: ${why}`;
    });
    return [...runs, ...schedules];
  }

  settleDoubted(isDoubted: (id: number) => boolean, now: number): readonly number[] {
    const live = [...this.paged.live.values()];
    return failDoubted(
      this.paged,
      live.filter(({ id }) => isDoubted(id)),
      now,
    );
  }

  /** No run is running without a lease, and none has one otherwise; else the next daemon takes it back. */
  mend(): { readonly document: string; readonly what: string } | null {
    const { leases, paged } = this;
    const idle = leases.values().filter(({ run }) => !isRunning(paged.live.get(run)));
    for (const { run } of idle) leases.swap(run, null, null);
    const complete = leases.values().length === paged.tally.matching(null, ['running'], null);
    if (!complete) this.#giveLeases();
    if (complete && idle.length === 0) return null;
    return { document: 'locks', what: 'the leases are not those of what is running' };
  }

  #giveLeases(): void {
    const marks = new Map(this.workers.values().map(({ pid, mark }) => [pid, mark]));
    for (const run of this.paged.live.values()) {
      if (!isRunning(run) || this.leases.get(run.id)) continue;
      const pid = run.life?.attempts.at(-1)?.pid ?? 0;
      // The epoch 0 was never given: no process has this token. Doctor itself looks for an unknown worker.
      const held = { token: [0, run.id], mark: marks.get(pid) ?? `gone-${run.id}` } as const;
      this.leases.swap(run.id, null, rowOf(run.id, held));
    }
  }

  /** Workers of a process that is gone, as far as they hold no run, are never asked for. */
  forgetIdleWorkers(): void {
    const marks = new Set(this.leases.values().map(({ mark }) => mark));
    for (const { mark } of this.workers.values())
      if (!marks.has(mark)) this.workers.swap(mark, null, null);
  }
}

export const newTables = (): Tables => new Tables(new Memory());

/** The state as it was read. */
export type Found = Recovered<Tables>;

/** The state that was opened. */
export type RunStore = Store<Tables>;

const isRunning = (run: Run | undefined): boolean => run?.state.name === 'running';
