// Hands out the next runs, decided within a turn. The store gives the first runs of each line (a job, and whether its
// runs run alone) that has room, the best of them first. The rules of limits are applied to them one by one.
//
// However many wait, no more is looked at than the first of each line. A run that stands aside for a lock is in no line
// (locks.ts). Counts come from `tally`.
import { type JobLimits, UNREAD, type WorkerKind } from '../../run/pick.ts';
import { DEFAULT_POLICY, type Policy } from '../../run/policy.ts';
import { Starts } from '../../run/rate.ts';
import { type Run, runsAlone } from '../../run/run.ts';
import { before } from '../../run/run-heap.ts';
import { keptRun } from '../../run/stored-run.ts';
import { claim } from '../../run/transitions.ts';
import { whyQueued } from '../../run/why.ts';
import { assert } from '../../support/errors.ts';
import { CLOCK_JUMP_MS } from '../../support/limits.ts';
import { type Claimed, numberOf, type Pauses, type Want } from '../engine.ts';
import type { Token, WorkerRef } from '../members.ts';
import { pausesOf } from './decided.ts';
import { type Glance, glanceOf, type Rate } from './glance.ts';
import { PART_BYTES } from './listed-runs.ts';
import { columnOf } from './run-row.ts';
import type { Sessions, Statement } from './session.ts';
import type { Ask, Claiming, Looking, Operation } from './turn.ts';
import type { Unit } from './unit.ts';

/**
 * The kind of its worker decides whether a line is open; `since` is the begin of the period of the rate. A holder that
 * is no member any more gets nothing: others have taken over from it.
 */
const LINES = `with wanted as (
    select * from unnest($1::text[], $2::boolean[], $3::integer[], $4::integer[], $5::float8[])
      as w (job, own, concurrency, rate, since)
    where exists (select from member where id = $9::bigint)),
  queued as materialized (select job, n from tally where state = 'queued' and n > 0),
  room as materialized (
    select w.job, w.own, coalesce(r.n, 0) as running, s.starts,
      least($6::integer, w.concurrency - coalesce(r.n, 0), w.rate - coalesce(json_array_length(s.starts), 0)) as room
    from wanted w join queued q on q.job = w.job
    left join lateral (select n from tally where job = w.job and state = 'running') r on w.concurrency is not null
    left join lateral (
      select json_agg(at order by at) as starts from start
      where job = w.job and at > w.since and at <= $7::float8) s on w.rate is not null),
  line as (
    select r.job, l.alone, r.room from room r, lateral (
      select false as alone where r.own union all select true where $8::boolean) l
    where r.room > 0),
  first as materialized (
    select f.* from line l, lateral (
      select r.id, r.priority, r.due_at from run r
      where r.job = l.job and r.alone = l.alone and r.state = 'queued' and not r.parked
      order by r.priority desc, r.due_at, r.id limit l.room) f
    order by f.priority desc, f.due_at, f.id limit $6::integer)
  select 'queued' as kind, job as name, n::float8 as n, null::json as doc from queued
  union all select 'line', job, running::float8, starts from room
  union all select 'run', null, bytes::float8, case when before < ${PART_BYTES} then doc end from (
    select r.bytes, r.doc,
      sum(r.bytes) over (order by f.priority desc, f.due_at, f.id rows unbounded preceding) - r.bytes as before
    from first f join run r on r.id = f.id) r`;

interface Row {
  readonly kind: 'queued' | 'line' | 'run';
  readonly name: string;
  readonly n: number;
  readonly doc: unknown;
}

/** A job with runs in the queue, and what of its limits is used up. */
interface Line {
  readonly limits: JobLimits;
  queued: number;
  running: number;
  readonly starts: Starts;
}

interface Candidates {
  readonly lines: ReadonlyMap<string, Line>;
  readonly runs: readonly Candidate[];
  /** There are more, which are too large to be read with these. */
  readonly isCut: boolean;
}

interface Candidate {
  readonly run: Run;
  /** The size of its row. */
  readonly bytes: number;
}

