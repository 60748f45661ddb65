// The queries of the store, beside lists. Reads see what is committed.
import type { Standing } from '../../run/pick.ts';
import { Starts } from '../../run/rate.ts';
import { type Counts, type Run, STATE_NAMES, type StateName, UNSETTLED } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { keptRun } from '../../run/stored-run.ts';
import { whyQueued, whyWaiting } from '../../run/why.ts';
import type * as E from '../engine.ts';
import type { Claims } from './claims.ts';
import { type Meta, pausesOf } from './decided.ts';
import { historyOf } from './history.ts';
import { columnOf, isAside } from './run-row.ts';
import { Search } from './search.ts';
import type { Sessions } from './session.ts';

/** The obstacles of each job that is asked about, of each lock, and of the runs that wait for others. */
const REASONS = `select 'pauses' as kind, null as name, null::float8 as id, pauses as doc from meta
  union all select 'running', r.job, null, json_agg(r.id) from run r
    where r.job = any($1::text[]) and r.state = 'running' group by r.job
  union all select 'holder', r.lock, r.id::float8, null from run r
    where r.lock = any($2::text[]) and r.state = 'running'
  union all select 'starts', s.job, null, json_agg(s.at order by s.at)
    from unnest($3::text[], $4::float8[]) as j (job, since)
    join start s on s.job = j.job and s.at > j.since group by s.job
  union all select 'pending', null, r.id::float8, null from run r
    where r.id = any($5::bigint[]) and (
      r.state in (${UNSETTLED.map((name) => `'${name}'`).join(', ')})
      or (r.state = 'failed' and ${isAside('r.doc')}))`;

interface Reason {
  readonly kind: 'pauses' | 'running' | 'holder' | 'starts' | 'pending';
  readonly name: string;
  readonly id: number;
  readonly doc: unknown;
}

export class Reads {
  protected readonly sessions: Sessions;
  protected readonly claims: Claims;
  readonly #search: Search;
  readonly #wanted = new Set<number>();
  #finding: Promise<ReadonlyMap<number, Run>> | null = null;
  #version = -1;
  /** The version that is known to be there. */
  #latest = 0;
  #schedules: readonly Schedule[] = [];
  /** By their text, so that one that did not change stays the same. */
  #parsed = new Map<string, Schedule>();

  constructor(sessions: Sessions, claims: Claims) {
    this.sessions = sessions;
    this.claims = claims;
    this.#search = new Search(sessions);
  }

  protected async runs(name: string, text: string, ...values: unknown[]): Promise<readonly Run[]> {
    const statement = { name: `jobrun_${name}`, text, values };
    return (await this.sessions.read<{ doc: unknown }>(statement)).map(({ doc }) => keptRun(doc));
  }

