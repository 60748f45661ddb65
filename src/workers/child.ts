// One worker process as the daemon holds it. It speaks over descriptor 3; what comes over its stdout and stderr was
// printed past jobrun (by a grandchild, by native code) and becomes log lines of the run that is under way. The end of
// a run is handed out after everything that it printed, so that none of it gets into the log of the next run. Messages
// of one turn go out in one write, and all that a dying worker still said is handed out before `exited` resolves.
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type Clock, delay, isoOf } from '../support/clock.ts';
import { endGroup, signal } from './death.ts';
import {
  type Answer,
  type Call,
  Frames,
  type FromRun,
  type FromWorker,
  type ToWorker,
  unreadyAnswer,
} from './messages.ts';
import { ENTRY, unreadyReason } from './own-files.ts';
import { bootId, startTimeOf } from './processes.ts';
import { afterExit, Flow, RawOutput } from './raw-output.ts';
import { readMessage } from './reading.ts';
import {
  type EndRunner,
  type Exit,
  exitText,
  type OnStart,
  type RunListener,
  type Runner,
  type Stray,
} from './runner.ts';
import { startProcess } from './spawn.ts';

export interface ChildOptions {
  /** Random text, never given twice. */
  readonly mark: string;
  /** The project folder: the working folder of all job code. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number | null;
  readonly clock: Clock;
  readonly stray: Stray;
  readonly onStart?: OnStart | undefined;
}

const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  // Node 22.3 to 22.11 can `require` a module, when it is told to.
  ...('require_module' in process.features ? [] : ['--experimental-require-module']),
];

/** A job may emit without waiting for the answers. More than a commit takes are not read until some are answered. */
const MOST_EMITS = 1000;
/** Node reads at most so much at once, and goes on without a look at the other pipes. */
const FULL_PIECE = 64 * 1024;
/** More than a full pipe of the shortest lines. */
const MOST_TURNS = 600;
/** More than a stack. */
const MOST_EARLY_LINES = 100;
/** About as long as a flood is held back between two of its turns. */
const HELD_MS = 10;

export class Child implements Runner {
  readonly mark: string;
  readonly pid: number;
  readonly startTime: string;
  readonly boot = bootId();
  readonly loaded = new Set<string>();
  readonly exited: Promise<Exit>;
  exit: Exit | null = null;
  readonly #options: ChildOptions;
  readonly #channel: Socket;
  readonly #runs = new Map<number, RunListener>();
  readonly #calls = new Map<number, OpenCall>();
  readonly #flow: Flow;
  readonly #raw: Readonly<Record<'stdout' | 'stderr', RawOutput>>;
  /** Received, and told when what was printed before them has been read. */
  readonly #endings = new Set<Ending>();
  /** Messages in the piece of the channel that is being read. */
  #heard = 0;
  /** An ending came behind other messages: lines printed in between may be there to read in the next turn only. */
  #isLate = false;
  /** Lines of a run that is over may still lie in the pipes: until those were seen empty, no run can be named. */
  #isUnread = false;
  #isMixed = false;
  /** Waits for the pipes to be empty, once for all that need it; null where nothing does. */
  #reading: Promise<boolean> | null = null;
  #lastCall = 0;
  #outOfMemory = false;
  #ready = false;
  /** Lines printed before it was ready; null from then on. If it never is, they say why, and are shown in one line. */
  #early: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[] | null = [];
  #forged = false;
  /** Log lines in the piece of the channel that is being read. */
  #logs = 0;
  /** Emits that are not answered yet, by their run and call. */
  readonly #emits = new Set<string>();
  #isFlooded = false;
  #isDead = false;
  /** Runs of it that were told to end. */
  readonly #aborted = new Set<number>();
  #unsent: string[] = [];

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#flow = new Flow(options.clock);
    this.mark = options.mark;
    const heap = options.memoryMb === null ? [] : [`--max-old-space-size=${options.memoryMb}`];
    const child = startProcess({
      ...options,
      what: [process.execPath, ...NODE_FLAGS, ...heap, ENTRY],
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.pid = child.pid as number;
    this.startTime = startTimeOf(this.pid);
    this.#raw = { stdout: this.#output(child, 'stdout'), stderr: this.#output(child, 'stderr') };
    this.#channel = child.stdio[3] as Socket;
    this.#connect(child);
    this.exited = this.#watchExit(child);
  }

  send(message: ToWorker): void {
    if (this.#unsent.length === 0) process.nextTick(() => this.#flush());
    this.#unsent.push(JSON.stringify(message));
    if (message.type === 'abort') this.#aborted.add(message.run);
    if (message.type !== 'answer') return;
    this.#emits.delete(`${message.run} ${message.call}`);
    this.#readOn();
  }

  #flush(): void {
    const text = `${this.#unsent.join('\n')}\n`;
    this.#unsent = [];
    if (this.#channel.writable) this.#channel.write(text);
  }

  listen(run: number, listener: RunListener): void {
    this.#runs.set(run, listener);
    // It may have died between the claim and now.
    if (this.exit) listener.onExit?.(this.exit);
  }

  unlisten(run: number, listener: RunListener): void {
    if (this.#runs.get(run) !== listener) return;
    this.#runs.delete(run);
    this.#aborted.delete(run);
    if (this.#isUnread) this.#isMixed = true;
  }

  /**
   * Has something done outside of an attempt. `loading` is called when the file of an `inspect` is about to be loaded.
   */
  call(call: Call, loading: () => void = () => undefined): Promise<Answer> {
    const n = ++this.#lastCall;
    if (this.exit) return Promise.resolve(goneAnswer(this.exit));
    return new Promise((resolve) => {
      this.#calls.set(n, { resolve, loading });
      this.send({ ...call, call: n });
    });
  }

  async end(options?: EndRunner): Promise<void> {
    if (!options?.force) this.send({ type: 'end' });
    await endGroup(this, { ...options, clock: this.#options.clock, own: true });
    await this.exited;
  }

  #connect(child: ChildProcess): void {
    let isFull = false;
    const frames = new Frames((raw) => {
      const message = readMessage(raw);
      if (message === 'forged') this.#distrust();
      else if (message !== 'noise' && !this.#forged) this.#received(message);
      this.#heard++;
    });
    this.#channel.on('data', (chunk: Buffer) => {
      this.#logs = 0;
      // A piece that goes on with a message, or follows a full one, was not announced by its own first byte.
      this.#heard = frames.isEmpty && !isFull ? 0 : 1;
      isFull = chunk.length >= FULL_PIECE;
      this.#flow.read(chunk.length, () => {
        frames.write(chunk);
        return this.#logs || null;
      });
      if (this.#logs > 0) this.#isFlooded = this.#flow.wait(() => this.#flowOn());
      if (this.#mustWait()) this.#channel.pause();
    });
    child.on('exit', () => {
      this.#isDead = true;
      this.#flow.free(true);
      this.#readOn();
    });
    // A pipe breaks when its process dies: the exit tells it, with the reason.
    for (const stream of child.stdio) stream?.on('error', () => undefined);
  }

  #flowOn(): void {
    this.#isFlooded = false;
    this.#readOn();
  }

  /** The output that a dead worker has left is read whatever waits. */
  #mustWait(): boolean {
    return this.#isFlooded || (this.#emits.size >= MOST_EMITS && !this.#isDead);
  }

  #readOn(): void {
    if (this.#channel.isPaused() && !this.#mustWait()) this.#channel.resume();
  }

  /** Something else than the worker writes to its pipe: nothing that it says can be believed any more. */
  #distrust(): void {
    if (this.#forged || this.exit) return;
    this.#forged = true;
    signal(this.pid, 'SIGKILL');
  }

  #watchExit(child: ChildProcess): Promise<Exit> {
    return new Promise((resolve) => {
      const finish = (end: Exit): void => {
        if (this.exit) return;
        this.#raw.stdout.flush();
        this.#raw.stderr.flush();
        const exit: Exit = {
          ...end,
          ...(this.#outOfMemory && { outOfMemory: true }),
          ...this.#unreadyBy(end),
          ...(this.#forged && { forged: true }),
        };
        this.exit = exit;
        if (exit.unready) this.#options.onStart?.(exitText(exit));
        for (const stream of child.stdio) stream?.destroy();
        for (const ending of [...this.#endings]) this.#tell(ending);
        for (const { resolve: answer } of this.#calls.values()) answer(goneAnswer(exit));
        this.#calls.clear();
        for (const listener of [...this.#runs.values()]) listener.onExit?.(exit);
        resolve(exit);
      };
      // A signal that did not arrive: the exit tells more.
      child.on('error', () => undefined);
      const { stdout, stderr } = this.#raw;
      const { clock } = this.#options;
      // A run beside those that were aborted has its output whole.
      const isAborted = (): boolean =>
        [...this.#runs.keys()].every((run) => this.#aborted.has(run));
      afterExit(child, [stdout, stderr], clock, isAborted, (exitCode, signal) =>
        finish({ exitCode, signal }),
      );
    });
  }

  /** Set where it ended by itself before it was ready. */
  #unreadyBy({ exitCode }: Exit): Pick<Exit, 'unready' | 'why'> {
    const printed = (this.#early ?? []).map(({ text }) => text);
    if (this.#ready || this.#outOfMemory || exitCode === null) {
      this.#handOutEarly();
      return {};
    }
    const why = unreadyReason(printed);
    return { unready: true, ...(why !== null && { why }) };
  }

  #handOutEarly(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const { stream, text } of early) this.#rawLine(stream, text);
  }

  #received(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#handOutEarly();
        this.#options.onStart?.(null);
        return;
      case 'started':
        for (const run of message.runs) this.#runs.get(run)?.onStarted?.();
        return;
      case 'loading':
        this.#calls.get(message.call)?.loading();
        return;
      case 'result':
        // If no run is listened for, printed lines belong to none.
        if (this.#runs.size === 0) this.#result(message);
        else this.#end(message);
        return;
      case 'outcome':
        this.#end(message);
        return;
      default:
        if (message.type === 'log') this.#logs++;
        this.#toRun(message);
    }
  }

  #toRun(message: FromRun): void {
    const listener = this.#runs.get(message.run);
    if (listener && message.type === 'emit') this.#emits.add(`${message.run} ${message.call}`);
    listener?.onMessage(message);
  }

  /** Lines printed before the end may still lie in the other pipes: they are read first. */
  #end(ending: Ending): void {
    if (this.#heard > 0) this.#isLate = true;
    if (this.#endings.size === 0) setImmediate(() => void this.#tellEndings());
    this.#endings.add(ending);
  }

  /**
   * An ending waits until everything that its run printed has been read, but not for ever: a process that was left
   * behind may print on, and then this worker serves no other run. If runs are side by side no ending waits, because
   * lines that are read then belong to no run in particular.
   */
  async #tellEndings(): Promise<void> {
    const isAlone = this.#runs.size === 1;
    let isRead = this.#reading === null && this.#isQuiet();
    if (!isRead && isAlone) isRead = await this.#readLeft();
    if (isRead) this.#cleared();
    else this.#isUnread = true;
    for (const ending of [...this.#endings]) this.#tell(ending, isAlone && !isRead);
    // A run beside those that have ended gets its lines again when none of theirs can be among them.
    if (!isRead && !isAlone && (await this.#untilQuiet())) this.#cleared();
  }

  /** The rest of a run that is over is little, and is read at once. */
  async #readLeft(): Promise<boolean> {
    const { stdout, stderr } = this.#raw;
    for (const output of [stdout, stderr]) output.free(true);
    const isRead = await this.#untilQuiet();
    for (const output of [stdout, stderr]) output.free(false);
    return isRead;
  }

  /** Resolves with true when the pipes were seen empty, with false where that takes too long. */
  #untilQuiet(): Promise<boolean> {
    this.#reading ??= this.#waitForQuiet().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #waitForQuiet(): Promise<boolean> {
    const { stdout, stderr } = this.#raw;
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const isHeld = stdout.isHeld || stderr.isHeld;
      await (isHeld ? delay(this.#options.clock, HELD_MS) : new Promise(setImmediate));
      if (this.#isQuiet()) return true;
    }
    return false;
  }

  /** True where nothing that was printed before this turn is left to read. To be asked once a turn. */
  #isQuiet(): boolean {
    const isLate = this.#isLate;
    this.#isLate = false;
    const { stdout, stderr } = this.#raw;
    const quiet = [stdout.isQuiet(), stderr.isQuiet()];
    return !isLate && !quiet.includes(false);
  }

  #cleared(): void {
    this.#raw.stdout.flush();
    this.#raw.stderr.flush();
    this.#isUnread = false;
    this.#isMixed = false;
  }

  #tell(ending: Ending, printsOn = false): void {
    if (!this.#endings.delete(ending)) return;
    if (ending.type === 'result') this.#result(ending);
    else this.#runs.get(ending.run)?.onMessage(printsOn ? { ...ending, tainted: true } : ending);
  }

  #result({ call, answer }: Result): void {
    this.#calls.get(call)?.resolve(answer);
    this.#calls.delete(call);
  }

  #output(child: ChildProcess, name: 'stdout' | 'stderr'): RawOutput {
    const { clock } = this.#options;
    return new RawOutput(child[name] as Readable, clock, (text) => this.#rawLine(name, text));
  }

  #rawLine(stream: 'stdout' | 'stderr', text: string): void {
    if (stream === 'stderr' && OUT_OF_MEMORY.test(text)) this.#outOfMemory = true;
    if (this.#early !== null) {
      this.#early.push({ stream, text });
      if (this.#early.length > MOST_EARLY_LINES) this.#handOutEarly();
      return;
    }
    const [only] = this.#runs.size === 1 && !this.#isMixed ? this.#runs : [];
    if (!only) {
      this.#options.stray({ stream, text }, this.mark);
      return;
    }
    const [run, listener] = only;
    const line = {
      at: isoOf(this.#options.clock.now()),
      level: stream === 'stdout' ? ('info' as const) : ('error' as const),
      stream,
      text,
      fields: null,
    };
    listener.onMessage({ type: 'log', run, line });
  }
}

type Result = Extract<FromWorker, { readonly type: 'result' }>;
/** The output of a run, or of a hook. */
type Ending = Result | Extract<FromRun, { readonly type: 'outcome' }>;

interface OpenCall {
  readonly resolve: (answer: Answer) => void;
  readonly loading: () => void;
}

/** The text that V8 prints past everything before it ends the process. */
const OUT_OF_MEMORY = /^FATAL ERROR: .*(?:out of memory|Allocation failed)/i;

const goneAnswer = (exit: Exit): Answer =>
  exit.unready
    ? unreadyAnswer(`no worker process could be started: ${exitText(exit)}`)
    : {
        ok: false,
        code: 'internal',
        message: `the worker process ended: ${exitText(exit)}`,
        hint: 'A job must not end its process.',
      };