interface Asked {
  readonly want: Want;
  readonly workerFor: (run: Run) => WorkerRef;
  /** Asked within the turn, which may have waited for those of other hosts: what they did came before this claim. */
  readonly now: () => number;
}

/** The same at one moment of the turn. */
interface Asking extends Omit<Asked, 'now'> {
  readonly now: number;
}

export interface Holder {
  /** Its number as a member. */
  readonly id: number;
  /** Noted with each attempt. */
  readonly host?: string;
}

/** No member has this number. */
const NOBODY = 0;

/** Jobs with runs in the queue that are remembered between claims. */
const MOST_JOBS = 10_000;

export class Claims {
  /** The member that gets the leases. */
  holder: Holder;
  #limitsOf: ((job: string) => JobLimits) | null = null;
  #policyOf: (job: string) => Policy = () => DEFAULT_POLICY;
  /** Jobs that are known to have, or to have had, runs in the queue. */
  readonly #jobs = new Set<string>();
  /** Kinds of workers for which the last claim found nothing. */
  readonly #idle = new Set<WorkerKind>();
  /** When a job that has reached its rate gets its next place, as was found last. */
  nextPlaceAt: number | null = null;
  /** A claim has left large runs to the next one: those of one claim are in memory together, several times over. */
  hasMore = false;

  constructor(holder: Holder) {
    this.holder = holder;
  }

  configure(limitsOf: (job: string) => JobLimits, policyOf: (job: string) => Policy): void {
    this.#limitsOf = limitsOf;
    this.#policyOf = policyOf;
  }

  limitsOf(job: string, { all, jobs }: Pauses): JobLimits {
    const limits = this.#limitsOf?.(job) ?? UNREAD;
    const isPaused = all || jobs.has(job);
    return isPaused && limits.blocked === null ? { ...limits, blocked: 'paused' } : limits;
  }

