// The runner of attempts, as the daemon sees it: a worker process or the process of a command job. The code that drives
// an attempt does not care which.
import type { Death } from '../run/outcome.ts';
import type { LogLine } from '../run/view.ts';
import type { OnUndying, WorkerIdentity } from './death.ts';
import { FORGED, type FromRun, type ToWorker } from './messages.ts';

export interface Runner extends WorkerIdentity {
  /** Starts a run (`run`), aborts it, answers it. Never throws: what cannot arrive shows as the exit. */
  send(message: ToWorker): void;
  /**
   * Hands the messages of this run to the listener, and the end of the process to `gone`, until the returned undo is
   * called: a worker that serves a hundred thousand runs keeps nothing of those that are over. `started` hears when the
   * process is there, the file is loaded, and the job's own code begins.
   */
  listen(
    run: number,
    listener: (message: FromRun) => void,
    gone?: (exit: Exit) => void,
    started?: () => void,
  ): () => void;
  /** Files of jobs that have started in it: what they load is loaded. */
  readonly loaded: Set<string>;
  /** How the process ended, after its last message was handed out. */
  readonly exited: Promise<Exit>;
  /** Null while it lives. */
  readonly exit: Exit | null;
  /**
   * Ends the process and all that it started; resolves when none of it lives. SIGTERM first, unless forced. With
   * `together` the look for it waits a moment for others that end, if no caller waits.
   */
  end(options?: EndRunner): Promise<void>;
}

export interface EndRunner {
  readonly force?: boolean;
  readonly together?: boolean;
  readonly onUndying?: OnUndying;
}

/** One of the two is null. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The heap of the process was full. */
  readonly outOfMemory?: true;
  /** It ended by itself before it was ready: no code of a job has run in it. */
  readonly unready?: true;
  /** It was ended, for it had said what no worker says. */
  readonly forged?: true;
}

/** As an attempt keeps it. */
export const deathOf = ({ exitCode, signal }: Exit): Partial<Death> => ({
  ...(exitCode !== null && { exitCode }),
  ...(signal !== null && { signal }),
});

/** `exit code 3`, `signal SIGSEGV`. */
export function exitText(exit: Exit): string {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  if (exit.forged) return `${FORGED} (${how})`;
  return exit.outOfMemory ? `out of memory (${how})` : how;
}

/** Output that no run can be named for. */
export type Stray = (line: Pick<LogLine, 'stream' | 'text'>, mark: string) => void;
