// The interface that a job file is written against: `defineJob`, the two errors with a meaning, and the types of what a
// job gets and gives. It must stay light, because every worker process loads it. Everything is recognised by a
// registered symbol or a plain field, so that a project's own copy of jobrun and the daemon's understand each other.
import { type Duration, durationMs } from '../support/durations.ts';
import type { JobTypes } from './job-types.ts';

/** The part of Standard Schema v1 that is used: zod, valibot, arktype and others have it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly jsonSchema?: {
      readonly input: JsonSchemaMaker;
      readonly output?: JsonSchemaMaker;
    };
  };
}

type JsonSchemaMaker = (options: {
  readonly target: string;
  readonly libraryOptions?: Readonly<Record<string, unknown>>;
}) => Record<string, unknown>;

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** How failed attempts are tried again. */
export interface Retries {
  /** Further attempts after the first; `Infinity` for no end. Default 0. */
  readonly limit?: number;
  /** Wait before the second attempt. Default 1s. */
  readonly delay?: Duration;
  /** How the wait grows. Default `exponential`. */
  readonly backoff?: 'fixed' | 'linear' | 'exponential';
  /** Base of the exponential growth, at least 1. Default 2. */
  readonly factor?: number;
  /** The longest wait. Default 1h. */
  readonly maxDelay?: Duration;
  /** Share, from 0 to 1, by which a wait may be shorter or longer. Default 0.1. */
  readonly jitter?: number;
}

/**
 * A job: the default export of a file in `jobs/`. Only `run` is required. Durations are milliseconds or texts such as
 * `500ms`, `90s`, `1h30m`, `2d`, `PT20M`.
 */
// biome-ignore lint/suspicious/noExplicitAny: without `initialize` a checkpoint is whatever is saved
export interface JobDefinition<Params, Output, Input = Params, Checkpoint = any> {
  /** Runs before `run` until it has succeeded once; what it returns, or saved, is the first checkpoint. */
  readonly initialize?: (
    params: Params,
    ctx: JobContext<Checkpoint>,
  ) => Checkpoint | Promise<Checkpoint>;
  /** The work. Its return value is the output: JSON of at most 1 MB; nothing counts as null. */
  readonly run: (params: Params, ctx: JobContext<Checkpoint>) => Output | Promise<Output>;
  /** Shown wherever the job is. */
  readonly description?: string;
  /** Lists can be narrowed to it. */
  readonly group?: string;
  /**
   * Checks params when a run is accepted, and fills defaults in. `run` gets the values that it makes of them. Default:
   * any JSON.
   */
  readonly params?: StandardSchema<Input, Params>;
  /** Higher runs first. Default 1. */
  readonly priority?: number;
  /** Most runs of this job at once. Default: no limit of its own. */
  readonly concurrency?: number;
  /** Most starts in any period. */
  readonly rateLimit?: { readonly limit: number; readonly per: Duration };
  /** At most one run at a time for each text that this gives, across all jobs. */
  readonly lock?: (params: Params) => string;
  /** Further attempts after one that failed, or how they are made. Default 0. */
  readonly retries?: number | Retries;
  /** Longest time of one attempt, from the first line of its own code. Default: none. */
  readonly timeout?: Duration;
  /**
   * Longest time, from the first line of its own code, without a heartbeat (progress, log, save, extendLock).
   * Default: none.
   */
  readonly lockTime?: Duration;
  /** Again this long after the previous run ended, at least 1s. Excludes `cron` and `nextRun`. */
  readonly every?: Duration;
  /** 5 or 6 fields, or `@daily` and its kind. */
  readonly cron?: string;
  /** The zone of `cron`, such as `Europe/Berlin`. Default: the config's, else the daemon's. */
  readonly timezone?: string;
  /** Gets the last run as JSON (null before the first), gives the time of the next, or null to stop. */
  // biome-ignore lint/suspicious/noExplicitAny: the JSON of a run is read by field name, as it is on the command line
  readonly nextRun?: (last: any) => Date | null | Promise<Date | null>;
  /** The handling of due times that were missed. Default `once`. */
  readonly catchUp?: 'skip' | 'once' | 'all';
  /** The handling of a schedule that fires while its previous run is not settled. Default `skip`. */
  readonly overlap?: 'skip' | 'queue' | 'replace' | 'allow';
  /**
   * The daemon keeps exactly one run of this job: started when it first sees it, done when it returns. Default false.
   */
  readonly autostart?: boolean;
  /** How long settled runs are kept; the newest 10 are in any case, but with 0 none is. Default 7d and 30d. */
  readonly keep?: { readonly done?: Duration; readonly failed?: Duration };
  /** Default `process`. `shared` runs many at once in one process, `fresh` has a process for each attempt. */
  readonly isolation?: 'process' | 'shared' | 'fresh';
  /** Limit of the worker's heap, such as `512MB`. Default: Node's own. */
  readonly memory?: string;
  /** Between the abort signal and the kill. Default 5s. */
  readonly grace?: Duration;
  /** After a failed attempt: may decide what follows. Nothing leaves it to `retries`. */
  readonly onError?: (error: Error, ctx: JobContext) => Decided | Promise<Decided>;
  /**
   * After an attempt that sent no heartbeat for `lockTime`. An error that it throws is logged, and changes nothing.
   */
  readonly onStale?: (ctx: JobContext) => unknown;
  /** When the run is done. An error that it throws is logged, and changes nothing. */
  readonly onDone?: (output: Output, ctx: JobContext) => unknown;
  /** When the run has failed for good. An error that it throws is logged, and changes nothing. */
  readonly onFailed?: (error: Error, ctx: JobContext) => unknown;
}

