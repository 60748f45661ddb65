// A process that runs jobs, as the daemon sees it: it gets assignments, says things, and ends. What a job does is drawn
// when it begins: it returns, throws, hangs, dies, calls back, goes on talking after its end, obeys an abort or does
// not. It belongs to the machine, not to the daemon: after a kill -9 of the daemon it may live on for a while.

import type { Json } from '../../src/support/json.ts';
import { HOUR } from '../../src/support/limits.ts';
import type { Assignment, FromRun, ToWorker } from '../../src/workers/messages.ts';
import type { Exit, RunListener, Runner } from '../../src/workers/runner.ts';
import type { Machine } from './machine.ts';

/** A run in this process, until it has said what became of it. */
interface Task {
  readonly assignment: Assignment;
  calls: number;
  saved: number;
  /** A save has not been answered yet: like a job that awaits each, it begins no other one. */
  saving: boolean;
  over: boolean;
  readonly waiting: Map<number, (ok: boolean, value: unknown) => void>;
}

/** What outlives its daemon, and is told what it does. */
export interface Surroundings
  extends Pick<Machine, 'clock' | 'chance' | 'workers' | 'boots' | 'newPid' | 'note'> {
  readonly weakening: { readonly name: string } | null;
  readonly promises: Pick<Machine['promises'], 'begins' | 'saved' | 'accepted'>;
}

export class FakeWorker implements Runner {
  readonly mark: string;
  readonly pid: number;
  readonly startTime = '1';
  readonly boot: string;
  readonly loaded = new Set<string>();
  readonly exited: Promise<Exit>;
  exit: Exit | null = null;
  readonly #machine: Surroundings;
  #parentLives: () => boolean;
  /** Brings the daemon what it is told; one that stands still gets it later. */
  readonly #bring: (tell: () => void) => void;
  readonly #listeners = new Map<number, RunListener>();
  readonly #tasks = new Map<number, Task>();
  #resolve: (exit: Exit) => void = () => undefined;
  #ending: Promise<void> | null = null;
  #pretends = false;

  constructor(
    machine: Surroundings,
    mark: string,
    parentLives: () => boolean,
    bring: (tell: () => void) => void = (tell) => void setImmediate(tell),
  ) {
    this.#bring = bring;
    this.#machine = machine;
    this.mark = mark;
    this.pid = machine.newPid();
    this.boot = `boot ${machine.boots}`;
    this.#parentLives = parentLives;
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    machine.workers.set(this.pid, this);
    machine.note(`worker ${this.pid} starts`);
  }

  /** Runs that it has at this moment. */
  get holds(): readonly Assignment[] {
    return this.exit && !this.#pretends
      ? []
      : [...this.#tasks.values()].filter((t) => !t.over).map((t) => t.assignment);
  }

  send(message: ToWorker): void {
    if (this.exit) return;
    this.#machine.note(`to ${this.pid}: ${message.type}`);
    setImmediate(() => {
      if (!this.exit) this.#received(message);
    });
  }

  listen(run: number, listener: RunListener): void {
    this.#listeners.set(run, listener);
    if (this.exit) listener.onExit?.(this.exit);
  }

  unlisten(run: number, listener: RunListener): void {
    if (this.#listeners.get(run) === listener) this.#listeners.delete(run);
  }

  end(): Promise<void> {
    if (this.#machine.weakening?.name === 'ends before it is dead') this.#pretend();
    this.#ending ??= this.#dieLater(this.#machine.chance.whole(1, 400));
    return this.#ending;
  }

  /** Its daemon was killed. With `setpriv` it dies with it, else it lives until it notices. */
  orphan(): void {
    this.#parentLives = () => false;
    const { chance } = this.#machine;
    if (chance.chance(0.4)) this.die({ exitCode: null, signal: 'SIGKILL' });
    else this.#after(chance.whole(1, 120_000), () => this.die({ exitCode: 0, signal: null }));
  }

  die(exit: Exit): void {
    if (this.exit) return;
    this.exit = exit;
    if (!this.#pretends) this.#machine.workers.delete(this.pid);
    this.#machine.note(`worker ${this.pid} ends: ${exit.signal ?? exit.exitCode}`);
    this.#bring(() => {
      if (this.#parentLives())
        for (const listener of [...this.#listeners.values()]) listener.onExit?.(exit);
      this.#resolve(exit);
    });
  }

  /** Says that it is dead, and lives on. */
  #pretend(): void {
    if (this.exit) return;
    this.#pretends = true;
    this.#machine.clock.after(HOUR, () => this.#machine.workers.delete(this.pid));
    this.die({ exitCode: null, signal: 'SIGKILL' });
  }

  async #dieLater(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#machine.clock.after(ms, resolve));
    this.die({ exitCode: null, signal: 'SIGKILL' });
    await this.exited;
  }

  #after(ms: number, fn: () => void): void {
    this.#machine.clock.after(ms, () => {
      if (!this.exit) fn();
    });
  }

