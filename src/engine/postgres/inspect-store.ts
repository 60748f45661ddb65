// A look at a store for doctor: what the server says of itself, who shares the store, and whether its rows fit each
// other. It makes nothing and changes nothing. A look that the server refuses is told with the server's own words, and
// the other looks go on: what a database has lost, only a backup has.
import { type ClockMark, readMark } from '../../run/keep-clock.ts';
import type { Schedule } from '../../run/schedule.ts';
import { readSchedule } from '../../run/stored-schedule.ts';
import type { Clock } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';
import { MINUTE } from '../../support/limits.ts';
import type { StorePlace } from '../../support/store-place.ts';
import { plainLine } from '../../support/text.ts';
import { type MemberInfo, OUTSIDE } from '../members.ts';
import { openOne, reachOf } from './connect-store.ts';
import { isAway, reachStore, refuseForgetful, type ServerSession } from './connection.ts';
import { lookedInto, textIn } from './run-row.ts';
import { COUNT_BYTES, FORMAT, formatOf, quoted, refuseNewer, TABLES } from './schema.ts';
import type { Session } from './session.ts';

/** Every row of every table is read. */
const LOOK_MS = 30 * MINUTE;
const SLOWLY = { set: { statement_timeout: `${LOOK_MS}` }, answerMs: LOOK_MS };
/** Named one by one. */
const MOST_NAMED = 10;

export interface StoreInspection {
  readonly reachedMs: number;
  /** As in 15.4. */
  readonly version: string;
  readonly user: string;
  readonly schema: string;
  /** Null where the tables are not there yet. */
  readonly format: number | null;
  /** An earlier version has made them. */
  readonly isOlder: boolean;
  readonly fsync: string;
  readonly synchronousCommit: string;
  /** Why what it is given may be lost; null where it is not. */
  readonly unsafe: JobrunError | null;
  /** How far the clock of this machine is ahead of the store's; below zero where it is behind. */
  readonly aheadMs: number;
  /** Rights that this role needs and does not have: `insert on run`. */
  readonly lacking: readonly string[];
  /** Null where there are no tables, or they may not be read. */
  readonly content: StoreContent | null;
  /** The rows that the server has refused to read, and those that do not fit their own JSON. */
  readonly damage: readonly string[];
}

export interface StoreContent {
  readonly members: readonly StoreMember[];
  readonly running: number;
  /** The running runs without a holder; the first few. */
  readonly heldByNobody: Few;
  readonly counts: readonly WrongCount[];
  readonly runs: number;
  readonly bytes: number;
  /** By job: runs that wait to start, and schedules. */
  readonly awaited: ReadonlyMap<string, { readonly runs: number; readonly schedules: number }>;
  readonly times: StoreTimes;
}

/** The facts that the clock of the store is judged by. */
export interface StoreTimes {
  /** The present by that clock. */
  readonly now: number;
  /** The latest instant that a run or a schedule has; 0 where there is none. */
  readonly newest: number;
  readonly schedules: readonly Schedule[];
  readonly clockMark: ClockMark | null;
}

export interface StoreMember {
  readonly id: number;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly leaseMs: number;
  readonly silentMs: number;
  readonly jobs: readonly string[];
  /** Running runs that it holds. */
  readonly holds: number;
}

export interface Few {
  /** `run 3, 4 and 5 more` */
  readonly named: string;
  readonly total: number;
}

/** A number in `tally` that is not that of the rows. */
export interface WrongCount {
  readonly job: string;
  readonly state: string;
  readonly counted: number;
  readonly rows: number;
}

/** Rejects where it cannot be worked on at all: `store-unreachable`, `store-unsafe`, `store-newer`. */
export async function inspectStore(
  config: Pick<Config, 'dir'>,
  place: StorePlace,
  clock: Clock,
): Promise<StoreInspection> {
  const askedAt = clock.monotonic();
  const session = await reachStore(reachOf(config, place, clock), SLOWLY);
  try {
    return await new Look(session, place.schema).all(clock, clock.monotonic() - askedAt);
  } finally {
    await session.close();
  }
}

class Look {
  readonly #session: ServerSession;
  readonly #schema: string;
  readonly #damage: string[] = [];

  constructor(session: ServerSession, schema: string) {
    this.#session = session;
    this.#schema = schema;
  }