type Decided =
  | { readonly retry: { readonly in: Duration } | { readonly at: Date } }
  | 'dismiss'
  | undefined
  | null
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement gives it
  | void;

/** The view that a job has of its run, and the actions that it can take on it. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is the job's own business
export interface JobContext<Checkpoint = any> {
  readonly id: string;
  readonly job: string;
  /**
   * Number of this attempt, from 1. An attempt that does not count (a call-back, `pending`, `RetryAt`, a stop of the
   * daemon) leaves its number to the next one. So two attempts of a run can have the same number.
   */
  readonly attempt: number;
  /**
   * A number that grows with each attempt of this run. A system outside that remembers the largest it has seen can
   * refuse what an attempt still asks for that was given up: hand it over with each request.
   */
  readonly fence: number;
  readonly dueAt: Date;
  /** Name of the schedule that made the run, or null. */
  readonly schedule: string | null;
  /**
   * The trace context of this attempt, to hand on to what it calls: headers or environment variables of these names.
   */
  readonly trace: {
    readonly traceparent: string;
    readonly tracestate: string | null;
    readonly baggage: string;
  };
  /** Aborted with an Error whose `cause` is `abort`, `timeout`, `stale` or `shutdown`. */
  readonly signal: AbortSignal;
  /** Lines of the run's log, each of at most 64 KB. Printed lines come into it too. */
  readonly log: Record<'debug' | 'info' | 'warn' | 'error', LogFunction>;
  /** The value last saved, or what `initialize` returned; undefined where there is neither. */
  readonly checkpoint: Checkpoint;
  /** Percent is clamped to 0-100. May be called as often as you like. */
  progress(percent: number, text?: string): void;
  /** Saves a checkpoint. It is on disk when this resolves. Rejects where it is no JSON or over 1 MB. */
  save(value: Checkpoint): Promise<void>;
  /** The lock of this attempt now ends this long from now. */
  extendLock(duration: Duration): void;
  /** Adds a row to the run's result table; a field `error` marks it. Throws past 100,000 rows, or 20 MB of them. */
  result(row: unknown): void;
  /**
   * Asks for a run of a job, with the options of the library's `schedule`. Resolves with its id when it is on disk.
   * `emit<typeof price>('price', …)` checks the params against that definition; with the file that `jobrun types`
   * writes every name and its params are checked.
   */
  emit<Job extends AnyJob = AnyJob>(
    job: OtherName<Job>,
    ...more: OwnParamsAndMore<Job, Readonly<Record<string, unknown>>>
  ): Promise<string>;
  // The compiler shows why the last one does not fit, so that it is the one that most calls mean.
  emit<Name extends KnownName>(
    job: Name,
    ...more: ParamsAndMore<NamedJob<Name>, Readonly<Record<string, unknown>>>
  ): Promise<string>;
  /** Fits nothing: the compiler names the params that are missing. */
  emit<Job extends string | AnyJob>(job: Job & FaultOf<Job>): Promise<string>;
  /** Rejects with the signal's reason on abort. */
  sleep(duration: Duration): Promise<void>;
  /** Runs `fn` once per run: later attempts get its JSON result back. */
  step<T>(name: string, fn: () => T | Promise<T>): Promise<T>;
  /** Return it: not done yet, again then, same attempt. */
  callback(again: {
    readonly in?: Duration;
    readonly at?: Date;
    readonly output?: unknown;
  }): Callback;
  /** Return it: over, but the run waits for `jobrun complete` or `jobrun fail`. */
  pending(): Pending;
}

