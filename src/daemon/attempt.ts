// One attempt of a run, from the lease to the settled run.
//
//   begun ----outcome or exit----> settling -> settled
//     |                                ^
//     '--cause--> ending --over--------'
//
// begun: the worker has the run. Its messages are carried on: progress is noted, log lines and rows are kept, saves and
// emits are made durable and answered. Its outcome, or the end of its process, settles the run.
// ending: something from outside has decided the end: an abort, a start that took too long, the timeout, no heartbeat
// within lockTime, the daemon's own stop, or the fence of its lease (membership.ts). The first such cause wins. The
// job's signal is aborted. When its grace is over, its process group is ended. Nothing of it lives when the run is
// settled, so that no second process can ever hold it.
// settling: the result goes to the engine. If the disk refuses it, it is kept here and tried again: a result that was
// reached is not thrown away because the disk is full for a moment.
import type { Program } from '../catalog/catalog.ts';
import type { Claimed, Engine } from '../engine/engine.ts';
import type { Logs } from '../engine/logs.ts';
import type { Token } from '../engine/members.ts';
import { withStart } from '../run/attempts.ts';
import type { Decision, Lack, Outcome } from '../run/outcome.ts';
import type { Policy } from '../run/policy.ts';
import { type Progress, type Run, type RunError, runsAlone, withProgress } from '../run/run.ts';
import type { TraceRules } from '../run/trace.ts';
import { save, settle } from '../run/transitions.ts';
import type { LogLine } from '../run/view.ts';
import { type Clock, elapsedOf } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import { START_TIMEOUT_MS } from '../support/limits.ts';
import { type Deferred, deferred } from '../support/wakeup.ts';
import { leftBehind, type OnUndying } from '../workers/death.ts';
import {
  type AbortCause,
  type Answer,
  type Assignment,
  answerOf,
  type FromRun,
} from '../workers/messages.ts';
import { deathOf, type Exit, exitText, type RunListener, type Runner } from '../workers/runner.ts';
import { assignmentOf, ownLine, savedOf } from './assignment.ts';
import { Deadlines, type Overdue } from './deadlines.ts';
import type { StopTime } from './signals.ts';
import { untilWritten } from './stuck.ts';

/** The way from an attempt to the log and the result table of its run. */
export type AttemptLogs = Pick<Logs, 'begin' | 'append' | 'row' | 'owes' | 'flush' | 'close'>;

/** The parts that all attempts share. */
export interface AttemptParts {
  readonly engine: Engine;
  readonly logs: AttemptLogs;
  readonly clock: Clock;
  /** Chance for the spread of retries, from 0 to 1. */
  readonly chance: () => number;
  /** Accepts what the job emits; resolves with the id of the run. */
  readonly emit: (parent: Run | null, job: string, params: Json, options: Json) => Promise<string>;
  /** Asks the job's `onError`, if it has one, in another process, about a failure that its own cannot answer for. */
  readonly askOnError: (
    run: Run,
    assignment: Assignment,
    error: RunError,
  ) => Promise<Decision | undefined>;
  /** Reads the job's file anew; true where it is sound. An attempt may have found that it lacks something. */
  readonly isSound: (job: string, lacks?: Lack) => Promise<boolean>;
  readonly onProgress: (run: Run, progress: Progress) => void;
  /** A step of it has been taken, in so long, and is durable. */
  readonly onStep: (run: Run, name: string, ms: number) => void;
  /** The disk refuses a result; told at each try, and with null when it went through. */
  readonly onStuck: (error: unknown | null) => void;
  /** Asked where its process could not be started: true where it is worth another try. */
  readonly startsAgain: (run: Run) => boolean;
  /** Processes of the run cannot be ended: it is held until they end by themselves. */
  readonly onUndying: (run: Run, pids: readonly number[]) => void;
  readonly stopTime: Pick<StopTime, 'explains'>;
  /** No attempt of this daemon may be alive, for others may take its runs over soon: that explains any end. */
  readonly isFenced: () => boolean;
  /** The error beside a result. */
  readonly onError: (error: unknown) => void;
  /** Its process may have another run, or, where it is not reusable, must not. */
  readonly release: (runner: Runner, reusable: boolean) => void;
}

/** The parts of one attempt alone. */
export interface AttemptOwn {
  readonly policy: Policy;
  readonly program: Program;
  /** Takes out of what the job says what must not be shown. */
  readonly hide: (message: FromRun) => FromRun;
  /** How soon it must begin to be a part of its caller's trace. */
  readonly trace: TraceRules;
}

export interface Ended {
  readonly run: Run;
  readonly outcome: Outcome;
  /** Its place was given back in the turn of its outcome, and nothing has come between. */
  readonly early: boolean;
}

