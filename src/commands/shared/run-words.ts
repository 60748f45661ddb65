// The words of a row about a run, in the command line and in the dashboard: how far it is, why it waits, how it ended,
// and how long that took.
import type { WorkerView } from '../../run/view.ts';
import { isoOf } from '../../support/clock.ts';
import { instantOf } from './times.ts';
import type { ShortRun } from './views.ts';

/** The worker that has a running run. */
export const workerText = (worker: WorkerView): string =>
  'name' in worker ? `${worker.name} (outside)` : `pid ${worker.pid}`;

/** How far it is, or why it is where it is. */
export function sayOf(run: ShortRun): string {
  const { state, progress, reason, error, schedule } = run;
  const text = progress.text ?? '';
  switch (state) {
    case 'running':
      return `${Math.floor(progress.percent)}% ${text}`.trim();
    case 'done':
      return text;
    case 'failed':
      return error?.message ?? '';
    case 'aborted':
    case 'waiting':
      return reason ?? '';
    case 'queued':
      return reason ?? 'waits for a worker';
    case 'scheduled': {
      const why = reason ?? error?.message ?? '';
      const said = [retryText(run), why].filter(Boolean).join(': ');
      return said || (schedule === null ? '' : `by ${schedule}`);
    }
  }
}

/**
 * The next attempt of a run that waits for a retry: `try 2 of 6`. Empty where the latest attempt did not fail: after a
 * call-back the next attempt has the same number again.
 */
function retryText({ attempt, maxAttempts, error }: ShortRun): string {
  if (attempt === 0 || error === null) return '';
  if (maxAttempts === null) return `try ${attempt + 1}`;
  return attempt < maxAttempts ? `try ${attempt + 1} of ${maxAttempts}` : '';
}

/** The instant that matters most of it: when it ended, began, or is due. */
export function whenOf({ state, settledAt, startedAt, dueAt }: ShortRun): string {
  if (settledAt !== null) return settledAt;
  return state === 'running' ? (startedAt ?? dueAt) : dueAt;
}

/** How long the latest attempt took, or with `now` has taken so far; null where there was none, or none goes on. */
export function tookMs(run: ShortRun, now?: number): number | null {
  const present = run.state === 'running' ? now : undefined;
  const end = run.settledAt === null ? present : instantOf(run.settledAt);
  if (run.startedAt === null || end === undefined) return null;
  return Math.max(0, end - instantOf(run.startedAt));
}

/**
 * The remaining time, estimated after 10 % and 10 seconds: earlier estimates are unstable. Null where there is none.
 */
export function leftMs(run: ShortRun, now: number): number | null {
  const { state, progress, attempt } = run;
  const spent = tookMs(run, now) ?? 0;
  if (state !== 'running' || attempt > 1 || progress.percent < 10 || spent < 10_000) return null;
  return (spent * (100 - progress.percent)) / progress.percent;
}

/** The source of the runs that are shown. */
export interface Beat {
  readonly now: number;
  /** No daemon runs. */
  readonly offline: boolean;
  /** The instant at which the daemon before was last known to be alive; null if unknown. */
  readonly aliveAt: number | null;
}

/** When a running run was last known to be alive, where no daemon runs; null where that is now, or it does not run. */
export function lastAlive(run: ShortRun, { now, offline, aliveAt }: Beat): string | null {
  if (!offline || run.state !== 'running') return null;
  const startedAt = instantOf(run.startedAt ?? run.dueAt);
  return isoOf(Math.min(now, Math.max(startedAt, aliveAt ?? startedAt)));
}
