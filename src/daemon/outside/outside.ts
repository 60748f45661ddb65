// Outside workers: users' programs that take runs of external jobs over HTTP, report, and end them.
//
//              .--message--.
//              v           |
//   queued -> held --------'--done, failed, callback, pending--> as run/transitions decides
//     ^        |--abort-----> aborted, at once: the worker hears of it with its next message
//     |        |--silent----> stale: again with the next attempt, under another lease
//     |        '--timeout---> failed attempt
//     '--given back: the worker has gone before its answer went out
//
// held: the run is running, under the lease `<run>.<attempt>`, which stands in the run itself (run/external). It
// involves no process of ours, so it stays the same while the daemon stops, is killed and starts again. With several
// daemons on a store each of them can be asked. A lease is ended by a change of the run under that very lease: the
// second to come finds it gone, and has changed nothing.
//
// The order of effects of a take: 1. the claim, with the lease, is durable; 2. the answer goes out. A worker that never
// gets the answer leaves a run without work: it becomes stale in time. The order of a message, one at a time for each
// run:
//   1. all of it is checked: one bad part, and nothing of it is done;
//   2. the lease is in force, and the worker is heard;
//   3. lines and rows go to the log; rows are synced;
//   4. runs that it emits are accepted, if the lease is still in force, once for each Idempotency-Key;
//   5. checkpoint and number of rows are durable;
//   6. answer.
// A daemon that dies in between has answered nothing. The worker says it again, and the rows take the place of the same
// ones. The order of an ending: 1. the hook `onError`, where there is one; 2. the settled run is durable; 3. answer; 4.
// the other hooks. A message that says nothing durable is only remembered; every so often one is written down
// (run/external says how often).

import { policyOf } from '../../catalog/catalog.ts';
import type { JobCatalog } from '../../catalog/job-catalog.ts';
import {
  type Asking,
  type Ending,
  type Heard,
  lostLease,
  type Message,
  type OutsideWorkers,
} from '../../commands/shared/outside.ts';
import { durably } from '../../commands/shared/waiting.ts';
import type { Claimed, Engine } from '../../engine/engine.ts';
import type { Logs } from '../../engine/logs.ts';
import { type Members, OUTSIDE, type SeenWorker } from '../../engine/members.ts';
import { heard, isHeldUnder, leaseOf, readLease } from '../../run/external.ts';
import type { Decision, Outcome } from '../../run/outcome.ts';
import type { JobLimits } from '../../run/pick.ts';
import type { Policy } from '../../run/policy.ts';
import {
  type Draft,
  latestAttempt,
  type Progress,
  type Run,
  type RunError,
  withProgress,
} from '../../run/run.ts';
import { save, settle } from '../../run/transitions.ts';
import { hasGone } from '../../support/aborts.ts';
import { type Clock, isoOf } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { MAX_RESULT_BYTES, MAX_RESULT_ROWS, MB } from '../../support/limits.ts';
import { cutText } from '../../workers/lines.ts';
import { hiderOf } from '../assignment.ts';
import { untilWritten } from '../stuck.ts';
import { type Held, Leases, type Overdue } from './leases.ts';
import { Polls } from './polls.ts';

export interface OutsideParts {
  readonly engine: Engine;
  readonly members: Pick<Members, 'leases' | 'leaseOf'>;
  readonly logs: Pick<Logs, 'begin' | 'append' | 'row' | 'owes' | 'flush' | 'close'>;
  readonly catalog: Pick<JobCatalog, 'find'>;
  readonly config: Pick<Config, 'redact'>;
  readonly clock: Clock;
  /** Chance for the spread of retries, from 0 to 1. */
  readonly chance: () => number;
  readonly mayTake: () => boolean;
  /** Asks the job's `onError`, if it has one, about a failure. */
  readonly askOnError: (run: Run, error: RunError) => Promise<Decision | undefined>;
  /** Calls the other hooks of the job. */
  readonly tellHooks: (run: Run, outcome: Outcome) => void;
  readonly onProgress: (run: Run, progress: Progress) => void;
  readonly onStuck: (error: unknown | null) => void;
  readonly onError: (error: unknown) => void;
}