/** The end of an attempt, seen from its process. */
interface Over {
  readonly outcome: Outcome | null;
  /** The process must not get another run. */
  readonly spent: boolean;
  /** Something of the attempt may live on in the process, or beside it. */
  readonly unclean: boolean;
}

interface Cause {
  readonly kind: AbortCause;
  readonly reason: string;
}

const OVERDUE_NAMES: Readonly<Record<Overdue, string>> = {
  start: 'StartError',
  timeout: 'TimeoutError',
  stale: 'StaleError',
};

/** Processes that were ended on purpose: for the other runs in them that is no failure. */
const ended = new WeakSet<Runner>();

const NEVER = new Promise<never>(() => undefined);

/** One for all: a thousand attempts are under way at once. */
const nothing = (): void => undefined;

export class Attempt implements RunListener {
  readonly run: Run;
  readonly runner: Runner;
  /** Resolves when the run is settled, or waits for its next attempt, and that is durable. */
  readonly ended: Promise<Ended>;
  progress: Progress | null = null;
  readonly #p: AttemptParts;
  readonly #own: AttemptOwn;
  readonly #token: Token;
  readonly #number: number;
  readonly #deadlines: Deadlines;
  /** Other runs may be in its process. */
  readonly #shared: boolean;
  readonly #reportStart: boolean;
  #over: (over: Over) => void = nothing;
  readonly #finished: Promise<Over>;
  #undyingPids: readonly number[] | null = null;
  #onUndying: OnUndying = nothing;
  #isDead = false;
  /** Null until a caller waits for it. */
  #death: Deferred<void> | null = null;
  /** Null where its process was never to be ended. */
  #killed: Promise<void> | null = null;
  readonly #began: number;
  #cause: Cause | null = null;
  #rows = false;
  #abandoned = false;
  /** Its outcome is there: its process may serve others that know nothing of this attempt. */
  #isOver = false;
  #settling = false;
  /** The disk would not take its result at once. */
  #refused = false;

