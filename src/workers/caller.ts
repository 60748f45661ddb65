// Asks job code outside of attempts: to check params, to name the next time, to be told of an ending. A call that is
// silent for a second may block its worker: it is left alone there, and what stands behind it, or comes later, is asked
// in a new one; if no answer comes in time, the worker is ended. A hook may have had its effect and is not asked twice.
import type { Checked } from '../catalog/catalog.ts';
import type { RunView } from '../run/view.ts';
import type { Clock } from '../support/clock.ts';
import { errorFromShape, type JobrunError, toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { HOOK_TIMEOUT_MS, SECOND, START_TIMEOUT_MS } from '../support/limits.ts';
import { fits } from '../support/schema.ts';
import { seenTime } from '../support/seen-time.ts';
import type { Child } from './child.ts';
import { type Answer, type Call, FORGED, type FromRun, fileOf, isUnready } from './messages.ts';
import type { CallTask, WorkerPool } from './pool.ts';
import { ANSWERS } from './reading.ts';

export interface CallerOptions {
  readonly pool: WorkerPool;
  readonly clock: Clock;
  /** Log lines and emits of hooks; an emit must be answered with `send` of an `answer` through the second argument. */
  readonly onMessage: (message: FromRun, reply: (answer: Answer) => void) => void;
  readonly timeoutMs?: number;
}

/** Job code that is asked something thinks for milliseconds; one that waits for a network may take longer than this. */
const SILENT_MS = SECOND;

interface Open {
  readonly call: Call;
  /** By the monotonic clock. */
  readonly askedAt: number;
  readonly resolve: (answer: Answer) => void;
  /** A hook may have had its effect: it is never asked twice. */
  tries: number;
  child: Child | null;
  undo: () => void;
}

export class JobCaller {
  readonly #options: CallerOptions;
  readonly #open = new Set<Open>();
  readonly #timeoutMs: number;
  /** Hooks that wait for a worker. */
  #queue: Open[] = [];
  /** By worker and run: its hooks that are open, and how to listen no longer. */
  readonly #served = new Map<string, { hooks: number; readonly undo: () => void }>();
  #closed = false;

  constructor(options: CallerOptions) {
    this.#options = options;
    // A worker that is not blocked tells by itself that a call took too long: it gets the time to.
    this.#timeoutMs = options.timeoutMs ?? HOOK_TIMEOUT_MS + SECOND;
  }

  /** Checks params by the job's schema and makes their lock texts. */
  async check(file: string, list: readonly Json[]): Promise<Checked[]> {
    return (await this.#value({ type: 'check', file, list })) as Checked[];
  }

  /** The instant that `nextRun` gives for the last run, ISO; null to stop. */
  async next(file: string, last: RunView | null): Promise<string | null> {
    return (await this.#value({ type: 'next', file, last })) as string | null;
  }

  /** Calls a hook. An error that it throws is in the log already; the answer says so, and never rejects. */
  hook(call: Omit<Extract<Call, { readonly type: 'hook' }>, 'type'>): Promise<Answer> {
    return this.#ask({ type: 'hook', ...call });
  }

  /** Calls that come later are refused; those under way end with their workers. */
  close(): void {
    this.#closed = true;
    for (const open of this.#queue.splice(0)) this.#settle(open, CLOSED);
  }

  async #value(call: Call): Promise<unknown> {
    const answer = await this.#ask(call);
    if (answer.ok) return answer.value;
    throw errorFromShape({ ...answer, code: answer.code as JobrunError['code'] });
  }

  #ask(call: Call): Promise<Answer> {
    return new Promise((resolve) => {
      const askedAt = this.#options.clock.monotonic();
      const open: Open = { call, askedAt, resolve, tries: 0, child: null, undo: () => undefined };
      this.#open.add(open);
      this.#try(open);
    });
  }

  #try(open: Open): void {
    if (this.#closed) {
      this.#settle(open, CLOSED);
      return;
    }
    const { call } = open;
    let child: Child | null;
    try {
      child = this.#options.pool.acquireFor(taskOf(call));
    } catch (error) {
      this.#settle(open, { ok: false, ...toJobrunError(error).toJSON() });
      return;
    }
    if (child === null) this.#queue.push(open);
    else this.#call(open, child);
  }

  #call(open: Open, child: Child): void {
    const { call } = open;
    open.tries++;
    open.child = child;
    const clock = seenTime(this.#options.clock);
    const undos = [
      clock.after(this.#timeoutMs, () => this.#late(open, child), { idle: true }),
      clock.after(SILENT_MS, () => this.#silent(open, child), { idle: true }),
    ];
    if (call.type === 'hook') undos.push(this.#serve(child, call.assignment.run));
    open.undo = () => {
      for (const undo of undos) undo();
    };
    child.call(call).then((answer) => {
      if (!this.#open.has(open) || open.child !== child) return;
      if (isUnready(answer) && this.#mayBeInstalling(open)) this.#later(open, child);
      else if (child.exit) this.#again(open, answer);
      else {
        // A file that could not be loaded stays so in this process, although what it lacked may come.
        if (!answer.ok && answer.code === 'broken-job') this.#options.pool.retire(child);
        this.#settle(open, answer);
      }
    });
  }

  /** Asks once more in another worker, where that is harmless. */
  #again(open: Open, answer: Answer): void {
    if (open.tries > 1 || open.call.type === 'hook') this.#settle(open, answer);
    else {
      this.#giveBack(open);
      this.#try(open);
    }
  }

  /** False once files of jobrun have been missing for longer than an installation takes. */
  #mayBeInstalling({ askedAt }: Open): boolean {
    return this.#options.clock.monotonic() - askedAt <= START_TIMEOUT_MS;
  }

  /** Files of jobrun were missing, so no code of the job has run: even a hook may be asked again. */
  #later(open: Open, child: Child): void {
    this.#options.pool.retire(child);
    this.#giveBack(open);
    open.tries = 0;
    open.undo = this.#options.clock.after(SECOND, () => this.#try(open));
  }

  #settle(open: Open, given: Answer): void {
    this.#open.delete(open);
    const isSent = !given.ok || fits(ANSWERS[open.call.type], given.value);
    open.resolve(isSent ? given : WRITTEN_BY_JOB);
    this.#giveBack(open);
  }

  #giveBack(open: Open): void {
    const { call, child } = open;
    open.undo();
    open.child = null;
    if (child === null) return;
    this.#options.pool.release(child, { reusable: true });
    if (call.type === 'hook') for (const waiting of this.#queue.splice(0)) this.#try(waiting);
  }

  #silent(open: Open, child: Child): void {
    if (open.call.type === 'hook' || !this.#options.pool.retire(child)) return;
    for (const other of [...this.#open])
      if (other !== open && other.child === child && other.tries === 1) this.#again(other, LATE);
  }

  #late(open: Open, child: Child): void {
    const { pool } = this.#options;
    pool.retire(child);
    this.#settle(open, LATE);
    for (const other of [...this.#open]) if (other.child === child) this.#again(other, LATE);
    void pool.end(child);
  }

  /** Hooks of one run may be open at once: the first begins to listen for all of them, the last one ends it. */
  #serve(child: Child, run: number): () => void {
    const key = `${child.mark} ${run}`;
    const served = this.#served.get(key) ?? { hooks: 0, undo: this.#listen(child, run) };
    this.#served.set(key, served);
    served.hooks++;
    let open = true;
    return () => {
      if (open) served.hooks--;
      open = false;
      if (served.hooks > 0 || this.#served.get(key) !== served) return;
      this.#served.delete(key);
      served.undo();
    };
  }

  #listen(child: Child, run: number): () => void {
    const onMessage = (message: FromRun): void => {
      const call = 'call' in message ? message.call : 0;
      this.#options.onMessage(message, (answer) =>
        child.send({ type: 'answer', run, call, answer }),
      );
    };
    const listener = { onMessage };
    child.listen(run, listener);
    return () => child.unlisten(run, listener);
  }
}

function taskOf(call: Call): CallTask {
  return call.type === 'hook'
    ? { type: 'hook', file: fileOf(call.assignment) }
    : { type: call.type };
}

const CLOSED: Answer = {
  ok: false,
  code: 'refused',
  message: 'the daemon is stopping',
  hint: 'Ask again when it runs.',
};

const WRITTEN_BY_JOB: Answer = {
  ok: false,
  code: 'broken-job',
  message: FORGED,
  hint: 'Fix the job file.',
};

const LATE: Answer = {
  ok: false,
  code: 'broken-job',
  message: "the job's code did not answer within its time",
  hint: 'Fix the job file.',
};
