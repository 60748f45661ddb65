// One run inside its worker: its assignment, whether it is over, and everything that it says on the way out. The scope
// follows the job's code through every await (AsyncLocalStorage), so that what many runs of one process print at once
// goes to the right one: console.* and writes to stdout and stderr become its log lines, in order with ctx.log. They
// never touch the real descriptors, which a job may close. Output that no run can be named for goes where it always
// went.
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import type { LogLine } from '../run/view.ts';
import { type Clock, isoOf } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import type { Channel } from './entry-channel.ts';
import { cutText, LineCutter } from './lines.ts';
import type { AbortCause, Assignment } from './messages.ts';
import { toRunError } from './thrown.ts';
import { toJson } from './values.ts';

const PROGRESS_EVERY_MS = 50;
const ABORT_NAMES: Readonly<Record<AbortCause, string>> = {
  abort: 'AbortError',
  start: 'StartError',
  timeout: 'TimeoutError',
  stale: 'StaleError',
  shutdown: 'ShutdownError',
  fence: 'ShutdownError',
};

export const scopes = new AsyncLocalStorage<RunScope>();

/** The messages of a run to its daemon. */
export type Voice = Pick<Channel, 'send' | 'sendNow' | 'ask' | 'started'>;

export class RunScope {
  readonly assignment: Assignment;
  readonly channel: Voice;
  readonly clock: Clock;
  /** The outcome is told: nothing more counts. */
  over = false;
  /** Made when they are asked for: most runs ask for none of them, and each costs as much as a small run. */
  #controller: AbortController | null = null;
  #stdout: LineCutter | null = null;
  #stderr: LineCutter | null = null;
  #progress: { readonly percent: number; readonly text: string | null } | null = null;
  #percent = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #undo: (() => void) | null = null;

  constructor(assignment: Assignment, channel: Voice, clock: Clock) {
    this.assignment = assignment;
    this.channel = channel;
    this.clock = clock;
  }

  get run(): number {
    return this.assignment.run;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** True where the job waits for its abort. */
  get awaitsAbort(): boolean {
    return this.#controller !== null && getEventListeners(this.signal, 'abort').length > 0;
  }

  get stdout(): LineCutter {
    this.#stdout ??= new LineCutter((text) => this.log('info', 'stdout', text), this.clock);
    return this.#stdout;
  }

  get stderr(): LineCutter {
    this.#stderr ??= new LineCutter((text) => this.log('error', 'stderr', text), this.clock);
    return this.#stderr;
  }

  log(level: LogLine['level'], stream: LogLine['stream'], text: string, fields?: unknown): void {
    const at = isoOf(this.clock.now());
    const line = { at, level, stream, text: cutText(text), fields: fieldsJson(fields) };
    this.channel.sendNow({ type: 'log', run: this.run, line });
  }

  /** Keeps the latest and tells at most one in 50 ms; a job that blocks its loop is told of too. */
  progress(percent: number, text: string | null): void {
    if (this.over) return;
    const number = Number(percent);
    this.#percent = Number.isNaN(number) ? this.#percent : Math.min(100, Math.max(0, number));
    this.#progress = { percent: this.#percent, text };
    const wait = this.#toldAt + PROGRESS_EVERY_MS - this.clock.monotonic();
    if (wait <= 0) this.tellProgress();
    else this.#undo ??= this.clock.after(wait, () => this.tellProgress(), { idle: true });
  }

  tellProgress(): void {
    this.#undo?.();
    this.#undo = null;
    if (this.#progress === null) return;
    const { percent, text } = this.#progress;
    this.#progress = null;
    this.#toldAt = this.clock.monotonic();
    const shown = text === null ? null : cutText(text);
    this.channel.sendNow({ type: 'progress', run: this.run, percent, text: shown });
  }

  abort(cause: AbortCause, reason: string): void {
    const error = Object.assign(new Error(reason, { cause }), { name: ABORT_NAMES[cause] });
    this.#controller ??= new AbortController();
    this.#controller.abort(error);
  }

  /** Gives out what is held back: half lines and the latest progress. */
  flush(): void {
    this.#stdout?.flush();
    this.#stderr?.flush();
    this.tellProgress();
  }
}

/** Fields of a log line are a help, no result: what is no JSON is shown as text, and the line still comes. */
function fieldsJson(fields: unknown): Json {
  if (fields === undefined || fields === null) return null;
  try {
    return toJson(fields, 'the fields', shownAs);
  } catch (error) {
    return { unreadable: toRunError(error).message };
  }
}

const shownAs = (value: unknown): unknown => {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (!(value instanceof Error)) return undefined;
  const { name, message, stack } = toRunError(value);
  return { name, message, stack };
};

/** `only` gives the one run under way, for output from outside its context (an old callback, a thread). */
export function captureOutput(only: () => RunScope | null): void {
  for (const name of ['stdout', 'stderr'] as const) capture(name, only);
}

function capture(name: 'stdout' | 'stderr', only: () => RunScope | null): void {
  const stream = process[name];
  const original = stream.write;
  stream.write = function write(this: unknown, ...args: unknown[]): boolean {
    const scope = scopes.getStore() ?? only();
    const [chunk, encoding] = args;
    if (!scope || !(typeof chunk === 'string' || chunk instanceof Uint8Array)) {
      return Reflect.apply(original, stream, args);
    }
    scope[name].write(typeof chunk === 'string' ? decoded(chunk, encoding) : chunk);
    const done = args.find((arg) => typeof arg === 'function');
    if (done) process.nextTick(done);
    return true;
  };
}

function decoded(text: string, encoding: unknown): string | Uint8Array {
  if (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return text;
  return Buffer.from(text, encoding as BufferEncoding);
}