export type LogFunction = (text: string, fields?: Readonly<Record<string, unknown>>) => void;

export const CALLBACK = Symbol.for('jobrun.callback');
export const PENDING = Symbol.for('jobrun.pending');
export const RETRY_AT: unique symbol = Symbol.for('jobrun.retry-at');

/** Made by `ctx.callback`; what it holds is told by a symbol, which no copy of jobrun has to share types for. */
export interface Callback {
  readonly ending: 'callback';
}

/** Made by `ctx.pending`. */
export interface Pending {
  readonly ending: 'pending';
}

// biome-ignore lint/suspicious/noExplicitAny: what a definition takes and gives where only one part of it is looked at
type Any = any;
/** Any definition. */
export type AnyJob = JobDefinition<Any, Any, Any, Any> | ExternalDefinition<Any, Any, Any>;
/** The params that a run of this job is asked for with, before its schema fills in defaults. */
export type ParamsOf<Job> =
  Job extends JobDefinition<Any, Any, infer Input, Any>
    ? Input
    : Job extends ExternalDefinition<Any, Any, infer Input>
      ? Input
      : never;
/** The output of a run of this job. */
export type OutputOf<Job> =
  Job extends JobDefinition<Any, infer Output, Any, Any>
    ? Output
    : Job extends ExternalDefinition<Any, infer Output, Any>
      ? Output
      : never;

/** A name in that file. */
export type JobName = keyof JobTypes & string;

/** The definition of a job whose file exports it, or a mere function. */
export type JobOf<Export> = Export extends AnyJob
  ? Export
  : Export extends (params: infer Params, ctx: Any) => infer Output
    ? JobDefinition<Params, Awaited<Output>, Params, Any>
    : AnyJob;

/** The same, and any name where there is no such file. */
export type KnownName = [JobName] extends [never] ? string : JobName;

export type NamedJob<Name extends string> = Name extends keyof JobTypes
  ? JobTypes[Name] extends AnyJob
    ? JobTypes[Name]
    : AnyJob
  : AnyJob;

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Any name where no file tells which there are, and where a definition is given as a type. */
export type OtherName<Job> = [JobName] extends [never]
  ? string
  : Same<Job, AnyJob> extends true
    ? never
    : string;

declare const FAULT: unique symbol;

/** Stands for params that must be given. It fits nothing: the compiler's message has their names in it. */
export interface MissingParams<Names> {
  readonly [FAULT]: Names;
}

/** Stands for a name that no job has. */
export interface UnknownJob {
  readonly [FAULT]: never;
}

/** The fault of a call that gives no params, or no such job. A definition of which no more is known has none. */
export type FaultOf<Job> =
  Same<Job, AnyJob> extends true
    ? unknown
    : Job extends AnyJob
      ? MissingParams<RequiredIn<ParamsOf<Job>>>
      : Job extends KnownName
        ? MissingParams<RequiredIn<ParamsOf<NamedJob<Job>>>>
        : UnknownJob;

