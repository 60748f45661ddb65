// One life of the daemon: engine, scheduler, attempts, recurring jobs, rescue, pool and upkeep as they are, wired as in
// src/daemon/daemon.ts, on a simulated machine. What it cannot have here are processes, a socket and job files.
import { Feed } from '../../src/api/feed.ts';
import { limitsOf, policyOf } from '../../src/catalog/catalog.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { Attempts } from '../../src/daemon/attempts.ts';
import { contextOf, emit } from '../../src/daemon/context.ts';
import { Outside } from '../../src/daemon/outside/outside.ts';
import { rescue } from '../../src/daemon/rescue.ts';
import { Scheduler } from '../../src/daemon/scheduler.ts';
import { Recurring } from '../../src/daemon/schedules/recurring.ts';
import { StopTime } from '../../src/daemon/signals.ts';
import { Stuck } from '../../src/daemon/stuck.ts';
import { Upkeep } from '../../src/daemon/upkeep.ts';
import type { Change } from '../../src/engine/engine.ts';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { delay } from '../../src/support/clock.ts';
import type { Config } from '../../src/support/config.ts';
import { errnoOf, JobrunError } from '../../src/support/errors.ts';
import { HTTP_OFF } from '../../src/support/http-address.ts';
import { SECOND } from '../../src/support/limits.ts';
import type { Answer } from '../../src/workers/messages.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { isCrash } from '../helpers/engine-session.ts';
import type { SimulatedProcess } from '../helpers/simulated-disk.ts';
import { FakeWorker } from './fake-worker.ts';
import { type Machine, ProcessClock } from './machine.ts';
import { MemoryLogs } from './memory-logs.ts';
import { weakened } from './weakenings.ts';

const PLACES = 5;
const config: Config = {
  dir: '/project',
  jobs: '/project/jobs',
  state: '/state',
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
  host: 'simulated',
  leaseMs: 30 * SECOND,
};

