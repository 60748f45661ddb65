// The members that share the store, and their leases. A lease is a running run with a token; its holder is the member
// whose number stands beside it. A member that is given up is a row that is gone: what it held is found by that.
//
// An earlier daemon of the same state folder, in the same life of the machine and the same name space of pids, is dead
// for certain while we hold the lock of that folder. Its heir is who proves its processes dead, and takes back its runs
// at once.
import { elapsedOf } from '../../support/clock.ts';
import { isStoreAway } from '../../support/errors.ts';
import { HOUR, SECOND } from '../../support/limits.ts';
import type { Cluster, Renewal } from '../cluster.ts';
import {
  type Lease,
  type ListedMember,
  type Member,
  type MemberInfo,
  type Members,
  OUTSIDE,
  type Progressed,
  type Worker,
} from '../members.ts';
import { lookedInto } from './run-row.ts';
import type { Statement } from './session.ts';
import type { StoreClock } from './store-clock.ts';

export interface StoreMembersOptions {
  /** In the session of the lease, whose statements follow each other. */
  readonly ask: <Row>(statement: Statement) => Promise<readonly Row[]>;
  /** In any other session: for what is shown, which must wait for no write of this member. */
  readonly read: <Row>(statement: Statement) => Promise<readonly Row[]>;
  readonly clock: StoreClock;
  readonly host: string;
  readonly leaseMs: number;
  /** The state folder. */
  readonly state: string;
  /** The scope in which pids mean the same as here; empty if unknown. */
  readonly pids: string;
  /** The number of this opening. */
  readonly id: number;
  /** Leases are given to this member from now on. */
  readonly holdAs: (member: Member) => void;
  /** Sets the listener that is told that the store may be away. */
  readonly onTrouble: (listener: () => void) => void;
  readonly onError: (error: unknown) => void;
}

const NOW = `(extract(epoch from clock_timestamp()) * 1000)::float8`;

const JOIN = `insert into member (id, host, state, pid, boot, since, lease_ms, beat_at, info)
  values ($1::bigint, $2, $3, $4::integer, $5, ${NOW}, $6::float8, ${NOW}, $7::json)`;

const NUMBER = 'update meta set turn = turn + 1 returning turn::float8 as id';

const ANCESTORS =
  'select id::float8 from member where state = $1 and boot = $2 and id <> $3::bigint';

const RENEW = `with beat as (update member set beats = beats + 1, beat_at = ${NOW}, info = $2::json
    where id = $1::bigint returning id)
  select ${NOW} as at, exists (select from beat) as "isMember",
    coalesce((select json_agg(json_build_object('id', id, 'host', host, 'pid', pid, 'beats', beats, 'leaseMs', lease_ms,
      'silentMs', ${NOW} - beat_at))
      from member where id <> $1::bigint), '[]') as others,
    exists (select from run r where r.state = 'running' and ${unheld('r')}) as "hasAbandoned"`;

const GIVE_UP = 'delete from member where id = $1::bigint and beats = $2::bigint returning id';

/** Those that still hold something are given up as any other: when they were silent for their whole lease. */
const INHERITED = `delete from member m where id = any($1::bigint[])
  and not exists (select from run r where r.state = 'running' and r.member = m.id)`;

const LEAVE = 'delete from member where id = $1::bigint';

const PUT_WORKERS = `insert into worker (mark, member, pid, start_time, boot)
  select mark, $2::bigint, pid, start_time, boot
  from json_to_recordset($1::json) as w (mark text, pid integer, start_time text, boot text)
  on conflict (mark) do nothing`;

/** And those that were left behind by members that are gone and hold nothing. */
const REMOVE_WORKERS = `delete from worker w where mark = any($1::text[])
  or (not exists (select from member m where m.id = w.member)
    and not exists (select from run r where r.state = 'running' and r.mark = w.mark))`;