/** Params and more for a definition of which no more is known. */
export type AnyParamsAndMore<Job, More> =
  Same<Job, AnyJob> extends true ? [params?: Any, options?: More] : [];

type RequiredIn<Params> = keyof {
  [Name in keyof Params as Record<never, never> extends Pick<Params, Name> ? never : Name]: 1;
};

/** The same for a definition. A name of that file is left to the overload that looks it up there. */
export type OwnParamsAndMore<Job, More> =
  Same<Job, AnyJob> extends true
    ? [JobName] extends [never]
      ? [params?: Any, options?: More]
      : [params: never, options: never, more: never]
    : ParamsAndMore<Job, More>;

/** Params may be left out where all of them may. */
export type ParamsAndMore<Job, More> =
  Record<never, never> extends ParamsOf<Job>
    ? [params?: ParamsOf<Job>, options?: More]
    : [params: ParamsOf<Job>, options?: More];

/** The places where definitions were written: the stack of the call, formatted only when it is asked for. */
const places = new WeakMap<object, { readonly stack?: string }>();

/** The first line of the stack in which this definition was made; undefined where it did not come from `defineJob`. */
export const placeOf = (definition: object): string | undefined =>
  places.get(definition)?.stack?.split('\n')[1];

/**
 * A job whose runs programs outside take over HTTP: no `run`, and params may be plain JSON Schema. `lockTime` is how
 * long such a program may be silent, by default 1h.
 */
export interface ExternalDefinition<Params, Output, Input = Params>
  extends Omit<JobDefinition<Params, Output>, 'run' | 'initialize' | 'params'> {
  readonly external: true;
  /** A validator, or JSON Schema as an object. */
  readonly params?: StandardSchema<Input, Params> | Readonly<Record<string, unknown>>;
}

/**
 * Gives a job its types; it returns what it is given.
 *
 * @example
 * export default defineJob({
 *   params: z.object({ file: z.string() }),
 *   retries: 3,
 *   timeout: '10m',
 *   async run({ file }, ctx) {
 *     ctx.progress(50, file);
 *     return { rows: 12 };
 *   },
 * });
 */
// biome-ignore lint/suspicious/noExplicitAny: without a schema nothing says what it is
export function defineJob<Params = any, Output = any, Input = Params>(
  definition: ExternalDefinition<Params, Output, Input>,
): ExternalDefinition<Params, Output, Input>;
// biome-ignore lint/suspicious/noExplicitAny: without a schema the author's own annotation, or nothing, says what it is
export function defineJob<Params = any, Output = unknown, Input = Params, Checkpoint = any>(
  definition: JobDefinition<Params, Output, Input, Checkpoint>,
): JobDefinition<Params, Output, Input, Checkpoint>;
export function defineJob(definition: unknown): unknown {
  if (typeof definition === 'object' && definition !== null) {
    const place = {};
    Error.captureStackTrace(place, defineJob);
    places.set(definition, place);
  }
  return definition;
}

/**
 * Thrown by a job: the run fails at once, whatever `retries` says. Any error with `retryable: false` does the same.
 *
 * @example throw new FatalError('this account is closed');
 */
export class FatalError extends Error {
  override readonly name: string = 'FatalError';
  readonly retryable = false;
}

/**
 * Thrown by a job: this attempt does not count, the run is due again at that Date or after that duration.
 *
 * @example throw new RetryAt('15m', 'the service asks for patience');
 */
export class RetryAt extends Error {
  override readonly name: string = 'RetryAt';
  readonly [RETRY_AT]: Date | Duration;

  constructor(when: Date | Duration, message = 'to be tried again later') {
    super(message);
    if (when instanceof Date) durationMs(Math.abs(when.getTime()), 'RetryAt');
    else durationMs(when, 'RetryAt');
    this[RETRY_AT] = when;
  }
}
