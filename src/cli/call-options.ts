// The options and replies of the library's calls: options are written here, replies are the commands' own types. All of
// it is part of what `import 'jobrun'` gives.
import type { OutputOf } from '../catalog/job.ts';
import type { AcceptedView } from '../commands/shared/replies.ts';
import type { StateName } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import type { Duration } from '../support/durations.ts';
import type { JobrunError } from '../support/errors.ts';

export type {
  Aborted,
  AcceptedView as Accepted,
  Details,
  EventView,
  GapView,
  JobView,
  Refused,
  Status,
} from '../commands/shared/replies.ts';
export type { StateName } from '../run/run.ts';
export type { ScheduleView } from '../run/schedule.ts';
export type { AttemptView, LogLine, RunView } from '../run/view.ts';
export type { Duration } from '../support/durations.ts';
export type { ErrorShape } from '../support/errors.ts';
export type { Json } from '../support/json.ts';

/** Carries the type of a run's output; no run has such a field. */
export declare const OUTPUT: unique symbol;

/** A run that was asked for by its job's definition: `result` gives what that job gives. */
export type AcceptedOf<Job> = AcceptedView & { readonly [OUTPUT]?: OutputOf<Job> };

/** Options of one run. Durations are milliseconds, or texts such as `90s`, `20m`, `1h30m`, `2d`. */
export interface RunOptions {
  /** When it is due: a Date, an ISO text, or milliseconds since 1970. Default: now. */
  readonly at?: Date | string | number;
  /** How long from now. Excludes `at`. */
  readonly in?: Duration;
  /** Higher runs first. Default: the job's, else 1. */
  readonly priority?: number;
  /** If a run of this job with this key has not finished, that run is returned instead of a new one. */
  readonly key?: string;
  /** Further attempts after the first, in place of the job's. */
  readonly retries?: number;
  /** Longest time of one attempt, in place of the job's. */
  readonly timeout?: Duration;
  /** Ids of runs that must be done before. */
  readonly after?: readonly string[];
  /** The trace that it belongs to. Default: the active context of `@opentelemetry/api`, if this program has it. */
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** With `every` or `cron` it is no run but a schedule that makes runs. */
export interface RuleOptions {
  /** Again this long after the previous run ended; at least 1s. Excludes `cron`. */
  readonly every?: Duration;
  /** 5 or 6 fields, or `@daily` and its kind. */
  readonly cron?: string;
  /** The zone of `cron`. Default: the config's, else the one of this process. */
  readonly timezone?: string;
  /** The schedule's name. Default: the job's. */
  readonly name?: string;
  /** The handling of due times that were missed. Default `once`. */
  readonly catchUp?: 'skip' | 'once' | 'all';
  /** The handling of a schedule that fires while its previous run is not settled. Default `skip`. */
  readonly overlap?: 'skip' | 'queue' | 'replace' | 'allow';
  /** Takes the place of the schedule of this name; without it that is `refused`. */
  readonly replace?: boolean;
  readonly priority?: number;
  readonly at?: Date | string | number;
}

export interface ListFilter {
  readonly state?: StateName | readonly StateName[];
  readonly job?: string;
  readonly group?: string;
  readonly key?: string;
  /** Accepted since then. */
  readonly since?: Date | string | number;
  /** Default 50, at most 10,000. */
  readonly limit?: number;
  /** Leaves out the first ones. Default 0. */
  readonly offset?: number;
}

/** The error of `result` for a run that failed or was aborted. */
export interface RunEndedError extends JobrunError {
  readonly code: 'run-failed' | 'run-aborted';
  readonly run: RunView;
}