export class Outside implements OutsideWorkers {
  readonly #p: OutsideParts;
  readonly #polls: Polls;
  readonly #leases: Leases;
  /** The last message of each run that is being carried out. */
  readonly #turns = new Map<number, Promise<unknown>>();

  constructor(parts: OutsideParts) {
    this.#p = parts;
    const { onError } = parts;
    this.#polls = new Polls({
      ...parts,
      giveBack: (claimed) => void this.#giveBack(claimed).catch(onError),
    });
    this.#leases = new Leases({
      clock: parts.clock,
      policyOf: (job) => this.#policyOf(job),
      onOver: (held, kind, reason) => this.#overdue(held, kind, reason).catch(onError),
    });
  }

  /** Takes up the existing leases. */
  async begin(): Promise<void> {
    const { members, engine } = this.#p;
    for (const { run: id, mark } of await members.leases()) {
      const run = mark === OUTSIDE ? await engine.find(id) : null;
      if (run && !this.#leases.find(id)) this.#leases.follow(run, 'found');
    }
  }

  /** Leases stay as they are: the next daemon takes them up. */
  close(): void {
    this.#leases.close();
  }

  /** Runs that workers outside have. */
  get size(): number {
    return this.#leases.size;
  }

  /** Something may be able to start. */
  look = (): void => this.#polls.look();

  changed(run: Run, isOwn: boolean): void {
    this.#leases.follow(run, isOwn ? 'here' : 'elsewhere');
  }

  /** The limits of a job; of an external one also whether a worker asks for its runs. */
  limited(job: string, limits: JobLimits): JobLimits {
    if (limits.workerKind !== 'external') return limits;
    return { ...limits, isAsked: () => this.#polls.isAsked(job) };
  }

  progress(id: number): Progress | null {
    return this.#leases.find(id)?.progress ?? null;
  }

  seen(): readonly SeenWorker[] {
    const running = new Map<string, number>();
    for (const { worker } of this.#leases.all())
      running.set(worker, (running.get(worker) ?? 0) + 1);
    return this.#polls.seen().map((one) => ({ ...one, running: running.get(one.name) ?? 0 }));
  }

  async take(asking: Asking, signal: AbortSignal): Promise<readonly Run[]> {
    const claimed = await this.#polls.ask(asking, signal);
    for (const { run, token } of claimed) {
      const held = this.#leases.find(run.id);
      if (held?.lease === leaseOf(run)) held.token = token;
    }
    if (!hasGone(signal)) return claimed.map(({ run }) => run);
    await this.#giveBack(claimed);
    return [];
  }

  hear(message: Message): Promise<Heard> {
    const { lease, extendMs } = message;
    return this.#inTurn(lease, async (run) => {
      const over = abortOf(run, lease);
      if (over) return over;
      const [held, present] = this.#getHeld(run, lease);
      refuseFullTable(present, message.rows);
      // Heard now: what follows may take a while.
      this.#leases.heard(held);
      const drafts = await message.emit(present);
      if (drafts.length > 0) refuseLost(await this.#p.engine.find(held.run), lease);
      const silentMs = this.#leases.heard(held, extendMs);
      await this.#say(held, present, message);
      const emitted = await this.#emit(held, drafts, message.request);
      await this.#note(held, present, message, silentMs);
      return { leaseUntil: this.#p.clock.now() + silentMs, abort: null, emitted };
    });
  }

  end({ lease, outcome, save: saved }: Ending): Promise<Run> {
    return this.#inTurn(lease, async (run) => {
      const [held, present] = this.#getHeld(run, lease);
      this.#leases.heard(held);
      const hidden = this.#hiderOf(present)({ type: 'outcome', run: held.run, outcome });
      const final = await this.#decided(
        present,
        hidden.type === 'outcome' ? hidden.outcome : outcome,
      );
      if (this.#p.logs.owes(held.run)) await this.#p.logs.flush(held.run, true);
      const settled = await this.#p.engine.change(held.run, (now) => {
        refuseLost(now, lease);
        const told = saved === undefined ? now : save(now, { checkpoint: saved });
        return this.#settled(told, final, held.progress);
      });
      await this.#over(settled, final);
      return settled;
    });
  }

  /** Messages of a run are carried out one by one, each on what the one before left. */
  async #inTurn<T>(lease: string, act: (run: Run | null) => Promise<T>): Promise<T> {
    const id = readLease(lease);
    if (id === null) throw lostLease(lease);
    const { engine } = this.#p;
    const before = this.#turns.get(id) ?? Promise.resolve();
    const turn = before.then(async () => act(await durably(engine, () => engine.find(id))));
    const through = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(id, through);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === through) this.#turns.delete(id);
    }
  }

  #getHeld(run: Run | null, lease: string): readonly [Held, Run] {
    const isHeld = run !== null && isHeldUnder(run, lease);
    const held = isHeld ? (this.#leases.find(run.id) ?? this.#leases.follow(run, 'here')) : null;
    if (!held || !run || held.lease !== lease) throw lostLease(lease);
    this.#polls.noteSeen(held.worker, [held.job], false);
    return [held, run];
  }

  #hiderOf(run: Run): ReturnType<typeof hiderOf> {
    return hiderOf(run.params, this.#p.config.redact);
  }

  /** Lines and progress are shown; rows are synced before their number is written down. */
  async #say(held: Held, run: Run, { progress, log, rows, save: saved }: Message): Promise<void> {
    const { logs, clock, onProgress } = this.#p;
    const hide = this.#hiderOf(run);
    if (progress) {
      const said = hide({ type: 'progress', run: run.id, ...progress });
      if (said.type === 'progress') held.progress = { percent: said.percent, text: said.text };
      onProgress(run, held.progress ?? progress);
    }
    if (log.length === 0 && rows.length === 0) return;
    await this.#beginLog(held, run);
    const attempt = latestAttempt(run);
    for (const { level, text, fields } of log) {
      const line = {
        at: isoOf(clock.now()),
        level,
        stream: 'log',
        text: cutText(text),
        fields,
      } as const;
      const said = hide({ type: 'log', run: run.id, line });
      if (said.type === 'log') logs.append(run.id, { ...said.line, attempt });
    }
    const first = run.life?.rows ?? 0;
    for (const [i, row] of rows.entries()) logs.row(run.id, first + i, row);
    if (rows.length > 0 || (saved !== undefined && logs.owes(run.id)))
      await logs.flush(run.id, true);
  }

  /** Another daemon may have given the lease, or an earlier one. */
  async #beginLog(held: Held, run: Run): Promise<void> {
    if (held.hasLog) return;
    const { members, logs } = this.#p;
    held.token ??= (await members.leaseOf(run.id))?.token ?? null;
    if (held.token === null) throw lostLease(held.lease);
    if (!held.hasLog) logs.begin(run.id, latestAttempt(run), run.life?.rows ?? 0, held.token);
    held.hasLog = true;
  }

  async #emit(
    held: Held,
    drafts: readonly Draft[],
    request: string | undefined,
  ): Promise<readonly number[]> {
    if (drafts.length === 0) return [];
    const { engine, clock } = this.#p;
    const check = (run: Run | null): void => refuseLost(run, held.lease);
    const under = { run: held.run, check };
    const accepted = await engine.accept(drafts, clock.now(), { request, under });
    return accepted.map(({ run }) => run.id);
  }

  /** Writes down what is to be durable, and now and then that the worker was heard. */
  async #note(
    held: Held,
    run: Run,
    { save: saved, rows, extendMs }: Message,
    silentMs: number,
  ): Promise<void> {
    const isDurable = saved !== undefined || rows.length > 0 || extendMs !== undefined;
    if (!isDurable && !this.#leases.isNoteOld(held)) return;
    const { engine, clock } = this.#p;
    const table = rows.length > 0 && {
      rows: (run.life?.rows ?? 0) + rows.length,
      rowBytes: (run.life?.rowBytes ?? 0) + bytesOf(rows),
    };
    await engine.change(held.run, (now) => {
      refuseLost(now, held.lease);
      const told = heard(withProgress(now, held.progress), clock.now(), silentMs);
      return save(told, { ...(saved !== undefined && { checkpoint: saved }), ...table });
    });
  }

  async #overdue(held: Held, kind: Overdue, message: string): Promise<void> {
    const { engine, clock, onStuck } = this.#p;
    const { lease, taken } = held;
    const run = await engine.find(held.run);
    if (!run || !isHeldUnder(run, lease)) return this.#leases.forget(held);
    const name = kind === 'stale' ? 'StaleError' : 'TimeoutError';
    const outcome = await this.#decided(run, { kind, error: { name, message, stack: '' } });
    // Heard meanwhile, here or by another daemon: then it is as it was.
    const isOver = (now: Run): boolean =>
      isHeldUnder(now, lease) &&
      (kind === 'timeout' ||
        (this.#leases.isOver(held) && now.life?.taken?.heardAt === taken.heardAt));
    let wasOver = false;
    const decide = (now: Run): Run => {
      wasOver = isOver(now);
      return wasOver ? this.#settled(now, outcome, held.progress) : now;
    };
    const settled = await untilWritten(() => engine.change(held.run, decide), clock, onStuck);
    if (wasOver) await this.#over(settled, outcome);
    else if (isHeldUnder(settled, lease)) this.#leases.watch(held);
    else this.#leases.forget(held);
  }

  /** The author's `onError` is asked where the worker has not decided itself. */
  async #decided(run: Run, outcome: Outcome): Promise<Outcome> {
    const { kind } = outcome;
    if (kind !== 'threw' && kind !== 'stale' && kind !== 'timeout') return outcome;
    if (outcome.decision || (kind === 'threw' && outcome.fatal)) return outcome;
    const decision = await this.#p.askOnError(run, outcome.error);
    return decision ? { ...outcome, decision } : outcome;
  }

  #settled(run: Run, outcome: Outcome, progress: Progress | null): Run {
    const { clock, chance } = this.#p;
    const policy = this.#policyOf(run.job);
    return settle(withProgress(run, progress), outcome, policy, clock.now(), chance());
  }

  async #over(run: Run, outcome: Outcome): Promise<void> {
    await this.#p.logs.close(run.id);
    this.#p.tellHooks(run, outcome);
  }

  /** No worker has heard of these: they are as if they had not been taken, but for the name of the next lease. */
  async #giveBack(claimed: readonly Claimed[]): Promise<void> {
    const { engine, clock, onStuck } = this.#p;
    const give = ({ run, token }: Claimed): Promise<unknown> => {
      const decide = (now: Run): Run => this.#settled(now, { kind: 'stopped' }, null);
      return untilWritten(() => engine.changeHeld(run.id, token, decide), clock, onStuck);
    };
    await Promise.all(claimed.map(give));
  }

  #policyOf(job: string): Policy {
    return policyOf(this.#p.catalog.find(job));
  }
}

