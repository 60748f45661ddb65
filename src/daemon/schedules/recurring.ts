// What starts runs without anybody asking: schedules, and jobs with `autostart`. Which slots make a run is decided in
// run/firing; here the answer is carried out, all that fires in one tick in one commit.
//
// A schedule may not be able to fire: the definitions are not read yet, its file is gone, its params do not fit. Then
// it is left aside until the files are heard again, and what has passed by then was missed: `catchUp` decides. The
// same holds for what passed while the machine slept; but what passed because the disk did not take it was seen.
import { type Catalog, policyOf } from '../../catalog/catalog.ts';
import type { Change, Engine, Fired } from '../../engine/engine.ts';
import { afterSettled, due } from '../../run/firing.ts';
import { isOfState } from '../../run/refusal.ts';
import { withLimit } from '../../run/retries.ts';
import { type Draft, isSettled, type Run } from '../../run/run.ts';
import { draftOf, type Schedule } from '../../run/schedule.ts';
import { rewound } from '../../run/served.ts';
import { stopped } from '../../run/stored-schedule.ts';
import type { Clock } from '../../support/clock.ts';
import { toJobrunError } from '../../support/errors.ts';
import { mostBytes } from '../../support/json.ts';
import { CLOCK_JUMP_MS, MAX_BATCH, MAX_FIRING_BYTES, SECOND } from '../../support/limits.ts';
import type { JobCaller } from '../../workers/caller.ts';
import { DueSchedules } from './due-schedules.ts';
import { Intervals } from './intervals.ts';
import { followJobs } from './job-schedules.ts';
import { NextRuns } from './next-runs.ts';

export interface RecurringParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  /** Asks a job's `nextRun`, in a worker. */
  readonly asker: Pick<JobCaller, 'next'>;
  readonly clock: Clock;
  /** Ends a run that its schedule replaces. */
  readonly end: (run: Run, reason: string) => Promise<unknown>;
  readonly wake: () => void;
  readonly onError: (job: string, error: unknown) => void;
  /** What the owner of a job should know. */
  readonly warn: (job: string, text: string) => void;
}

/** What a schedule makes now, with the runs that it replaces. */
interface Decided extends Fired {
  readonly replaced: readonly Run[];
  /** Some of it is made up for, or left out, because nobody looked at its time. */
  readonly missed: boolean;
}

/** Long enough for a thousand slots, short enough that nobody who asks the daemon notices. */
const FIRING_MS = 50;
/** What could not be written is tried again after this. */
const REST_MS = SECOND;