  async all(clock: Clock, reachedMs: number): Promise<StoreInspection> {
    const schema = this.#schema;
    const { fsync, synchronousCommit } = this.#session.facts;
    const names = `select current_setting('server_version') as version, current_user as user`;
    const [server] = await this.#ask<{ version: string; user: string }>(names);
    const aheadMs = await this.#ahead(clock);
    const lacking = await this.#lacking();
    const format = lacking.includes(`usage on schema ${schema}`)
      ? null
      : await this.#try('the format', () => formatOf(this.#session, schema), null);
    if (format !== null) refuseNewer(format, schema);
    // Those of an earlier version are made anew by the next command, and are not to be judged by today's.
    const isReadable = format === FORMAT && !lacking.some((one) => one.startsWith('select'));
    if (isReadable) await this.#readAll();
    const content = isReadable ? await this.#content() : null;
    return {
      ...{ reachedMs, schema, format, fsync, synchronousCommit, aheadMs, lacking, content },
      version: server?.version.split(' ')[0] ?? '',
      user: server?.user ?? '',
      isOlder: format !== null && format < FORMAT,
      unsafe: unsafetyOf(this.#session),
      damage: this.#damage,
    };
  }

  #ask<Row>(text: string, ...values: unknown[]): Promise<readonly Row[]> {
    return this.#session.query<Row>({ text, ...(values.length > 0 && { values }) });
  }