  /** The rates of jobs that may have runs in the queue. */
  rates(): readonly Rate[] {
    return [...this.#jobs].flatMap((job) => {
      const { rateLimit } = this.#limitsOf?.(job) ?? UNREAD;
      return rateLimit === null ? [] : { job, ...rateLimit };
    });
  }

  /** True where some job that may have runs in the queue has a limit on how many run at once. */
  hasLimits(): boolean {
    return [...this.#jobs].some((job) => (this.#limitsOf?.(job) ?? UNREAD).concurrency !== null);
  }

  glance(now: number): Looking {
    return { patience: 'none', ask: glanceOf(this.rates(), now) };
  }

  /** Null where nothing may start, as was `seen` a moment ago. */
  next(given: Asked, seen: Glance | null): Claiming<Claimed[]> | null {
    if (seen && !this.#mayFind(given.want, seen)) return null;
    const asked = { ...given, workerFor: onceEach(given.workerFor) };
    const { workerKind } = asked.want;
    const look = async (ask: Ask): Promise<Claimed[] | null> => {
      const most = numberOf(asked.want.most);
      if (most < 1) return [];
      const now = asked.now();
      const glance = seen ?? (await ask<Glance>(glanceOf([], now)))[0];
      assert(glance, 'a glance is a row');
      if (!this.#mayFind(asked.want, glance)) return [];
      const found = await this.#candidates(ask, { ...asked, now }, pausesOf(glance.pauses), most);
      if (found.runs.length > 0) return null;
      this.nextPlaceAt = placeIn(found.lines, now);
      return [];
    };
    return {
      patience: 'none',
      look: this.#idle.has(workerKind) ? look : null,
      claim: (unit, ask) => this.#claim(unit, ask, { ...asked, now: asked.now() }),
    };
  }

  /** But for what their limits say. */
  #mayFind({ workerKind, jobs }: Want, glance: Glance): boolean {
    const pauses = pausesOf(glance.pauses);
    this.#learn(glance.queued.map(([job]) => job));
    return glance.queued.some(([job, ordinary, alone]) => {
      const { blocked, workerKind: kind } = this.limitsOf(job, pauses);
      if (blocked !== null) return false;
      if (workerKind === 'external')
        return kind === 'external' && jobs?.includes(job) === true && (ordinary || alone);
      if (kind === 'external') return false;
      return (ordinary && kind === workerKind) || (alone && workerKind === 'dedicated');
    });
  }

  /** Claims of the next runs ask for it themselves. */
  async isMember(sessions: Pick<Sessions, 'read'>): Promise<boolean> {
    const text = 'select from member where id = $1::bigint';
    return (await sessions.read({ text, values: [this.holder.id] })).length > 0;
  }

  /** That run or none. */
  only(
    id: number,
    { want: { workerKind, most }, workerFor, now: clock }: Asked,
  ): Operation<Claimed[]> {
    const workerOf = onceEach(workerFor);
    return {
      patience: 'none',
      wants: (wanted) => wanted.runs.add(id),
      decide: (unit) => {
        const now = clock();
        const run = unit.find(id);
        if (run?.state.name !== 'queued' || numberOf(most) < 1) return [];
        const limits = this.limitsOf(run.job, unit.pauses);
        const kind = limits.workerKind;
        if ((runsAlone(run) && kind !== 'external' ? 'dedicated' : kind) !== workerKind) return [];
        const standing = unit.standingOf(run, limits, now);
        if (whyQueued(run, standing, now) !== null) return [];
        return [this.#start(unit, run, limits, workerOf(run), now)];
      },
    };
  }

  async #claim(unit: Unit, ask: Ask, asked: Asking): Promise<Claimed[]> {
    const { workerKind } = asked.want;
    const most = numberOf(asked.want.most);
    const claimed: Claimed[] = [];
    for (let rest = most; rest > 0; rest = most - claimed.length) {
      const { lines, runs, isCut } = await this.#candidates(ask, asked, unit.pauses, rest);
      const taken = this.#take(unit, lines, runs, asked);
      claimed.push(...taken);
      this.nextPlaceAt = placeIn(lines, asked.now);
      this.hasMore ||= isCut && taken.length > 0;
      // If all were taken, no others may start. Those behind one that may not have not been looked at.
      if (isCut || taken.length === 0 || taken.length === runs.length) break;
    }
    if (claimed.length > 0) this.#idle.delete(workerKind);
    else this.#idle.add(workerKind);
    return claimed;
  }

  #take(
    unit: Unit,
    lines: ReadonlyMap<string, Line>,
    runs: readonly Candidate[],
    { workerFor, now }: Asking,
  ): readonly Claimed[] {
    const locks = new Set<string>();
    const claimed: Claimed[] = [];
    for (const { run, bytes } of runs) {
      const line = lines.get(run.job);
      const lock = run.origin?.lock;
      const mayStart = line && hasRoom(line, now) && (lock === undefined || !locks.has(lock));
      if (!mayStart) {
        // The next of its line, which was not read, may stand before all that follow.
        if (claimed.length > 0) break;
        continue;
      }
      if (lock !== undefined) locks.add(lock);
      line.running++;
      line.queued--;
      line.starts.add(now);
      unit.know(run.id, run, null, bytes);
      claimed.push(this.#start(unit, run, line.limits, workerFor(run), now));
    }
    return claimed;
  }

  #start(unit: Unit, prev: Run, limits: JobLimits, worker: WorkerRef, now: number): Claimed {
    const { id, host } = this.holder;
    const { pid, outside } = worker;
    const run = claim(prev, this.#policyOf(prev.job), pid, now, host, outside);
    const token = [unit.turn, ++unit.tokens] as const;
    // A run that a program outside holds belongs to no member, and stays when this one goes.
    const member = outside === undefined ? id : NOBODY;
    unit.set(prev, run, { token, mark: worker.mark, member });
    const { rateLimit, unread } = limits;
    if (rateLimit !== null) unit.start({ job: run.job, at: now, since: now - rateLimit.perMs });
    else if (unread) unit.start({ job: run.job, at: now, since: Number.NEGATIVE_INFINITY });
    return { run, token, worker };
  }

  /** The first runs that may start, in their order. Unknown jobs are asked for a second time. */
  async #candidates(ask: Ask, asked: Asking, pauses: Pauses, most: number): Promise<Candidates> {
    for (;;) {
      const rows = await ask<Row>(this.#statement(asked, pauses, most));
      const queued = rows.filter(({ kind }) => kind === 'queued');
      if (this.#learn(queued.map(({ name }) => name))) continue;
      const lines = new Map<string, Line>();
      for (const { name, n } of queued)
        lines.set(name, { limits: UNREAD, queued: n, running: 0, starts: new Starts() });
      for (const { kind, name, n, doc } of rows)
        if (kind === 'line') this.#takeLine(lines, name, n, doc as number[] | null, pauses);
      const found = rows.filter(({ kind }) => kind === 'run');
      const runs = found.flatMap(({ n, doc }) =>
        doc === null ? [] : { run: keptRun(doc), bytes: n },
      );
      runs.sort((a, b) => (before(a.run, b.run) ? -1 : 1));
      return { lines, runs, isCut: runs.length < found.length };
    }
  }

  /** True where there are new ones. */
  #learn(jobs: readonly string[]): boolean {
    const isNew = jobs.some((job) => !this.#jobs.has(job));
    if (isNew && this.#jobs.size + jobs.length > MOST_JOBS) this.#jobs.clear();
    for (const job of jobs) this.#jobs.add(job);
    return isNew;
  }

  #takeLine(
    lines: Map<string, Line>,
    job: string,
    running: number,
    at: readonly number[] | null,
    pauses: Pauses,
  ): void {
    const starts = new Starts();
    for (const one of at ?? []) starts.add(one);
    const { queued = 0 } = lines.get(job) ?? {};
    lines.set(job, { limits: this.limitsOf(job, pauses), queued, running, starts });
  }

  #statement(
    { want: { workerKind, jobs: asked }, now }: Asking,
    pauses: Pauses,
    most: number,
  ): Statement {
    const jobs = [...this.#jobs]
      .map((job) => ({ job, limits: this.limitsOf(job, pauses) }))
      .filter(({ limits }) => limits.blocked === null)
      .filter(({ job, limits }) =>
        workerKind === 'external'
          ? limits.workerKind === 'external' && asked?.includes(job) === true
          : limits.workerKind !== 'external',
      );
    const since = ({ rateLimit }: JobLimits): number | null =>
      rateLimit === null ? null : now - rateLimit.perMs;
    return {
      name: 'jobrun_lines_first',
      text: LINES,
      values: [
        jobs.map(({ job }) => columnOf(job)),
        jobs.map(({ limits }) => limits.workerKind === workerKind),
        jobs.map(({ limits }) => limits.concurrency),
        jobs.map(({ limits }) => limits.rateLimit?.limit ?? null),
        jobs.map(({ limits }) => since(limits)),
        most,
        now + CLOCK_JUMP_MS,
        workerKind !== 'shared',
        this.holder.id,
      ],
    };
  }
}

/** A turn may be repeated, and then mostly takes the same runs: each has the worker that was found for it. */
function onceEach(workerFor: Asked['workerFor']): Asked['workerFor'] {
  const known = new Map<number, WorkerRef>();
  return (run) => {
    const worker = known.get(run.id) ?? workerFor(run);
    known.set(run.id, worker);
    return worker;
  };
}

/** True if this lease is still there. */
export function isHeld(unit: Unit, id: number, token: Token): boolean {
  const [turn, n] = unit.heldBy(id)?.token ?? [];
  return turn === token[0] && n === token[1];
}

function hasRoom({ limits, running, starts }: Line, now: number): boolean {
  const { concurrency, rateLimit } = limits;
  return (concurrency === null || running < concurrency) && starts.hasPlace(rateLimit, now);
}

/** When the first of the lines that wait for a place in their rate gets one. */
function placeIn(lines: ReadonlyMap<string, Line>, now: number): number | null {
  let soonest: number | null = null;
  for (const { limits, queued, starts } of lines.values()) {
    if (queued === 0 || limits.rateLimit === null || starts.hasPlace(limits.rateLimit, now))
      continue;
    const at = starts.nextPlaceAt(limits.rateLimit);
    if (at !== null && at > now) soonest = Math.min(soonest ?? at, at);
  }
  return soonest;
}
