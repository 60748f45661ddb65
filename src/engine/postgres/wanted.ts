// The facts that a turn has to know before it can decide, and the one statement that reads them.
import { type Run, UNSETTLED } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { MAX_TOLD } from '../../support/limits.ts';
import { columnOf } from './run-row.ts';
import type { Statement } from './session.ts';
import { composed, type Part } from './statement.ts';

export class Wanted {
  readonly runs = new Set<number>();
  /** Runs of which nothing but the state is asked for, however large they are. */
  readonly bare = new Set<number>();
  /** The run that has a key, by its job and itself. */
  readonly keys = new Map<string, readonly [job: string, key: string]>();
  /** Runs whose dependents are asked for, at most so many. */
  readonly dependents = new Map<number, number>();
  /** The same of those that wait for nothing else. */
  readonly free = new Map<number, number>();
  /** Runs whose dependents are asked for, and those of these. */
  readonly chains = new Set<number>();
  readonly requests = new Set<string>();
  readonly schedules = new Set<string>();
  /** Jobs of which it is asked whether there is any run. */
  readonly jobs = new Set<string>();
  /** Jobs whose running runs are asked for. */
  readonly running = new Set<string>();
  readonly locks = new Set<string>();
  /** Jobs whose starts are asked for, and since when. */
  readonly starts = new Map<string, number>();

  get any(): boolean {
    return Object.values(this).some((set: { readonly size: number }) => set.size > 0);
  }
}

export const keyOf = (job: string, key: string): string => `${job}\0${key}`;

/** One row for each thing that was found. */
export interface Found {
  readonly kind:
    | 'run'
    | 'bare'
    | 'key'
    | 'dependent'
    | 'chain'
    | 'request'
    | 'schedule'
    | 'slot'
    | 'job'
    | 'running'
    | 'holder'
    | 'starts';
  readonly id: number;
  readonly name: string;
  readonly doc: unknown;
  readonly token_turn: number | null;
  readonly token_n: number | null;
  readonly member: number | null;
  readonly mark: string | null;
  /** So many wait for the run; of none it says whether any. */
  readonly awaited: number;
  /** The size of its JSON; 0 if it is no run. */
  readonly bytes: number;
}

export type RunFound = Found & { readonly doc: Run };
/** Its name is that of the state. */
export type BareFound = Found & {
  readonly doc: { readonly job: string; readonly dueAt: number; readonly settledAt: number | null };
};
export type ScheduleFound = Found & { readonly doc: Schedule };

/** Runs that are read at once of those that wait for each other. */
export const MOST_IN_CHAIN = 2 * MAX_TOLD;
const ONE = '1';

const UNSETTLED_ROWS = `r.state in (${UNSETTLED.map((name) => `'${name}'`).join(', ')})`;

const runs = (kind: string, name: string, awaited = ONE, doc = 'r.doc'): string =>
  `select '${kind}'::text as kind, r.id::float8 as id, ${name}::text as name, ${doc},
    r.token_turn::float8 as token_turn, r.token_n, r.member::float8 as member, r.mark,
    (select count(*) from (select from dependency d where d.other = r.id limit ${awaited}) d)::integer as awaited, r.bytes`;

const other = (kind: string, id: string, name: string, doc: string): string =>
  `select '${kind}'::text as kind, ${id}::float8 as id, ${name}::text as name, ${doc}::json as doc,
    null::float8 as token_turn, null::integer as token_n, null::float8 as member, null::text as mark,
    0 as awaited, 0 as bytes`;

const BY_ID = `${runs('run', 'null')} from run r where r.id = any($1::bigint[])`;

const BARE = `${runs(
  'bare',
  'r.state',
  ONE,
  `json_build_object('job', r.job, 'dueAt', r.due_at, 'settledAt', r.settled_at) as doc`,
)} from run r where r.id = any($1::bigint[])`;

const BY_KEY = `${runs('key', 'null')} from unnest($1::text[], $2::text[]) as k (job, key)
  join run r on r.job = k.job and r.key = k.key and ${UNSETTLED_ROWS}`;

