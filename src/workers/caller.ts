// Asks job code outside of attempts: to check params, to name the next time, to be told of an ending. Questions share
// one worker. One that is silent for a second may be blocked: it is left alone with its oldest question, and what
// stands behind that, or comes later, is asked in a new one; if no answer comes in time, it is ended. A hook may have
// had its effect and is never asked twice: hooks have workers of their own, which no two jobs share at a time.
import type { Checked } from '../catalog/catalog.ts';
import { errorFromShape, type JobrunError, toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { HOOK_TIMEOUT_MS, SECOND, START_TIMEOUT_MS } from '../support/limits.ts';
import { seenTime } from '../support/seen-time.ts';
import { Child, type ChildOptions } from './child.ts';
import { HookLanes } from './hook-lanes.ts';
import { type Answer, type Call, type FromRun, isUnready } from './messages.ts';

export interface CallerOptions extends Omit<ChildOptions, 'mark' | 'memoryMb'> {
  readonly newMark: () => string;
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
  readonly #hooks = new HookLanes(() => this.#start());
  /** Hooks that wait for a worker. */
  #queue: Open[] = [];
  #child: Child | null = null;
  /** By worker and run: its hooks that are open, and how to listen no longer. */
  readonly #served = new Map<string, { hooks: number; readonly undo: () => void }>();
  /** They end when they have answered what they were asked. */
  readonly #retired = new Set<Child>();
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
    this.#hooks.renew();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#child = null;
    for (const open of this.#queue.splice(0)) this.#settle(open, CLOSED);
    const left = [...this.#retired, ...(child ? [child] : [])];
    await Promise.all([...left.map((one) => one.end({ force: true })), this.#hooks.close()]);
  }

  async #value(call: Call): Promise<Json> {
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
    const child = this.#childFor(call);
    if (child === null) {
      this.#queue.push(open);
      return;
    }
    if (!(child instanceof Child)) {
      this.#settle(open, child);
      return;
    }
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
        if (!answer.ok && answer.code === 'broken-job') this.#giveUp(child);
        this.#settle(open, answer);
      }
    });
  }

  /** Asks once more in another worker, where that is harmless. */
  #again(open: Open, answer: Answer): void {
    open.undo();
    if (open.tries > 1 || open.call.type === 'hook') this.#settle(open, answer);
    else this.#try(open);
  }

  /** False once files of jobrun have been missing for longer than an installation takes. */
  #mayBeInstalling({ askedAt }: Open): boolean {
    return this.#options.clock.monotonic() - askedAt <= START_TIMEOUT_MS;
  }

  /** Files of jobrun were missing, so no code of the job has run: even a hook may be asked again. */
  #later(open: Open, child: Child): void {
    open.undo();
    this.#giveUp(child);
    if (open.call.type === 'hook') this.#hooks.give(child);
    open.child = null;
    open.tries = 0;
    open.undo = this.#options.clock.after(SECOND, () => this.#try(open));
  }

  #settle(open: Open, answer: Answer): void {
    open.undo();
    this.#open.delete(open);
    open.resolve(answer);
    if (open.call.type !== 'hook' || open.child === null) return;
    this.#hooks.give(open.child);
    for (const waiting of this.#queue.splice(0)) this.#try(waiting);
  }

  /** Nothing more goes to this worker. */
  #giveUp(child: Child): void {
    this.#hooks.spend(child);
    if (this.#child !== child) return;
    this.#child = null;
    void this.#retire(child);
  }

  #silent(open: Open, child: Child): void {
    if (this.#child !== child) return;
    this.#child = null;
    for (const other of [...this.#open])
      if (other !== open && other.child === child && other.tries === 1) this.#again(other, LATE);
    void this.#retire(child);
  }

  #late(open: Open, child: Child): void {
    this.#hooks.spend(child);
    this.#settle(open, LATE);
    if (this.#child === child) this.#child = null;
    for (const other of [...this.#open]) if (other.child === child) this.#again(other, LATE);
    void child.end({ force: true });
  }

  /** Null where it has to wait for one; why none can be started, where that is so. */
  #childFor(call: Call): Child | Answer | null {
    try {
      return call.type === 'hook' ? this.#hooks.take(call.assignment.file) : this.#current();
    } catch (error) {
      return { ok: false, ...toJobrunError(error).toJSON() };
    }
  }

  #current(): Child {
    if (this.#child === null || this.#child.exit) this.#child = this.#start();
    return this.#child;
  }

  #start(): Child {
    return new Child({ ...this.#options, mark: this.#options.newMark(), memoryMb: null });
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
    return child.listen(run, (message) => {
      const call = 'call' in message ? message.call : 0;
      this.#options.onMessage(message, (answer) =>
        child.send({ type: 'answer', run, call, answer }),
      );
    });
  }

  async #retire(child: Child): Promise<void> {
    this.#retired.add(child);
    await child.idle();
    await child.end();
    this.#retired.delete(child);
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
