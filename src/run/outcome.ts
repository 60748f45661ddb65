// How an attempt ended, as data. A job that fails is never an exception in the daemon: it is one of these. Also which
// endings look like the work of a signal that stops things. A supervisor that stops the daemon often sends its signal
// to everything below it as well, and an attempt that dies of that has not failed.
import type { Json } from '../support/json.ts';
import type { Due, RunError } from './run.ts';

export type Outcome =
  | { readonly kind: 'returned'; readonly output: Json }
  | ({
      /** The function threw, or its process ended: then with exit code or signal. */
      readonly kind: 'threw';
      readonly error: RunError;
      /** The error itself said that another try is useless. */
      readonly fatal?: boolean;
      /** The job's file could not be loaded: nothing of the run was done. */
      readonly unloaded?: boolean;
      /** It could not be, because something that it imports was not there. */
      readonly missing?: boolean;
      /** The job itself lacks a package that its code names, which it asked for while it ran. */
      readonly lacks?: Lack;
      /** A process that the job waited for was ended by a signal that stops things. */
      readonly childStopped?: boolean;
      readonly decision?: Decision;
    } & Partial<Death>)
  | ({ readonly kind: 'timeout' } & Overdue)
  | ({ readonly kind: 'stale' } & Overdue)
  | ({
      readonly kind: 'callback';
      readonly output?: Json;
      readonly error?: RunError;
    } & Due)
  | { readonly kind: 'pending' }
  | ({ readonly kind: 'aborted'; readonly reason: string } & CutOff)
  /** The daemon was cut off, or, with a `Death`, a process ended that several runs shared. */
  | ({
      readonly kind: 'lost';
      /** The daemon was cut off from its store: it ended the attempt itself, or another daemon has taken over. */
      readonly handedOn?: true;
    } & Partial<Death> &
      CutOff)
  | { readonly kind: 'stopped' };

/** A package, or a file of one, that was not there. */
export interface Lack {
  /** The name of the package, or the path of the file. */
  readonly what: string;
  /** The file that asked for it. */
  readonly from: string;
  /** As people are shown it, with the place in the job's file. */
  readonly problem: string;
}

/** With a `Death` where it had to be ended in a shared process, which took its neighbours with it. */
interface Overdue extends Partial<Death> {
  readonly error: RunError;
  readonly decision?: Decision;
}

/**
 * The instant at which the attempt was last known to be alive, if the daemon was cut off. It ended then, not when that
 * was found.
 */
interface CutOff {
  readonly aliveAt?: number;
}

/** How a process ended. */
export interface Death {
  readonly exitCode: number;
  readonly signal: string;
}

/** The decision of `onError` about a failure. */
export type Decision = 'dismiss' | { readonly retryAt: number; readonly waitMs?: number };

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * The exit codes of a shell, and of a program that catches the signal: 128 and the number of SIGHUP, SIGINT or SIGTERM.
 */
const STOP_EXIT_CODES: readonly unknown[] = [129, 130, 143];

export const isStopSignal = (name: unknown): boolean =>
  STOP_SIGNALS.some((signal) => signal === name);

export const isStopExitCode = (code: unknown): boolean => STOP_EXIT_CODES.includes(code);

/** True where a signal that stops things ended the process, or one that the job waited for. */
export function looksStopped(outcome: Outcome): boolean {
  if (outcome.kind !== 'threw') return false;
  return (
    outcome.childStopped === true ||
    isStopSignal(outcome.signal) ||
    isStopExitCode(outcome.exitCode)
  );
}
