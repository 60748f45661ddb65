// The data of a run. Its state is a union that carries what belongs to that state, so that a queued run with an output
// cannot be written down. Runs are never changed, only replaced: prev and next differ by the fields that changed, and
// that difference is what the journal keeps. A million of them wait in memory, so what most runs do not have (`origin`,
// `life`) is null until it is needed.
import type { Json } from '../support/json.ts';
import type { Steps } from './steps.ts';

/** `aside`: why what was stored of it makes no sense, until a person has looked (stored-run.ts). */
export type RunState =
  | ({ readonly name: 'scheduled' } & Due)
  | ({ readonly name: 'waiting'; readonly for: 'runs' | 'result' } & Due)
  | ({ readonly name: 'queued' } & Due)
  | { readonly name: 'running'; readonly dueAt: number }
  | {
      readonly name: 'done';
      readonly dueAt: number;
      readonly settledAt: number;
      readonly output: Json;
      readonly aside?: string;
    }
  | {
      readonly name: 'failed';
      readonly dueAt: number;
      readonly settledAt: number;
      readonly error: RunError;
      readonly aside?: string;
    }
  | {
      readonly name: 'aborted';
      readonly dueAt: number;
      readonly settledAt: number;
      readonly reason: string;
      readonly aside?: string;
    };

/** When something is due. If a duration was asked for and no instant, `waitMs` is that duration: see waits.ts. */
export interface Due {
  readonly dueAt: number;
  readonly waitMs?: number;
}

export type StateName = RunState['name'];
export type SettledName = Extract<RunState, { readonly settledAt: number }>['name'];

export const STATE_NAMES: readonly StateName[] = [
  'scheduled',
  'waiting',
  'queued',
  'running',
  'done',
  'failed',
  'aborted',
];

export const SETTLED: readonly StateName[] = ['done', 'failed', 'aborted'];
export const UNSETTLED: readonly StateName[] = ['scheduled', 'waiting', 'queued', 'running'];

export type Counts = Readonly<Record<StateName, number>>;

export interface Run {
  readonly id: number;
  readonly job: string;
  readonly params: Json;
  readonly priority: number;
  readonly createdAt: number;
  readonly state: RunState;
  readonly origin: Origin | null;
  readonly life: Life | null;
}

/** The context that it was asked for in, in the words of `traceparent` and `tracestate`. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate: string | null;
}

/** A program that was typed in a shell, and the folder where it was. */
export interface TypedCommand {
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
}

/** How the run was asked for, beyond job, params and time. */
export interface Origin {
  /** Starts this program. No request can change it; the params only show it. */
  readonly command?: TypedCommand;
  readonly key?: string;
  readonly parent?: number;
  /** The trace of the caller. */
  readonly trace?: Trace;
  /** Runs that must be done before this one may start. */
  readonly after?: readonly number[];
  readonly schedule?: string;
  /** The text that the job's `lock` function made of the params: one run at a time for each such text. */
  readonly lock?: string;
  /** Set for this run alone, in place of the job's. Null is no limit. */
  readonly retries?: number | null;
  readonly timeoutMs?: number;
  /** Most attempts as of acceptance, where it is not one. Null is no limit. */
  readonly maxAttempts?: number | null;
}

/** The history of a run since its first attempt began. */
export interface Life {
  /** Attempts begun that count. The next one has the number after it, also where the latest had that number. */
  readonly attempt: number;
  /**
   * The number of these that do not count against the limit: those before the last `retry`, and those lost by a
   * neighbour.
   */
  readonly renewedAfter?: number;
  /** Lost and stale attempts since then. */
  readonly losses?: number;
  /** Most attempts as of the latest start. Null is no limit. */
  readonly maxAttempts: number | null;
  /** When the latest attempt began. */
  readonly startedAt: number;
  /** The first, and the latest ones; `dropped` says how many between them are no longer kept. */
  readonly attempts: readonly Attempt[];
  readonly dropped?: number;
  readonly initialized?: boolean;
  readonly checkpoint?: Json;
  /** Rows of the result table that belong to the checkpoint; the next attempt goes on after them. */
  readonly rows?: number;
  /** The size of these rows as JSON. */
  readonly rowBytes?: number;
  readonly steps?: Steps;
  readonly progress?: Progress;
  /** Missing where no worker outside ever took the run. */
  readonly taken?: Taken;
  /** Given with a call-back: shown until the run is settled. */
  readonly output?: Json;
  /** An abort that was asked for while an attempt was under way, with its reason: it outlives the daemon. */
  readonly abort?: string;
  /** The grace that was asked for with it, where it is not the job's. */
  readonly abortGraceMs?: number;
}

