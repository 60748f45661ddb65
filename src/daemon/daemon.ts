// The process that stays. `Daemon.start` builds every part in order, the lock first and the socket last, and `stop`
// takes them down in reverse. All wiring between the parts is here, so that each of them can be read alone.
import { prepareFolder, socketPaths } from '../api/address.ts';
import { Feed } from '../api/feed.ts';
import { type Serving, serve } from '../api/server.ts';
import { limitsOf, policyOf } from '../catalog/catalog.ts';
import { dispatcher, loadCommands, rowsOf, tellsOwn } from '../commands/dispatch.ts';
import type { Context } from '../commands/shared/command.ts';
import type { Change, Engine } from '../engine/engine.ts';
import type { Members } from '../engine/members.ts';
import { type Opened, openEngine } from '../engine/open.ts';
import { type Progress, type Run, withProgress } from '../run/run.ts';
import { weightOf } from '../run/weight.ts';
import { delay } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { daemonExitCodeOf, isStoreAway, toJobrunError } from '../support/errors.ts';
import { refuseMissingFiles } from '../workers/own-files.ts';
import { pidSpace } from '../workers/processes.ts';
import type { OnStart, Runner, Stray } from '../workers/runner.ts';
import { abortElsewhere } from './abort-elsewhere.ts';
import { Attempts } from './attempts.ts';
import { contextOf, emit } from './context.ts';
import { FileFollower } from './follow-files.ts';
import { watchLock } from './hold.ts';
import { type Jobs, type JobsParts, openJobs } from './jobs.ts';
import type { DaemonOptions } from './options.ts';
import { Outside } from './outside/outside.ts';
import { type Rescued, rescue, undyingText } from './rescue.ts';
import { type Busy, isAtRest, Scheduler } from './scheduler.ts';
import { Recurring } from './schedules/recurring.ts';
import { Sharing } from './sharing.ts';
import { StopTime } from './signals.ts';
import { Stuck } from './stuck.ts';
import { Upkeep } from './upkeep.ts';
import { copyText, drainText, leapText, lostText } from './watching/log.ts';
import { withSampler } from './watching/trace-settings.ts';
import { Watching } from './watching/watching.ts';

export class Daemon {
  readonly stopped: Promise<number>;
  readonly context: Context;
  readonly #o: DaemonOptions;
  readonly #engine: Engine;
  readonly #members: Members;
  readonly #opened: Opened;
  readonly #jobs: Jobs;
  readonly #files: FileFollower;
  readonly #attempts: Attempts;
  readonly #outside: Outside;
  readonly #sharing: Sharing;
  readonly #recurring: Recurring;
  readonly #scheduler: Scheduler;
  readonly #feed: Feed<Change>;
  readonly #stuck: Stuck;
  readonly #upkeep: Upkeep;
  readonly #watching: Watching;
  readonly #busy: Busy;
  readonly #stopTime: StopTime;
  #serving: Serving | null = null;
  #loaded = false;
  #loading: Promise<void> = Promise.resolve();
  #orphans: Rescued['orphans'] = new Map();
  #stopping: 'no' | 'draining' | 'now' = 'no';
  #look: () => void = () => undefined;
  #hurry: () => void = () => undefined;
  #finish: (exitCode: number) => void = () => undefined;

  /** Opens the state and everything on it; the daemon serves when this resolves. */
  static async start(given: DaemonOptions): Promise<Daemon> {
    const { clock, log } = given;
    // Read first, so that a wrong TZ is reported once and not by each job with a cron.
    log.logger.debug(`the time zone is ${given.config.timezone}`);
    const config = withSampler(given.config, process.env);
    const options = { ...given, config };
    refuseMissingFiles();
    const onError = (error: unknown): void => {
      // Said once, and not by each part that misses it.
      if (!config.store || !isStoreAway(error))
        log.logger.error({ err: error }, 'in the background');
    };
    const watching = new Watching(options);
    const onCommit = (ms: number): void => watching.committed(ms);
    const as = { kind: 'daemon', pids: pidSpace(), onError, onCommit } as const;
    const opened = await openEngine(config, clock, as);
    const { engine, members, damage, oddities, lock } = opened;
    try {
      if (damage[0]) throw damage[0];
      for (const { what } of oddities) log.logger.warn(`${what}. See: jobrun doctor`);
      await watching.serve();
      const daemon = new Daemon(options, opened, await engine.changes(), watching);
      const onLost = (error: unknown): void => daemon.#fail(error);
      daemon.#look = watchLock({ lock, members, clock, attempts: daemon.#attempts, onLost });
      await daemon.#begin();
      return daemon;
    } catch (error) {
      await watching.close();
      await opened.close();
      throw error;
    }
  }

