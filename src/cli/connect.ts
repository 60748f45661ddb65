// The library as a program sees it: `connect` and the calls on what it returns. Names, options and results are those of
// the command line; where that takes words, this takes values.

import type {
  AnyJob,
  AnyParamsAndMore,
  FaultOf,
  KnownName,
  NamedJob,
  OtherName,
  OwnParamsAndMore,
  ParamsAndMore,
  ParamsOf,
} from '../catalog/job.ts';
import type { abort } from '../commands/abort.ts';
import type { complete } from '../commands/complete.ts';
import { isMark } from '../commands/events.ts';
import type { fail } from '../commands/fail.ts';
import type { jobs } from '../commands/jobs.ts';
import type { list } from '../commands/list.ts';
import type { logs } from '../commands/logs.ts';
import type { prune } from '../commands/prune.ts';
import type { remove } from '../commands/remove.ts';
import type { rerun } from '../commands/rerun.ts';
import type { retry } from '../commands/retry.ts';
import type { schedules } from '../commands/schedules.ts';
import { cutBatch, resultsOf, type ToldResult } from '../commands/shared/batch.ts';
import { checked, fromNames, take } from '../commands/shared/options.ts';
import { requestFromCode } from '../commands/shared/run-options.ts';
import type { show } from '../commands/show.ts';
import type { status } from '../commands/status.ts';
import type { update } from '../commands/update.ts';
import type { NumberedLine } from '../engine/logs.ts';
import type { ConfigOptions } from '../support/config.ts';
import { errorFromShape, JobrunError } from '../support/errors.ts';
import { fields } from '../support/schema.ts';
import { optionsJson, toJson } from '../workers/values.ts';
import { linesOf, traced } from './asked-runs.ts';
import type {
  Aborted,
  Accepted,
  AcceptedOf,
  Details,
  Duration,
  EventView,
  GapView,
  JobView,
  Json,
  ListFilter,
  LogLine,
  OUTPUT,
  Refused,
  RuleOptions,
  RunEndedError,
  RunOptions,
  RunView,
  ScheduleView,
  StateName,
  Status,
} from './call-options.ts';
import { jobNameOf } from './job-names.ts';
import { Caller, WHERE } from './library.ts';
import { asCalled, thrownFrom } from './thrown-to-code.ts';

/**
 * Reaches the jobs of a project, with a daemon or without one, from as many processes as you like. Calls that need a
 * daemon (`result`, `events`) reject with `no-daemon` if none runs. Nothing is opened before the first call; all calls
 * reject with a JobrunError.
 *
 * @param options `dir`: the project, default as for the command line; `stateDir`: its state folder
 * @example
 * const jobs = await connect({ dir: '/srv/shop' });
 * const run = await jobs.schedule('import-products', { file: 'spring.csv' }, { in: '20m', key: 'spring' });
 * console.log(await jobs.result(run.id));
 * await jobs.close();
 */
export function connect(options: ConfigOptions = {}): Promise<Jobs> {
  return thrownFrom(
    connect,
    async () => new Jobs(new Caller(checked(WHERE, fromNames(WHERE, options)))),
  );
}

