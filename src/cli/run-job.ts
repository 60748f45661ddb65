// `runJob`, for the tests of a project: one attempt of a job in the process of the test, with the `ctx` that workers
// give too. No daemon, no files: what the job asks of its daemon is granted and recorded, and time passes only while it
// sleeps.
import * as v from 'valibot';
import { readDefinition } from '../catalog/definition.ts';
import type { JobContext, JobDefinition } from '../catalog/job.ts';
import { emittedRequest, isScheduleRequest, ruleOf } from '../commands/shared/run-options.ts';
import { type Clock, systemClock } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { anything, fields, isFields, read, strict, text, whole } from '../support/schema.ts';
import { checkOne } from '../workers/calls.ts';
import { paramsFor } from '../workers/carry-out.ts';
import type { Assignment, FromWorker } from '../workers/messages.ts';
import { RunContext } from '../workers/run-context.ts';
import { RunScope, type Voice } from '../workers/scope.ts';
import { callbackOf, isPending, retryAtOf } from '../workers/thrown.ts';
import { instantOf, toJson } from '../workers/values.ts';

export interface RunJobOptions {
  /** The checkpoint of earlier attempts. With it `initialize` is not called. */
  readonly checkpoint?: unknown;
  /** Number of the attempt. Default 1. */
  readonly attempt?: number;
  /** The time at which the attempt begins. Default: the present time. */
  readonly now?: Date | string | number;
  /** Results of steps that earlier attempts have taken, by their names. */
  readonly steps?: Readonly<Record<string, unknown>>;
  /** Aborts the run, as `jobrun abort` does. */
  readonly signal?: AbortSignal;
  /** Name of the job. Default `job`. */
  readonly job?: string;
}

/** The result of an attempt, and what it did on the way. */
export interface JobResult<Output> {
  /** The value that `run` returned, or the output of a call-back; undefined if it threw. */
  readonly output: Output | undefined;
  /** The error that it threw; null if it returned. */
  readonly error: unknown;
  /** When it is to be called again: after `ctx.callback` or `RetryAt`. */
  readonly again: Date | null;
  /** True where it returned `ctx.pending()`. */
  readonly pending: boolean;
  /** The last checkpoint. */
  readonly checkpoint: unknown;
  /** Every checkpoint that was saved, that of `initialize` too. */
  readonly saved: readonly unknown[];
  readonly progress: readonly { readonly percent: number; readonly text: string | null }[];
  readonly results: readonly unknown[];
  readonly emitted: readonly {
    readonly job: string;
    readonly params: unknown;
    readonly options: Readonly<Record<string, unknown>>;
  }[];
  /** Results of the steps that it took, by their names. */
  readonly steps: Readonly<Record<string, unknown>>;
  /** Lines of `ctx.log`; what is printed stays with the test. */
  readonly log: readonly {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly text: string;
    readonly fields: unknown;
  }[];
  /** Milliseconds that its sleeps took by its clock; they return at once. */
  readonly sleptMs: number;
}

// biome-ignore lint/suspicious/noExplicitAny: a job without a schema takes and saves anything
type Any = any;

/**
 * Runs one attempt of a job in this process, without a daemon. Params are checked and filled in by the job's schema;
 * `ctx.sleep` returns at once. Hooks such as `onError` are not called, and nothing is retried.
 *
 * @example
 * const double = defineJob({
 *   async run({ n }: { n: number }, ctx) {
 *     await ctx.emit('mail', { n });
 *     return n * 2;
 *   },
 * });
 * const { output, emitted, error } = await runJob(double, { n: 4 }, { attempt: 2 });
 * console.log(output, emitted[0]?.params, error); // 8 { n: 4 } null
 */
export async function runJob<Params = Any, Output = unknown, Input = Params, Checkpoint = Any>(
  job:
    | JobDefinition<Params, Output, Input, Checkpoint>
    | ((params: Params, ctx: JobContext<Checkpoint>) => Output | Promise<Output>),
  params: Input,
  options: RunJobOptions = {},
): Promise<JobResult<Awaited<Output>>> {
  const definition = definitionOf(job);
  refuseWrong(options);
  const clock = new TestClock(
    options.now === undefined ? systemClock.now() : instantOf(options.now),
  );
  const record = new Recorder();
  const scope = new RecordedScope(assignmentFor(options, clock.now()), record, clock);
  const { signal } = options;
  const abort = (): void => scope.abort('abort', String(signal?.reason?.message ?? 'aborted'));
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  const checked = await checkOne(definition, toJson(params, 'the params'));
  if (!checked.ok) throw misfit(checked.issues);
  const given = await paramsFor(definition, checked.params);
  const ctx = new RunContext(scope, 'attempt');
  try {
    const ended = await attempt(definition, given, ctx, clock, options);
    return record.result<Awaited<Output>>(ended, ctx, clock);
  } finally {
    scope.over = true;
    signal?.removeEventListener('abort', abort);
  }
}

/** Throws what would make the job broken: a test shows it before the daemon does. */
function definitionOf(job: Any): JobDefinition<Any, Any> {
  if (typeof job !== 'function' && !isFields(job)) {
    const message = `runJob takes the job itself, not ${typeof job === 'string' ? 'its name' : String(job)}`;
    throw new JobrunError(
      'bad-option',
      message,
      'Import it: it is the default export of its file.',
    );
  }
  if (isFields(job) && 'default' in job) {
    const message = 'runJob takes the job itself, not the module that exports it';
    throw new JobrunError('bad-option', message, 'Give it the default export of the module.');
  }
  readDefinition(job, {});
  return typeof job === 'function' ? { run: job } : job;
}

