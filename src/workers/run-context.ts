// The `ctx` that job code gets. Every value is checked here, in the job's own process, and whatever promises to be
// durable waits for the daemon's answer. After the outcome is told nothing counts any more: what asks is refused. A
// function that job code calls is a field and no method: it takes the ctx apart, as in `run(params, { log, save })`.
import { CALLBACK, type JobContext, type LogFunction, PENDING } from '../catalog/job.ts';
import type { AttemptTrace } from '../run/trace.ts';
import type { LogLine } from '../run/view.ts';
import { waitOf } from '../run/waits.ts';
import { delay } from '../support/clock.ts';
import { durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import {
  MAX_KEY_LENGTH,
  MAX_RESULT_BYTES,
  MAX_RESULT_ROWS,
  MAX_STEPS_BYTES,
} from '../support/limits.ts';
import type { RunScope } from './scope.ts';
import { instantOf, optionsJson, toJson } from './values.ts';

/** `attempt`: all of it. `hook`: after the fact, a run can only be told of, and further runs asked for. */
export type Powers = 'attempt' | 'hook';

export class RunContext implements JobContext {
  readonly id: string;
  readonly job: string;
  readonly attempt: number;
  readonly fence: number;
  readonly dueAt: Date;
  readonly schedule: string | null;
  readonly trace: AttemptTrace;
  declare readonly signal: AbortSignal;
  readonly log: JobContext['log'];
  // biome-ignore lint/suspicious/noExplicitAny: its shape is the job's own business
  declare readonly checkpoint: any;
  readonly #scope: RunScope;
  readonly #powers: Powers;
  readonly #steps = new Map<string, Promise<Json>>();
  #checkpoint: unknown;
  #rows: number;
  #rowBytes: number;
  /** The size of all steps, names and results; null until one more is to be. */
  #stepBytes: number | null = null;

  constructor(scope: RunScope, powers: Powers) {
    const { assignment } = scope;
    this.#scope = scope;
    this.#powers = powers;
    this.id = String(assignment.run);
    this.job = assignment.job;
    this.attempt = assignment.attempt;
    this.fence = assignment.fence;
    this.dueAt = dateOf(assignment.dueAt);
    this.schedule = assignment.schedule;
    this.trace = assignment.trace;
    this.#checkpoint = assignment.checkpoint;
    this.#rows = assignment.rows;
    this.#rowBytes = assignment.rowBytes;
    const at =
      (level: LogLine['level']): LogFunction =>
      (text, fields) =>
        scope.log(level, 'log', typeof text === 'string' ? text : String(text), fields);
    this.log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    for (const [name, value] of Object.entries(assignment.steps))
      this.#steps.set(name, Promise.resolve(value));
    // Fields of its own, so that they go along where the ctx is spread: the checkpoint changes, and few ask for the
    // signal.
    Object.defineProperty(this, 'checkpoint', { get: () => this.#checkpoint, enumerable: true });
    Object.defineProperty(this, 'signal', { get: () => scope.signal, enumerable: true });
  }

  readonly progress = (percent: number, text?: string): void => {
    this.#scope.progress(percent, text === undefined ? null : String(text));
  };

  readonly save = async (value: unknown): Promise<void> => {
    this.#mustBeOpen('save');
    const checkpoint = toJson(value, 'the checkpoint');
    await this.#ask({ type: 'save', run: this.#scope.run, checkpoint, ...this.#table() });
    this.#checkpoint = checkpoint;
  };

  /** Ends `initialize`: its value, if it gave one, and the note that it succeeded, in one. */
  async initialized(value: unknown): Promise<void> {
    const checkpoint = value === undefined ? {} : { checkpoint: toJson(value, 'the checkpoint') };
    const { run } = this.#scope;
    await this.#ask({ type: 'save', run, ...checkpoint, ...this.#table(), initialized: true });
    if ('checkpoint' in checkpoint) this.#checkpoint = checkpoint.checkpoint;
  }

  readonly extendLock = (duration: Parameters<JobContext['extendLock']>[0]): void => {
    const ms = durationMs(duration, 'extendLock');
    if (!this.#scope.over)
      this.#scope.channel.sendNow({ type: 'extend', run: this.#scope.run, ms });
  };

  readonly result = (row: unknown): void => {
    this.#mustBeOpen('result');
    const json = toJson(row, 'the row');
    const bytes = bytesOf(json);
    if (this.#rows >= MAX_RESULT_ROWS) throw tableFull(`at most ${MAX_RESULT_ROWS} result rows`);
    if (this.#rowBytes + bytes > MAX_RESULT_BYTES)
      throw tableFull(`result rows of at most ${MAX_RESULT_BYTES / 1024 ** 2} MB in all`);
    const { channel, run } = this.#scope;
    channel.send({ type: 'row', run, n: this.#rows++, row: json });
    this.#rowBytes += bytes;
  };

  /** The rows that a checkpoint goes with. */
  #table(): { readonly rows: number; readonly rowBytes?: number } {
    const bytes = this.#rowBytes;
    return { rows: this.#rows, ...(bytes > 0 && { rowBytes: bytes }) };
  }

  readonly emit = async (
    job: string,
    params: unknown = {},
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<string> => {
    if (this.#powers === 'attempt' || this.#scope.over) this.#mustBeOpen('emit');
    const id = await this.#ask({
      type: 'emit',
      run: this.#scope.run,
      job: String(job),
      params: toJson(params, 'the params'),
      options: optionsJson(options),
    });
    return String(id);
  };

  readonly sleep = async (duration: Parameters<JobContext['sleep']>[0]): Promise<void> => {
    const ms = durationMs(duration, 'sleep');
    await delay(this.#scope.clock, ms, this.signal);
    this.signal.throwIfAborted();
  };

  // biome-ignore lint/suspicious/noExplicitAny: what was saved is what the function once gave
  readonly step = (name: string, fn: () => unknown): Promise<any> => {
    if (typeof name !== 'string' || name === '') {
      throw new JobrunError('bad-request', 'a step needs a name', 'Write ctx.step("fetch", …).');
    }
    if (name.length > MAX_KEY_LENGTH) {
      const message = `a step's name has ${name.length} characters: at most ${MAX_KEY_LENGTH} are kept`;
      throw new JobrunError('bad-request', message, 'Name what it does; return what it found.');
    }
    const known = this.#steps.get(name);
    if (known) return known;
    const work = this.#take(name, fn);
    this.#steps.set(name, work);
    // A step that failed may be tried again in the same attempt.
    work.catch(() => this.#steps.delete(name));
    return work;
  };

  async #take(name: string, fn: () => unknown): Promise<Json> {
    this.#mustBeOpen('step');
    const { clock, run } = this.#scope;
    const began = clock.monotonic();
    const value = toJson(await fn(), `the result of the step "${name}"`);
    const ms = clock.monotonic() - began;
    const bytes = stepBytes([name, value]);
    this.#stepBytes ??= Object.entries(this.#scope.assignment.steps).reduce(addStep, 0);
    if (this.#stepBytes + bytes > MAX_STEPS_BYTES) throw stepsFull(name);
    this.#stepBytes += bytes;
    await this.#ask({ type: 'save', run, step: { name, value, ms } });
    return value;
  }

  readonly callback = (
    again: Parameters<JobContext['callback']>[0],
  ): ReturnType<JobContext['callback']> => {
    const { at, output } = again;
    const due =
      at === undefined
        ? waitOf(this.#scope.clock.now(), durationMs(again.in, 'callback'))
        : { dueAt: instantOf(at) };
    return Object.assign({ ending: 'callback' as const }, { [CALLBACK]: { ...due, output } });
  };

  readonly pending = (): ReturnType<JobContext['pending']> => {
    return Object.assign({ ending: 'pending' as const }, { [PENDING]: true });
  };

  #ask(message: Parameters<RunScope['channel']['ask']>[0]): Promise<Json> {
    return this.#scope.channel.ask(message);
  }

  #mustBeOpen(what: string): void {
    if (this.#powers === 'attempt' && !this.#scope.over) return;
    const message = `${what} is too late: the attempt is over`;
    throw new JobrunError('refused', message, 'Await everything before the job returns.');
  }
}

function stepsFull(name: string): JobrunError {
  const message = `the step "${name}" does not fit: the steps of a run save ${MAX_STEPS_BYTES / 1024 ** 2} MB at most`;
  return new JobrunError('too-large', message, 'Give back less: a path, an id, a count.');
}

function tableFull(bound: string): JobrunError {
  const hint = 'Write a larger table to a file and name it.';
  return new JobrunError('too-large', `a run has ${bound}`, hint);
}

const dateOf = (instant: number): Date => new Date(instant);

const bytesOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value));
const stepBytes = ([name, value]: [string, Json]): number => bytesOf(name) + bytesOf(value);
const addStep = (sum: number, step: [string, Json]): number => sum + stepBytes(step);