  private constructor(options: DaemonOptions, opened: Opened, changes: number, watching: Watching) {
    const { engine, members, logs } = opened;
    const { config, log } = options;
    const { clock } = opened;
    this.#o = { ...options, clock };
    this.#opened = opened;
    this.#engine = engine;
    this.#members = members;
    this.#stopTime = new StopTime(clock);
    this.#watching = watching;
    this.#feed = new Feed<Change>(({ run }) => weightOf(run), changes);
    this.#stuck = new Stuck(clock, log.logger, (error) => this.#fail(error));
    this.stopped = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const onError = this.#onError('in the background');
    const stray: Stray = (line) => log.stray(line);
    const onProcess: OnStart = (problem) => log.process(problem);
    const onMessage: JobsParts['onMessage'] = (said, reply) => this.#attempts.fromHook(said, reply);
    this.#jobs = openJobs({ ...this.#o, members, stray, onProcess, onMessage });
    this.#files = new FileFollower({
      ...this.#o,
      jobs: this.#jobs,
      isLoaded: () => this.#loaded,
    });
    this.#attempts = this.#makeAttempts();
    this.#outside = this.#makeOutside();
    this.#recurring = this.#makeRecurring();
    this.#scheduler = this.#makeScheduler(onError);
    const common = { engine, members, logs, clock, config, catalog: this.#jobs.catalog };
    const outside = this.#outside;
    const moving = { pool: this.#jobs.pool, attempts: this.#attempts, outside };
    this.#sharing = new Sharing({
      ...common,
      ...moving,
      opened,
      log,
      rescue: () => this.#rescue(),
      wake: () => this.#scheduler.wake(),
      isWatched: () => this.#feed.isRead,
      onProgress: (run, progress) => this.#publish(run, progress),
      onError,
    });
    this.#busy = { ...moving, scheduler: this.#scheduler, recurring: this.#recurring };
    const onLeap = (ms: number): void => log.logger.warn(leapText(ms));
    this.#upkeep = new Upkeep({ ...common, onError, onLeap });
    this.context = contextOf({
      ...common,
      ...moving,
      files: this.#files,
      feed: this.#feed,
      stop: (now) => this.#stop(now),
      http: () => this.#watching.url,
    });
  }

  /**
   * Stops because of a signal, which may have reached what runs as well: at once with `now`, else when what runs is
   * over, at most the drain time. A second call only hastens.
   */
  stop(now: boolean): void {
    this.#stopTime.came();
    this.#stop(now);
  }

  /** The set of runs that may start has changed, in a way that the engine does not know of. */
  wake = (): void => this.#scheduler.wake();

  /** The same for a stop that no signal came with: what fails now fails by itself. */
  #stop(now: boolean): void {
    const first = this.#stopping === 'no';
    if (now || this.#stopping === 'no') this.#stopping = now ? 'now' : 'draining';
    if (now) this.#hurry();
    if (first) this.#end(0).catch((error) => this.#fail(error));
  }

  async #begin(): Promise<void> {
    const { config, log } = this.#o;
    const { catalog } = this.#jobs;
    const commands = loadCommands();
    // It is awaited below, and what is done until then may take longer.
    commands.catch(() => undefined);
    this.#engine.onChange((change) => this.#changed(change));
    this.#configure();
    catalog.onReload(() => this.#reloaded());
    const loading = catalog.ready().then(() => {
      this.#loaded = true;
      this.#reloaded();
    });
    loading.catch((error) => this.#fail(error));
    this.#jobs.pool.warm(1);
    this.#loading = loading;
    this.#sharing.start();
    const runs = await this.#rescue();
    await this.#opened.cluster?.inherited();
    await this.#outside.begin();
    if (runs > 0) log.logger.warn(lostText(runs));
    await commands;
    this.#serving = await this.#listen();
    this.#files.begin();
    log.logger.info(
      `daemon ${process.pid} works on ${config.dir}, ${this.#jobs.pool.capacity} workers`,
    );
    this.#scheduler.start();
    this.#watching.begin({
      context: this.context,
      wake: this.wake,
      trouble: () => this.#sharing.trouble ?? (this.#stuck.isStuck ? 'cannot write' : null),
    });
    if (!this.#o.only) loading.then(() => this.#upkeep.start());
  }

  /** Takes back the runs of daemons that are gone; resolves with how many they were. */
  async #rescue(): Promise<number> {
    const { config, clock, log } = this.#o;
    const { catalog } = this.#jobs;
    const policy = (job: string) => policyOf(catalog.find(job));
    const onError = this.#onError('a run of another daemon');
    const parts = { engine: this.#engine, members: this.#members, state: config.state, clock };
    const rescuing = { ...parts, policyOf: policy, onError };
    const { runs, orphans, copiedFrom } = await rescue(rescuing, this.#loading);
    if (copiedFrom !== null) log.logger.warn(copyText(copiedFrom));
    for (const [run, pids] of orphans) log.logger.warn(undyingLine(run, pids));
    this.#orphans = orphans;
    return runs;
  }

  async #end(exitCode: number): Promise<void> {
    const { log, drainMs, clock } = this.#o;
    this.#watching.stopping();
    const hurry = new AbortController();
    this.#hurry = () => hurry.abort();
    if (this.#stopping === 'now') hurry.abort();
    await this.#scheduler.drain();
    if (this.#attempts.size > 0) log.logger.info(drainText(this.#attempts.size, drainMs));
    await Promise.race([this.#attempts.idle(), delay(clock, drainMs, hurry.signal)]);
    // Its timer would keep the program alive that this daemon is a part of.
    hurry.abort();
    // Results that could not be written until then are others' to take over.
    await Promise.race([this.#attempts.stop(), this.#sharing.fenced()]);
    this.#scheduler.stop();
    this.#outside.close();
    await this.#upkeep.stop();
    await this.#files.close();
    await this.#jobs.pool.closeAttempts();
    await this.#opened.tidy().catch((error) => log.logger.warn({ err: error }, 'not folded'));
    // Clients that still ask need the jobs: they go after the socket.
    this.#watching.endAnswers();
    await this.#serving?.close();
    await this.#jobs.close();
    await this.#watching.close();
    await this.#sharing.stop();
    await this.#opened.close();
    log.logger.info('stopped');
    this.#finish(exitCode);
  }

  #fail(error: unknown): void {
    this.#o.log.logger.fatal({ err: error }, 'the daemon cannot go on');
    this.#scheduler.stop();
    this.#finish(daemonExitCodeOf(toJobrunError(error).code));
  }

  /** The daemon that made a change announces it: in its own log, metrics and notifications. */
  #changed(change: Change & { readonly own?: boolean }): void {
    const isOwn = change.own !== false;
    this.#feed.publish(change);
    if (isOwn) {
      this.#watching.changed(change);
      this.#o.log.run(change);
    } else this.#attempts.obey(change.run);
    this.#outside.changed(change.run, isOwn);
    this.#recurring.settled(change);
    this.#upkeep.changed(change);
  }

  #progressed(run: Run, progress: Progress): void {
    this.#o.log.progress(run, progress);
    this.#sharing.progressed();
    this.#publish(run, progress);
  }

  /** Told, not kept: its event has the number of the last change that was. */
  #publish(run: Run, progress: Progress): void {
    const told = withProgress(run, progress);
    this.#feed.publish({ n: this.#feed.last, at: this.#o.clock.now(), prev: run, run: told });
  }

  #onError(what: string): (error: unknown) => void {
    return (error) => {
      if (!this.#sharing.explains(error)) this.#o.log.logger.error({ err: error }, what);
    };
  }

  #configure(): void {
    const { catalog } = this.#jobs;
    this.#engine.configure(
      (job) => this.#outside.limited(job, limitsOf(job, catalog.find(job), this.#loaded)),
      (job) => policyOf(catalog.find(job)),
    );
  }

  #reloaded(): void {
    this.#configure();
    this.#sharing.changed();
    this.#upkeep.reloaded();
    if (!this.#o.only)
      this.#recurring.follow(this.#loaded).catch(this.#onError('schedules of jobs'));
  }

  #jumped(ms: number): void {
    this.#o.log.logger.warn(
      `the clock was set ${ms > 0 ? 'forward' : 'back'} by ${showDuration(Math.abs(ms))}`,
    );
    this.#attempts.restate();
  }

  #idle(): void {
    if (!this.#o.untilIdle || this.#stopping !== 'no' || !this.#loaded) return;
    if (isAtRest(this.#busy)) this.stop(false);
  }

  /** Only the holder of the state's lock listens there. */
  #listen(): Promise<Serving> {
    const { config, clock, log } = this.#o;
    const [path = ''] = socketPaths(config.state);
    const prepare = (): void => {
      this.#opened.lock.guard();
      prepareFolder(path, config.state);
    };
    const onAnew = (): void => log.logger.warn(`${path} was gone: it is made anew`);
    // A handler has made sure of what it did and saw: a later change that is refused is not its own,
    // and the command that made it has the error.
    const durable = (command: string, isError: boolean): Promise<void> | null =>
      !isError && tellsOwn(command) ? null : this.#engine.durable().catch(() => undefined);
    const onError = this.#onError('a request failed');
    const handle = dispatcher(this.context);
    this.#watching.answer({ handle, durable });
    const onLook = (): void => this.#opened.look();
    const asked = { handle, rows: rowsOf, durable, onError };
    return serve({ path, prepare, onAnew, onLook, clock, ...asked });
  }

  #makeAttempts(): Attempts {
    return new Attempts({
      ...this.#jobs,
      ...this.#o,
      engine: this.#engine,
      logs: this.#opened.logs,
      emit: (parent, job, params, options) =>
        emit(this.context, parent, job, params, options, () => this.#sharing.isFenced),
      release: (runner, reusable) => this.#release(runner, reusable),
      onProgress: (run, progress) => this.#progressed(run, progress),
      onStep: (run, name, ms) => this.#watching.stepped(run, name, ms),
      onUnstarted: () => this.#scheduler.rest(),
      onHookFailed: (run, hook, problem) => this.#o.log.hookFailed(run, hook, problem),
      onStuck: (error) => this.#stuckBy(error),
      isFenced: () => this.#sharing.isFenced,
      members: this.#members,
      abortElsewhere: (id, reason, graceMs) =>
        abortElsewhere(id, reason, graceMs, {
          engine: this.#engine,
          members: this.#members,
          clock: this.#o.clock,
          state: this.#o.config.state,
        }),
      onUndying: (run, pids) => this.#o.log.logger.warn(undyingLine(run.id, pids)),
      stopTime: this.#stopTime,
      orphans: (run) => this.#orphans.get(run) ?? null,
      onError: this.#onError('an attempt'),
      onEnded: () => this.#scheduler.wake(),
    });
  }

  #makeOutside(): Outside {
    return new Outside({
      ...this.#o,
      engine: this.#engine,
      members: this.#members,
      logs: this.#opened.logs,
      catalog: this.#jobs.catalog,
      mayTake: () => this.#loaded && this.#scheduler.mayStart && this.#sharing.mayBegin,
      askOnError: (run, error) => this.#attempts.askOnError(run, error),
      tellHooks: (run, outcome) => this.#attempts.tellHooks(run, outcome),
      onProgress: (run, progress) => this.#progressed(run, progress),
      onStuck: (error) => this.#stuckBy(error),
      onError: this.#onError('a worker outside'),
    });
  }

  #stuckBy(error: unknown | null): void {
    if (!this.#sharing.explains(error)) this.#stuck.told(error);
  }

  #release(runner: Runner, reusable: boolean): void {
    this.#jobs.pool.release(runner, { reusable });
    this.#scheduler.wake();
  }

  #makeRecurring(): Recurring {
    const { clock, log } = this.#o;
    return new Recurring({
      ...this.#jobs,
      engine: this.#engine,
      clock,
      end: (run, reason) => this.#attempts.abort(run.id, reason, null),
      wake: () => this.#scheduler.wake(),
      onError: (job, error) => {
        if (this.#sharing.explains(error)) return;
        log.logger.error({ err: error, job }, 'could not start by itself');
      },
      warn: (job, text) => log.logger.warn({ job }, `schedule ${job}: ${text}`),
    });
  }

  #makeScheduler(onError: (error: unknown) => void): Scheduler {
    const { clock } = this.#o;
    return new Scheduler({
      engine: this.#engine,
      clock,
      free: (workerKind) => (this.#sharing.mayBegin ? this.#jobs.pool.free(workerKind) : 0),
      acquire: (run) => this.#jobs.pool.acquire(run, this.#jobs.catalog.find(run.job)),
      release: (runner) => this.#release(runner, true),
      begin: (claimed, runner) => this.#attempts.begin(claimed, runner),
      handOut: this.#outside.look,
      fire: async (now) => (this.#o.only ? null : this.#recurring.fire(now)),
      only: this.#o.only,
      onJump: (ms) => this.#jumped(ms),
      onError,
      onTick: () => {
        this.#look();
        this.#jobs.pool.tidy();
        this.#watching.ticked();
        this.#idle();
      },
      onBegun: () => this.#idle(),
    });
  }
}

const undyingLine = (run: number, pids: readonly number[]): string =>
  `run ${run} stays running until ${undyingText(pids)}: it belongs to another user or hangs, and cannot be ended`;
