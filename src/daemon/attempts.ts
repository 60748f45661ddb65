// All attempts that are under way: begun with a claim, ended from outside by their run's id, and, when one is over, its
// worker given back and the job told. The daemon stops when none is left.

import { isBuiltIn, policyOf, programOf } from '../catalog/catalog.ts';
import type { JobCatalog } from '../catalog/job-catalog.ts';
import { durably } from '../commands/shared/waiting.ts';
import type { Claimed } from '../engine/engine.ts';
import type { Members, Progressed } from '../engine/members.ts';
import { isHeldOutside } from '../run/external.ts';
import type { Decision, Outcome } from '../run/outcome.ts';
import { unknownRun } from '../run/refusal.ts';
import {
  isSettled,
  latestAttempt,
  type Progress,
  type Run,
  type RunError,
  withProgress,
} from '../run/run.ts';
import { maskOf } from '../run/secrets.ts';
import { abortIdle, requestAbort, settle } from '../run/transitions.ts';
import { delay } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import type { Json } from '../support/json.ts';
import { START_TIMEOUT_MS } from '../support/limits.ts';
import type { JobCaller } from '../workers/caller.ts';
import { Child } from '../workers/child.ts';
import {
  type Answer,
  type Assignment,
  answerOf,
  type FromRun,
  type HookName,
} from '../workers/messages.ts';
import type { Runner } from '../workers/runner.ts';
import { assignmentOf, hiderOf, ownLine } from './assignment.ts';
import { Attempt, type AttemptParts, type Ended } from './attempt.ts';
import { cannotEnd } from './rescue.ts';
import { untilWritten } from './stuck.ts';

export interface AttemptsParts
  extends Omit<AttemptParts, 'askOnError' | 'isSound' | 'startsAgain'> {
  readonly catalog: Pick<JobCatalog, 'find' | 'reread'>;
  readonly caller: Pick<JobCaller, 'hook'>;
  /** Names of params whose values are not to be shown. */
  readonly config: Pick<Config, 'redact' | 'trace'>;
  readonly onHookFailed: (run: Run, hook: HookName, problem: string) => void;
  /** The processes of an earlier daemon that keep a run from going on; null where there are none. */
  readonly orphans: (run: number) => readonly number[] | null;
  /** The process of a run could not be started, and is to be tried again in a moment. */
  readonly onUnstarted: () => void;
  readonly members: Pick<Members, 'self' | 'leaseOf'>;
  /** Ends a run that another daemon holds; resolves with it when it no longer runs. */
  readonly abortElsewhere: (id: number, reason: string, graceMs: number | null) => Promise<Run>;
  /** One is over, or a hook; but where its place was given back before, only the last of all. */
  readonly onEnded: () => void;
}

/**
 * A claim is durable within some turns of the loop; where the disk is slow an abort looks again each time this has
 * passed.
 */
const SOON_TURNS = 20;
const SOON_MS = 100;

/** Called after the fact. */
const TOLD: readonly HookName[] = ['onStale', 'onDone', 'onFailed'];

export class Attempts {
  readonly #p: AttemptsParts;
  readonly #common: AttemptParts;
  readonly #under = new Map<number, Attempt>();
  /** Runs whose processes cannot be started, and since when, by the monotonic clock. */
  readonly #unstarted = new Map<number, number>();
  /** Runs that are to be aborted, and have no attempt here: one may be about to begin. */
  readonly #wishes = new Map<number, Run>();
  #hooks = 0;
  #waiting: (() => void)[] = [];