const LEASES = `select r.id::float8 as run, array[r.token_turn, r.token_n]::bigint[] as token,
    r.mark, coalesce(w.pid, 0) as pid, coalesce(w.start_time, '') as "startTime", coalesce(w.boot, '') as boot,
    r.member::float8 as member, coalesce(m.host, ${lookedInto('r.doc')}->'life'->'attempts'->-1->>'host', '') as host, m.beat_at as "aliveAt"
  from run r left join worker w on w.mark = r.mark left join member m on m.id = r.member
  where r.state = 'running'`;

/** A silent one is of interest as long as it holds something, and for an hour at most. */
const LIST = `select id::float8, host, pid, since, lease_ms as "leaseMs", beats::float8, silent_ms as "silentMs", info
  from (select *, greatest(0, ${NOW} - beat_at) as silent_ms from member) m
  where silent_ms <= lease_ms / 2 or (silent_ms <= $1::float8
    and exists (select from run r where r.state = 'running' and r.member = m.id))
  order by id`;

/** Those of the runs that each of them holds. */
const PROGRESSED = `select p.value as said from member m cross join lateral json_array_elements(${lookedInto('m.info')}->'progress') as p
    join run r on r.id = (p.value->>0)::bigint and r.member = m.id and r.state = 'running'
  where m.id <> $1::bigint`;

/** Callers meanwhile get the same answer. */
const SAME_MS = SECOND / 4;

/** Those of workers outside are meant to be no member's. */
function unheld(run: string): string {
  return `${run}.mark is distinct from '${OUTSIDE}' and not exists (select from member m where m.id = ${run}.member)`;
}

export class StoreMembers implements Members, Cluster {
  readonly #o: StoreMembersOptions;
  #self: Member;
  #joinedAt = 0;
  /** Members that were earlier daemons of this state folder. */
  #ancestors: readonly number[] = [];
  /** Workers that are not written down, or no longer to be. */
  readonly #put = new Map<string, Worker>();
  readonly #removed = new Set<string>();
  #writing: Promise<void> | null = null;
  #progressed: Promise<readonly Progressed[]> = Promise.resolve([]);
  #progressedAt = Number.NEGATIVE_INFINITY;

  constructor(options: StoreMembersOptions) {
    this.#o = options;
    this.#self = { id: options.id, host: options.host };
  }

  get self(): Member {
    return this.#self;
  }

  get joinedAt(): number {
    return this.#joinedAt;
  }