  constructor(claimed: Claimed, runner: Runner, parts: AttemptParts, own: AttemptOwn) {
    this.#p = parts;
    this.#own = own;
    this.run = claimed.run;
    this.runner = runner;
    this.#token = claimed.token;
    this.#began = elapsedOf(parts.clock);
    this.#number = claimed.run.life?.attempt ?? 1;
    this.#shared = own.policy.isolation === 'shared' && !runsAlone(claimed.run);
    this.#finished = new Promise((resolve) => {
      this.#over = resolve;
    });
    const { lockTimeMs } = own.policy;
    const timeoutMs = this.run.origin?.timeoutMs ?? own.policy.timeoutMs;
    const file = own.program.kind === 'file' ? own.program.file : null;
    const isLoaded = file !== null && runner.loaded.has(file);
    // To report its start costs as much as a small run. A shared process may be blocked by its other runs.
    this.#reportStart = this.#shared || timeoutMs !== null || lockTimeMs !== null || !isLoaded;
    const startMs = this.#reportStart ? START_TIMEOUT_MS : null;
    const limits = { timeoutMs, lockTimeMs, startMs };
    this.#deadlines = new Deadlines(parts.clock, limits, (kind, reason) => {
      // Before its own code has begun, no job is there to obey.
      this.end(kind, reason, kind === 'start' ? 0 : null).catch(parts.onError);
    });
    runner.listen(this.run.id, this);
    this.ended = this.#carry();
  }

  /**
   * Ends the attempt, for the first cause that comes; resolves when its run is no longer running. The job is told, and
   * when the grace is over its process is ended: a second, less patient call cuts it short, and 0 is at once.
   */
  end(kind: AbortCause, reason: string, graceMs: number | null): Promise<Ended> {
    // Its process may have the next run by now, and a shared one has others all the time.
    if (this.#settling || (this.#isOver && this.#shared)) return this.ended;
    if (this.#cause === null) {
      this.#cause = { kind, reason };
      this.runner.send({ type: 'abort', run: this.run.id, cause: kind, reason });
    }
    const grace = graceMs ?? this.#own.policy.graceMs;
    if (grace === 0) this.#kill(true);
    else this.#deadlines.after(grace, () => this.#kill(false));
    return this.ended;
  }

  /** The wall clock was set: writes down by it when the attempt began. */
  async restate(): Promise<void> {
    const { engine, clock } = this.#p;
    await engine.changeHeld(this.run.id, this.#token, (run) =>
      withStart(run, clock.now(), this.#ageMs()),
    );
  }

  #ageMs(): number {
    return elapsedOf(this.#p.clock) - this.#began;
  }

  #kill(force: boolean): void {
    ended.add(this.runner);
    this.#killed = this.#endProcess(force).catch(this.#p.onError);
  }

  /** Resolves with pids that cannot be ended: `ended` may then take as long as they live. For one caller at a time. */
  untilUndying(): Promise<readonly number[]> {
    return new Promise((resolve) => {
      if (this.#undyingPids) resolve(this.#undyingPids);
      else this.#onUndying = resolve;
    });
  }

  /** Resolves when nothing of it lives, whether that is written down yet or not. */
  untilDead(): Promise<void> {
    this.#death ??= deferred();
    if (this.#isDead) this.#death.resolve();
    return this.#death.promise;
  }

  /** The daemon ends before the process does, and leaves the run to the next one. */
  abandon(): void {
    this.#abandoned = true;
  }

  #endProcess(force: boolean): Promise<void> {
    const onUndying: OnUndying = (pids) => {
      this.#undyingPids = pids;
      this.#onUndying(pids);
      this.#p.onUndying(this.run, pids);
    };
    return this.runner.end({ force, onUndying });
  }

  async #carry(): Promise<Ended> {
    const { logs } = this.#p;
    logs.begin(this.run.id, this.#number, this.run.life?.rows ?? 0, this.#token);
    this.runner.send({ type: 'run', assignment: this.#assignment() });
    const { outcome, spent, unclean } = await this.#finished;
    this.#isOver = true;
    this.#deadlines.cancel();
    // The remains of an attempt that was ended, died, or cannot be trusted any more would be a second process on its
    // run once that goes on. A process that others share must live. A run that is done never goes on: processes that
    // have left its group too are looked for when its process is given back.
    const { exit } = this.runner;
    const over = exit !== null && (outcome?.kind !== 'returned' || leftBehind(this.runner));
    const clean = this.#cause === null && !unclean && !over;
    if (!clean && !this.#shared) await this.#endProcess(false);
    if (this.#killed !== null) await this.#killed;
    this.#isDead = true;
    this.#death?.resolve();
    if (this.#abandoned) await NEVER;
    const final = await this.#final(outcome);
    this.#settling = true;
    // An end that was asked for meanwhile must not reach whatever has its process next.
    this.#deadlines.cancel();
    const reusable = !spent && this.#cause === null && this.runner.exit === null;
    // Decided in this same turn, so that the next start goes into its commit; but rows come before their result.
    const early = reusable && !this.#owes();
    if (early) this.#p.release(this.runner, true);
    const settled = this.#settle(final);
    this.runner.unlisten(this.run.id, this);
    const run = await settled;
    // Most runs have no log.
    const closing = logs.close(this.run.id);
    if (closing !== null) await closing;
    if (!early) this.#p.release(this.runner, reusable);
    return { run, outcome: final, early: early && !this.#refused };
  }

  /** Made anew where it is needed again: it is not to live as long as a thousand attempts under way do. */
  #assignment(): Assignment {
    return assignmentOf(this.run, this.#own.program, this.#own.trace, this.#reportStart);
  }

  /** The outcome of the attempt, seen from its cause if there is one. */
  async #final(outcome: Outcome | null): Promise<Outcome> {
    const isFenced = this.#cause === null ? this.#p.isFenced() : this.#cause.kind === 'fence';
    // A reached result is written down, unless another daemon has the run by then.
    if (isFenced) return outcome?.kind === 'returned' ? outcome : { kind: 'lost', handedOn: true };
    const failed = outcome?.kind === 'threw' && this.#cause === null ? outcome : null;
    if (failed && (await this.#p.stopTime.explains(failed)) && this.#cause === null) {
      const text = `ended by the stop of the daemon: ${failed.error.message}`;
      this.#p.logs.append(this.run.id, this.#line('warn', text));
      return { kind: 'stopped' };
    }
    const cause = this.#cause;
    if (cause === null) {
      if (outcome?.kind === 'threw' && (outcome.unloaded || outcome.lacks)) {
        // Edited into a broken state a moment ago, or without a package: its runs wait until it is mended.
        const isSound = await this.#p.isSound(this.run.job, outcome.lacks);
        // The missing process or file exists now: nothing of it has run, and it starts again.
        if (!isSound || outcome.missing) return { kind: 'stopped' };
      }
      return outcome ?? { kind: 'lost' };
    }
    switch (cause.kind) {
      case 'abort':
        return { kind: 'aborted', reason: cause.reason };
      case 'fence':
      case 'shutdown':
        // Work that was finished within the grace of a stop is finished.
        return outcome?.kind === 'returned' ? outcome : { kind: 'stopped' };
      case 'start':
      case 'timeout':
      case 'stale': {
        const error = { name: OVERDUE_NAMES[cause.kind], message: cause.reason, stack: '' };
        const decision = await this.#p.askOnError(this.run, this.#assignment(), error);
        // An attempt that would not end took its neighbours with it: it goes on alone.
        const alone = this.#own.policy.isolation === 'shared' && this.runner.exit;
        const death = alone ? deathOf(alone) : {};
        const kind = cause.kind === 'stale' ? 'stale' : 'timeout';
        return { kind, error, ...(decision && { decision }), ...death };
      }
    }
  }

  /** Lost where the end of the process may be another run's doing: that is made good. */
  #afterExit(exit: Exit): Over {
    if (exit.unready && this.#p.startsAgain(this.run)) {
      const text = `its process could not be started (${exitText(exit)}): tried again`;
      this.#p.logs.append(this.run.id, this.#line('warn', text));
      return { spent: true, unclean: true, outcome: { kind: 'stopped' } };
    }
    const message = `the process ended before its job did: ${exitText(exit)}`;
    const error = { name: 'ProcessError', message, stack: '' };
    const end = { spent: true, unclean: true };
    if (!this.#shared && !ended.has(this.runner))
      return { ...end, outcome: { kind: 'threw', error, ...deathOf(exit) } };
    this.#p.logs.append(this.run.id, this.#line('error', message));
    const death = this.#shared ? deathOf(exit) : {};
    return { ...end, outcome: { kind: 'lost', ...death } };
  }

  onStarted(): void {
    const { program } = this.#own;
    if (program.kind === 'file') this.runner.loaded.add(program.file);
    this.#deadlines.begin();
  }

  onExit(exit: Exit): void {
    this.#over(this.#afterExit(exit));
  }

  onMessage(whole: FromRun): void {
    const message = this.#own.hide(whole);
    this.#deadlines.heartbeat();
    switch (message.type) {
      case 'outcome':
        this.#over(this.#overBy(message));
        return;
      case 'progress':
        this.progress = { percent: message.percent, text: message.text };
        this.#p.onProgress(this.run, this.progress);
        return;
      case 'log':
        this.#p.logs.append(this.run.id, { ...message.line, attempt: this.#number });
        return;
      case 'row':
        this.#addRow(message.n, message.row);
        return;
      case 'extend':
        this.#deadlines.extendLock(message.ms);
        return;
      case 'save':
        this.#answer(message.call, this.#save(message));
        return;
      case 'emit':
        this.#answer(
          message.call,
          this.#p.emit(this.run, message.job, message.params, message.options),
        );
        return;
    }
  }

  /** Processes left in a shared process, or beside it, may be those of another of its runs: they share it by choice. */
  #overBy(message: Extract<FromRun, { type: 'outcome' }>): Over {
    const { outcome, tainted, changed, company, timers } = message;
    if (timers) this.runner.loaded.clear();
    const unclean = tainted === true || (company === true && !this.#shared);
    return { outcome, unclean, spent: unclean || (changed === true && !this.#shared) };
  }

  #addRow(n: number, row: Json): void {
    this.#rows = true;
    if (this.#p.logs.row(this.run.id, n, row)) return;
    const text = `row ${n + 1} was left out: the result table is full`;
    this.#p.logs.append(this.run.id, this.#line('warn', text));
  }

  #line(level: LogLine['level'], text: string): LogLine {
    return ownLine(this.#p.clock.now(), this.#number, level, text);
  }

  /** Rows are to be durable before the checkpoint or the result that they belong to. */
  #owes(): boolean {
    return this.#rows || this.#p.logs.owes(this.run.id);
  }

  async #save(saved: Extract<FromRun, { type: 'save' }>): Promise<Json> {
    if (this.#owes()) await this.#p.logs.flush(this.run.id, true);
    const run = await this.#p.engine.changeHeld(this.run.id, this.#token, (held) =>
      save(withProgress(held, this.progress), savedOf(saved)),
    );
    if (run === null) throw new Error('this attempt no longer holds its run');
    if (saved.step) this.#p.onStep(run, saved.step.name, saved.step.ms);
    return null;
  }

  #answer(call: number, work: Promise<Json>): void {
    const send = (answer: Answer): void =>
      this.runner.send({ type: 'answer', run: this.run.id, call, answer });
    answerOf(work).then(send);
  }

  async #settle(outcome: Outcome): Promise<Run> {
    const { engine, logs, clock, chance, onStuck } = this.#p;
    const { policy } = this.#own;
    const tookMs = this.#ageMs();
    const told = (error: unknown | null): void => {
      if (error !== null) this.#refused = true;
      onStuck(error);
    };
    if (this.#owes()) await untilWritten(() => logs.flush(this.run.id, true), clock, told);
    // A store decides later, and its place may have gone to the next run before that.
    const now = clock.now();
    const decide = (run: Run): Run =>
      settle(withProgress(run, this.progress), outcome, policy, now, chance(), tookMs);
    const write = () => engine.changeHeld(this.run.id, this.#token, decide);
    const run = await untilWritten(write, clock, told);
    return run ?? (await engine.find(this.run.id)) ?? this.run;
  }
}
