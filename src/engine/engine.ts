// The seam behind which runs and schedules are kept and handed out. One interface, so that the same jobs can run on
// another store; the rules are in run/ and come in as functions from a run to the run as it is next, so no two engines
// can disagree.
//
// Every changing method is atomic and resolves when its effect is durable; it rejects with nothing changed. Reads may
// see changes that are not yet durable: a caller that reports them waits for `durable()` first.

import type { Taken } from '../run/intake.ts';
import type { ClockMark } from '../run/keep-clock.ts';
import type { JobLimits, WorkerKind } from '../run/pick.ts';
import type { Policy } from '../run/policy.ts';
import type { Counts, Draft, Run, SettledName, StateName } from '../run/run.ts';
import type { Schedule } from '../run/schedule.ts';
import type { Words } from '../run/words.ts';
import type { JobrunError } from '../support/errors.ts';
import type { Token, WorkerRef } from './members.ts';

export interface Engine {
  /**
   * Takes in runs, all or none, with ids in order; a draft whose key an unsettled run of its job has gives that run. A
   * `request` that comes again gets the runs of the first time, also where they have been removed since. `once` leaves
   * out what is for a job that has a run already. An error of the check of `under` is passed on, and nothing was taken
   * in.
   */
  accept(drafts: readonly Draft[], now: number, how?: How): Promise<Accepted[]>;
  /**
   * Does what the clock alone changes: queues what has become due. Durations end when they would have ended, also where
   * the clock was set. Returns when to look again: a run becomes due or a rate-limited job gets a place; null where
   * nothing waits for a time.
   */
  advance(now: number): Promise<number | null>;
  /**
   * Hands out the next queued runs for workers of a kind, at most `most`, each with a lease for the worker that
   * `workerFor` names for it, as it is before it starts; fewer where fewer may start. `workerFor` may be asked for runs
   * that are not claimed in the end. With `only` it is that run or none. To ask is cheap where nothing may start. `now`
   * and `most` as functions are asked within the commit: on a store that may be seconds later, when other hosts have
   * had theirs, and when a claim that was asked for before has taken its workers.
   */
  claim(want: Want, workerFor: (run: Run) => WorkerRef, now: Late): Promise<Claimed[]>;
  /** Replaces a run by what `decide` makes of it. An error of `decide` is passed on, and nothing has changed. */
  change(id: number, decide: (run: Run) => Run): Promise<Run>;
  /** The same for the holder of a lease. Null, with nothing changed, where the token is no longer in force. */
  changeHeld(id: number, token: Token, decide: (run: Run) => Run): Promise<Run | null>;
  /** Forgets settled runs; throws where one is not settled or not there. */
  remove(ids: readonly number[]): Promise<void>;
  /** Stops or lets go the start of runs: of all jobs, or of one. */
  pause(target: PauseTarget, paused: boolean): Promise<void>;
  /**
   * Replaces a schedule by what `decide` makes of it as it is now; null is none, before and after. An error of `decide`
   * is passed on, and nothing has changed.
   */
  changeSchedule(
    name: string,
    decide: (schedule: Schedule | null) => Schedule | null,
  ): Promise<Schedule | null>;
  /**
   * Asks of each of these schedules, as it is now and with its unsettled runs, what it makes. The schedule and its runs
   * are one commit: a slot cannot fire twice. Returns those that made something of it.
   */
  fire(
    names: readonly string[],
    decide: (schedule: Schedule, unsettled: readonly Run[]) => Firing | null,
    now: number,
  ): Promise<readonly Fired[]>;
  /** The instant until which the clock is believed for removing history; null if none was noted. */
  clockMark(): Promise<ClockMark | null>;
  putClockMark(mark: ClockMark): Promise<void>;
  /** Sets where the limits of each job are read from; call again when they have changed. */
  configure(limitsOf: (job: string) => JobLimits, policyOf: (job: string) => Policy): void;

  find(id: number): Promise<Run | null>;
  /** The runs of a request that came before, as they are now, but for those that were removed; null where none came. */
  answered(request: string, now: number): Promise<Accepted[] | null>;
  /** `total` counts all that fit the filter, `runs` is the window asked for. */
  list(query: Query): Promise<Found>;
  /**
   * The same in parts, where runs have to be looked at one by one: what is found so far, again and again, and all of it
   * at last. Leaving the loop ends the search.
   */
  search(query: Query): AsyncIterable<Found>;
  /**
   * Settled runs in the order in which they settled, the first one first, some at a time, without their values; a batch
   * may be empty, and leaving the loop ends the search. None comes twice; what settles or goes on meanwhile may be
   * missing, or come as it was.
   */
  history(period?: Period): AsyncIterable<History>;
  counts(): Promise<Counts>;
  countsByJob(): Promise<ReadonlyMap<string, Counts>>;
  /** The same list until one of them changes, and the same schedule until it does. */
  schedules(how?: {
    /** As `advance` saw them last is enough. It stirs where it sees that they have changed. */
    readonly lately?: boolean;
  }): Promise<readonly Schedule[]>;
  /** The runs of a schedule that are not settled, oldest first. */
  unsettledOf(schedule: string): Promise<readonly Run[]>;
  pauses(): Promise<Pauses>;
  /** Why each of these does not run, or null: of all that is shown at once, in one question. */
  why(runs: readonly Run[], now: number): Promise<readonly (string | null)[]>;
  /** The number of the last change of a run: there were as many. */
  changes(): Promise<number>;
  /** Calls back for each change once it is durable, in the order of commits, from any caller. Returns its undo. */
  onChange(listener: (change: ChangeEvent) => void): () => void;
  /** Calls back where something may be able to start, or to fire, that was not before. Returns its undo. */
  onStir(listener: () => void): () => void;
  /** Resolves when all that has been changed so far is durable. */
  durable(): Promise<void>;
  /** Returns the heap that the runs held in memory take, and the limit above which new ones are refused. */
  memoryUse(): Promise<MemoryUse>;
  /** Bytes that runs and their logs take; what was removed is no part of it. */
  size(): Promise<number>;
}