export class Jobs {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Accepts a run, or with `every` or `cron` a schedule. It is on disk when this resolves. A job that does not exist
   * yet or is broken is accepted too, and `reason` says why the run waits (`note`, of a schedule). Rejects with
   * `bad-params` where the job's schema refuses them, `bad-time`, `bad-option`, `too-large`, and `refused` for a
   * schedule whose name is taken.
   *
   * A definition made by `defineJob` in a file of the jobs folder may stand for the name. Then TypeScript checks its
   * params, and `result(run)` has the type of its output. `schedule<typeof price>('price', …)` does the same by name,
   * and the file that `jobrun types` writes does it for every name.
   *
   * @example
   * const run = await jobs.schedule('import-products', { file: 'spring.csv' }, { priority: 5 });
   * const rule = { cron: '0 3 * * *', timezone: 'Europe/Berlin', name: 'nightly' };
   * const nightly = await jobs.schedule('clean-up', {}, rule);
   * console.log(run.id, nightly.nextAt);
   */
  schedule<Job extends AnyJob = AnyJob>(
    job: OtherName<Job> | Job,
    params: ParamsOf<Job>,
    options: RuleOptions & ({ every: Duration } | { cron: string }),
  ): Promise<ScheduleView>;
  schedule<Job extends AnyJob = AnyJob>(
    job: OtherName<Job> | Job,
    ...more: OwnParamsAndMore<Job, RunOptions>
  ): Promise<AcceptedOf<Job>>;
  schedule<Name extends KnownName>(
    job: Name,
    params: ParamsOf<NamedJob<Name>>,
    options: RuleOptions & ({ every: Duration } | { cron: string }),
  ): Promise<ScheduleView>;
  // The compiler shows why the last one does not fit, so that it is the one that most calls mean.
  schedule<Name extends KnownName>(
    job: Name,
    ...more: ParamsAndMore<NamedJob<Name>, RunOptions>
  ): Promise<AcceptedOf<NamedJob<Name>>>;
  /** For any definition. Else it fits nothing: the compiler names the params that are missing. */
  schedule<Job extends string | AnyJob>(
    job: Job & FaultOf<Job>,
    ...more: AnyParamsAndMore<Job, RunOptions>
  ): Promise<Accepted>;
  async schedule(
    job: string | AnyJob,
    params: unknown = {},
    options: object = {},
  ): Promise<Accepted | ScheduleView> {
    const name = jobNameOf(job, this.#caller.config.jobs);
    const asked = requestFromCode(name, toJson(params, 'the params'), optionsJson(options));
    if (asked.cron === undefined && asked.everyMs === undefined)
      return this.#caller.runs.accept(traced(asked));
    // The expression was written for the zone of this process, which may not be the daemon's.
    const timezone = asked.timezone ?? this.#caller.config.timezone;
    const request = asked.cron === undefined ? asked : { ...asked, timezone };
    const reply = (await this.#caller.send('schedule', request)) as {
      readonly schedule: ScheduleView;
    };
    return reply.schedule;
  }

  /**
   * Accepts many runs in few commits: an array in the same order, with an error in the place of what was refused.
   *
   * @example
   * const made = await jobs.scheduleMany([{ job: 'import-products', params: { file: 'a.csv' }, in: '20m' }]);
   * for (const one of made) console.log(one instanceof JobrunError ? one.code : one.id);
   */
  async scheduleMany(
    runs: readonly ({ readonly job: string; readonly params?: unknown } & RunOptions)[],
  ): Promise<(Accepted | JobrunError)[]> {
    const results: (Accepted | JobrunError)[] = [];
    for (const lines of cutBatch(linesOf(runs))) {
      if (lines.length === 0) continue;
      const reply = (await this.#caller.send('schedule', { lines })) as {
        readonly results: readonly ToldResult[];
      };
      for (const one of resultsOf(reply.results, lines))
        results.push('line' in one ? errorFromShape(one.error) : one);
    }
    return results;
  }

  /** One run with its attempts, result rows and last 200 log lines. Rejects with `unknown-run`. */
  async get(id: string): Promise<Details> {
    return this.#caller.call<typeof show>('show', { id });
  }

  /**
   * Runs, newest first, of settled states alone the last settled first; `total` counts all that fit.
   *
   * @example
   * const since = Date.now() - 3_600_000;
   * const { total, runs } = await jobs.list({ state: ['failed', 'aborted'], since, limit: 10 });
   * console.log(total, runs.map(({ id, job, error }) => [id, job, error?.message]));
   */
  async list(filter: ListFilter = {}): Promise<{ total: number; runs: readonly RunView[] }> {
    const { damage, ...listed } = await this.#caller.call<typeof list>('list', filter);
    // A daemon that met a damaged page tells of it beside the list: here it would go unseen.
    if (damage?.[0]) throw errorFromShape(damage[0]);
    return listed;
  }

  /**
   * Ends runs; resolves when nothing of them lives: the signal, `grace` (default: the job's, else 5s; 0 kills at once),
   * then the kill of all that they started. A settled run is `refused`: the error if one id was given, else in its
   * place.
   *
   * @example
   * const run = await jobs.schedule('import-products', {}, { in: '1h' });
   * const { results } = await jobs.abort(run.id, { reason: 'no longer needed' });
   * console.log(results);
   */
  async abort(
    ids: string | readonly string[],
    options: { readonly grace?: Duration; readonly reason?: string } = {},
  ): Promise<{ results: readonly (Aborted | Refused)[] }> {
    const given = { ...options, ids: Array.isArray(ids) ? ids : [ids] };
    return this.#caller.call<typeof abort>('abort', given);
  }

  /**
   * Changes a run that has not started; `params` take the place of the old ones. Rejects with `refused` where it has.
   */
  async update(
    id: string,
    changes: {
      readonly at?: Date | string | number;
      readonly in?: Duration;
      readonly params?: unknown;
      readonly priority?: number;
    },
  ): Promise<RunView> {
    const { params, ...rest } = take(fields, changes, 'changes');
    const given = {
      ...rest,
      id,
      ...(params !== undefined && { params: toJson(params, 'the params') }),
    };
    return this.#caller.call<typeof update>('update', given);
  }

  /**
   * Lets a failed or aborted run go on, its attempts renewed; `fresh` forgets its checkpoint. Else it is `refused`, and
   * where a run that it waited for has failed, unless `force` is given.
   */
  async retry(
    id: string,
    options: { readonly fresh?: boolean; readonly force?: boolean } = {},
  ): Promise<RunView> {
    return (await this.#caller.call<typeof retry>('retry', { ...options, ids: [id] })) as RunView;
  }

  /**
   * Resolves with the output when the run is done. Rejects with a JobrunError of code `run-failed` or `run-aborted`
   * that carries `.run`, with `no-daemon` where none runs, and with `interrupted` after `signal` or `close`. A daemon
   * that is restarted meanwhile is waited for, a minute at most.
   *
   * @example
   * const { id } = await jobs.schedule('import-products', { file: 'spring.csv' });
   * const output = await jobs.result(id, { signal: AbortSignal.timeout(60_000) });
   * console.log(output);
   */
  result(id: string, options?: { readonly signal?: AbortSignal }): Promise<Json>;
  result<Output>(
    run: { readonly id: string; readonly [OUTPUT]?: Output },
    options?: { readonly signal?: AbortSignal },
  ): Promise<Output>;
  async result(
    of: string | { readonly id: string },
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<unknown> {
    const id = typeof of === 'string' ? of : take(fields, of, 'the run').id;
    const [run] = await this.#settled({ ids: [id] }, options.signal);
    if (!run) throw new JobrunError('internal', `run ${id} was lost`, 'Please report this.');
    if (run.state === 'done') return run.output;
    throw endedError(run);
  }

  /** The daemon, its places and the counts of runs; `running: false` where none runs. */
  async status(): Promise<Status> {
    return this.#caller.call<typeof status>('status', {});
  }

  /** Starts nothing new, of one job or of all; what is asked for is kept. */
  async pause(job?: string): Promise<void> {
    await this.#caller.call('pause', { job });
  }

  /** Ends a pause, of one job or of all. */
  async resume(job?: string): Promise<void> {
    await this.#caller.call('resume', { job });
  }

  /** Settles a run that waits for an outside result: done, with this output. `refused` where it does not wait. */
  async complete(id: string, output: unknown = null): Promise<RunView> {
    const given = { id, output: toJson(output, 'the output') };
    return this.#caller.call<typeof complete>('complete', given);
  }

  /** Settles a run that waits for an outside result: failed, with this message. */
  async fail(id: string, message?: string): Promise<RunView> {
    return this.#caller.call<typeof fail>('fail', { id, message });
  }

  /**
   * Every change as it happens, until the loop is left, `signal` or `close`. With `since`, those after that number come
   * first, as far as they are remembered (10,000, or 64 MB). Missed events leave one `{ type: 'gap' }`. A daemon that
   * is restarted is waited for, a minute at most. Rejects with `no-daemon`.
   *
   * @example
   * await jobs.schedule('import-products');
   * for await (const event of jobs.events({ job: 'import-products', since: 0 })) {
   *   if (event.type === 'run.settled') break;
   * }
   */
  async *events(
    options: { readonly job?: string; readonly since?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<EventView | GapView, void, void> {
    const { signal, ...request } = options;
    for await (const item of this.#caller.stream('events', { ...request, marks: true }, signal)) {
      if (!isMark(item)) yield item as EventView | GapView;
    }
  }

  /** All jobs by name, also broken ones and those of which only runs are left, with the counts of their runs. */
  async jobs(): Promise<readonly JobView[]> {
    return (await this.#caller.call<typeof jobs>('jobs', {})).jobs;
  }

  /** All schedules by name, with their last and next times. */
  async schedules(): Promise<readonly ScheduleView[]> {
    return (await this.#caller.call<typeof schedules>('schedules', {})).schedules;
  }

  /**
   * Removes a schedule; its runs stay. Rejects with `unknown-schedule`, and with `refused` where a job's file has the
   * rule.
   */
  async unschedule(name: string): Promise<void> {
    await this.#caller.call('unschedule', { name });
  }

  /** Accepts a new run with the params of this one. `force`: also where the job is broken or gone. */
  async rerun(id: string, options: { readonly force?: boolean } = {}): Promise<RunView> {
    return this.#caller.call<typeof rerun>('rerun', { ...options, id });
  }

  /** Forgets settled runs and their logs. A run that has not settled is `refused`, in its place among the results. */
  async remove(
    ids: string | readonly string[],
  ): Promise<{ results: readonly ({ readonly id: string; readonly removed: true } | Refused)[] }> {
    return this.#caller.call<typeof remove>('remove', { ids: Array.isArray(ids) ? ids : [ids] });
  }

  /**
   * Forgets settled runs by age, number or state, of which one has to be given: `olderThan` since they ended, all but
   * the newest `keep`, only of these states. `dryRun` says which and removes nothing.
   *
   * @example
   * const { removed } = await jobs.prune({ olderThan: '30d', state: 'done' });
   * console.log(removed);
   */
  async prune(
    options: {
      readonly olderThan?: Duration;
      readonly keep?: number;
      readonly state?: StateName | readonly StateName[];
      readonly dryRun?: boolean;
    } = {},
  ): Promise<{ removed: number; dryRun: boolean; ids: readonly string[] }> {
    return this.#caller.call<typeof prune>('prune', options);
  }

  /**
   * The log of a run: the lines there are, and with `follow` those that come until it ends. `lines`: only the last so
   * many; `attempt`: only of this one. Following needs a daemon; one that is restarted is waited for, a minute at most.
   *
   * @example
   * const { id } = await jobs.schedule('import-products', { file: 'spring.csv' });
   * for await (const line of jobs.logs(id, { follow: true })) console.log(line.level, line.text);
   */
  async *logs(
    id: string,
    options: {
      readonly follow?: boolean;
      readonly lines?: number;
      readonly attempt?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): AsyncGenerator<LogLine, void, void> {
    const { signal, follow = false, ...which } = options;
    const asked = { ...which, id, follow };
    if (!follow) {
      yield* (await this.#caller.call<typeof logs>('logs', asked)).lines;
      return;
    }
    for await (const item of this.#caller.stream('logs', asked, signal))
      yield (item as NumberedLine).line;
  }

  /**
   * Resolves when all these runs are settled, or with `any` one of them, whatever their outcome: with all of them as
   * they are then. Rejects with `timed-out` after `timeout`, and as `result` does otherwise.
   */
  async wait(
    ids: string | readonly string[],
    options: {
      readonly any?: boolean;
      readonly timeout?: Duration;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<readonly RunView[]> {
    const { signal, ...rest } = options;
    const all = Array.isArray(ids) ? ids : [ids];
    return await this.#settled({ ...rest, ids: all }, signal);
  }

  /** Gives everything back; waits and events end. `await using jobs = await connect()` does so by itself. */
  close(): Promise<void> {
    return this.#caller.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #settled(asked: object, signal?: AbortSignal): Promise<readonly RunView[]> {
    const waited = (await this.#caller.last('wait', asked, signal)) as {
      readonly runs: readonly RunView[];
    } | null;
    if (waited) return waited.runs;
    throw new JobrunError('interrupted', 'the wait was ended before the runs were', 'Ask again.');
  }
}

function endedError(run: RunView): RunEndedError {
  const failed = run.state === 'failed';
  const why = failed ? `failed: ${run.error?.message ?? ''}` : `was aborted: ${run.reason ?? ''}`;
  const message = `run ${run.id} of ${run.job} ${why}`;
  const hint = `See all of it: jobrun show ${run.id}`;
  const error = new JobrunError(failed ? 'run-failed' : 'run-aborted', message, hint);
  return Object.assign(error, { run }) as RunEndedError;
}

asCalled(Jobs.prototype);