/** After an abort the worker learns why, until another worker takes the run. */
function abortOf(run: Run | null, lease: string): Heard | null {
  if (run?.state.name !== 'aborted' || leaseOf(run) !== lease) return null;
  if (run.life?.attempts.at(-1)?.outcome !== 'aborted') return null;
  return { leaseUntil: run.state.settledAt, abort: run.state.reason, emitted: [] };
}

function refuseLost(run: Run | null, lease: string): void {
  if (run === null || !isHeldUnder(run, lease)) throw lostLease(lease);
}

const bytesOf = (rows: readonly Json[]): number =>
  rows.reduce<number>((sum, row) => sum + Buffer.byteLength(JSON.stringify(row)), 0);

function refuseFullTable({ life }: Run, rows: readonly Json[]): void {
  if (rows.length === 0) return;
  const isFull =
    (life?.rows ?? 0) + rows.length > MAX_RESULT_ROWS ||
    (life?.rowBytes ?? 0) + bytesOf(rows) > MAX_RESULT_BYTES;
  if (!isFull) return;
  const most = `${MAX_RESULT_ROWS} rows, and ${MAX_RESULT_BYTES / MB} MB of them`;
  const hint = 'Write a larger table to a file and name it.';
  throw new JobrunError('too-large', `the result table of a run has at most ${most}`, hint);
}
