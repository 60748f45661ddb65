// A command job under way: any executable, with its params on stdin and in its environment. Its output is its log, but
// for lines on stdout that begin with `::`, which do what a module does through `ctx`. To the daemon it is a Runner
// like a worker process, for exactly one assignment. A command that was typed after `--` says in its assignment what is
// started and where, and reads nothing from stdin.
//
// The lease of a run names its process before the run may start. So the process begins as a gate, a shell that waits
// for its orders on stdin; the orders set the environment and then replace the shell by the command itself, which keeps
// the pid, and finds its params on stdin behind them. If the daemon dies before, the orders never come and the command
// never starts; if it dies later, the reaper ends the command, of which it was told before the orders. The gate holds
// descriptor 3 open until then, so its end tells when the command itself begins.
import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { relative } from 'node:path';
import type { Readable } from 'node:stream';
import type { Program } from '../catalog/catalog.ts';
import { scriptProblem } from '../catalog/command-file.ts';
import type { Outcome } from '../run/outcome.ts';
import { type Clock, isoOf } from '../support/clock.ts';
import { orElseSync } from '../support/errors.ts';
import { type Json, parseJson } from '../support/json.ts';
import { MINUTE } from '../support/limits.ts';
import { programIn } from '../support/read-file.ts';
import { shellQuoted } from '../support/text.ts';
import { endGroup, signal } from './death.ts';
import type { Assignment, FromRun, ToWorker } from './messages.ts';
import { bootId, startTimeOf } from './processes.ts';
import { afterExit, RawOutput } from './raw-output.ts';
import type { Reaper } from './reaper.ts';
import {
  deathOf,
  type EndRunner,
  type Exit,
  exitText,
  type RunListener,
  type Runner,
} from './runner.ts';
import { isNotStarted, startProcess } from './spawn.ts';
import { toJson } from './values.ts';

export interface CommandOptions {
  readonly mark: string;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly reaper: Reaper;
}

/** The kernel takes no single variable above it (MAX_ARG_STRLEN); stdin has the params in any case. */
const MAX_VARIABLE_BYTES = 128 * 1024 - 64;
/**
 * The orders are one line, which the shell reads by itself, and not a byte more: the rest is the command's. Orders that
 * were cut short by the daemon's death have no end of the line: nothing is started.
 */
const GATE = `n='
'
IFS= read -r orders || exit 1
eval "$orders"
exit 1`;

export class CommandRunner implements Runner {
  readonly mark: string;
  readonly boot = bootId();
  readonly loaded = new Set<string>();
  readonly exited: Promise<Exit>;
  readonly pid: number;
  readonly startTime: string;
  exit: Exit | null = null;
  readonly #options: CommandOptions;
  readonly #process: ChildProcess;
  #listener: RunListener | null = null;
  #assignment: Assignment | null = null;
  #output: Json = null;
  #calls = 0;
  #isAborted = false;
  #stdout: RawOutput | null = null;
  /** Why nothing is started. */
  #refused: Refused | null = null;

