// The heart of the daemon without its processes: engine, scheduler and recurring jobs as they are, on a simulated disk
// and a clock that the test moves. A run takes as long as its job is told to; what began, and when, is noted.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Catalog, Checked, FileEntry } from '../../src/catalog/catalog.ts';
import { Scheduler } from '../../src/daemon/scheduler.ts';
import { Recurring } from '../../src/daemon/schedules/recurring.ts';
import type { Claimed } from '../../src/engine/engine.ts';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/run/policy.ts';
import type { Run } from '../../src/run/run.ts';
import { type Asked, newSchedule, type Rule, type Schedule } from '../../src/run/schedule.ts';
import { abortIdle, settle } from '../../src/run/transitions.ts';
import type { RunView } from '../../src/run/view.ts';
import type { Json } from '../../src/support/json.ts';
import type { Runner } from '../../src/workers/runner.ts';
import { FakeClock } from './fake-clock.ts';
import { jobData } from './runs.ts';
import { SimulatedDisk, type SimulatedProcess } from './simulated-disk.ts';

export interface FakeJob {
  readonly rule?: Rule;
  readonly catchUp?: Schedule['catchUp'];
  readonly overlap?: Schedule['overlap'];
  readonly lastsMs?: number;
  readonly fails?: boolean;
  readonly policy?: Partial<Policy>;
  readonly check?: (params: Json) => Checked;
  /** What stands in its file. */
  readonly text?: string;
  readonly nextRun?: (last: RunView | null) => Promise<string | null> | string | null;
}

export interface Start {
  readonly run: number;
  readonly schedule: string | null;
  readonly dueAt: number;
  readonly at: number;
  readonly priority: number;
}

/** No limits at all. */
export const FREE = {
  workerKind: 'dedicated',
  concurrency: null,
  rateLimit: null,
  blocked: null,
} as const;

export const cron = (text: string, timezone = 'UTC'): Rule => ({
  kind: 'cron',
  cron: text,
  timezone,
});

export const asked = (name: string, job: string, rule: Rule, more: Partial<Asked> = {}): Asked => ({
  name,
  job,
  source: 'made',
  rule,
  params: {},
  lock: null,
  priority: null,
  catchUp: 'once',
  overlap: 'skip',
  ...more,
});

/** What outlives a process: disk and clock, the job files, and the notes of the test. */
export class World {
  readonly clock: FakeClock;
  /** Where the job files lie. */
  readonly dir = mkdtempSync(join(tmpdir(), 'jobrun-core-'));
  disk = new SimulatedDisk();
  readonly jobs = new Map<string, FakeJob>();
  readonly starts: Start[] = [];
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  /** Those that were acquired and not released, with a run or without one. */
  readonly runners = new Set<Runner>();
  places = 1000;

  constructor(now: number, jobs: Readonly<Record<string, FakeJob>> = {}) {
    this.clock = new FakeClock(now);
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 }));
    for (const [name, job] of Object.entries(jobs)) this.jobs.set(name, job);
  }

  /** A daemon begins: its files are read unless the test wants to do that later. */
  async boot(follow = true): Promise<Core> {
    const core = await Core.open(this);
    core.scheduler.start();
    if (follow) await core.follow();
    await core.quiet();
    return core;
  }

  /** Due times of the runs that began, by schedule. */
  slotsOf(name: string): number[] {
    return this.starts.filter(({ schedule }) => schedule === name).map(({ dueAt }) => dueAt);
  }
}

export class Core {
  readonly engine: FileEngine;
  readonly recurring: Recurring;
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly #world: World;
  readonly #under = new Map<number, Claimed>();
  #dead = false;

  static async open(world: World): Promise<Core> {
    const process = world.disk.process();
    const { engine, damage } = await openFileEngine({
      disk: process,
      dir: '/state',
      clock: world.clock,
    });
    if (damage[0]) throw damage[0];
    const core = new Core(world, process, engine);
    // Nothing lives of an earlier process: its runs are taken back.
    for (const lease of await engine.members.leases())
      await engine.changeHeld(lease.run, lease.token, (run) =>
        core.#settled(run, { kind: 'lost' }),
      );
    return core;
  }

