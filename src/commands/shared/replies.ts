// The replies that the library gives as they are: their types are part of what `import 'jobrun'` gives, and nothing
// that reads a command line belongs to them.
import type { Gap } from '../../api/feed.ts';
import type { Watch } from '../../catalog/watcher.ts';
import type { MemoryUse } from '../../engine/engine.ts';
import type { Counts, StateName } from '../../run/run.ts';
import type { ScheduleView } from '../../run/schedule.ts';
import type { AttemptView, LogLine, RunView } from '../../run/view.ts';
import type { ErrorShape } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';

/** Part of a reply to what was typed; no part of what `--json` prints. */
export interface TextNote {
  readonly textNote?: string;
}

export type AcceptedView = RunView & TextNote & { readonly existing?: true };

/** Over, and how long that took. */
export interface Aborted {
  readonly id: string;
  readonly state: StateName;
  readonly tookMs: number;
}

/** The error for this one, in its place among the others. */
export interface Refused {
  readonly id: string;
  readonly error: ErrorShape;
}

/** All of one run. */
export type Details = RunView & {
  readonly attempts: readonly AttemptView[];
  readonly results: readonly Json[];
  readonly log: readonly LogLine[];
  /** The address of the trace of its latest attempt, where the config has one for traces. */
  readonly traceUrl?: string;
};

/** A job: its definition as far as it is known, its schedule, and how many runs it has in each state. */
export interface JobView {
  readonly name: string;
  readonly state: 'ok' | 'broken' | 'paused' | 'missing';
  readonly description: string | null;
  readonly group: string | null;
  readonly file: string | null;
  readonly error: string | null;
  readonly schedule: ScheduleView | null;
  /** JSON Schema, where the job's validator offers one. */
  readonly params: Json;
  /** Programs outside take its runs over HTTP. */
  readonly external: boolean;
  readonly counts: Counts;
  /** The hosts with a daemon that lives and can run it; without a store, this one. */
  readonly hosts: readonly string[];
}

/** A daemon that is at work, on this machine or on another that shares the store. */
export interface HostView {
  /** Tells apart two that are called the same. */
  readonly id: number;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
  readonly version: string;
  readonly workers: { readonly busy: number; readonly total: number };
  /** `silent`: it has missed renewals of its lease, and is given up when that is over. */
  readonly state: 'alive' | 'silent';
  readonly silentMs: number;
  readonly jobs: readonly string[];
}

/** The daemon, or what the files say where none runs. */
export interface Status {
  /** True if any daemon is alive. */
  readonly running: boolean;
  /** The daemon of this state folder; null if none runs there. */
  readonly pid: number | null;
  readonly since: string | null;
  readonly version: string;
  readonly dir: string;
  readonly jobs: string;
  readonly state: string;
  /** How this machine is called. */
  readonly host: string;
  /** `json`, or the URL of the store without its password. */
  readonly engine: string;
  /** All daemons that share the store; without one, the daemon. */
  readonly hosts: readonly HostView[];
  /** The sum over all that are alive. */
  readonly workers: { readonly busy: number; readonly total: number };
  readonly counts: Counts;
  readonly broken: readonly string[];
  /** The jobs that start nothing new until they are resumed. */
  readonly paused: { readonly all: boolean; readonly jobs: readonly string[] };
  /**
   * Bytes of memory that runs take in the process that answers, and the limit above which new ones are refused: null on
   * a store.
   */
  readonly memory: MemoryUse;
  /** The address that the daemon serves HTTP on; null where it does not, or none runs. */
  readonly http: string | null;
  /** How the daemon notices changes of job files; null where none runs. */
  readonly watch: Watch | null;
  /** Programs that take runs of external jobs, heard within the last minute. */
  readonly external: readonly ExternalWorkerView[];
  /** Only where it was asked for. */
  readonly overview?: Overview;
}

export interface ExternalWorkerView {
  readonly name: string;
  readonly jobs: readonly string[];
  readonly seenAt: string;
  /** The runs that it has. */
  readonly running: number;
}

/** How much there is of everything, and how it goes. */
export interface Overview {
  readonly jobs: number;
  readonly schedules: number;
  readonly throughput: Throughput;
}

/** Runs that ended, minute by minute, the present one last; null for a minute that was not counted. */
export interface Throughput {
  readonly ended: readonly (number | null)[];
  /** The failed ones among them. */
  readonly failed: readonly (number | null)[];
}

export interface EventView {
  readonly n: number;
  readonly at: string;
  readonly type: EventType;
  readonly run: RunView;
}

export type GapView = Gap;

export type EventType =
  | 'run.accepted'
  | 'run.scheduled'
  | 'run.queued'
  | 'run.waiting'
  | 'run.started'
  | 'run.progress'
  | 'run.saved'
  | 'run.updated'
  | 'run.retrying'
  | 'run.settled';