/** How a worker outside took the run last. */
export interface Taken {
  /** The number of its attempt, and which take of that number it was. */
  readonly attempt: number;
  readonly take: number;
  readonly worker: string;
  /** When the worker was heard, as far as that is noted. */
  readonly heardAt: number;
  /** The end of the time in which it may be silent, without the margin. */
  readonly until: number;
}

export interface Progress {
  readonly percent: number;
  readonly text: string | null;
}

export interface RunError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export const OUTCOME_NAMES = [
  'returned',
  'threw',
  'timeout',
  'stale',
  'aborted',
  'lost',
  'stopped',
  'callback',
  'pending',
] as const;

export type AttemptOutcome = (typeof OUTCOME_NAMES)[number];

export interface Attempt {
  readonly number: number;
  readonly startedAt: number;
  readonly pid: number;
  /** The machine that it ran on; missing where all do on one. */
  readonly host?: string;
  /** The program outside that had it. */
  readonly worker?: string;
  readonly endedAt?: number;
  readonly outcome?: AttemptOutcome;
  readonly error?: RunError;
  readonly exitCode?: number;
  readonly signal?: string;
}

/** A request for a run, checked and with defaults filled in, before it has an id. */
export interface Draft {
  readonly job: string;
  readonly params: Json;
  readonly priority: number;
  /** Null: at once. */
  readonly dueAt: number | null;
  readonly waitMs?: number;
  readonly origin: Origin | null;
}

export const isSettled = (run: Run): boolean => isSettledName(run.state.name);

export const isSettledName = (name: StateName): boolean =>
  name === 'done' || name === 'failed' || name === 'aborted';

/** A run as it is accepted: waiting for others, due later, or queued. */
export function newRun(id: number, draft: Draft, now: number, waits: boolean): Run {
  const due: Due = { ...draft, dueAt: draft.dueAt ?? now };
  return {
    id,
    job: draft.job,
    params: draft.params,
    priority: draft.priority,
    createdAt: now,
    state: waits ? { name: 'waiting', ...dueOf(due), for: 'runs' } : stateForTime(due, now),
    origin: draft.origin,
    life: null,
  };
}

export const stateForTime = (due: Due, now: number): RunState =>
  due.dueAt > now ? { name: 'scheduled', ...dueOf(due) } : queuedSince(due.dueAt);

/** Nothing else of what stands beside it. */
const dueOf = ({ dueAt, waitMs }: Due): Due =>
  waitMs === undefined ? { dueAt } : { dueAt, waitMs };

let latest: RunState & { readonly name: 'queued' } = { name: 'queued', dueAt: Number.NaN };

/**
 * States are never changed, so runs that fell due together share one: of a million that wait that is 56 MB. A length is
 * kept, so that a wait that is over differs from one that goes on by its name alone: that is not written down.
 */
export function queuedSince(dueAt: number, waitMs?: number): RunState {
  if (latest.dueAt !== dueAt || latest.waitMs !== waitMs)
    latest = { name: 'queued', ...dueOf(waitMs === undefined ? { dueAt } : { dueAt, waitMs }) };
  return latest;
}

/**
 * True if the run gets a process of its own, also if its job shares one: its last attempt ended with its process, so it
 * may be the one that ends it.
 */
export function runsAlone({ life }: Run): boolean {
  const last = life?.attempts.findLast((attempt) => attempt.outcome !== undefined);
  return last?.exitCode !== undefined || last?.signal !== undefined;
}

/** The number of the latest attempt begun, whatever came of it; 0 before the first. */
export const latestAttempt = ({ life }: Run): number =>
  life?.attempts.at(-1)?.number ?? life?.attempt ?? 0;

/** The run with what its attempt has last said of its progress, if anything. */
export const withProgress = (run: Run, progress: Progress | null): Run =>
  progress && run.life ? { ...run, life: { ...run.life, progress } } : run;

/** Why a run was set aside; null where it was not. */
export const asideOf = ({ state }: Run): string | null =>
  'aside' in state && state.aside !== undefined ? state.aside : null;

/** It was set aside before it had ended: what waits for it goes on waiting. */
export const isHeldUp = (run: Run): boolean => run.state.name === 'failed' && asideOf(run) !== null;