const OPTIONS = strict({
  checkpoint: v.optional(anything),
  attempt: v.optional(whole(1)),
  now: v.optional(anything),
  steps: v.optional(fields),
  signal: v.optional(anything),
  job: v.optional(text),
});

const refuseWrong = (options: RunJobOptions): unknown =>
  read(OPTIONS, options, ({ place, says, hint }) => {
    const message = `${place || 'the options'}${says}`;
    return new JobrunError('bad-option', message, hint || 'Correct it.');
  });

interface Ended {
  readonly output?: unknown;
  readonly error?: unknown;
  readonly again?: number;
  readonly pending?: boolean;
}

async function attempt(
  job: JobDefinition<Any, Any>,
  params: unknown,
  ctx: RunContext,
  clock: TestClock,
  { checkpoint }: RunJobOptions,
): Promise<Ended> {
  try {
    if (job.initialize && checkpoint === undefined)
      await ctx.initialized(await job.initialize(params, ctx));
    const value: unknown = await job.run(params, ctx);
    if (isPending(value)) return { pending: true };
    const again = callbackOf(value);
    if (again) return { output: again.output, again: again.dueAt };
    // As it would be kept: what is no JSON fails the attempt here too.
    toJson(value, 'the output');
    return { output: value };
  } catch (error) {
    const due = retryAtOf(error, clock.now());
    return { error, ...(due && { again: due.dueAt }) };
  }
}

function misfit(issues: readonly string[]): JobrunError {
  const message = ['the params do not fit the job', ...issues].join('\n');
  return new JobrunError('bad-params', message, 'Give what its schema asks for.');
}

/** Nothing is loaded: the job is at hand. */
const HERE = { kind: 'nothing', why: 'it runs in the process of a test' } as const;

/** No caller is there: the same context for each call, so that a test can compare it. */
const TRACE = {
  traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
  tracestate: null,
  baggage: '',
};

function assignmentFor(options: RunJobOptions, now: number): Assignment {
  const { attempt: number = 1, checkpoint, job = 'job', steps = {} } = options;
  return {
    ...{ run: 1, job, program: HERE, attempt: number, fence: number, params: null },
    ...{ dueAt: now, schedule: null, initialized: false, rows: 0, rowBytes: 0 },
    ...(checkpoint !== undefined && { checkpoint: toJson(checkpoint, 'the checkpoint') }),
    steps: toJson(steps, 'the steps') as Assignment['steps'],
    reportStart: false,
    trace: TRACE,
  };
}

/** Tells of progress each time that it is made; a worker leaves out what follows too soon. */
class RecordedScope extends RunScope {
  override progress(percent: number, text: string | null): void {
    super.progress(percent, text);
    this.tellProgress();
  }
}

type Line = JobResult<unknown>['log'][number];

/** Stands for the daemon: grants what is asked for, and keeps it. */
class Recorder implements Voice {
  readonly #saved: unknown[] = [];
  readonly #progress: { percent: number; text: string | null }[] = [];
  readonly #results: unknown[] = [];
  readonly #emitted: JobResult<unknown>['emitted'][number][] = [];
  readonly #log: Line[] = [];
  readonly #steps: Record<string, unknown> = {};

  readonly send = (message: FromWorker): void => {
    if (message.type === 'row') this.#results.push(message.row);
    if (message.type === 'progress')
      this.#progress.push({ percent: message.percent, text: message.text });
    if (message.type === 'log') {
      const { level, text, fields } = message.line;
      this.#log.push({ level, text, fields });
    }
  };

  readonly sendNow = this.send;

  started = async (): Promise<void> => undefined;

  ask: Voice['ask'] = async (message): Promise<Json> => {
    if (message.type === 'emit') {
      const { job, params, options } = message;
      const request = emittedRequest(job, params, options);
      const makes = isScheduleRequest(request);
      if (makes) ruleOf(request, 'UTC');
      this.#emitted.push({ job, params, options: options as Record<string, unknown> });
      return makes ? (request.name ?? job) : String(FIRST_EMITTED + this.#emitted.length);
    }
    if (message.step) this.#steps[message.step.name] = message.step.value;
    if ('checkpoint' in message) this.#saved.push(message.checkpoint);
    return null;
  };

  result<Output>(
    { output, error = null, again, pending = false }: Ended,
    { checkpoint }: RunContext,
    { sleptMs }: TestClock,
  ): JobResult<Output> {
    return {
      output: output as Output | undefined,
      error,
      again: again === undefined ? null : new Date(again),
      pending,
      checkpoint,
      saved: this.#saved,
      progress: this.#progress,
      results: this.#results,
      emitted: this.#emitted,
      steps: this.#steps,
      log: this.#log,
      sleptMs,
    };
  }
}

/** The run itself is 1. */
const FIRST_EMITTED = 1;

/** Stands still but for what is slept: the earliest of all sleeps is over at once, and it is that much later then. */
class TestClock implements Clock {
  readonly #began: number;
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>();
  sleptMs = 0;

  constructor(began: number) {
    this.#began = began;
  }

  now = (): number => this.#began + this.sleptMs;
  monotonic = (): number => this.sleptMs;

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.sleptMs + ms, fn };
    this.#timers.add(timer);
    setImmediate(this.#next);
    return () => this.#timers.delete(timer);
  }

  readonly #next = (): void => {
    const [first] = [...this.#timers].sort((a, b) => a.at - b.at);
    if (!first) return;
    this.#timers.delete(first);
    this.sleptMs = Math.max(this.sleptMs, first.at);
    first.fn();
  };
}