  #received(message: ToWorker): void {
    if (message.type === 'run') this.#begin(message.assignment);
    if (!('run' in message)) return;
    const task = this.#tasks.get(message.run);
    if (!task) return;
    if (message.type === 'abort') this.#aborted(task);
    if (message.type !== 'answer') return;
    const { answer } = message;
    task.waiting.get(message.call)?.(answer.ok, answer.ok ? answer.value : answer.message);
    task.waiting.delete(message.call);
  }

  #begin(assignment: Assignment): void {
    const saved = Number((assignment.checkpoint as { n?: number } | undefined)?.n ?? 0);
    const task: Task = {
      assignment,
      calls: 0,
      saved,
      saving: false,
      over: false,
      waiting: new Map(),
    };
    this.#machine.promises.begins(assignment, this);
    this.#tasks.set(assignment.run, task);
    this.#bring(() => {
      if (this.#parentLives()) this.#listeners.get(assignment.run)?.onStarted?.();
    });
    this.#live(task, this.#machine.chance.whole(0, 4));
  }

  /** Does so many more things, one after the other, then ends. */
  #live(task: Task, more: number): void {
    const { chance } = this.#machine;
    this.#after(this.#pause(), () => {
      if (task.over) return;
      if (more === 0) {
        this.#finish(task);
        return;
      }
      this.#act(task, chance.next());
      this.#live(task, more - 1);
    });
  }

  #pause(): number {
    const { chance } = this.#machine;
    return chance.chance(0.7) ? chance.whole(0, 800) : chance.whole(1000, 40_000);
  }

  #act(task: Task, what: number): void {
    const { run } = task.assignment;
    if (what < 0.25)
      this.#say({ type: 'progress', run, percent: Math.floor(what * 400), text: null });
    else if (what < 0.35) this.#say({ type: 'extend', run, ms: Math.floor(what * 60_000) });
    else if (what < 0.8) this.#save(task);
    else this.#emit(task);
  }

  #save(task: Task): void {
    const { run } = task.assignment;
    if (task.saving) return;
    const n = ++task.saved;
    const call = ++task.calls;
    task.saving = true;
    task.waiting.set(call, (ok) => {
      task.saving = false;
      if (ok) this.#machine.promises.saved(run, n);
    });
    // A checkpoint waits until the rows before it are on the disk.
    if (this.#machine.chance.chance(0.3)) this.#say({ type: 'row', run, n, row: {} });
    this.#say({ type: 'save', run, call, checkpoint: { n, by: this.pid } });
  }

  #emit(task: Task): void {
    const { run } = task.assignment;
    const { chance, promises } = this.#machine;
    const call = ++task.calls;
    task.waiting.set(call, (ok, id) => {
      if (ok) promises.accepted(Number(id), 'emitted');
    });
    const job = chance.of(['plain', 'narrow', 'together', 'nobody']);
    const key = chance.whole(1, 8);
    const options: Json = key < 5 ? { key: `e${key}` } : {};
    this.#say({ type: 'emit', run, call, job, params: {}, options });
  }

  #finish(task: Task): void {
    const { run, attempt } = task.assignment;
    const { chance, clock } = this.#machine;
    const what = chance.next();
    const error = { name: 'Error', message: 'no', stack: '' };
    const dueAt = clock.now() + chance.whole(0, 100_000);
    if (what < 0.5) this.#outcome(task, { kind: 'returned', output: { attempt } });
    else if (what < 0.68) this.#outcome(task, { kind: 'threw', error });
    else if (what < 0.72) this.#outcome(task, { kind: 'threw', error, fatal: true });
    else if (what < 0.78) this.#outcome(task, { kind: 'callback', dueAt });
    else if (what < 0.81) this.#outcome(task, { kind: 'callback', dueAt, error });
    else if (what < 0.86) this.#outcome(task, { kind: 'pending' });
    else if (what < 0.94) this.die({ exitCode: 1, signal: null });
    else this.#machine.note(`run ${run} hangs`);
  }

  #outcome(task: Task, outcome: Extract<FromRun, { type: 'outcome' }>['outcome']): void {
    const { run } = task.assignment;
    const { chance } = this.#machine;
    const tainted = chance.chance(0.1);
    task.over = true;
    this.#say({ type: 'outcome', run, outcome, ...(tainted && { tainted: true as const }) });
    // A job that does not know when it is over.
    if (chance.chance(0.1)) this.#save(task);
    if (chance.chance(0.1)) this.#say({ type: 'outcome', run, outcome: { kind: 'pending' } });
    if (chance.chance(0.05)) this.#after(chance.whole(1, 60_000), () => this.#saveLate(task));
  }

  /** Where this very process has the run again, its own code refuses what the attempt before still wants to say. */
  #saveLate(task: Task): void {
    if (this.#tasks.get(task.assignment.run) === task) this.#save(task);
  }

  #aborted(task: Task): void {
    const { chance } = this.#machine;
    const error = { name: 'AbortError', message: 'aborted', stack: '' };
    if (chance.chance(0.6))
      this.#after(chance.whole(0, 6000), () => {
        if (!task.over) this.#outcome(task, { kind: 'threw', error });
      });
  }

  #say(message: FromRun): void {
    this.#machine.note(`from ${this.pid}: ${JSON.stringify(message)}`);
    this.#bring(() => {
      if (this.#parentLives()) this.#listeners.get(message.run)?.onMessage(message);
    });
  }
}