/** The other runs that it waits for. */
const PENDING = `(select string_agg(d.other::text, ',') from dependency d join run o on o.id = d.other
    where d.run = r.id and ${UNSETTLED_ROWS.replace('r.state', 'o.state')})`;

const dependents = (more: string): string => `${runs('dependent', PENDING)}
  from (select distinct d.run as id from unnest($1::bigint[], $2::integer[]) as w (id, most), lateral (
    select d.run from dependency d where d.other = w.id ${more} order by d.run limit w.most) d) w
  join run r on r.id = w.id`;

const DIRECT = dependents('');

/** `$3` are over, as this turn has decided. */
const FREE = dependents(`and not exists (
    select from dependency e join run o on o.id = e.other
    where e.run = d.run and e.other <> w.id and o.id <> all($3::bigint[])
      and ${UNSETTLED_ROWS.replace('r.state', 'o.state')})`);

/** The runs themselves too. */
const CHAINS = `${runs('chain', PENDING, `${MOST_IN_CHAIN}`)}
  from (with recursive chain (id) as (
    select unnest($1::bigint[]) union select d.run from chain c join dependency d on d.other = c.id
  ) select id from chain limit ${MOST_IN_CHAIN}) w join run r on r.id = w.id`;

const REQUESTS = `${other('request', 'q.at', 'q.id', 'q.ids')} from request q where q.id = any($1::text[])`;

const SCHEDULES = `${other('schedule', 'null', 's.name', 's.doc')} from schedule s where s.name = any($1::text[])
  union all ${runs('slot', 'r.schedule')} from run r where r.schedule = any($1::text[]) and ${UNSETTLED_ROWS}`;

const JOBS = `${other('job', 'sum(t.n)', 't.job', 'null')} from tally t where t.job = any($1::text[]) group by t.job`;

const RUNNING = `${other('running', 'null', 'r.job', 'json_agg(r.id)')}
  from run r where r.job = any($1::text[]) and r.state = 'running' group by r.job`;

const HOLDERS = `${other('holder', 'r.id', 'r.lock', 'null')}
  from run r where r.lock = any($1::text[]) and r.state = 'running'`;

const STARTS = `${other('starts', 'null', 's.job', 'json_agg(s.at order by s.at)')}
  from unnest($1::text[], $2::double precision[]) as j (job, since)
  join start s on s.job = j.job and s.at > j.since group by s.job`;

/** Null where nothing is asked for. `over` tells which runs this turn has ended. */
export function reading(wanted: Wanted, over: () => readonly number[]): Statement | null {
  const parts: Part[] = [];
  const ask = (name: string, text: string, ...values: readonly (readonly unknown[])[]): void => {
    if (values[0]?.length) parts.push({ name, text, values });
  };
  const columns = (texts: Iterable<string>): readonly string[] =>
    [...texts].map((text) => columnOf(text));
  const pairs = [...wanted.keys.values()];
  ask('runs', BY_ID, [...wanted.runs]);
  ask('bare', BARE, [...wanted.bare]);
  ask('keys', BY_KEY, columns(pairs.map(([job]) => job)), columns(pairs.map(([, key]) => key)));
  ask('direct', DIRECT, [...wanted.dependents.keys()], [...wanted.dependents.values()]);
  const free = [...wanted.free.keys()];
  ask('free', FREE, free, [...wanted.free.values()], free.length > 0 ? over() : []);
  ask('chains', CHAINS, [...wanted.chains]);
  ask('requests', REQUESTS, columns(wanted.requests));
  ask('schedules', SCHEDULES, columns(wanted.schedules));
  ask('jobs', JOBS, columns(wanted.jobs));
  ask('running', RUNNING, columns(wanted.running));
  ask('holders', HOLDERS, columns(wanted.locks));
  ask('starts', STARTS, columns(wanted.starts.keys()), [...wanted.starts.values()]);
  if (parts.length === 0) return null;
  return composed('read', parts, (texts) => texts.map((text) => `(${text})`).join(' union all '));
}