  constructor(options: CommandOptions) {
    this.#options = options;
    this.mark = options.mark;
    options.reaper.begin();
    this.#process = startProcess({
      ...options,
      what: GATE,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.pid = this.#process.pid as number;
    this.startTime = startTimeOf(this.pid);
    // A command that does not read its stdin breaks the pipe: it did not want the params.
    for (const stream of this.#process.stdio) stream?.on('error', () => undefined);
    const gate = this.#process.stdio[3] as Readable;
    gate.on('end', () => this.#listener?.onStarted?.()).resume();
    options.reaper.watch(this);
    this.exited = this.#watch(this.#process);
  }

  /** `run` starts the command; what else a module is told, a command is not. */
  send(message: ToWorker): void {
    if (message.type === 'run' && this.#assignment === null) this.#start(message.assignment);
    if (message.type === 'answer') this.#stdout?.done();
    // SIGTERM is for a command, and its children, what ctx.signal is for a module.
    if (message.type !== 'abort' || this.exit) return;
    this.#isAborted = true;
    signal(-this.pid, 'SIGTERM');
  }

  listen(_run: number, listener: RunListener): void {
    this.#listener = listener;
    if (this.exit) listener.onExit?.(this.exit);
  }

  unlisten(): void {
    this.#listener = null;
  }

  async end(options?: EndRunner): Promise<void> {
    await endGroup(this, { ...options, clock: this.#options.clock, own: true });
    await this.exited;
    this.#options.reaper.forget(this);
  }

  #start(assignment: Assignment): void {
    this.#assignment = assignment;
    const { program } = assignment;
    this.#refused = whyNotStarted(program);
    // The gate ends without its orders.
    if (this.#refused !== null || program.kind === 'nothing')
      return void this.#process.stdin?.end();
    const params = program.kind === 'typed' ? null : JSON.stringify(assignment.params);
    const variables = Object.entries(this.#variables(assignment, params)).map(
      ([name, value]) => `${name}=${quoted(value)}`,
    );
    this.#process.stdin?.end(
      `export ${variables.join(' ')};exec 3>&-;${startOf(program)}\n${params ?? ''}\n`,
    );
  }

  /** `params` null: it has them as its arguments. */
  #variables(assignment: Assignment, params: string | null): Record<string, string> {
    const { traceparent, tracestate, baggage } = assignment.trace;
    const variables: Record<string, string> = {
      TRACEPARENT: traceparent,
      ...(tracestate !== null && { TRACESTATE: tracestate }),
      BAGGAGE: baggage,
      JOBRUN_ID: String(assignment.run),
      JOBRUN_JOB: assignment.job,
      JOBRUN_ATTEMPT: String(assignment.attempt),
      JOBRUN_FENCE: String(assignment.fence),
    };
    const checkpoint =
      assignment.checkpoint === undefined ? '' : JSON.stringify(assignment.checkpoint);
    for (const [name, value] of [
      ['JOBRUN_PARAMS', params] as const,
      ['JOBRUN_CHECKPOINT', checkpoint] as const,
    ]) {
      if (value === null) continue;
      if (Buffer.byteLength(value) <= MAX_VARIABLE_BYTES) variables[name] = value;
      else this.#log('warn', 'log', `${name} is left out: it is too large for the environment`);
    }
    return variables;
  }

  #watch(child: ChildProcess): Promise<Exit> {
    const { clock } = this.#options;
    const stdout = new RawOutput(child.stdout as Readable, clock, (text) => this.#line(text));
    this.#stdout = stdout;
    const stderr = new RawOutput(child.stderr as Readable, clock, (text) => {
      this.#log('error', 'stderr', text);
    });
    return new Promise((resolve) => {
      const finish = (exit: Exit): void => {
        if (this.exit) return;
        stdout.flush();
        stderr.flush();
        this.exit = exit;
        this.#emit({ type: 'outcome', run: this.#run, outcome: this.#outcomeOf(exit) });
        for (const stream of child.stdio) stream?.destroy();
        this.#listener?.onExit?.(exit);
        resolve(exit);
      };
      // A signal that did not arrive: the exit tells more.
      child.on('error', () => undefined);
      const isAborted = (): boolean => this.#isAborted;
      afterExit(child, [stdout, stderr], clock, isAborted, (exitCode, signal) =>
        finish({ exitCode, signal }),
      );
    });
  }

  #outcomeOf(exit: Exit): Outcome {
    const refused = this.#refused;
    if (exit.exitCode === 0 && !refused) return { kind: 'returned', output: this.#output };
    const failed = refused?.why ?? `the command ended with ${exitText(exit)}${this.#noStart(exit)}`;
    const error = { name: 'Error', message: failed, stack: `Error: ${failed}` };
    if (!refused?.waits) return { kind: 'threw', error, ...deathOf(exit) };
    const dueAt = this.#options.clock.now() + LOOK_AGAIN_MS;
    return { kind: 'callback', error, dueAt, waitMs: LOOK_AGAIN_MS };
  }

  /** The reason if the shell could not start it, if its first line shows that. */
  #noStart({ exitCode }: Exit): string {
    if (!isNotStarted(exitCode)) return '';
    const { dir, env } = this.#options;
    const program = this.#assignment?.program;
    if (program?.kind === 'typed') return noProgram(program.command.argv[0] ?? '', env.PATH ?? '');
    if (program?.kind !== 'file') return '';
    const problem = scriptProblem(program.file, env.PATH ?? '');
    return problem === null ? '' : `: ${relative(dir, program.file)}:1: ${problem}`;
  }

  /** A line of stdout: a word to jobrun, or log. A line that is no proper word is log too, with its fault. */
  #line(text: string): void {
    const match = /^::(progress|save|output|emit) +(.*)$/.exec(text);
    const wrong = match ? this.#word(match[1] ?? '', match[2] ?? '') : null;
    if (!match || wrong !== null) this.#log('info', 'stdout', text);
    if (wrong !== null) this.#log('warn', 'log', `not understood: ${wrong}`);
  }

  /** Does what the word says. Returns what is wrong with it, or null. */
  #word(word: string, rest: string): string | null {
    const [first = '', ...others] = rest.split(' ');
    const tail = others.join(' ').trim();
    const run = this.#run;
    switch (word) {
      case 'progress': {
        const percent = Number(first);
        if (first === '' || Number.isNaN(percent)) return `"${first}" is no percentage`;
        const clamped = Math.min(100, Math.max(0, percent));
        this.#emit({ type: 'progress', run, percent: clamped, text: tail || null });
        return null;
      }
      case 'save':
        return this.#value(rest, (checkpoint) =>
          this.#ask({ type: 'save', run, call: ++this.#calls, checkpoint }),
        );
      case 'output':
        return this.#value(rest, (output) => {
          this.#output = output;
        });
      default:
        return this.#value(tail || '{}', (params) =>
          this.#ask({ type: 'emit', run, call: ++this.#calls, job: first, params, options: {} }),
        );
    }
  }

  #value(text: string, use: (value: Json) => void): string | null {
    const value = parseJson(text);
    if (value === undefined) return 'the value is no JSON';
    try {
      use(toJson(value, 'the value'));
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  get #run(): number {
    return this.#assignment?.run ?? 0;
  }

  #log(level: 'info' | 'warn' | 'error', stream: 'log' | 'stdout' | 'stderr', text: string): void {
    const at = isoOf(this.#options.clock.now());
    this.#emit({ type: 'log', run: this.#run, line: { at, level, stream, text, fields: null } });
  }

  /** An answer follows. */
  #ask(message: FromRun): void {
    if (this.#listener) this.#stdout?.asks();
    this.#emit(message);
  }

  #emit(message: FromRun): void {
    this.#listener?.onMessage(message);
  }
}

