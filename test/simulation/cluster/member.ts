// One daemon of several that share a simulated store: engine, membership, scheduler, attempts, recurring jobs and pool
// as they are, wired as in src/daemon/daemon.ts and sharing.ts. It is killed, stands still and goes on, and its line to
// the store does what the seed says.
import { Feed } from '../../../src/api/feed.ts';
import { limitsOf, policyOf } from '../../../src/catalog/catalog.ts';
import type { Context } from '../../../src/commands/shared/command.ts';
import { abortElsewhere } from '../../../src/daemon/abort-elsewhere.ts';
import { Attempts } from '../../../src/daemon/attempts.ts';
import { contextOf, emit } from '../../../src/daemon/context.ts';
import { Membership } from '../../../src/daemon/membership.ts';
import { Outside } from '../../../src/daemon/outside/outside.ts';
import { rescue } from '../../../src/daemon/rescue.ts';
import { Scheduler } from '../../../src/daemon/scheduler.ts';
import { Recurring } from '../../../src/daemon/schedules/recurring.ts';
import { StopTime } from '../../../src/daemon/signals.ts';
import type { Change } from '../../../src/engine/engine.ts';
import {
  openPostgresEngine,
  type PostgresEngine,
} from '../../../src/engine/postgres/postgres-engine.ts';
import { StoreClock } from '../../../src/engine/postgres/store-clock.ts';
import { StoreMembers } from '../../../src/engine/postgres/store-members.ts';
import type { Clock } from '../../../src/support/clock.ts';
import type { Config } from '../../../src/support/config.ts';
import { isStoreAway, JobrunError } from '../../../src/support/errors.ts';
import { HTTP_OFF } from '../../../src/support/http-address.ts';
import { SECOND } from '../../../src/support/limits.ts';
import { WorkerPool } from '../../../src/workers/pool.ts';
import { FakeWorker } from '../fake-worker.ts';
import { MemoryLogs } from '../memory-logs.ts';
import type { ClusterMachine } from './machine.ts';
import { StoreLine } from './store-line.ts';

export const LEASE_MS = 10 * SECOND;
const PLACES = 3;

const configOf = (host: string): Config => ({
  dir: '/project',
  jobs: '/project/jobs',
  state: `/state/${host}`,
  workers: PLACES,
  timezone: 'UTC',
  http: HTTP_OFF,
  drainMs: 20 * SECOND,
  defaults: {},
  keep: {},
  notify: [],
  trace: { join: 60_000, headers: {} },
  env: {},
  redact: [],
  store: null,
  tellsPassword: false,
  engineIsReplaced: false,
  host,
  leaseMs: LEASE_MS,
});

/** The clock of one process: while that stands still, so do its timers, and they are overdue when it goes on. */
class ProcessTime implements Clock {
  readonly #machine: ClusterMachine;
  readonly #undos = new Set<() => void>();
  #overdue: (() => void)[] = [];
  #standsStill = false;
  #dead = false;

  constructor(machine: ClusterMachine) {
    this.#machine = machine;
  }

  now = (): number => this.#machine.clock.now();
  monotonic = (): number => this.#machine.clock.monotonic();
  elapsed = (): number => this.#machine.clock.elapsed();