/** A number, or what tells it when it is needed. */
export type Late = number | (() => number);

export const numberOf = (late: Late): number => (typeof late === 'number' ? late : late());

export interface Want {
  readonly workerKind: WorkerKind;
  readonly most: Late;
  /** The jobs that an external worker asks for. */
  readonly jobs?: readonly string[] | undefined;
  readonly only?: number | undefined;
}

/** How runs are taken in: see `accept`. */
export interface How {
  readonly request?: string | undefined;
  readonly once?: boolean;
  readonly under?: Under;
}

/** A run that must be as its check wants it in the very commit. */
export interface Under {
  readonly run: number;
  readonly check: (run: Run | null) => void;
}

export interface Accepted extends Taken {
  /** Why it does not start at once, as `why` says it, at the moment of its acceptance: as durable as the run. */
  readonly reason: string | null;
}

export interface Claimed {
  readonly run: Run;
  readonly token: Token;
  readonly worker: WorkerRef;
}

/** The runs that a schedule makes, and the schedule after that. */
export interface Firing {
  readonly schedule: Schedule;
  readonly drafts: readonly Draft[];
}

export interface Fired {
  readonly schedule: Schedule;
  readonly runs: readonly Run[];
  /** Those of its runs before that have not settled. */
  readonly unsettled: readonly Run[];
}

export type PauseTarget = { readonly all: true } | { readonly job: string };

/** From when until before when. */
export interface Period {
  readonly from?: number;
  readonly until?: number;
  /** Tell of each run what it takes: that is work, and few ask. */
  readonly sized?: boolean;
}

export interface History {
  readonly runs: readonly SettledRun[];
  /** The runs that could not be read since the batch before; all others come. */
  readonly damage: readonly JobrunError[];
}

export interface SettledRun {
  readonly id: number;
  readonly job: string;
  readonly state: SettledName;
  readonly settledAt: number;
  /** Its size as JSON, with all its values. Only meaningful if the period asked for `sized`. */
  readonly bytes: number;
  /** It makes no sense, and waits until a person has looked. */
  readonly aside: boolean;
}

/** Bytes, estimated. */
export interface MemoryUse {
  readonly bytes: number;
  /** Null on a store, whose runs do not stay in memory. */
  readonly limit: number | null;
}

export interface Pauses {
  readonly all: boolean;
  readonly jobs: ReadonlySet<string>;
}

/** The words are looked for as run/words.ts says. */
export interface Query extends Words {
  readonly states?: readonly StateName[];
  readonly jobs?: readonly string[];
  readonly key?: string;
  /** Created at or after. */
  readonly since?: number;
  readonly offset?: number;
  readonly limit: number;
  /**
   * Only runs before this one: who goes through all by id misses none and meets none twice, whatever changes meanwhile.
   */
  readonly below?: number;
  /** If it is set, runs may be given without their params, output and what they have saved. */
  readonly light?: boolean;
  /**
   * By default the newest first. `due`: of the runs that wait, the next due first. `settled`: of the settled runs, the
   * last settled first. `below` is for the other two.
   */
  readonly order?: 'newest' | 'oldest' | 'due' | 'settled';
  /** A run whose place in the list is asked for. */
  readonly around?: number;
}

export interface Found {
  /** All that fit; while the search goes on, those that it has come across. */
  readonly total: number;
  readonly runs: readonly Run[];
  /** How many stand before the run asked for in `around`; null where it is not in the list. */
  readonly at: number | null;
  readonly complete: boolean;
  /** How many runs were looked through, where that is known. */
  readonly searched?: number;
  /** The parts of the state that could not be read; all else is found. */
  readonly damage?: readonly JobrunError[];
}

/** One durable change of a run; `prev` is null for a new one. `n` counts all changes there ever were. */
export interface Change {
  readonly n: number;
  readonly at: number;
  readonly prev: Run | null;
  readonly run: Run;
}

export interface ChangeEvent extends Change {
  /** Made through this engine: of all that share a store, the one that tells of it elsewhere. */
  readonly own: boolean;
}
