// Outside workers, as commands ask the daemon for them: users' programs that take runs of external jobs over HTTP.
import type { SeenWorker } from '../../engine/members.ts';
import type { Outcome } from '../../run/outcome.ts';
import type { Draft, Progress, Run } from '../../run/run.ts';
import type { LogLine } from '../../run/view.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';

export interface OutsideWorkers {
  /** Resolves with runs that are taken, durably; with none where there was nothing for as long as it may wait. */
  take(asking: Asking, signal: AbortSignal): Promise<readonly Run[]>;
  /** Carries out a message; it is durable when this resolves. Throws `lost-lease` where the lease is not in force. */
  hear(message: Message): Promise<Heard>;
  /** Ends the attempt under a lease. */
  end(ending: Ending): Promise<Run>;
  /** Those that were heard of late. */
  seen(): readonly SeenWorker[];
}

export interface Asking {
  readonly jobs: readonly string[];
  readonly worker: string;
  readonly count: number;
  readonly waitMs: number;
}

export type SaidLine = Pick<LogLine, 'level' | 'text' | 'fields'>;

export interface Message {
  readonly lease: string;
  readonly progress?: Progress;
  readonly log: readonly SaidLine[];
  readonly save?: Json;
  readonly rows: readonly Json[];
  /** Makes the runs that it asks for, with the run as their parent. */
  readonly emit: (parent: Run) => Promise<readonly Draft[]>;
  readonly extendMs?: number;
  /** The id of the request: what makes runs is done once for each. */
  readonly request: string | undefined;
}

export interface Heard {
  /** The end of the time in which the worker may be silent. */
  readonly leaseUntil: number;
  /** Why the run was aborted: the worker is to stop. */
  readonly abort: string | null;
  readonly emitted: readonly number[];
}

export interface Ending {
  readonly lease: string;
  readonly outcome: Outcome;
  readonly save?: Json;
}

export function lostLease(lease: string): JobrunError {
  const hint = 'Stop working on it: the run is over, or another worker has it.';
  return new JobrunError('lost-lease', `the lease ${lease} is not in force`, hint);
}
