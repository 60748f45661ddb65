// The runner of attempts, as the daemon sees it: a worker process or the process of a command job. The code that drives
// an attempt does not care which.
import type { Death } from '../run/outcome.ts';
import type { LogLine } from '../run/view.ts';
import type { OnUndying, WorkerIdentity } from './death.ts';
import { FORGED, type FromRun, type ToWorker } from './messages.ts';

export interface Runner extends WorkerIdentity {
  /** Starts a run (`run`), aborts it, answers it. Never throws: what cannot arrive shows as the exit. */
  send(message: ToWorker): void;
  /** Hands what comes from this run to the listener, until `unlisten` is called for it. */
  listen(run: number, listener: RunListener): void;
  /** A worker that serves a hundred thousand runs keeps nothing of those that are over. */
  unlisten(run: number, listener: RunListener): void;
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

/** An object instead of three functions: a thousand attempts listen at once. */
export interface RunListener {
  onMessage(message: FromRun): void;
  /** The process has ended. */
  onExit?(exit: Exit): void;
  /** The process is there, the file is loaded, and the job's own code begins. */
  onStarted?(): void;
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
  /** The reason of that, in one line. */
  readonly why?: string;
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
  if (exit.outOfMemory) return `out of memory (${how})`;
  return exit.why === undefined ? how : `${exit.why} (${how})`;
}

/** Notes that a process could not be started, and why, or, with null, that one has started. */
export type OnStart = (problem: string | null) => void;

/** Output that no run can be named for. */
export type Stray = (line: Pick<LogLine, 'stream' | 'text'>, mark: string) => void;
