// The messages between the daemon and a worker process, over a pipe of their own (descriptor 3): one JSON text a line,
// many lines a write. Nothing that a job prints or sends elsewhere can be taken for one of these.
import type { JobFile, Program } from '../catalog/catalog.ts';
import type { Outcome } from '../run/outcome.ts';
import type { RunError } from '../run/run.ts';
import type { StepValues } from '../run/steps.ts';
import type { AttemptTrace } from '../run/trace.ts';
import type { LogLine, RunView } from '../run/view.ts';
import { toJobrunError } from '../support/errors.ts';
import { type Json, parseJson } from '../support/json.ts';
import { MAX_FRAME_BYTES } from '../support/limits.ts';
import type { Left } from './traces.ts';

/** Everything an attempt needs to know. Each message about it carries its `run`. */
export interface Assignment {
  readonly run: number;
  readonly job: string;
  readonly program: Program;
  readonly attempt: number;
  readonly fence: number;
  readonly params: Json;
  readonly dueAt: number;
  readonly schedule: string | null;
  readonly initialized: boolean;
  /** Missing where nothing was saved. */
  readonly checkpoint?: Json;
  readonly rows: number;
  readonly rowBytes: number;
  readonly steps: StepValues;
  /** The worker sends `started` before it calls the job's own code. */
  readonly reportStart: boolean;
  readonly trace: AttemptTrace;
}

/** The file of a job whose code a worker runs. */
export function fileOf({ program, job }: Assignment): string {
  if (program.kind === 'file') return program.file;
  throw new Error(`${job} has no file that a worker could load`);
}

export type AbortCause = 'abort' | 'start' | 'timeout' | 'stale' | 'shutdown' | 'fence';
export type HookName = 'onError' | 'onStale' | 'onDone' | 'onFailed';

/** A message that is answered with `result`, before it has its number. */
export type Call =
  | {
      readonly type: 'hook';
      readonly hook: HookName;
      readonly assignment: Assignment;
      readonly error?: RunError;
      readonly output?: Json;
    }
  /** Load this file and say what it defines: `dataToJson` of catalog/definition. */
  | {
      readonly type: 'inspect';
      readonly file: JobFile;
      readonly defaults: Readonly<Record<string, unknown>>;
      readonly timeoutMs: number;
    }
  | { readonly type: 'check'; readonly file: string; readonly list: readonly Json[] }
  | { readonly type: 'next'; readonly file: string; readonly last: RunView | null };

/** From the daemon to the worker. */
export type ToWorker =
  | { readonly type: 'run'; readonly assignment: Assignment }
  | {
      readonly type: 'abort';
      readonly run: number;
      readonly cause: AbortCause;
      readonly reason: string;
    }
  /** Answers `save`, `emit`. */
  | {
      readonly type: 'answer';
      readonly run: number;
      readonly call: number;
      readonly answer: Answer;
    }
  /** From now on a signal may end it: one that ends it follows. */
  | { readonly type: 'end' }
  | (Call & { readonly call: number });

export type Answer =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint: string };

/** The result of the work, as an answer. */
export const answerOf = (work: Promise<Json>): Promise<Answer> =>
  work.then(
    (value) => ({ ok: true, value }),
    (error) => ({ ok: false, ...toJobrunError(error).toJSON() }),
  );

/** The code of an answer where files of jobrun itself are missing: no code of the job has run. */
const UNREADY = 'unready';

/** Files of jobrun itself are missing, as while it is installed anew: the same call may succeed in a moment. */
export const unreadyAnswer = (message: string): Answer => ({
  ok: false,
  code: UNREADY,
  message,
  hint: 'jobrun is being installed, or its installation is incomplete: install it again.',
});

export const isUnready = (answer: Answer): boolean => !answer.ok && answer.code === UNREADY;

/** Said of what no worker sends: something else wrote to its pipe. */
export const FORGED = 'it wrote to descriptor 3, the pipe of its worker';

/** The messages of an attempt. */
export type FromRun =
  | ({
      readonly type: 'outcome';
      readonly run: number;
      readonly outcome: Outcome;
      /** The process is no longer to be trusted (an error that nothing caught): it must not get another run. */
      readonly tainted?: true;
    } & Left)
  | {
      readonly type: 'progress';
      readonly run: number;
      readonly percent: number;
      readonly text: string | null;
    }
  | { readonly type: 'log'; readonly run: number; readonly line: Omit<LogLine, 'attempt'> }
  | { readonly type: 'row'; readonly run: number; readonly n: number; readonly row: Json }
  | { readonly type: 'extend'; readonly run: number; readonly ms: number }
  | {
      readonly type: 'save';
      readonly run: number;
      readonly call: number;
      readonly checkpoint?: Json;
      readonly rows?: number;
      readonly rowBytes?: number;
      readonly initialized?: true;
      /** `ms`: how long it took. */
      readonly step?: { readonly name: string; readonly value: Json; readonly ms: number };
    }
  | {
      readonly type: 'emit';
      readonly run: number;
      readonly call: number;
      readonly job: string;
      readonly params: Json;
      readonly options: Json;
    };

/** From the worker to the daemon. */
export type FromWorker =
  | FromRun
  | { readonly type: 'ready' }
  /** The files of these runs are loaded: the job's own code begins. */
  | { readonly type: 'started'; readonly runs: readonly number[] }
  /** The worker begins to load the file of this `inspect`: if it falls silent now, that file is why. */
  | { readonly type: 'loading'; readonly call: number }
  /** Ends a call of `hook`, `inspect`, `check` or `next`. */
  | { readonly type: 'result'; readonly call: number; readonly answer: Answer };

const LINE_END = 10;

/**
 * Bytes of the channel into messages. A character cut in two by a chunk's border comes out whole, because only whole
 * lines are decoded; a line over the bound is dropped, for no message of a worker is that long.
 */
export class Frames {
  readonly #got: (message: object) => void;
  readonly #most: number;
  #parts: Buffer[] = [];
  #length = 0;
  #skipping = false;

  constructor(got: (message: object) => void, most = MAX_FRAME_BYTES) {
    this.#got = got;
    this.#most = most;
  }

  /** The next piece begins with a message. */
  get isEmpty(): boolean {
    return this.#length === 0 && !this.#skipping;
  }

  write(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LINE_END);
    if (end < 0) {
      this.#keep(chunk);
      return;
    }
    const whole = Buffer.concat([...this.#parts, chunk.subarray(0, end)]).toString('utf8');
    this.#parts = [];
    this.#length = 0;
    this.#keep(chunk.subarray(end + 1));
    const lines = whole.split('\n');
    if (this.#skipping) lines.shift();
    this.#skipping = false;
    for (const line of lines) {
      const message = parseJson(line);
      if (message !== null && typeof message === 'object') this.#got(message);
    }
  }

  #keep(chunk: Buffer): void {
    if (chunk.length === 0 || this.#skipping) return;
    this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#length <= this.#most) return;
    this.#parts = [];
    this.#length = 0;
    this.#skipping = true;
  }
}
