// All that one turn knows and has changed: the runs as the rules of taking in see them, and what has come of them.
//
// Nothing is read while an operation decides. If it asks for something that the turn has not read, that is noted in
// `missing`, and it gets an answer that stands for nothing. Then all that it did is undone, the rest is read, and it
// decides again.
import type { News, UnitOfWork } from '../../run/intake.ts';
import type { JobLimits, Standing } from '../../run/pick.ts';
import { Starts } from '../../run/rate.ts';
import { isSettled, type Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { keptRun } from '../../run/stored-run.ts';
import type { Pauses } from '../engine.ts';
import type { Asked, Known, Made, Meta, Started } from './decided.ts';
import { Dependents, isDependent } from './dependents.ts';
import { askedName, Lookups } from './lookups.ts';
import { awaitsRuns, type Held, textIn } from './run-row.ts';
import {
  type BareFound,
  type Found,
  keyOf,
  type RunFound,
  type ScheduleFound,
  Wanted,
} from './wanted.ts';

const NONE: ReadonlySet<number> = new Set();

/** Runs of which nothing but that they are over, or are not, is of interest. */
const SOMEONE = {
  id: 0,
  job: '',
  params: null,
  priority: 0,
  createdAt: 0,
  origin: null,
  life: null,
};
const OVER: Run = { ...SOMEONE, state: { name: 'done', dueAt: 0, settledAt: 0, output: null } };
const PENDING: Run = { ...SOMEONE, state: { name: 'queued', dueAt: 0 } };

export class Unit implements UnitOfWork {
  missing = new Wanted();
  /** Something may be able to start or to fire that was not, beside what the changes of runs tell. */
  stirs = false;
  /** The number of this turn. */
  readonly turn: number;
  /** Leases that were given. */
  tokens = 0;
  nextId: number;
  pauses: Pauses;
  clockMark: unknown;
  readonly changes: Made[] = [];
  readonly requests = new Map<string, Asked | null>();
  readonly asked: Asked[] = [];
  readonly schedules = new Map<string, Schedule | null>();
  readonly changedSchedules = new Set<string>();
  readonly started: Started[] = [];
  /** How many of them the database has. */
  startsWritten = 0;
  readonly runs = new Map<number, Known>();
  /** Runs of the database as they were last read or written; null where there is none. */
  readonly written = new Map<number, Run | null>();
  /** Bytes of their rows. */
  readonly sizes = new Map<number, number>();
  /** By how many bytes rows have grown that were written. */
  grown = 0;
  /** Changed since they were last written. */
  readonly dirty = new Set<number>();
  /** Runs that only stand in the list of what another one waits for. */
  readonly #untold: Map<number, News>;
  /** Runs of which all have heard by now. */
  readonly told: number[] = [];
  readonly #others = new Map<number, Run>();
  /** Runs of which only the state was read. */
  readonly #bare = new Set<number>();
  readonly #lookups = new Lookups();
  readonly #dependents = new Dependents();
  /** Runs that this turn has touched, by what they are found by. Their present state says whether they are it still. */
  readonly #touched = new Map<string, Set<number>>();
  readonly #before: readonly unknown[];
  #undo: (() => void)[] = [];

  constructor({ turn, next_id, pauses, untold, clock_mark }: Meta) {
    this.turn = turn + 1;
    this.nextId = next_id;
    this.pauses = { all: pauses.all, jobs: new Set(pauses.jobs) };
    this.clockMark = clock_mark;
    this.#untold = new Map(untold.map((news) => [news.run, news]));
    this.#before = [this.pauses, this.clockMark];
  }

  /** True if anything has changed at all. */
  get hasChanged(): boolean {
    const { changes, dirty, asked, changedSchedules, pauses, clockMark } = this;
    const [paused, mark] = this.#before;
    const sizes =
      changes.length + dirty.size + asked.length + changedSchedules.size + this.told.length;
    return sizes > 0 || pauses !== paused || clockMark !== mark;
  }

  // ------------------------------------------------------------------------------------------------ operations

  /** Another operation follows, which `begin` begins once or again. */
  next(): void {
    this.#dependents.next();
  }

  begin(): void {
    this.missing = new Wanted();
    this.#undo = [];
  }

  /** Nothing of what was done since `begin` has happened. */
  undo(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }

  onUndo(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Sets a field, and puts it back with the others. */
  assign<K extends 'stirs' | 'nextId' | 'pauses' | 'clockMark'>(field: K, value: this[K]): void {
    const before = this[field];
    this[field] = value;
    this.onUndo(() => {
      this[field] = before;
    });
  }

  #push<T>(list: T[], item: T): void {
    list.push(item);
    this.onUndo(() => list.pop());
  }

  // ------------------------------------------------------------------------------------------------------- runs

  find(id: number): Run | undefined {
    const known = this.runs.get(id);
    if (known?.run && this.#bare.has(id)) this.missing.runs.add(id);
    if (known) return known.run ?? undefined;
    const other = this.#others.get(id);
    if (!other) this.missing.runs.add(id);
    return other;
  }

  /** The run, maybe with nothing but its job and its state: all that its removal needs. */
  findBare(id: number): Run | undefined {
    const known = this.runs.get(id);
    if (!known) this.missing.bare.add(id);
    return known?.run ?? undefined;
  }

  /** True if a run that this turn has come across is not over. */
  isPending(id: number): boolean {
    const run = this.runs.get(id)?.run ?? this.#others.get(id);
    return run !== undefined && !isSettled(run);
  }

  heldBy(id: number): Held | null {
    return this.runs.get(id)?.held ?? null;
  }

  withKey(job: string, key: string): Run | null {
    const known = this.#lookups.withKey(job, key, this.missing);
    const ids = [known ?? 0, ...this.#touchedBy(`key ${keyOf(job, key)}`)];
    return this.#unsettled(ids)[0] ?? null;
  }

  dependentsOf(id: number): readonly number[] {
    const waits = (one: number): boolean => awaitsRuns(this.runs.get(one)?.run ?? null);
    const isDone = this.runs.get(id)?.run?.state.name === 'done';
    const read = this.#dependents.of(id, isDone, waits, this.missing);
    const made = [...this.#touchedBy(`after ${id}`)].filter(waits);
    return [...new Set([...read, ...made])].sort((a, b) => a - b);
  }

  untold(): readonly News[] {
    return [...this.#untold.values()];
  }

  isUntold(id: number): boolean {
    return this.#untold.has(id);
  }

  keep(news: News): void {
    this.#tell(news, true);
  }

  forget(news: News): void {
    if (this.#untold.get(news.run) !== news) return;
    this.#tell(news, false);
    this.#push(this.told, news.run);
  }

  #tell(news: News, isUntold: boolean): void {
    const before = this.#untold.get(news.run);
    if (isUntold) this.#untold.set(news.run, news);
    else this.#untold.delete(news.run);
    this.onUndo(() => {
      if (before) this.#untold.set(news.run, before);
      else this.#untold.delete(news.run);
    });
  }

  /** Runs that this turn has ended. */
  over(): readonly number[] {
    return [...this.runs].flatMap(([id, { run }]) => (run === null || isSettled(run) ? id : []));
  }

  newId(): number {
    const id = this.nextId;
    this.assign('nextId', id + 1);
    return id;
  }

  add(run: Run): void {
    this.written.set(run.id, null);
    this.#put(null, run, null);
  }

  set(prev: Run, next: Run, held: Held | null = this.heldBy(prev.id)): void {
    this.#put(prev, next, held);
  }

  remove(run: Run): void {
    this.#replace(run.id, { run: null, held: null, text: '' });
  }

  #put(prev: Run | null, run: Run, held: Held | null): void {
    // Written as text at once, so that what cannot be written fails this operation and no other.
    const text = JSON.stringify(run);
    this.#replace(run.id, { run, held: run.state.name === 'running' ? held : null, text });
    this.#push(this.changes, { prev, run, text });
    this.#touch(run);
    if (prev) this.#touch(prev);
  }

  #replace(id: number, known: Known): void {
    const before = this.runs.get(id);
    this.runs.set(id, known);
    this.dirty.add(id);
    this.onUndo(() => {
      if (before) this.runs.set(id, before);
      else this.runs.delete(id);
      // The decision of a claim may have been written meanwhile.
      const isWritten = (this.written.get(id) ?? null) === (before?.run ?? null);
      if (isWritten) this.dirty.delete(id);
      else this.dirty.add(id);
    });
  }

  #touch({ id, job, state, origin }: Run): void {
    if (state.name === 'running') this.#mark(`running ${job}`, id);
    if (!origin) return;
    const { key, lock, schedule, after } = origin;
    if (key !== undefined) this.#mark(`key ${keyOf(job, key)}`, id);
    if (lock !== undefined && state.name === 'running') this.#mark(`lock ${lock}`, id);
    if (schedule !== undefined) this.#mark(`slot ${schedule}`, id);
    for (const other of after ?? []) this.#mark(`after ${other}`, id);
  }

  #mark(name: string, id: number): void {
    const ids = this.#touched.get(name);
    if (ids) ids.add(id);
    else this.#touched.set(name, new Set([id]));
  }

  #touchedBy(name: string): ReadonlySet<number> {
    return this.#touched.get(name) ?? NONE;
  }

  #unsettled(ids: Iterable<number>): readonly Run[] {
    return [...new Set(ids)].flatMap((id) => {
      const run = this.runs.get(id)?.run;
      if (!run || isSettled(run)) return [];
      if (this.#bare.has(id)) this.missing.runs.add(id);
      return run;
    });
  }

  // ---------------------------------------------------------------------------------- schedules, requests, reasons

  schedule(name: string): Schedule | null {
    const schedule = this.schedules.get(name);
    if (schedule === undefined) this.missing.schedules.add(name);
    return schedule ?? null;
  }

  putSchedule(name: string, schedule: Schedule | null): void {
    const before = this.schedules.get(name) ?? null;
    const wasChanged = this.changedSchedules.has(name);
    // As with runs: what is no JSON fails here.
    JSON.stringify(schedule);
    this.schedules.set(name, schedule);
    this.changedSchedules.add(name);
    this.assign('stirs', true);
    this.onUndo(() => {
      this.schedules.set(name, before);
      if (!wasChanged) this.changedSchedules.delete(name);
    });
  }

  /** The unsettled runs of a schedule that was asked for, oldest first. */
  unsettledOf(schedule: string): readonly Run[] {
    const ids = [...this.#lookups.slotsOf(schedule), ...this.#touchedBy(`slot ${schedule}`)];
    return this.#unsettled(ids).toSorted((a, b) => a.id - b.id);
  }

  request(id: string): Asked | null {
    const asked = this.requests.get(id);
    if (asked === undefined) this.missing.requests.add(id);
    return asked ?? null;
  }

  putRequest(asked: Asked): void {
    this.requests.set(asked.id, asked);
    this.#push(this.asked, asked);
    this.onUndo(() => this.requests.set(asked.id, null));
  }

  hasRun(job: string): boolean {
    const isKnown = this.#lookups.hasRun(job, this.missing);
    return isKnown || this.changes.some(({ run }) => run.job === job);
  }

  start(started: Started): void {
    this.#push(this.started, started);
  }

  /** The limits between a queued run and its start, as far as they ask for it. */
  standingOf({ job, origin }: Run, limits: JobLimits, now: number): Standing {
    const { concurrency, rateLimit } = limits;
    const starts = new Starts();
    const since = rateLimit === null ? null : now - rateLimit.perMs;
    for (const at of since === null ? [] : this.#startsOf(job, since)) starts.add(at);
    const lock = origin?.lock;
    return {
      limits,
      running: concurrency === null ? NONE : this.#runningOf(job),
      starts,
      holder: lock === undefined ? undefined : this.#holderOf(lock),
    };
  }

  #startsOf(job: string, since: number): readonly number[] {
    const starts = this.#lookups.startsOf(job, since, this.missing);
    return [...starts, ...this.started.flatMap((one) => (one.job === job ? one.at : []))];
  }

  #runningOf(job: string): ReadonlySet<number> {
    const ids = this.#lookups.runningOf(job, this.missing);
    return new Set([...ids, ...this.#touchedBy(`running ${job}`)].filter(this.#runs));
  }

  #holderOf(lock: string): number | undefined {
    const id = this.#lookups.holderOf(lock, this.missing);
    return [...this.#touchedBy(`lock ${lock}`), ...(id === null ? [] : [id])].find(this.#runs);
  }

  /** A run that this turn knows nothing of is as it was read. */
  readonly #runs = (id: number): boolean => {
    const known = this.runs.get(id);
    return known === undefined || known.run?.state.name === 'running';
  };

  // ---------------------------------------------------------------------------------------------------- reading

  /** Takes in the complete answer to what was asked for. */
  take(wanted: Wanted, rows: readonly Found[]): void {
    this.#takeNothing(wanted);
    for (const row of rows) this.#takeRow(row, wanted);
    this.#lookups.take(wanted, rows);
    this.#dependents.take(wanted, rows);
    for (const row of rows)
      if (isDependent(row) && !wanted.chains.has(row.id)) this.#takeOthers(row as RunFound);
  }

  /** A thing that no row speaks of is not there. */
  #takeNothing(wanted: Wanted): void {
    for (const id of [...wanted.runs, ...wanted.bare])
      if (!this.runs.has(id)) this.know(id, null, null, 0);
    for (const id of wanted.requests) if (!this.requests.has(id)) this.requests.set(id, null);
    for (const name of wanted.schedules)
      if (!this.schedules.has(name)) this.schedules.set(name, null);
  }

  #takeRow(row: Found, wanted: Wanted): void {
    const { kind, id, doc } = row;
    switch (kind) {
      case 'run':
      case 'key':
      case 'dependent':
      case 'chain':
      case 'slot':
        this.#takeRun(row as RunFound);
        break;
      case 'bare':
        this.#takeBare(row as BareFound);
        break;
      case 'request': {
        const request = askedName(row, wanted.requests);
        this.requests.set(request, { id: request, ids: doc as number[], at: id });
        break;
      }
      case 'schedule': {
        const { doc: schedule } = row as ScheduleFound;
        if (!this.changedSchedules.has(schedule.name)) this.schedules.set(schedule.name, schedule);
      }
    }
  }

  #takeRun({ id, doc, token_turn, token_n, member, mark, bytes }: RunFound): void {
    const held =
      token_turn === null || token_n === null
        ? null
        : { token: [token_turn, token_n] as const, member: member ?? 0, mark: mark ?? '' };
    const isBare = this.#bare.has(id) && !this.dirty.has(id);
    if (!isBare && !this.#isNews(id)) return;
    this.#bare.delete(id);
    this.know(id, keptRun(doc), held, bytes);
  }

  #takeBare({ id, name, doc: { job, dueAt, settledAt }, bytes }: BareFound): void {
    if (!this.#isNews(id)) return;
    const state = { name, dueAt, ...(settledAt !== null && { settledAt }) } as Run['state'];
    this.#bare.add(id);
    this.know(id, { ...SOMEONE, id, job: textIn(job), state }, null, bytes);
  }

  #isNews(id: number): boolean {
    const before = this.runs.get(id);
    return !before || (before.run === null && !this.dirty.has(id));
  }

  /** The runs of a dependent that are over are known now. */
  #takeOthers({ name, doc }: RunFound): void {
    const pending = new Set(name?.split(',').map(Number));
    for (const other of doc.origin?.after ?? [])
      if (!this.runs.has(other)) this.#others.set(other, pending.has(other) ? PENDING : OVER);
  }

  /** Takes in a run as the database has it. */
  know(id: number, run: Run | null, held: Held | null, bytes: number): void {
    this.runs.set(id, { run, held, text: '' });
    this.written.set(id, run);
    this.sizes.set(id, bytes);
  }
}