  /** Becomes a member, as a daemon that holds the lock of its state folder does. */
  async join(): Promise<void> {
    const { ask, clock, state, pids, holdAs } = this.#o;
    this.#joinedAt = elapsedOf(clock);
    await this.#insert(NOTHING);
    holdAs(this.#self);
    if (pids === '') return;
    const values = [state, pids, this.#self.id];
    const rows = await ask<{ id: number }>({ text: ANCESTORS, values });
    this.#ancestors = rows.map(({ id }) => id);
  }

  async rejoin(info: MemberInfo): Promise<void> {
    const { ask, host, holdAs } = this.#o;
    const [row] = await ask<{ id: number }>({ text: NUMBER });
    this.#self = { id: row?.id ?? 0, host };
    await this.#insert(info);
    holdAs(this.#self);
  }

  async #insert(info: MemberInfo): Promise<void> {
    const { ask, host, state, pids, leaseMs } = this.#o;
    const own = [host, state, process.pid, pids, leaseMs];
    await ask({ text: JOIN, values: [this.#self.id, ...own, JSON.stringify(info)] });
  }

  async renew(info: MemberInfo): Promise<Renewal> {
    const { ask, clock } = this.#o;
    const askedAt = elapsedOf(clock);
    const values = [this.#self.id, JSON.stringify(info)];
    const [row] = await ask<Renewal & { at: number }>({ text: RENEW, values });
    if (!row) return { isMember: false, others: [], hasAbandoned: false };
    const { at, ...renewal } = row;
    clock.told(at, askedAt, elapsedOf(clock));
    this.#write();
    return renewal;
  }

  onTrouble(listener: () => void): void {
    this.#o.onTrouble(listener);
  }

  async giveUp(id: number, beats: number): Promise<boolean> {
    return (await this.#o.ask({ text: GIVE_UP, values: [id, beats] })).length > 0;
  }

  async inherited(): Promise<void> {
    await this.#o.ask({ text: INHERITED, values: [this.#ancestors] });
    this.#ancestors = [];
  }

  async leave(): Promise<void> {
    await this.#writing;
    await this.#o.ask({ text: LEAVE, values: [this.#self.id] });
    await this.#o.ask({ text: REMOVE_WORKERS, values: [[]] });
  }

  putWorker({ mark, pid, startTime, boot }: Worker): void {
    this.#put.set(mark, { mark, pid, startTime, boot });
    this.#write();
  }

  removeWorker(mark: string): void {
    if (!this.#put.delete(mark)) this.#removed.add(mark);
    this.#write();
  }

  /** The store has a heartbeat of its own. */
  beat(): void {}

  async leases(): Promise<readonly Lease[]> {
    return this.#leases(LEASES);
  }

  async abandoned(): Promise<readonly Lease[]> {
    return this.#leases(
      `${LEASES} and (${unheld('r')} or r.member = any($1::bigint[]))`,
      this.#ancestors,
    );
  }

  async #leases(text: string, ...values: readonly unknown[]): Promise<readonly Lease[]> {
    const rows = await this.#o.ask<Omit<Lease, 'isForeign'>>({
      text: `${text} order by r.id`,
      values,
    });
    return rows.map((row) => ({ ...row, isForeign: !this.#ancestors.includes(row.member) }));
  }

  async leaseOf(run: number): Promise<Lease | null> {
    return (await this.#leases(`${LEASES} and r.id = $1::bigint`, run))[0] ?? null;
  }

  async lastBeat(): Promise<number | null> {
    return null;
  }

  async list(): Promise<readonly ListedMember[]> {
    const rows = await this.#o.read<Omit<ListedMember, keyof MemberInfo> & { info: MemberInfo }>({
      text: LIST,
      values: [HOUR],
    });
    return rows.map(({ info, ...member }) => ({ ...member, ...info }));
  }

  progressed(): Promise<readonly Progressed[]> {
    const now = elapsedOf(this.#o.clock);
    if (now - this.#progressedAt >= SAME_MS) {
      this.#progressedAt = now;
      this.#progressed = this.#askProgressed();
    }
    return this.#progressed;
  }

  async #askProgressed(): Promise<readonly Progressed[]> {
    const values = [this.#self.id];
    const rows = await this.#o.read<{ said: Progressed }>({ text: PROGRESSED, values });
    return rows.map(({ said }) => said);
  }

  /** Nothing waits for it. A part that the store does not take now is handed in again with the next renewal. */
  #write(): void {
    this.#writing ??= this.#writeWorkers()
      .catch((error) => {
        if (!isStoreAway(error)) this.#o.onError(error);
      })
      .finally(() => {
        this.#writing = null;
      });
  }

  async #writeWorkers(): Promise<void> {
    // Workers come and go by the dozen: those of one turn of the loop are one statement.
    await new Promise(setImmediate);
    while (this.#put.size > 0 || this.#removed.size > 0) {
      const put = [...this.#put.values()];
      const removed = [...this.#removed];
      if (put.length > 0) {
        const rows = put.map(({ startTime, ...worker }) => ({ ...worker, start_time: startTime }));
        await this.#o.ask({ text: PUT_WORKERS, values: [JSON.stringify(rows), this.#self.id] });
        for (const one of put) if (this.#put.get(one.mark) === one) this.#put.delete(one.mark);
      }
      if (removed.length > 0) await this.#o.ask({ text: REMOVE_WORKERS, values: [removed] });
      for (const mark of removed) this.#removed.delete(mark);
    }
  }
}

const NOTHING: MemberInfo = { version: '', workers: { busy: 0, total: 0 }, jobs: [], progress: [] };
