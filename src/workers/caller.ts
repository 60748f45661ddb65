// Asks job code outside of attempts: to check params, to name the next time, to be told of an ending. One worker
// serves all calls at once; one that gives no answer in time is ended, and of the calls that were open then, the
// oldest fails, for it is most likely the one that blocks, and the others are asked again in a new worker.
import type { Checked } from '../catalog/catalog.ts';
import { errorFromShape, type JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { HOOK_TIMEOUT_MS, SECOND } from '../support/limits.ts';
import { Child, type ChildOptions } from './child.ts';
import type { Answer, Call, FromRun } from './messages.ts';

export interface CallerOptions extends Omit<ChildOptions, 'mark' | 'memoryMb'> {
  readonly newMark: () => string;
  /** Log lines and emits of hooks; an emit must be answered with `send` of an `answer` through the second argument. */
  readonly onMessage: (message: FromRun, reply: (answer: Answer) => void) => void;
  readonly timeoutMs?: number;
}

interface Open {
  readonly call: Call;
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
  #child: Child | null = null;
  #closed = false;

  constructor(options: CallerOptions) {
    this.#options = options;
    // A worker that is not blocked tells by itself that a call took too long: it gets the time to.
    this.#timeoutMs = options.timeoutMs ?? HOOK_TIMEOUT_MS + SECOND;
  }

  /** Checks params by the job's schema and makes their lock texts. */
  async check(file: string, list: readonly Json[]): Promise<Checked[]> {
    return (await this.#value({ type: 'check', file, list })) as unknown as Checked[];
  }

  /** The instant that `nextRun` gives for the last run (as its JSON), ISO; null to stop. */
  async next(file: string, last: Json): Promise<string | null> {
    return (await this.#value({ type: 'next', file, last })) as string | null;
  }

  /** Calls a hook. What it throws is in the log already; the answer says so, and never rejects. */
  hook(call: Omit<Extract<Call, { readonly type: 'hook' }>, 'type'>): Promise<Answer> {
    return this.#ask({ type: 'hook', ...call });
  }

  /** Job files have changed: the next call goes to a new worker. Open calls end on the code that they began with. */
  renew(): void {
    const old = this.#child;
    this.#child = null;
    if (old) void this.#retire(old);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#child = null;
    await child?.end({ force: true });
  }

  async #value(call: Call): Promise<Json> {
    const answer = await this.#ask(call);
    if (answer.ok) return answer.value;
    throw errorFromShape({ ...answer, code: answer.code as JobrunError['code'] });
  }

  #ask(call: Call): Promise<Answer> {
    return new Promise((resolve) => {
      const open: Open = { call, resolve, tries: 0, child: null, undo: () => undefined };
      this.#open.add(open);
      this.#try(open);
    });
  }

  #try(open: Open): void {
    if (this.#closed) {
      this.#settle(open, CLOSED);
      return;
    }
    const child = this.#current();
    open.tries++;
    open.child = child;
    open.undo = this.#options.clock.after(this.#timeoutMs, () => this.#late(open, child), {
      idle: true,
    });
    if (open.call.type === 'hook') this.#serve(child, open.call.brief.run);
    child.call(open.call).then((answer) => {
      if (!this.#open.has(open) || open.child !== child) return;
      if (child.exit) this.#again(open, answer);
      else this.#settle(open, answer);
    });
  }

  /** Asks once more in another worker, where that is harmless. */
  #again(open: Open, answer: Answer): void {
    open.undo();
    if (open.tries > 1 || open.call.type === 'hook') this.#settle(open, answer);
    else this.#try(open);
  }

  #settle(open: Open, answer: Answer): void {
    open.undo();
    this.#open.delete(open);
    open.resolve(answer);
  }

  #late(open: Open, child: Child): void {
    this.#settle(open, LATE);
    if (this.#child === child) this.#child = null;
    for (const other of [...this.#open]) if (other.child === child) this.#again(other, LATE);
    void child.end({ force: true });
  }

  #current(): Child {
    if (this.#child === null || this.#child.exit) {
      const mark = this.#options.newMark();
      this.#child = new Child({ ...this.#options, mark, memoryMb: null });
    }
    return this.#child;
  }

  #serve(child: Child, run: number): void {
    child.listen(run, (message) => {
      const call = 'call' in message ? message.call : 0;
      this.#options.onMessage(message, (answer) =>
        child.send({ type: 'answer', run, call, answer }),
      );
    });
  }

  async #retire(child: Child): Promise<void> {
    await child.idle();
    await child.end();
  }
}

const CLOSED: Answer = {
  ok: false,
  code: 'refused',
  message: 'the daemon is stopping',
  hint: 'Ask again when it runs.',
};

const LATE: Answer = {
  ok: false,
  code: 'broken-job',
  message: "the job's code did not answer within its time",
  hint: 'Mend the job file.',
};