  /** Queries of one moment are one question. */
  async find(id: number): Promise<Run | null> {
    this.#finding ??= this.#findAll();
    this.#wanted.add(id);
    return (await this.#finding).get(id) ?? null;
  }

  async #findAll(): Promise<ReadonlyMap<number, Run>> {
    await new Promise(setImmediate);
    const ids = [...this.#wanted];
    this.#wanted.clear();
    this.#finding = null;
    return this.found(ids);
  }

  /** Those of these ids that are there. */
  protected async found(ids: readonly number[]): Promise<ReadonlyMap<number, Run>> {
    const text = 'select doc from run where id = any($1::bigint[])';
    const runs = await this.runs('found', text, [...new Set(ids)]);
    return new Map(runs.map((run) => [run.id, run]));
  }

  list(query: E.Query): Promise<E.Found> {
    return this.#search.all(query);
  }

  search(query: E.Query): AsyncIterable<E.Found> {
    return this.#search.parts(query);
  }

  history(period: E.Period = {}): AsyncIterable<E.History> {
    return historyOf(this.sessions, period);
  }

  async counts(): Promise<Counts> {
    const sum: Record<StateName, number> = { ...NONE };
    for (const counts of (await this.countsByJob()).values())
      for (const name of STATE_NAMES) sum[name] += counts[name];
    return sum;
  }

  async countsByJob(): Promise<ReadonlyMap<string, Counts>> {
    const text = 'select job, state, n::float8 from tally where n > 0';
    const rows = await this.sessions.read<{ job: string; state: StateName; n: number }>({
      name: 'jobrun_tally',
      text,
    });
    const byJob = new Map<string, Record<StateName, number>>();
    for (const { job, state, n } of rows) {
      const counts = byJob.get(job) ?? { ...NONE };
      counts[state] = n;
      byJob.set(job, counts);
    }
    return byJob;
  }

  async schedules(how: { readonly lately?: boolean } = {}): Promise<readonly Schedule[]> {
    if (how.lately && this.#latest === this.#version) return this.#schedules;
    const rows = await this.sessions.read<{ version: number; doc: string | null }>({
      name: 'jobrun_schedules',
      text: `select m.schedules::float8 as version, s.doc::text as doc
        from meta m left join schedule s on m.schedules <> $1 order by s.place`,
      values: [this.#version],
    });
    const version = rows[0]?.version ?? 0;
    this.sawSchedules(version);
    if (version === this.#version) return this.#schedules;
    const parsed = new Map<string, Schedule>();
    for (const { doc } of rows)
      if (doc !== null) parsed.set(doc, this.#parsed.get(doc) ?? (JSON.parse(doc) as Schedule));
    this.#version = version;
    this.#parsed = parsed;
    this.#schedules = [...parsed.values()];
    return this.#schedules;
  }

  /** True where it is later than what was known. */
  protected sawSchedules(version: number): boolean {
    const isLater = version > this.#latest;
    if (isLater) this.#latest = version;
    return isLater;
  }

  unsettledOf(schedule: string): Promise<readonly Run[]> {
    const states = UNSETTLED.map((name) => `'${name}'`).join(', ');
    const text = `select doc from run where schedule = $1 and state in (${states}) order by id`;
    return this.runs('slots', text, columnOf(schedule));
  }

  async pauses(): Promise<E.Pauses> {
    return pausesOf((await this.meta()).pauses);
  }

  async changes(): Promise<number> {
    return (await this.meta()).changes;
  }

  protected async meta(): Promise<Meta> {
    const text = `select turn::float8, next_id::float8, changes::float8, schedules::float8, pauses, untold,
      clock_mark from meta`;
    const [row] = await this.sessions.read<Meta>({ name: 'jobrun_meta', text });
    return row as Meta;
  }

  async why(runs: readonly Run[], now: number): Promise<readonly (string | null)[]> {
    const queued = runs.filter(({ state }) => state.name === 'queued');
    const waiting = runs.filter(({ state }) => state.name === 'waiting');
    if (queued.length + waiting.length === 0) return runs.map(() => null);
    const open = { all: false, jobs: new Set<string>() };
    const jobs = [...new Set(queued.map(({ job }) => job))];
    const limits = jobs.map((job) => ({ job, ...this.claims.limitsOf(job, open) }));
    const rated = limits.filter(({ rateLimit }) => rateLimit !== null);
    const rows = await this.sessions.read<Reason>({
      name: 'jobrun_reasons',
      text: REASONS,
      values: [
        limits.filter(({ concurrency }) => concurrency !== null).map(({ job }) => columnOf(job)),
        queued.flatMap(({ origin }) => columnOf(origin?.lock) ?? []),
        rated.map(({ job }) => columnOf(job)),
        rated.map(({ rateLimit }) => now - (rateLimit?.perMs ?? 0)),
        waiting.flatMap(({ origin }) => origin?.after ?? []),
      ],
    });
    const reasons = new Reasons(rows);
    return runs.map((run) => {
      if (run.state.name === 'waiting') return whyWaiting(run, reasons.pendingOf(run));
      if (run.state.name !== 'queued') return null;
      const limits = this.claims.limitsOf(run.job, reasons.pauses);
      return whyQueued(run, { limits, ...reasons.of(run) }, now);
    });
  }
}

const NONE: Counts = Object.fromEntries(STATE_NAMES.map((name) => [name, 0])) as Counts;

class Reasons {
  readonly pauses: E.Pauses;
  readonly #running = new Map<string, ReadonlySet<number>>();
  readonly #holders = new Map<string, number>();
  readonly #starts = new Map<string, readonly number[]>();
  readonly #pending = new Set<number>();

  constructor(rows: readonly Reason[]) {
    let pauses: E.Pauses = { all: false, jobs: new Set() };
    for (const { kind, name, id, doc } of rows) {
      if (kind === 'pauses') pauses = pausesOf(doc as Meta['pauses']);
      else if (kind === 'running') this.#running.set(name, new Set(doc as number[]));
      else if (kind === 'holder') this.#holders.set(name, id);
      else if (kind === 'starts') this.#starts.set(name, doc as number[]);
      else this.#pending.add(id);
    }
    this.pauses = pauses;
  }

  of({ job, origin }: Run): Omit<Standing, 'limits'> {
    const starts = new Starts();
    for (const at of this.#starts.get(columnOf(job)) ?? []) starts.add(at);
    const running = this.#running.get(columnOf(job)) ?? new Set();
    return { running, starts, holder: this.#holders.get(columnOf(origin?.lock) ?? '') };
  }

  pendingOf({ origin }: Run): readonly number[] {
    return (origin?.after ?? []).filter((id) => this.#pending.has(id));
  }
}