  /** A refusal of the server is noted. */
  async #try<T>(what: string, look: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await look();
    } catch (error) {
      if (isAway(error)) throw error;
      const said = `${what} cannot be read: ${plainLine((error as Error).message)}`;
      if (!this.#damage.includes(said)) this.#damage.push(said);
      return otherwise;
    }
  }

  /** The answer was made at some moment between question and answer. */
  async #ahead(clock: Clock): Promise<number> {
    const asked = clock.now();
    const text = 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at';
    const [row] = await this.#ask<{ at: number }>(text);
    const at = row?.at ?? asked;
    const answered = clock.now();
    return at < asked ? asked - at : at > answered ? answered - at : 0;
  }

  async #lacking(): Promise<readonly string[]> {
    const schema = this.#schema;
    const named = 'select oid from pg_namespace where nspname = $1';
    const isThere = (await this.#ask(named, schema)).length > 0;
    const right = isThere
      ? [
          `select 'usage on schema ' || $1 as lacks where not has_schema_privilege($1, 'usage')`,
          schema,
        ]
      : [
          `select 'create on database ' || current_database() as lacks
          where not has_database_privilege(current_database(), 'create')`,
        ];
    const [text = '', ...values] = right;
    const missing = await this.#ask<{ lacks: string }>(text, ...values);
    const all = `select p.name || ' on ' || c.relname as lacks
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      cross join unnest(array['select', 'insert', 'update', 'delete', 'usage']) as p (name)
      where n.nspname = $1 and case c.relkind
        when 'S' then p.name = 'usage' and not has_sequence_privilege(c.oid, p.name)
        when 'r' then p.name <> 'usage' and not has_table_privilege(c.oid, p.name)
        else false end
      order by c.relname, p.name`;
    return [...missing, ...(await this.#ask<{ lacks: string }>(all, schema))].map(
      ({ lacks }) => lacks,
    );
  }

  /** Each row of each table whole, which the server checks as it reads it. */
  async #readAll(): Promise<void> {
    const schema = quoted(this.#schema);
    for (const table of TABLES) {
      const text = `select count(t::text) from ${schema}.${table} t`;
      await this.#try(`the table ${table}`, () => this.#ask(text), []);
    }
    const text = `select id::float8, count(*) over ()::float8 as total from run
      where (${lookedInto('doc')}->>'id')::bigint is distinct from id
        or ${lookedInto('doc')}->'state'->>'name' is distinct from state
        or (state = 'running') <> (member is not null) order by id limit ${MOST_NAMED}`;
    const odd = await this.#try('the table run', () => this.#few(text), NO_FEW);
    if (odd.total > 0)
      this.#damage.push(`${odd.named}: the columns do not fit the JSON beside them`);
  }

  async #content(): Promise<StoreContent | null> {
    return this.#try<StoreContent | null>(
      'the store',
      async () => ({
        members: await this.#members(),
        ...(await this.#running()),
        counts: await wrongCounts(this.#session),
        ...(await this.#sizes()),
        awaited: await this.#awaited(),
        times: await this.#times(),
      }),
      null,
    );
  }

  async #members(): Promise<readonly StoreMember[]> {
    const rows = await this.#ask<Omit<StoreMember, 'version' | 'jobs'> & { info: MemberInfo }>(
      `select m.id::float8, m.host, m.pid, m.lease_ms as "leaseMs", m.info,
        greatest(0, extract(epoch from clock_timestamp()) * 1000 - m.beat_at)::float8 as "silentMs",
        (select count(*) from run r where r.state = 'running' and r.member = m.id)::float8 as holds
        from member m order by m.id`,
    );
    return rows.map(({ info, ...member }) => ({
      ...member,
      version: info.version,
      jobs: info.jobs,
    }));
  }

  async #running(): Promise<Pick<StoreContent, 'running' | 'heldByNobody'>> {
    const [row] = await this.#ask<{ n: number }>(
      `select count(*)::float8 as n from run where state = 'running'`,
    );
    const heldByNobody =
      await this.#few(`select r.id::float8, count(*) over ()::float8 as total from run r
      where r.state = 'running' and r.mark is distinct from '${OUTSIDE}' and not exists (select from member m where m.id = r.member)
      order by r.id limit ${MOST_NAMED}`);
    return { running: row?.n ?? 0, heldByNobody };
  }

  async #few(text: string): Promise<Few> {
    const rows = await this.#ask<{ id: number; total: number }>(text);
    const total = rows[0]?.total ?? 0;
    const more = total > rows.length ? ` and ${total - rows.length} more` : '';
    return { named: `run ${rows.map(({ id }) => id).join(', ')}${more}`, total };
  }

  async #sizes(): Promise<Pick<StoreContent, 'runs' | 'bytes'>> {
    const [row] = await this.#ask<{ runs: number; bytes: number }>(
      `select (select count(*) from run)::float8 as runs, coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r'`,
      this.#schema,
    );
    return row ?? { runs: 0, bytes: 0 };
  }

  async #awaited(): Promise<StoreContent['awaited']> {
    const rows = await this.#ask<{ job: string; runs: number; schedules: number }>(
      `select job, sum(runs)::float8 as runs, sum(schedules)::float8 as schedules from (
          select job, count(*) as runs, 0 as schedules from run
            where state in ('scheduled', 'waiting', 'queued') group by job
          union all select ${lookedInto('doc')}->>'job', 0, count(*) from schedule group by 1) a
        group by job order by job`,
    );
    return new Map(rows.map(({ job, ...numbers }) => [textIn(job), numbers]));
  }

  async #times(): Promise<StoreTimes> {
    const docs = await this.#ask<{ doc: unknown }>('select doc from schedule order by place');
    // A row that makes no sense says nothing about the clock.
    const schedules = docs.flatMap(({ doc }) => {
      const schedule = readSchedule(doc);
      return typeof schedule === 'string' ? [] : schedule;
    });
    const [row] = await this.#ask<{ now: number; last: number | null; mark: unknown }>(
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now, clock_mark as mark,
        (select max(greatest(created_at, settled_at, (${lookedInto('doc')}->'life'->>'startedAt')::float8)) from run) as last from meta`,
    );
    const instants = schedules.flatMap(({ createdAt, lastAt }) => [createdAt, lastAt ?? 0]);
    return {
      now: Math.round(row?.now ?? 0),
      newest: Math.max(0, row?.last ?? 0, ...instants),
      schedules,
      clockMark: readMark(row?.mark),
    };
  }
}

const NO_FEW: Few = { named: '', total: 0 };

function unsafetyOf(session: ServerSession): JobrunError | null {
  try {
    refuseForgetful(session);
    return null;
  } catch (error) {
    if (error instanceof JobrunError) return error;
    throw error;
  }
}

const ROWS = 'select job, state, count(*) as n from run group by job, state';

async function wrongCounts(session: Session): Promise<readonly WrongCount[]> {
  const text = `select coalesce(t.job, r.job) as job, coalesce(t.state, r.state) as state,
      coalesce(t.n, 0)::float8 as counted, coalesce(r.n, 0)::float8 as rows
    from tally t full join (${ROWS}) r on r.job = t.job and r.state = t.state
    where coalesce(t.n, 0) <> coalesce(r.n, 0) order by 1, 2`;
  const rows = await session.query<WrongCount>({ text });
  return rows.map((row) => ({ ...row, job: textIn(row.job) }));
}

/** Counts as the rows are, while no run changes. Returns those that were wrong. */
export async function repairStore(
  config: Pick<Config, 'dir'>,
  place: StorePlace,
  clock: Clock,
): Promise<readonly WrongCount[]> {
  const session = await openOne(config, place, clock, SLOWLY);
  try {
    await session.query({ text: 'begin' });
    await session.query({ text: 'select from meta for update' });
    const wrong = await wrongCounts(session);
    if (wrong.length > 0) {
      await session.query({ text: 'delete from tally' });
      await session.query({ text: `insert into tally (job, state, n) ${ROWS}` });
    }
    await session.query({ text: COUNT_BYTES });
    await session.query({ text: 'commit' });
    return wrong;
  } finally {
    await session.close();
  }
}