export class Recurring {
  readonly #p: RecurringParts;
  readonly #due = new DueSchedules();
  readonly #nextRuns: NextRuns;
  /** Until when the clock has been looked at: slots before that were not missed, but by schedules that were aside. */
  #seenSince: number | null = null;
  #held = false;
  readonly #aside = new Set<string>();
  readonly #intervals: Intervals;
  #last: { readonly wall: number; readonly monotonic: number } | null = null;
  /** Jobs whose files this process has heard. */
  #heard: ReadonlySet<string> = new Set();
  #loaded = false;
  #again = true;
  #following: Promise<unknown> = Promise.resolve();
  #follows = 0;
  #firing = false;
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: RecurringParts) {
    this.#p = parts;
    this.#nextRuns = new NextRuns(parts);
    this.#intervals = new Intervals(parts.clock);
  }

  /** Something is on its way that may start a run. */
  get busy(): boolean {
    return this.#firing || this.#follows > 0 || this.#nextRuns.asking > 0;
  }

  /** What fired could not be written, and is tried again soon. */
  get rests(): boolean {
    return this.#restUntil > this.#p.clock.monotonic();
  }

  /** Fires what is due. Returns when to look again; null where nothing is to come. */
  fire(now: number): number | null {
    this.#sync();
    for (const name of this.#nextRuns.due()) this.#look(this.#due.find(name));
    const { rests } = this;
    const kept = this.#firing || rests;
    const all = !kept && this.#fireDue(now);
    this.#saw(now, all, kept);
    if (this.#firing) return null;
    if (rests) return now + REST_MS;
    const asked = this.#nextRuns.nextInMs();
    const at = Math.min(this.#due.nextAt() ?? Infinity, asked === null ? Infinity : now + asked);
    return Number.isFinite(at) ? at : null;
  }

  /** Takes over what the job files say now. `loaded`: all of them have been read. */
  async follow(loaded: boolean): Promise<void> {
    this.#follows++;
    const following = this.#following.then(() => this.#follow(loaded));
    this.#following = following.catch(() => undefined);
    await following.finally(() => this.#follows--);
    this.#p.wake();
  }

  /** `every` and `nextRun` count from the end of a run. */
  settled(change: Change): void {
    const name = change.run.origin?.schedule;
    if (name === undefined || !isSettled(change.run)) return;
    this.#sync();
    const schedule = this.#due.find(name);
    if (!schedule || schedule.rule.kind === 'cron') return;
    if (schedule.rule.kind === 'nextRun') this.#look(schedule);
    else this.#goOn(schedule, change.run, change.at);
    this.#p.wake();
  }

  #goOn(schedule: Schedule, run: Run, now: number): void {
    const next = afterSettled(schedule, run, now);
    if (next === schedule) return;
    this.#p.engine
      .putSchedules([next])
      .catch((error) => this.#p.onError(schedule.name, error))
      .finally(this.#p.wake);
  }

  #sync(): void {
    const { engine, onError } = this.#p;
    for (const schedule of this.#due.sync(engine.schedules())) this.#look(schedule);
    const moved = this.#intervals.moved(engine.schedules());
    if (moved.length === 0) return;
    const names = moved.map(({ name }) => name).join(', ');
    engine.putSchedules(moved).catch((error) => onError(names, error));
    this.#sync();
  }

  #look(schedule: Schedule | null): void {
    if (schedule) this.#nextRuns.look(schedule);
  }

  async #follow(loaded: boolean): Promise<void> {
    const heard = await followJobs(this.#p);
    this.#heard = new Set([...this.#heard, ...heard]);
    this.#loaded = loaded;
    this.#again = true;
    this.#nextRuns.forgive();
    if (loaded) await this.#autostart();
  }

  async #autostart(): Promise<void> {
    const { engine, catalog, clock } = this.#p;
    for (const entry of catalog.all()) {
      if (entry.state !== 'ok' || !entry.data.autostart) continue;
      const counts = (await engine.countsByJob()).get(entry.name);
      if (counts && Object.values(counts).some((n) => n > 0)) continue;
      try {
        const [checked] = await catalog.check(entry.name, [{}]);
        if (!checked?.ok) throw new Error(`its params do not fit: ${checked?.issues.join('; ')}`);
        const origin = checked.lock === null ? null : { lock: checked.lock };
        const { priority } = entry.data.policy;
        await engine.accept(
          [{ job: entry.name, params: checked.params, priority, dueAt: null, origin }],
          clock.now(),
        );
      } catch (error) {
        this.#p.onError(entry.name, toJobrunError(error));
      }
    }
  }

  /** True where nothing that is due was left for the next tick. */
  #fireDue(now: number): boolean {
    const began = this.#p.clock.monotonic();
    const fired: Decided[] = [];
    let drafts = 0;
    let bytes = 0;
    const take = (schedule: Schedule): void => {
      const one = this.#decideOrStop(schedule, now);
      if (one) fired.push(one);
      const made = one?.drafts.length ?? 0;
      drafts += made;
      bytes += made > 0 ? made * mostBytes(schedule.params) : 0;
    };
    const back = this.#last !== null && this.#last.wall - now > CLOCK_JUMP_MS;
    if (this.#again || back) fired.push(...this.#lookAtAll(now, take));
    let all = true;
    for (let next = this.#due.take(now); next; next = this.#due.take(now)) {
      take(next);
      const room = drafts < MAX_BATCH && bytes < MAX_FIRING_BYTES;
      all = room && this.#p.clock.monotonic() - began < FIRING_MS;
      if (!all) break;
    }
    if (fired.length > 0) this.#commit(fired, now);
    return all;
  }

  /** At the start, after a reload, and where the clock was set back. Returns what is only moved. */
  #lookAtAll(now: number, take: (schedule: Schedule) => void): readonly Decided[] {
    this.#again = false;
    this.#due.again();
    const moved: Decided[] = [];
    for (const schedule of this.#due.all) {
      this.#look(schedule);
      const back = rewound(schedule, now);
      if (back !== schedule)
        moved.push({ schedule: back, drafts: [], replaced: [], missed: false });
      if (schedule.rule.kind !== 'every' || schedule.paused) continue;
      if (schedule.nextAt === null) this.#mend(schedule);
      else if (schedule.nextAt > now) take(schedule);
    }
    return moved;
  }

  /** A run that was to set the next time is over, and nobody was there: a command ended it, or a crash came between. */
  #mend(schedule: Schedule): void {
    const { engine, clock, onError } = this.#p;
    if (engine.unsettledOf(schedule.name).length > 0) return;
    const last = schedule.lastRun === null ? null : engine.find(schedule.lastRun);
    const mended = Promise.resolve(last).then(async (run) => {
      const present = engine.schedules().find((one) => one.name === schedule.name);
      if (present !== schedule || (run && !isSettled(run))) return;
      const gone = { unsettled: 0, queued: 0, seenSince: null };
      const now = clock.now();
      const next = run ? afterSettled(schedule, run, now) : due(schedule, now, gone).schedule;
      await engine.putSchedules([next]);
      this.#p.wake();
    });
    mended.catch((error) => onError(schedule.name, error));
  }

  /** One whose rule fails is stopped, with the reason: it must not end the daemon, nor keep the others from firing. */
  #decideOrStop(schedule: Schedule, now: number): Decided | null {
    try {
      return this.#decide(schedule, now);
    } catch (error) {
      this.#p.onError(schedule.name, error);
      const why = toJobrunError(error).message;
      return { schedule: stopped(schedule, why), drafts: [], replaced: [], missed: false };
    }
  }

  /** What a schedule that has come due makes now; null where it stays as it is. */
  #decide(schedule: Schedule, now: number): Decided | null {
    const { name } = schedule;
    if (!this.#canFire(schedule)) {
      this.#aside.add(name);
      return null;
    }
    const unsettled = this.#p.engine.unsettledOf(name);
    const seenSince = this.#aside.has(name) ? null : this.#seenSince;
    const queued = unsettled.filter((run) => run.life === null).length;
    const firing = due(schedule, now, { unsettled: unsettled.length, queued, seenSince });
    if (firing.schedule === schedule) return null;
    return {
      schedule: firing.schedule,
      drafts: firing.slots.map((slot) => this.#draft(firing.schedule, slot)),
      replaced: firing.replace ? unsettled : [],
      missed: firing.missed,
    };
  }

  #canFire({ job, source, trouble }: Schedule): boolean {
    const there = this.#p.catalog.find(job) !== null;
    // A job that is missing for good: its runs are kept until it comes.
    if (source === 'made') return there || this.#loaded;
    return there && this.#heard.has(job) && trouble?.kind !== 'params';
  }

  #draft(schedule: Schedule, slot: number): Draft {
    const policy = policyOf(this.#p.catalog.find(schedule.job));
    return withLimit(draftOf(schedule, slot, policy.priority), policy);
  }

  #commit(fired: readonly Decided[], now: number): void {
    const { engine, wake } = this.#p;
    this.#firing = true;
    const written = engine.fire(fired, now).then(
      () => {
        for (const { schedule } of fired) this.#aside.delete(schedule.name);
        this.#replace(fired.flatMap(({ replaced }) => replaced));
      },
      (error) => this.#unwritten(fired, error),
    );
    written.finally(() => {
      this.#firing = false;
      wake();
    });
  }

  #unwritten(fired: readonly Decided[], error: unknown): void {
    const names = fired.map(({ schedule }) => schedule.name);
    this.#p.onError(names.slice(0, 10).join(', '), error);
    this.#restUntil = this.#p.clock.monotonic() + REST_MS;
    // What was missed stays missed.
    for (const { schedule, missed } of fired) if (missed) this.#aside.add(schedule.name);
  }

  #replace(unsettled: readonly Run[]): void {
    for (const run of unsettled) {
      const reason = `replaced by the next run of schedule ${run.origin?.schedule ?? ''}`;
      this.#p.end(run, reason).catch((error) => {
        // It ended by itself in the meantime.
        if (!isOfState(toJobrunError(error))) this.#p.onError(run.job, error);
      });
    }
  }

  /** What passed while nobody could look was missed; what the disk kept from being written was not. */
  #saw(now: number, all: boolean, kept: boolean): void {
    const monotonic = this.#p.clock.monotonic();
    const { wall, monotonic: then } = this.#last ?? { wall: now, monotonic };
    const jumped = Math.abs(now - wall - (monotonic - then)) > CLOCK_JUMP_MS;
    this.#last = { wall: now, monotonic };
    this.#held = !all && (this.#held || jumped || !kept);
    if (!this.#held) this.#seenSince = now;
  }
}
