// Signals that stop things, and failures that look like the work of one. A supervisor that stops the daemon often sends
// its signal to everything below it as well: what dies of that has not failed.
import type { Outcome } from './outcome.ts';

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What a shell, and a program that catches the signal, exits with: 128 and the number of SIGHUP, SIGINT or SIGTERM. */
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