  after = (ms: number, fn: () => void): (() => void) => {
    if (this.#dead) return () => undefined;
    let undone = false;
    const undo = this.#machine.clock.after(Math.max(0, ms), () => {
      this.#undos.delete(undo);
      this.run(() => {
        if (!undone) fn();
      });
    });
    this.#undos.add(undo);
    return () => {
      undone = true;
      this.#undos.delete(undo);
      undo();
    };
  };

  /** Now, or once the process goes on. */
  run(fn: () => void): void {
    if (this.#dead) return;
    if (this.#standsStill) this.#overdue.push(fn);
    else fn();
  }

  stop(): void {
    this.#standsStill = true;
  }

  goOn(): void {
    this.#standsStill = false;
    for (const fn of this.#overdue.splice(0)) fn();
  }

  kill(): void {
    this.#dead = true;
    this.#overdue = [];
    for (const undo of this.#undos) undo();
    this.#undos.clear();
  }
}

/** One life of it, from its start to its death. */
export class Member {
  readonly host: string;
  readonly time: ProcessTime;
  readonly line: StoreLine;
  /** Null until it has opened the store. */
  engine: PostgresEngine | null = null;
  alive = true;
  standsStill = false;
  /** Since when it may be out of reach of the store; null while it is not. */
  outSince: number | null = null;
  /** Since when it has been in contact; null while it is not. */
  inSince: number | null = null;
  context: Context | null = null;
  attempts: Attempts | null = null;
  readonly #machine: ClusterMachine;
  readonly #workers = new Set<FakeWorker>();
  #scheduler: Scheduler | null = null;
  #members: StoreMembers | null = null;
  #membership: Membership | null = null;
  #undoReaper: () => void = () => undefined;
  #heard = 0;

  constructor(machine: ClusterMachine, host: string) {
    this.#machine = machine;
    this.host = host;
    this.time = new ProcessTime(machine);
    this.line = new StoreLine(machine.store, this.time);
  }

  /** Its number in the store; 0 while it is none. */
  get id(): number {
    return this.#members?.self.id ?? 0;
  }

  start(): void {
    this.#machine.note(`${this.host} starts`);
    this.#open().catch((error) => {
      this.failed('start', error);
      this.die('could not start');
    });
  }

  /** kill -9: its workers die with it. */
  die(how: string): void {
    if (!this.alive) return;
    this.#machine.note(`${this.host} dies: ${how}`);
    this.alive = false;
    this.inSince = null;
    this.#scheduler?.stop();
    this.time.kill();
    this.line.heal();
    this.line.isCut = true;
    this.#machine.during(this.line.lose('its process has ended'));
    this.#undoReaper();
    this.#endWorkers();
  }

  stopMoving(): void {
    this.standsStill = true;
    this.outSince ??= this.#machine.clock.monotonic();
    this.inSince = null;
    this.time.stop();
    this.line.freeze();
  }

  goOn(): void {
    this.standsStill = false;
    this.line.heal();
    this.time.goOn();
    this.isBack();
  }

  isOut(): void {
    this.outSince ??= this.#machine.clock.monotonic();
    this.inSince = null;
  }

  isBack(): void {
    this.outSince = null;
    this.inSince = this.#machine.clock.monotonic();
  }

  /** What goes wrong in the background must be the doing of the store that is away. */
  failed(what: string, error: unknown): void {
    if (!this.alive || isStoreAway(error)) return;
    this.#machine.note(`${this.host}: error in ${what}: ${String(error)}`);
    const isRefusal =
      error instanceof JobrunError && ['unknown-run', 'refused'].includes(error.code);
    if (!isRefusal)
      this.#machine.break(`${this.host}, ${what}: ${(error as Error).stack ?? error}`);
  }

  async #open(): Promise<void> {
    const { line, time, host } = this;
    const { store } = this.#machine;
    const clock = new StoreClock(time);
    const onError = (error: unknown): void => this.failed('engine', error);
    const schema = new URL(store.url).searchParams.get('schema') ?? '';
    const engine = await openPostgresEngine({
      sessions: line,
      schema,
      clock,
      patienceMs: 5 * SECOND,
      onError,
    });
    const members = new StoreMembers({
      ask: line.asking(LEASE_MS / 6),
      read: (statement) => line.read(statement),
      clock,
      host,
      leaseMs: LEASE_MS,
      state: `/state/${host}`,
      pids: 'one machine',
      id: engine.id,
      holdAs: (member) => engine.holdAs(member),
      onTrouble: (listener) => {
        line.onTrouble = () => time.run(listener);
      },
      onError,
    });
    this.#members = members;
    await members.join();
    await this.#begin(engine, members, clock);
  }

  async #begin(engine: PostgresEngine, members: StoreMembers, clock: StoreClock): Promise<void> {
    const machine = this.#machine;
    const { host } = this;
    const config = configOf(host);
    const catalog = machine.cast.catalog(() => true);
    const policy = (job: string) => policyOf(catalog.find(job));
    const logs = new MemoryLogs(clock, machine.chance);
    const pool = this.#poolOf(members, clock);
    const release = (runner: object, reusable: boolean): void => {
      pool.release(runner as FakeWorker, { reusable });
      scheduler.wake();
    };
    const parts = { engine, members, clock, state: config.state };
    const rescuing = {
      ...parts,
      policyOf: policy,
      // Processes of other hosts are none of this one's.
      end: async () => undefined,
      onError: (error: unknown) => this.failed('rescue', error),
    };
    const takeBack = () => rescue(rescuing, Promise.resolve());
    const membership = new Membership(
      {
        cluster: members,
        clock,
        leaseMs: LEASE_MS,
        info: () => ({
          version: '1',
          workers: { busy: 0, total: PLACES },
          jobs: [...catalog.names()],
          progress: [],
        }),
        endAttempts: async () => {
          if (machine.weakening?.name !== 'no fence') await attempts.fence();
        },
        beat: (leftMs) => this.#beat(leftMs),
        takeOver: async (gone) => {
          for (const one of gone) machine.note(`${host} gives up ${one.host} ${one.id}`);
          const { runs } = await takeBack();
          if (runs > 0) machine.note(`${host} takes over ${runs}`);
          scheduler.wake();
        },
        onAway: () => machine.note(`${host} is away`),
        onBack: () => {
          machine.note(`${host} is back`);
          scheduler.wake();
        },
        onFenced: () => machine.note(`${host} is fenced`),
        onError: (error) => this.failed('membership', error),
      },
      members.joinedAt,
    );
    this.#membership = membership;
    const attempts = new Attempts({
      config,
      catalog,
      engine,
      logs,
      clock,
      caller: { hook: async () => ({ ok: true, value: null }) },
      chance: () => machine.chance.next(),
      emit: (parent, job, params, options) => emit(context, parent, job, params, options),
      release,
      onStep: () => undefined,
      onProgress: () => undefined,
      onUnstarted: () => undefined,
      onHookFailed: () => undefined,
      onStuck: (error) => {
        if (error !== null) this.failed('an attempt', error);
      },
      onUndying: () => undefined,
      stopTime: new StopTime(clock),
      isFenced: () => membership.isFenced,
      members,
      abortElsewhere: (id, reason, graceMs) => abortElsewhere(id, reason, graceMs, parts),
      orphans: () => null,
      onError: (error) => this.failed('an attempt', error),
      onEnded: () => scheduler.wake(),
    });
    const recurring = new Recurring({
      catalog,
      engine,
      clock,
      caller: { next: async () => null },
      end: (run, reason) => attempts.abort(run.id, reason, null),
      wake: () => scheduler.wake(),
      onError: (job, error) => this.failed(`schedule ${job}`, error),
      warn: () => undefined,
    });
    const scheduler = new Scheduler({
      engine,
      clock,
      free: (kind) => (membership.mayBegin ? pool.free(kind) : 0),
      acquire: (run) => pool.acquire(run, catalog.find(run.job)),
      release: (runner) => release(runner, true),
      begin: (claimed, runner) => attempts.begin(claimed, runner),
      // No simulated job is for workers outside.
      handOut: () => undefined,
      fire: (now) => recurring.fire(now),
      onJump: () => undefined,
      onError: (error) => this.failed('scheduler', error),
      onTick: () => pool.tidy(),
      onBegun: () => undefined,
    });
    const outside = new Outside({
      ...{ engine, members, logs, catalog, config, clock },
      chance: () => 0.5,
      mayTake: () => scheduler.mayStart,
      askOnError: async () => undefined,
      tellHooks: () => undefined,
      onProgress: () => undefined,
      onStuck: () => undefined,
      onError: (error) => this.failed('workers outside', error),
    });
    const context = contextOf({
      ...{ engine, members, catalog, logs, config, clock, pool, attempts, outside },
      feed: new Feed<Change>(() => 0, 0),
      files: { reload: async () => [], watch: { by: 'nothing', problem: null, hint: null } },
      stop: () => undefined,
      http: () => null,
    });
    this.#heard = await engine.changes();
    engine.onChange((change) => {
      this.#hears(change);
      if (!change.own) attempts.obey(change.run);
      recurring.settled(change);
    });
    engine.configure((job) => limitsOf(job, catalog.find(job), true), policy);
    this.#scheduler = scheduler;
    this.attempts = attempts;
    this.context = context;
    membership.start();
    await takeBack();
    await members.inherited();
    if (!this.alive) return;
    scheduler.start();
    await recurring.follow(true).catch((error) => this.failed('follow', error));
    this.engine = engine;
    if (this.outSince === null) this.isBack();
  }

  /** Each change comes once, in the order of the numbers, without a gap. */
  #hears({ n, run }: Change): void {
    if (!this.alive) return;
    if (n <= this.#heard) return;
    if (n !== this.#heard + 1) this.#machine.break(`${this.host} heard ${n} after ${this.#heard}`);
    this.#heard = n;
    this.#machine.told(n, run);
  }

  #poolOf(members: StoreMembers, clock: Clock): WorkerPool {
    let marks = 0;
    const life = this.#machine.newPid();
    const pool: WorkerPool = new WorkerPool({
      capacity: PLACES,
      dir: '/project',
      env: {},
      clock,
      newMark: () => `${this.host} ${life}-${++marks}`,
      stray: () => undefined,
      start: (_, mark) => {
        const bring = (tell: () => void): void => void setImmediate(() => this.time.run(tell));
        const worker = new FakeWorker(this.#machine, mark, () => this.alive, bring);
        this.#workers.add(worker);
        return worker;
      },
      onStart: (worker) => members.putWorker(worker),
      onEnd: (worker) => members.removeWorker(worker.mark),
    });
    return pool;
  }

  /** The reaper ends the workers of a daemon that does not move. */
  #beat(leftMs: number): void {
    this.#undoReaper();
    this.#undoReaper = this.#machine.clock.after(Math.max(0, leftMs), () => {
      if (this.#machine.weakening?.name === 'no fence') return;
      this.#machine.note(`${this.host}: the reaper`);
      this.#endWorkers();
    });
  }

  #endWorkers(): void {
    for (const worker of this.#workers) worker.die({ exitCode: null, signal: 'SIGKILL' });
    this.#workers.clear();
  }

  get isFenced(): boolean {
    return this.#membership?.isFenced ?? false;
  }
}