/** A process with its clock and its disk, from its start to its death. */
export class Life {
  readonly clock: ProcessClock;
  readonly disk: SimulatedProcess;
  alive = true;
  /** Null until it has opened the state and takes requests. */
  daemon: Daemon | null = null;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.clock = new ProcessClock(machine);
    this.disk = machine.disk.process();
  }

  /** Begins to start; that it cannot, on a disk that fails, is its end. */
  start(): void {
    this.#machine.note('daemon starts');
    Daemon.open(this.#machine, this).then(
      (daemon) => {
        this.daemon = daemon;
      },
      (error) => {
        this.failed('start', error);
        this.die('could not start');
      },
    );
  }

  die(how: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.daemon?.halt();
    this.daemon = null;
    this.disk.kill();
    this.clock.kill();
    this.#machine.note(`daemon dies: ${how}`);
    this.#machine.promises.died();
    for (const worker of [...this.#machine.workers.values()]) worker.orphan();
  }

  /** What goes wrong in the background must be the disk's doing. */
  failed(what: string, error: unknown): void {
    if (!this.alive || isCrash(error)) return;
    const refused =
      error instanceof JobrunError &&
      ['disk-full', 'write-failed', 'state-read-only', 'unknown-run', 'refused'].includes(
        error.code,
      );
    this.#machine.note(`error in ${what}: ${String(error)}`);
    if (!refused && !String(error).includes('simulated') && errnoOf(error) === '')
      this.#machine.promises.break(`${what}: ${(error as Error).stack ?? String(error)}`);
  }
}

export class Daemon {
  readonly engine: FileEngine;
  readonly context: Context;
  readonly #machine: Machine;
  readonly #life: Life;
  readonly #attempts: Attempts;
  readonly #outside: Outside;
  readonly #pool: WorkerPool;
  readonly #recurring: Recurring;
  readonly #scheduler: Scheduler;
  readonly #upkeep: Upkeep;
  readonly #feed = new Feed<Change>(() => 0, 0);
  #loaded = false;

  static async open(machine: Machine, life: Life): Promise<Daemon> {
    const { disk, clock } = life;
    const onError = (error: unknown): void => life.failed('engine', error);
    const opened = await openFileEngine({ disk, dir: '/state', clock, reserve: true, onError });
    if (opened.damage[0]) {
      machine.promises.break(`a false alarm: ${opened.damage[0].message}`);
      throw opened.damage[0];
    }
    await machine.promises.opened(opened.engine);
    const daemon = new Daemon(machine, life, weakened(opened.engine, machine.weakening));
    await daemon.#begin();
    return daemon;
  }

  private constructor(machine: Machine, life: Life, engine: FileEngine) {
    const { members } = engine;
    this.#machine = machine;
    this.#life = life;
    this.engine = engine;
    const { clock } = life;
    const catalog = machine.cast.catalog(() => this.#loaded);
    const onError = (error: unknown): void => life.failed('background', error);
    const giveUp = (): void => life.die('exit 74');
    const logger = { error: () => undefined };
    const stuck = new Stuck(clock, logger, giveUp);
    const logs = new MemoryLogs(clock, machine.chance);
    this.#pool = this.#makePool();
    const release = (runner: FakeWorker, reusable: boolean): void => {
      this.#pool.release(runner, { reusable });
      this.#scheduler.wake();
    };
    this.#attempts = new Attempts({
      config,
      catalog,
      engine,
      logs,
      clock,
      caller: { hook: () => this.#hook() },
      chance: () => machine.chance.next(),
      emit: (parent, job, params, options) => emit(this.context, parent, job, params, options),
      release: (runner, reusable) => release(runner as FakeWorker, reusable),
      onStep: () => undefined,
      onProgress: () => undefined,
      onUnstarted: () => undefined,
      onHookFailed: () => undefined,
      onStuck: (error) => {
        if (error !== null) life.failed('attempt', error);
        stuck.told(error);
      },
      onUndying: () => undefined,
      stopTime: new StopTime(clock),
      isFenced: () => false,
      members: engine.members,
      abortElsewhere: () => Promise.reject(new Error('there is one daemon')),
      orphans: () => null,
      onError: (error) => life.failed('attempt', error),
      onEnded: () => this.#scheduler.wake(),
    });
    this.#recurring = new Recurring({
      catalog,
      engine,
      clock,
      caller: { next: async () => null },
      end: (run, reason) => this.#attempts.abort(run.id, reason, null),
      wake: () => this.#scheduler.wake(),
      onError: (job, error) => life.failed(`schedule ${job}`, error),
      warn: () => undefined,
    });
    this.#scheduler = new Scheduler({
      engine,
      clock,
      free: (workerKind) => this.#pool.free(workerKind),
      acquire: (run) => this.#pool.acquire(run, catalog.find(run.job)),
      release: (runner) => release(runner as FakeWorker, true),
      begin: (claimed, runner) => this.#attempts.begin(claimed, runner),
      handOut: () => this.#outside.look(),
      fire: (now) => this.#recurring.fire(now),
      onJump: () => undefined,
      onError,
      onTick: () => this.#pool.tidy(),
      onBegun: () => undefined,
    });
    this.#upkeep = new Upkeep({ engine, members, logs, clock, config, catalog, onError });
    this.#outside = new Outside({
      engine,
      members,
      logs,
      catalog,
      config,
      clock,
      chance: () => 0.5,
      mayTake: () => this.#scheduler.mayStart,
      askOnError: async () => undefined,
      tellHooks: () => undefined,
      onProgress: () => undefined,
      onStuck: () => undefined,
      onError,
    });
    const parts = { pool: this.#pool, attempts: this.#attempts, outside: this.#outside };
    const stop = (): void => undefined;
    this.context = contextOf({
      ...parts,
      engine,
      members,
      catalog,
      logs,
      config,
      clock,
      feed: this.#feed,
      files: { reload: async () => [], watch: { by: 'nothing', problem: null, hint: null } },
      stop,
      http: () => null,
    });
  }

  /** Whether a run could begin at once if nothing else kept it. */
  get hasPlace(): boolean {
    return this.#pool.free('dedicated') > 0 && this.#pool.free('shared') > 0;
  }

  /** Job files have changed. */
  reload(): void {
    this.#pool.renew();
    this.#reloaded();
  }

  /** Its process is no more. */
  halt(): void {
    this.#scheduler.stop();
  }

  async stop(now: boolean): Promise<void> {
    await this.#scheduler.drain();
    if (!now) await Promise.race([this.#attempts.idle(), delay(this.#life.clock, config.drainMs)]);
    await this.#attempts.stop();
    this.#scheduler.stop();
    await this.#upkeep.stop();
    await this.#pool.close();
    await this.engine.fold().catch((error) => this.#life.failed('fold', error));
    await this.engine.close();
    this.#life.die('stopped');
  }

  async #begin(): Promise<void> {
    const { engine } = this;
    const { clock } = this.#life;
    const { chance, weakening } = this.#machine;
    engine.onChange((change) => {
      this.#recurring.settled(change);
      this.#upkeep.changed(change);
    });
    this.#configure();
    const loading = delay(clock, chance.whole(0, 4000)).then(() => {
      this.#loaded = true;
      this.#reloaded();
    });
    this.#pool.warm(1);
    const policy = (job: string) => policyOf(this.context.catalog.find(job));
    const onError = (error: unknown): void => this.#life.failed('rescue', error);
    const end = (worker: { readonly pid: number }): Promise<void> => this.#endProcess(worker.pid);
    if (weakening?.name !== 'never takes runs back')
      await rescue(
        { engine, members: engine.members, state: '', clock, policyOf: policy, end, onError },
        loading,
      );
    this.#scheduler.start();
    loading.then(() => this.#upkeep.start());
  }

  async #endProcess(pid: number): Promise<void> {
    const worker = this.#machine.workers.get(pid);
    if (!worker || this.#machine.weakening?.name === 'takes runs back from processes that live')
      return;
    await delay(this.#life.clock, this.#machine.chance.whole(0, 500));
    worker.die({ exitCode: null, signal: 'SIGKILL' });
  }

  #configure(): void {
    const { catalog } = this.context;
    this.engine.configure(
      (job) => limitsOf(job, catalog.find(job), this.#loaded),
      (job) => policyOf(catalog.find(job)),
    );
  }

  #reloaded(): void {
    this.#configure();
    this.#upkeep.reloaded();
    this.#recurring.follow(this.#loaded).catch((error) => this.#life.failed('follow', error));
  }

  #makePool(): WorkerPool {
    const { clock } = this.#life;
    let marks = 0;
    const life = this.#life;
    const epoch = this.#machine.operations;
    return new WorkerPool({
      capacity: PLACES,
      dir: config.dir,
      env: {},
      clock,
      newMark: () => `mark ${epoch}-${++marks}`,
      stray: () => undefined,
      start: (_, mark) => new FakeWorker(this.#machine, mark, () => life.alive),
      onStart: (worker) => this.engine.members.putWorker(worker),
      onEnd: (worker) => this.engine.members.removeWorker(worker.mark),
    });
  }

  async #hook(): Promise<Answer> {
    const { chance, clock } = this.#machine;
    await delay(this.#life.clock, chance.whole(0, 2000));
    const what = chance.next();
    const at = clock.now() + chance.whole(0, 60_000);
    const value = what < 0.2 ? 'dismiss' : what < 0.4 ? { retryAt: at } : null;
    return { ok: true, value };
  }
}