/** The reason why nothing is started; it `waits` for the job file that it needs, or that is in its place. */
interface Refused {
  readonly why: string;
  readonly waits: boolean;
}

/** A run that waits for a job file is looked at again after this. */
const LOOK_AGAIN_MS = MINUTE;

/** Null where nothing speaks against the start. */
function whyNotStarted(program: Program): Refused | null {
  if (program.kind === 'nothing') return { why: program.why, waits: true };
  if (program.kind === 'file') return null;
  const { cwd } = program.command;
  if (orElseSync(false, () => statSync(cwd).isDirectory())) return null;
  return { why: `the folder where it was typed is gone: ${cwd}`, waits: false };
}

/** The line by which the shell of the gate becomes the program. */
function startOf(program: Exclude<Program, { readonly kind: 'nothing' }>): string {
  if (program.kind === 'file') return `exec ${quoted(program.file)}`;
  const { cwd, argv } = program.command;
  return `cd ${quoted(cwd)}||exit 1;exec ${argv.map(quoted).join(' ')} </dev/null`;
}

/** The shell that would start it searches the daemon's PATH, which may be another than that of who typed it. */
function noProgram(program: string, path: string): string {
  if (program.includes('/') || programIn(path, program) !== null) return '';
  return `: ${program} is in no folder of the daemon's PATH`;
}

/** One word of the shell, whatever is in it, on one line: `$n` is the gate's line break. */
const quoted = (text: string): string => shellQuoted(text).replaceAll('\n', `'"$n"'`);
