// The engine on PostgreSQL: each method that changes something is an operation of a turn (turns.ts), by the rules of
// run/; reads go past the turns. `claims.ts` hands out, `feed.ts` tells of changes.
import { removeRuns, repeatedRuns, replaceRun, takeIn, tellMore } from '../../run/intake.ts';
import { type ClockMark, readMark } from '../../run/keep-clock.ts';
import type { JobLimits } from '../../run/pick.ts';
import type { Policy } from '../../run/policy.ts';
import { unknownRun } from '../../run/refusal.ts';
import { type Draft, isHeldUp, isSettled, type Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { promote } from '../../run/transitions.ts';
import { cut, lengthOf, restated } from '../../run/waits.ts';
import { whyQueued, whyWaiting } from '../../run/why.ts';
import type { Clock } from '../../support/clock.ts';
import { assert } from '../../support/errors.ts';
import { CLOCK_JUMP_MS, MAX_BATCH, MAX_TOLD } from '../../support/limits.ts';
import type * as E from '../engine.ts';
import { numberOf } from '../engine.ts';
import type { Token, WorkerRef } from '../members.ts';
import { Claims, type Holder, isHeld } from './claims.ts';
import type { Asked } from './decided.ts';
import { Feed } from './feed.ts';
import type { Glance } from './glance.ts';
import { partsOf } from './listed-runs.ts';
import { Reads } from './reads.ts';
import { columnOf } from './run-row.ts';
import type { Sessions } from './session.ts';
import { stirHere } from './stirs.ts';
import type { Operation, TurnContext } from './turn.ts';
import { Turns } from './turns.ts';
import type { Unit } from './unit.ts';
import { keyOf, type Wanted } from './wanted.ts';

export interface EngineOptions {
  readonly sessions: Sessions;
  readonly schema: string;
  readonly clock: Clock;
  /** How long a request waits for a store that is away. */
  readonly patienceMs: number;
  /** Nothing is written: for a role that may only read. */
  readonly readOnly?: boolean;
  readonly onCommit?: ((ms: number) => void) | undefined;
  readonly onError: (error: unknown) => void;
}

const OPENED = `with opened as (update meta set turn = turn + 1 returning turn, changes),
  known as (insert into writer (id, turn, at) select turn, turn, $1::float8 from opened)
  select turn::float8 as id, changes::float8 from opened`;
const READER_ID = 0;
const READER = `select ${READER_ID}::float8 as id, changes::float8 from meta`;

/** Opens the store, whose tables are there. */
export async function openPostgresEngine(options: EngineOptions): Promise<PostgresEngine> {
  const { sessions, schema, clock, readOnly = false } = options;
  const [row] = await sessions.read<{ id: number; changes: number }>(
    readOnly ? { text: READER } : { text: OPENED, values: [clock.now()] },
  );
  assert(row, 'meta has a row');
  return new PostgresEngine(options, { id: row.id, channel: `jobrun ${schema}` }, row.changes);
}

export class PostgresEngine extends Reads implements E.Engine {
  /** A number of its own, given at each opening and never again; 0 where it only reads. */
  readonly id: number;
  readonly #turns: Turns;
  readonly #feed: Feed;
  readonly #sessions: Sessions;
  readonly #onError: (error: unknown) => void;
  #telling = false;
  /** As `advance` has left it, for the rest of this turn of the loop. */
  #glance: Glance | null = null;

  constructor(options: EngineOptions, writer: { id: number; channel: string }, seen: number) {
    const { sessions, clock, patienceMs, onCommit, onError } = options;
    super(sessions, new Claims({ id: writer.id }));
    this.id = writer.id;
    this.#sessions = sessions;
    this.#onError = onError;
    const hasLimits = (): boolean => this.claims.hasLimits();
    this.#feed = new Feed({ sessions, writer, clock, hasLimits, seen, onError });
    const committed: TurnContext['committed'] = async (changes, unit, version) => {
      this.#glance = null;
      this.sawSchedules(version);
      if (unit.untold().length > 0) this.#tellOn();
      const stir = stirHere(unit, (job, pauses) => this.claims.limitsOf(job, pauses));
      await this.#feed.committed(changes, stir);
    };
    this.#turns = new Turns({ sessions, clock, writer, patienceMs, onCommit, committed });
  }

  /** Runs handed out from now on are leased to this one. */
  holdAs(holder: Holder): void {
    this.claims.holder = holder;
  }

  // --------------------------------------------------------------------------------------------------- taking in

  async accept(drafts: readonly Draft[], now: number, how: E.How = {}): Promise<E.Accepted[]> {
    const { request, once = false, under } = how;
    assert(drafts.length <= MAX_BATCH, `a batch of ${drafts.length}`);
    const taken = await this.#turns.do<Asked | E.Accepted[]>({
      patience: 'some',
      size: drafts.length,
      wants: (wanted) => this.#wantFor(wanted, drafts, now, how),
      decide: (unit) => {
        const known = request === undefined ? null : unit.request(request);
        if (known) return known;
        under?.check(unit.find(under.run) ?? null);
        const accepted = drafts.flatMap((draft) => {
          if (once && unit.hasRun(draft.job)) return [];
          const { run, existing } = takeIn(unit, draft, now);
          return [{ run, existing, reason: this.#reasonOf(unit, run, now) }];
        });
        const ids = accepted.map(({ run }) => run.id);
        if (request !== undefined) unit.putRequest({ id: request, ids, at: now });
        return accepted;
      },
    });
    return Array.isArray(taken) ? taken : this.#again(taken as Asked, drafts, now);
  }

  #wantFor(
    wanted: Wanted,
    drafts: readonly Draft[],
    now: number,
    { request, once, under }: E.How,
  ): void {
    if (under) wanted.runs.add(under.run);
    if (request !== undefined) wanted.requests.add(request);
    for (const { job, origin } of drafts) {
      const { key, after, lock } = origin ?? {};
      if (key !== undefined) wanted.keys.set(keyOf(job, key), [job, key]);
      for (const id of after ?? []) wanted.runs.add(id);
      if (lock !== undefined) wanted.locks.add(lock);
      if (once) wanted.jobs.add(job);
      const { concurrency, rateLimit } = this.claims.limitsOf(job, OPEN);
      if (concurrency !== null) wanted.running.add(job);
      if (rateLimit !== null) wanted.starts.set(job, now - rateLimit.perMs);
    }
  }

  #reasonOf(unit: Unit, run: Run, now: number): string | null {
    if (run.state.name === 'waiting') return whyWaiting(run, pendingOf(unit, run));
    if (run.state.name !== 'queued') return null;
    const limits = this.claims.limitsOf(run.job, unit.pauses);
    return whyQueued(run, unit.standingOf(run, limits, now), now);
  }

  async answered(request: string, now: number): Promise<E.Accepted[] | null> {
    const [row] = await this.#sessions.read<{ ids: number[]; at: number }>({
      name: 'jobrun_request',
      text: 'select ids, at from request where id = $1',
      values: [columnOf(request)],
    });
    return row ? this.#again({ id: request, ...row }, null, now) : null;
  }

  async #again(
    { ids, at }: Asked,
    drafts: readonly Draft[] | null,
    now: number,
  ): Promise<E.Accepted[]> {
    const found = await this.found(ids);
    const runs = repeatedRuns(
      ids,
      ids.map((id) => found.get(id) ?? null),
      drafts,
      at,
    );
    const reasons = await this.why(runs, now);
    return runs.map((run, i) => ({ run, existing: false, reason: reasons[i] ?? null }));
  }

  // ------------------------------------------------------------------------------------------------- handing out

  async advance(now: number): Promise<number | null> {
    if (this.id === READER_ID) return null;
    let seen = await this.#look(now);
    if (seen.isDue) {
      await this.#fallDue(now);
      seen = await this.#look(now);
    }
    if (seen.untold > 0) this.#tellOn();
    if (this.sawSchedules(seen.schedules)) this.#feed.stir();
    this.claims.nextPlaceAt = seen.place;
    this.#glance = seen;
    setImmediate(() => {
      if (this.#glance === seen) this.#glance = null;
    });
    return soonest(seen);
  }

  async #look(now: number): Promise<Glance> {
    const [seen] = await this.#turns.do<readonly Glance[]>(this.claims.glance(now));
    assert(seen, 'meta has a row');
    return seen;
  }

  async #fallDue(now: number): Promise<void> {
    for (let due = await this.#due(now); due.length > 0; due = await this.#due(now))
      for (const part of partsOf(due))
        await this.#turns.do({
          patience: 'none',
          size: part.length,
          wants: (wanted) => part.forEach(({ id }) => void wanted.runs.add(id)),
          decide: (unit) => part.forEach(({ id }) => void fallDue(unit, id, now)),
        });
  }

  /** The next scheduled runs that are due, or whose wait seems to last longer than its length. */
  async #due(now: number): Promise<readonly { readonly id: number; readonly bytes: number }[]> {
    const rows = await this.#sessions.read<{ id: number; bytes: number }>({
      name: 'jobrun_due',
      text: `(select id::float8, bytes from run where state = 'scheduled' and due_at <= $1 order by due_at limit $3)
        union (select id::float8, bytes from run where wait_from > $2 order by wait_from limit $3)`,
      values: [now, now + CLOCK_JUMP_MS, MAX_BATCH],
    });
    return rows.toSorted((a, b) => a.id - b.id);
  }

  async claim(want: E.Want, workerFor: (run: Run) => WorkerRef, at: E.Late): Promise<E.Claimed[]> {
    const { only, most } = want;
    if (numberOf(most) < 1) return [];
    const now = (): number => numberOf(at);
    if (only !== undefined && !(await this.claims.isMember(this.#sessions))) return [];
    const asked = { want, workerFor, now };
    const before = this.claims.nextPlaceAt;
    const { doubts } = this.#turns;
    const work =
      only === undefined ? this.claims.next(asked, this.#glance) : this.claims.only(only, asked);
    if (!work) return [];
    const all = await this.#turns.do<E.Claimed[]>(work);
    const claimed = this.#turns.doubts === doubts ? all : await this.#stillHeld(all);
    // A search for a run to start finds those that have to wait for a place: for longer than was told, perhaps.
    const placeAt = this.claims.nextPlaceAt;
    if ((placeAt !== null && placeAt !== before) || this.claims.hasMore) this.#feed.stir();
    this.claims.hasMore = false;
    return claimed;
  }

  /** While it was in doubt whether they were claimed, they may have been taken back. */
  #stillHeld(claimed: readonly E.Claimed[]): Promise<E.Claimed[]> {
    return this.#turns.do({
      patience: 'endless',
      wants: (wanted) => {
        for (const { run } of claimed) wanted.runs.add(run.id);
      },
      decide: (unit) => claimed.filter(({ run, token }) => isHeld(unit, run.id, token)),
    });
  }

  configure(limitsOf: (job: string) => JobLimits, policyOf: (job: string) => Policy): void {
    this.claims.configure(limitsOf, policyOf);
    this.#feed.stir();
  }

  // ---------------------------------------------------------------------------------------------------- deciding

  change(id: number, decide: (run: Run) => Run): Promise<Run> {
    return this.#turns.do({
      patience: 'some',
      wants: (wanted) => wanted.runs.add(id),
      decide: (unit) => {
        const run = present(unit, id);
        return replaceRun(unit, run, decide(run));
      },
    });
  }

  changeHeld(id: number, token: Token, decide: (run: Run) => Run): Promise<Run | null> {
    return this.#turns.do({
      patience: 'endless',
      wants: (wanted) => wanted.runs.add(id),
      decide: (unit) => {
        const run = unit.find(id);
        if (!run || !isHeld(unit, id, token)) return null;
        return replaceRun(unit, run, decide(run));
      },
    });
  }

  remove(ids: readonly number[]): Promise<void> {
    return this.#turns.do({
      patience: 'some',
      size: ids.length,
      wants: (wanted) => {
        for (const id of ids) wanted.bare.add(id);
      },
      decide: (unit) =>
        removeRuns(
          unit,
          [...new Set(ids)].map((id) => there(unit.findBare(id), id)),
        ),
    });
  }

  pause(target: E.PauseTarget, paused: boolean): Promise<void> {
    return this.#change((unit) => {
      const { all, jobs } = unit.pauses;
      const others = [...jobs].filter((job) => !('job' in target) || job !== target.job);
      const next =
        'all' in target
          ? { all: paused, jobs }
          : { all, jobs: new Set(paused ? [...others, target.job] : others) };
      unit.assign('pauses', next);
      unit.assign('stirs', true);
    });
  }

  changeSchedule(
    name: string,
    decide: (schedule: Schedule | null) => Schedule | null,
  ): Promise<Schedule | null> {
    return this.#change(
      (unit) => {
        const before = unit.schedule(name);
        const next = decide(before);
        if (next !== before) unit.putSchedule(name, next);
        return next;
      },
      (wanted) => wanted.schedules.add(name),
    );
  }

  fire(
    names: readonly string[],
    decide: (schedule: Schedule, unsettled: readonly Run[]) => E.Firing | null,
    now: number,
  ): Promise<readonly E.Fired[]> {
    return this.#turns.do({
      patience: 'none',
      wants: (wanted) => {
        for (const name of names) wanted.schedules.add(name);
      },
      decide: (unit) =>
        names.flatMap((name) => {
          const before = unit.schedule(name);
          const unsettled = unit.unsettledOf(name);
          const firing = before ? decide(before, unsettled) : null;
          if (firing === null) return [];
          const runs = firing.drafts.map((draft) => takeIn(unit, draft, now).run);
          const lastRun = runs.at(-1)?.id ?? firing.schedule.lastRun;
          const schedule = { ...firing.schedule, lastRun };
          unit.putSchedule(name, schedule);
          return { schedule, runs, unsettled };
        }),
    });
  }

  /** Others are answered between two parts of what very many have to hear. */
  #tellOn(): void {
    if (this.#telling) return;
    this.#telling = true;
    this.#tell()
      .catch(this.#onError)
      .finally(() => {
        this.#telling = false;
      });
  }

  async #tell(): Promise<void> {
    const decide = (unit: Unit): boolean => {
      tellMore(unit);
      return unit.untold().length > 0;
    };
    for (let isLeft = true; isLeft; )
      isLeft = await this.#turns.do({ patience: 'some', size: MAX_TOLD, decide });
  }

  async clockMark(): Promise<ClockMark | null> {
    return readMark((await this.meta()).clock_mark);
  }

  putClockMark(mark: ClockMark): Promise<void> {
    return this.#change((unit) => unit.assign('clockMark', mark));
  }

  #change<T>(decide: (unit: Unit) => T, wants?: Operation<T>['wants']): Promise<T> {
    return this.#turns.do({ patience: 'some', decide, ...(wants && { wants }) });
  }

  // -------------------------------------------------------------------------------------------------- upkeep, end

  onChange(listener: (change: E.ChangeEvent) => void): () => void {
    return this.#feed.onChange(listener);
  }

  onStir(listener: () => void): () => void {
    return this.#feed.onStir(listener);
  }

  durable(): Promise<void> {
    return this.#turns.soFar();
  }

  async memoryUse(): Promise<E.MemoryUse> {
    return { bytes: 0, limit: null };
  }

  /** Sums what the rows hold. Their files never shrink: once over the bound of history, they would stay over it. */
  async size(): Promise<number> {
    const text = `select (bytes + coalesce((select sum(bytes) from log), 0))::float8 as n from meta`;
    return (await this.#sessions.read<{ n: number }>({ name: 'jobrun_size', text }))[0]?.n ?? 0;
  }

  /** Operations handed in before are carried out before. The sessions are the caller's. */
  async close(): Promise<void> {
    await this.#turns.close();
    await this.#feed.close();
    if (this.id === READER_ID) return;
    const text = 'delete from writer where id = $1';
    const statement = { text, values: [this.id] };
    await this.#sessions.read(statement, { isPatient: false }).catch(this.#onError);
  }
}

const soonest = ({ next, place }: Glance): number | null =>
  next === null || place === null ? (next ?? place) : Math.min(next, place);

const OPEN: E.Pauses = { all: false, jobs: new Set() };

const present = (unit: Unit, id: number): Run => there(unit.find(id), id);

function there(run: Run | undefined, id: number): Run {
  if (run) return run;
  throw unknownRun(id);
}

/** The runs that a waiting one still waits for. */
const pendingOf = (unit: Unit, { origin }: Run): readonly number[] =>
  (origin?.after ?? []).filter((id) => {
    const run = unit.find(id);
    return run !== undefined && (!isSettled(run) || isHeldUp(run));
  });

function fallDue(unit: Unit, id: number, now: number): void {
  const run = unit.find(id);
  if (!run) return;
  const length = lengthOf(run);
  if (length !== null && run.state.dueAt - length > now + CLOCK_JUMP_MS)
    unit.set(run, restated(run, cut(run.state.dueAt, length, now)));
  else if (run.state.name === 'scheduled' && run.state.dueAt <= now) unit.set(run, promote(run));
}