  private constructor(world: World, process: SimulatedProcess, engine: FileEngine) {
    this.#world = world;
    this.process = process;
    this.engine = engine;
    const { clock } = world;
    engine.configure(
      () => FREE,
      (job) => policyOf(world.jobs.get(job)),
    );
    engine.members.putWorker({ mark: 'w', pid: 1, startTime: '', boot: '' });
    const onError = (what: unknown, error: unknown): void => {
      if (!this.#dead) world.errors.push(`${what}: ${(error as Error).message}`);
    };
    this.recurring = new Recurring({
      engine,
      catalog: catalogOf(world),
      caller: {
        next: async (file, last) => (await world.jobs.get(basename(file))?.nextRun?.(last)) ?? null,
      },
      clock,
      end: (run, reason) => this.#end(run, reason),
      wake: () => this.scheduler.wake(),
      onError,
      warn: (job, text) => void world.warnings.push(`${job}: ${text}`),
    });
    this.scheduler = new Scheduler({
      engine,
      clock,
      free: () => world.places - this.#under.size,
      acquire: () => {
        const runner = { mark: 'w', pid: 1 } as Runner;
        world.runners.add(runner);
        return runner;
      },
      release: (runner) => void world.runners.delete(runner),
      begin: (claimed, runner) => this.#begin(claimed, runner),
      handOut: () => undefined,
      fire: (now) => this.recurring.fire(now),
      onJump: () => undefined,
      onError: (error) => onError('tick', error),
      onTick: () => undefined,
      onBegun: () => undefined,
    });
    engine.onChange((change) => {
      this.recurring.settled(change);
    });
  }

  /** The job files are read, as at a start or after they have changed. */
  async follow(): Promise<void> {
    await this.recurring.follow(true);
  }

  async make(...all: readonly Asked[]): Promise<void> {
    const now = this.#world.clock.now();
    await Promise.all(all.map((one) => this.put(newSchedule(one, now))));
  }

  async put(schedule: Schedule): Promise<void> {
    await this.engine.changeSchedule(schedule.name, () => schedule);
  }

  async schedule(name: string): Promise<Schedule> {
    const found = (await this.engine.schedules()).find((one) => one.name === name);
    if (!found) throw new Error(`there is no schedule ${name}`);
    return found;
  }

  /** Time passes for this daemon. */
  async advance(ms: number): Promise<void> {
    await this.#world.clock.advance(ms, () => {
      if (this.process.dead) this.kill();
      return this.quiet();
    });
  }

  /** What was begun is over: nothing is on its way, for as many turns as a commit may take. */
  async quiet(): Promise<void> {
    let idle = 0;
    for (let turns = 0; idle < 12 && turns < 5000; turns++) {
      // What takes longer waits for the machine: a job file is read.
      await new Promise((resolve) =>
        turns < 100 ? setImmediate(resolve) : setTimeout(resolve, 1),
      );
      idle = this.recurring.busy || this.scheduler.claiming ? 0 : idle + 1;
    }
  }

  /** kill -9, with whatever is on its way. */
  kill(): void {
    this.#dead = true;
    this.process.kill();
    this.scheduler.stop();
  }

  async stop(): Promise<void> {
    this.scheduler.stop();
    await this.quiet();
    await this.engine.close();
    this.#dead = true;
  }

  #begin(claimed: Claimed, runner: Runner): void {
    if (this.#dead) return;
    const { run, worker } = claimed;
    if (runner !== worker) this.#world.errors.push(`run ${run.id} began in another worker`);
    const { clock, starts, jobs } = this.#world;
    const schedule = run.origin?.schedule ?? null;
    const { dueAt } = run.state;
    starts.push({ run: run.id, schedule, dueAt, at: clock.now(), priority: run.priority });
    this.#under.set(run.id, claimed);
    clock.after(jobs.get(run.job)?.lastsMs ?? 0, () => {
      if (this.#dead) return;
      this.#world.runners.delete(runner);
      if (this.#under.has(run.id)) this.#finish(claimed, outcomeOf(jobs.get(run.job)));
    });
  }

  /** As the real attempts: a result that cannot be written is lost with its process only. */
  #finish(claimed: Claimed, outcome: Outcome): void {
    this.#over(claimed, outcome).catch((error) => {
      if (!this.process.dead) throw error;
    });
  }

  async #over({ run, token }: Claimed, outcome: Outcome): Promise<void> {
    this.#under.delete(run.id);
    await this.engine.changeHeld(run.id, token, (held) => this.#settled(held, outcome));
  }

  async #end(run: Run, reason: string): Promise<void> {
    const claimed = this.#under.get(run.id);
    if (claimed) await this.#over(claimed, { kind: 'aborted', reason });
    else
      await this.engine.change(run.id, (idle) => abortIdle(idle, reason, this.#world.clock.now()));
  }

  #settled(run: Run, outcome: Outcome): Run {
    return settle(
      run,
      outcome,
      policyOf(this.#world.jobs.get(run.job)),
      this.#world.clock.now(),
      0.5,
    );
  }
}

const outcomeOf = (job: FakeJob | undefined): Outcome =>
  job?.fails
    ? { kind: 'threw', error: { name: 'Error', message: 'no', stack: '' } }
    : { kind: 'returned', output: null };

const policyOf = (job: FakeJob | undefined): Policy => ({ ...DEFAULT_POLICY, ...job?.policy });

function catalogOf({ jobs, dir }: World): Catalog {
  const entries = new Map<string, readonly [FakeJob, FileEntry]>();
  const find = (name: string): FileEntry | null => {
    const job = jobs.get(name);
    const known = entries.get(name);
    if (!job) return null;
    if (known?.[0] === job) return known[1];
    const entry = entryOf(name, job, join(dir, name));
    entries.set(name, [job, entry]);
    return entry;
  };
  return {
    find,
    all: () => [...jobs.keys()].sort().flatMap((name) => find(name) ?? []),
    names: () => [...jobs.keys()],
    rescan: async () => undefined,
    rereadBroken: async () => undefined,
    reread: async (name) => find(name),
    ready: async () => undefined,
    known: async () => undefined,
    check: async (name, list) => {
      const check =
        jobs.get(name)?.check ?? ((params: Json) => ({ ok: true, params, lock: null }) as const);
      return list.map(check);
    },
  };
}

function entryOf(name: string, job: FakeJob, file: string): FileEntry {
  const { rule, catchUp = 'once', overlap = 'skip', policy, nextRun, check, text = '' } = job;
  writeFileSync(file, text);
  return {
    name,
    file,
    kind: 'module',
    state: 'ok',
    data: jobData({
      policy: { ...DEFAULT_POLICY, ...policy },
      recurrence: rule ? { rule, catchUp, overlap } : null,
      has: new Set([
        ...(nextRun ? ['nextRun' as const] : []),
        ...(check ? ['params' as const] : []),
      ]),
    }),
  };
}