  constructor(parts: AttemptsParts) {
    this.#p = parts;
    this.#common = {
      ...parts,
      askOnError: (run, assignment, error) => this.#askOnError(run, assignment, error),
      startsAgain: (run) => this.#startsAgain(run),
      isSound: (job, lacks) =>
        parts.catalog.reread(job, lacks).then(
          (entry) => entry?.state === 'ok',
          // It cannot be told just now: what the attempt came to stands.
          (error) => {
            parts.onError(error);
            return true;
          },
        ),
    };
  }

  get size(): number {
    return this.#under.size + this.#hooks;
  }

  /** Resolves when none is under way, nor any hook. */
  async idle(): Promise<void> {
    while (this.size > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** The latest progress of attempts under way. */
  said(): readonly Progressed[] {
    return [...this.#under].flatMap(([run, { progress }]) =>
      progress ? [[run, progress.percent, progress.text] as const] : [],
    );
  }

  progress(id: number): Progress | null {
    return this.#under.get(id)?.progress ?? null;
  }

  begin(claimed: Claimed, runner: Runner): void {
    const { catalog, config, onError, isFenced } = this.#p;
    const { run } = claimed;
    const entry = catalog.find(run.job);
    // Its file went while it was claimed: this worker is none for what there is now.
    const isOther = entry === null || (isBuiltIn(entry) && runner instanceof Child);
    // Claimed, and told so late that its lease may be over.
    if (isOther || isFenced()) {
      this.#giveBack(claimed, runner).catch(onError);
      return;
    }
    const attempt = new Attempt(claimed, runner, this.#common, {
      policy: policyOf(entry),
      program: programOf(entry, run),
      hide: hiderOf(run.params, config.redact),
      trace: config.trace,
    });
    this.#under.set(run.id, attempt);
    const wish = this.#wishes.get(run.id);
    if (wish) this.#obey(attempt, wish);
    attempt.ended.then((ended) => this.#over(attempt, ended), onError);
  }

  async #giveBack({ run, token }: Claimed, runner: Runner): Promise<void> {
    const { engine, clock, chance, catalog, onStuck, release } = this.#p;
    release(runner, true);
    const now = clock.now();
    const decide = (held: Run): Run => {
      const policy = policyOf(catalog.find(held.job));
      return settle(held, { kind: 'stopped' }, policy, now, chance());
    };
    await untilWritten(() => engine.changeHeld(run.id, token, decide), clock, onStuck);
  }

  /**
   * Ends a run, whether it runs or waits; resolves with the run when it is settled and nothing of it lives any more. An
   * attempt may end by itself meanwhile, and the run go on with its next one. Then that one is ended too, unless it is
   * over already, for the note about the abort holds for it as well.
   */
  async abort(id: number, reason: string, graceMs: number | null): Promise<Run> {
    const { engine, clock } = this.#p;
    for (let asked = false; ; asked = true) {
      const attempt = await this.#find(id, reason);
      if (attempt === 'elsewhere') {
        const run = await this.#p.abortElsewhere(id, reason, graceMs);
        if (isSettled(run)) return run;
        continue;
      }
      const stays = (run: Run): boolean =>
        (run.state.name === 'running' && !isHeldOutside(run)) || (asked && isSettled(run));
      const run = attempt
        ? await this.#end(attempt, reason, graceMs)
        : await engine.change(id, (present) =>
            stays(present) ? present : abortIdle(present, reason, clock.now()),
          );
      if (isSettled(run)) return run;
    }
  }

  async #end(attempt: Attempt, reason: string, graceMs: number | null): Promise<Run> {
    const { engine, onError } = this.#p;
    const { progress } = attempt;
    const note = (run: Run): Run => {
      if (run.state.name !== 'running') return run;
      const asked = requestAbort(run, reason);
      return asked === run ? run : withProgress(asked, progress);
    };
    // A full disk does not keep a run from being ended: only a crash right now would bring it back.
    await engine.change(attempt.run.id, note).catch(onError);
    const { id } = attempt.run;
    const undying = attempt.untilUndying().then((pids) => Promise.reject(cannotEnd(id, pids)));
    return (await Promise.race([attempt.end('abort', reason, graceMs), undying])).run;
  }

  /** The wall clock was set: what shows how long they have been running follows it. */
  restate(): void {
    for (const attempt of this.#under.values()) attempt.restate().catch(this.#p.onError);
  }

  /**
   * Ends all attempts for a stop of the daemon: their runs are queued again. One whose process cannot be ended keeps
   * its lease, and the next daemon waits for it.
   */
  async stop(): Promise<void> {
    const all = [...this.#under.values()];
    const ends = all.map((attempt) =>
      Promise.race([
        attempt.end('shutdown', 'the daemon stops', null),
        attempt.untilUndying().then(() => attempt.abandon()),
      ]),
    );
    await Promise.all(ends);
  }

  /**
   * Ends all attempts at once; resolves when nothing of them lives. Their results are written down when that is
   * possible.
   */
  async fence(): Promise<void> {
    const all = [...this.#under.values()];
    for (const attempt of all)
      attempt.end('fence', 'cut off from the store', 0).catch(this.#p.onError);
    await Promise.all(all.map((attempt) => attempt.untilDead()));
  }

  /** The messages of a hook while it is called: it logs and emits like an attempt. */
  fromHook(message: FromRun, reply: (answer: Answer) => void): void {
    if (message.type === 'log') this.#hookSaid(message).catch(this.#p.onError);
    if (message.type !== 'emit') return;
    const { run, job, params, options } = message;
    const emitted = this.#p.engine
      .find(run)
      .then((parent) => this.#p.emit(parent, job, params, options));
    answerOf(emitted).then(reply);
  }

  async #hookSaid(message: FromRun): Promise<void> {
    const run = await this.#p.engine.find(message.run);
    const said = hiderOf(run?.params ?? null, this.#p.config.redact)(message);
    const attempt = run ? latestAttempt(run) : 1;
    if (said.type === 'log') this.#p.logs.append(said.run, { ...said.line, attempt });
  }

  /**
   * The attempt of a run that is to be aborted, null where it has none; one that was claimed a moment ago begins when
   * its claim is durable.
   */
  async #find(id: number, reason: string): Promise<Attempt | 'elsewhere' | null> {
    const { engine, members, clock } = this.#p;
    for (let looks = 0; ; looks++) {
      const attempt = this.#under.get(id);
      if (attempt) return attempt;
      const run = await durably(engine, () => engine.find(id));
      if (this.#under.has(id)) continue;
      if (!run) throw unknownRun(id);
      if (run.state.name !== 'running' || isHeldOutside(run)) return null;
      const orphans = this.#p.orphans(id);
      if (orphans) {
        await engine.change(id, (held) => requestAbort(held, reason));
        throw cannotEnd(id, orphans);
      }
      const lease = await members.leaseOf(id);
      if (lease && lease.member !== members.self.id && !this.#under.has(id)) return 'elsewhere';
      await (looks < SOON_TURNS ? new Promise(setImmediate) : delay(clock, SOON_MS));
    }
  }

  /** Ends the attempt of a run that another host has changed, where it asks for that. */
  obey(run: Run): void {
    if (run.life?.abort === undefined || run.state.name !== 'running') {
      this.#wishes.delete(run.id);
      return;
    }
    const attempt = this.#under.get(run.id);
    if (attempt) this.#obey(attempt, run);
    else this.#wishes.set(run.id, run);
  }

  #obey(attempt: Attempt, { life }: Run): void {
    const { abort = '', abortGraceMs = null } = life ?? {};
    attempt.end('abort', abort, abortGraceMs).catch(this.#p.onError);
  }

  /**
   * The program of the workers may be replaced just now, as by an upgrade: a run waits for it as long as for a start.
   */
  #startsAgain(run: Run): boolean {
    const now = this.#p.clock.monotonic();
    const since = this.#unstarted.get(run.id) ?? now;
    if (now - since > START_TIMEOUT_MS) return false;
    this.#unstarted.set(run.id, since);
    this.#p.onUnstarted();
    return true;
  }

  #over(attempt: Attempt, ended: Ended): void {
    const { id } = attempt.run;
    if (ended.outcome.kind !== 'stopped') this.#unstarted.delete(id);
    if (this.#under.get(id) === attempt) this.#under.delete(id);
    this.tellHooks(ended.run, ended.outcome);
    this.#ended(ended.early);
  }

  #ended(early: boolean): void {
    if (!early || this.size === 0) this.#p.onEnded();
    if (this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Tells the job how an attempt ended, where it has a hook for that. */
  tellHooks(run: Run, outcome: Outcome): void {
    if (TOLD.some((hook) => this.#fileWith(run.job, hook)))
      this.#tell(run, outcome).catch(this.#p.onError);
  }

  /** Told after the fact: what the hooks do wrong is in the log of the run and nowhere else. */
  async #tell(run: Run, outcome: Outcome): Promise<void> {
    const { state } = run;
    if (outcome.kind === 'stale') await this.#hook('onStale', run, { error: outcome.error });
    if (!isSettled(run)) return;
    if (state.name === 'done') await this.#hook('onDone', run, { output: state.output });
    if (state.name === 'failed') await this.#hook('onFailed', run, { error: state.error });
  }

  async #hook(hook: HookName, run: Run, what: { error?: RunError; output?: Json }): Promise<void> {
    const file = this.#fileWith(run.job, hook);
    if (file === null) return;
    const program = { kind: 'file', file } as const;
    this.#hooks++;
    try {
      const answer = await this.#p.caller.hook({
        hook,
        assignment: assignmentOf(run, program, this.#p.config.trace),
        ...what,
      });
      if (!answer.ok) this.#hookFailed(run, hook, answer.message);
    } finally {
      this.#hooks--;
      await this.#p.logs.close(run.id);
      this.#ended(false);
    }
  }

  /** The file of a job that has this hook; null where it has not, or cannot be asked. */
  #fileWith(job: string, hook: HookName): string | null {
    const entry = this.#p.catalog.find(job);
    return entry?.state === 'ok' && !isBuiltIn(entry) && entry.data.has.has(hook)
      ? entry.file
      : null;
  }

  /** The same of a worker outside, which cannot be asked at all. */
  async askOnError(run: Run, error: RunError): Promise<Decision | undefined> {
    const file = this.#fileWith(run.job, 'onError');
    if (file === null) return undefined;
    const program = { kind: 'file', file } as const;
    return this.#askOnError(run, assignmentOf(run, program, this.#p.config.trace), error);
  }

  /** The process of the attempt cannot be asked any more: another one is. */
  async #askOnError(
    run: Run,
    assignment: Assignment,
    error: RunError,
  ): Promise<Decision | undefined> {
    if (this.#fileWith(run.job, 'onError') === null) return undefined;
    const answer = await this.#p.caller.hook({ hook: 'onError', assignment, error });
    if (answer.ok) return (answer.value as Decision | null) ?? undefined;
    this.#hookFailed(run, 'onError', answer.message);
    return undefined;
  }

  /** The author finds it with the run, the operator in the log of the daemon. */
  #hookFailed(run: Run, hook: HookName, problem: string): void {
    const shown = maskOf(run.params, this.#p.config.redact)?.(problem) ?? problem;
    const line = ownLine(
      this.#p.clock.now(),
      latestAttempt(run),
      'error',
      `${hook} failed: ${shown}`,
    );
    this.#p.logs.append(run.id, line);
    this.#p.onHookFailed(run, hook, shown);
  }
}
