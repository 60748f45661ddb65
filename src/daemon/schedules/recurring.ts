// Starts runs without a request: schedules, and jobs with `autostart`. Which slots make a run is decided in run/firing;
// here the answer is carried out, all that fires in one tick in one commit.
//
// A schedule may not be able to fire: the definitions are not read yet, its file is gone, its params do not fit. Then
// it is left aside until the files are heard again, and what has passed by then was missed: `catchUp` decides. The
// same holds for what passed while the machine slept; but what passed because the disk did not take it was seen.
import { type Catalog, policyOf } from '../../catalog/catalog.ts';
import type { Change, Engine, Fired, Firing } from '../../engine/engine.ts';
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
import { followJobs } from './job-schedules.ts';
import { NextRuns } from './next-runs.ts';

export interface RecurringParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  /** Asks a job's `nextRun`, in a worker. */
  readonly caller: Pick<JobCaller, 'next'>;
  readonly clock: Clock;
  /** Ends a run that its schedule replaces. */
  readonly end: (run: Run, reason: string) => Promise<unknown>;
  readonly wake: () => void;
  readonly onError: (job: string, error: unknown) => void;
  /** The note for the owner of a job. */
  readonly warn: (job: string, text: string) => void;
}

/** The runs that a due schedule makes, as it was looked at here: the engine asks again for one that has changed. */
interface Plan {
  readonly schedule: Schedule;
  readonly seenSince: number | null;
  readonly firing: Decided;
}

interface Decided extends Firing {
  /** Some of it is made up for, or left out, because no daemon looked at its time. */
  readonly missed: boolean;
}

/** Long enough for a thousand slots, short enough that clients of the daemon do not notice. */
const FIRING_MS = 50;
/** Changes that could not be written are tried again after this. */
const REST_MS = SECOND;

export class Recurring {
  readonly #p: RecurringParts;
  readonly #due: DueSchedules;
  readonly #nextRuns: NextRuns;
  /**
   * The instant until which the clock has been looked at: slots before that were not missed, but by schedules that were
   * aside.
   */
  #seenSince: number | null = null;
  #held = false;
  readonly #aside = new Set<string>();
  #last: { readonly wall: number; readonly monotonic: number } | null = null;
  /** Jobs whose files this process has heard. */
  #heard: ReadonlySet<string> = new Set();
  #loaded = false;
  #again = true;
  #following: Promise<unknown> = Promise.resolve();
  /** How many are taken over or moved on just now. */
  #underWay = 0;
  #firing = false;
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: RecurringParts) {
    this.#p = parts;
    this.#nextRuns = new NextRuns(parts);
    this.#due = new DueSchedules(parts.clock);
  }

  /** Something is on its way that may start a run. */
  get busy(): boolean {
    return this.#firing || this.#underWay > 0 || this.#nextRuns.asking > 0;
  }

  /** Slots that fired could not be written, and are tried again soon. */
  get rests(): boolean {
    return this.#restUntil > this.#p.clock.monotonic();
  }

  /** Fires what is due. Returns when to look again; null where nothing is to come. */
  async fire(now: number): Promise<number | null> {
    await this.#sync(true);
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
    const following = this.#following.then(() => this.#follow(loaded));
    // This caller hears of its error, and the next one takes over the files all the same.
    this.#following = following.catch(() => undefined);
    await this.#busyWith(following).finally(this.#p.wake);
  }

  /** `every` and `nextRun` count from the end of a run. */
  settled({ run, at }: Change): void {
    const name = run.origin?.schedule;
    if (name === undefined || !isSettled(run)) return;
    this.#busyWith(this.#goOn(name, run, at)).catch((error) => this.#p.onError(name, error));
  }

  async #goOn(name: string, run: Run, now: number): Promise<void> {
    await this.#sync();
    const schedule = this.#due.find(name);
    if (schedule?.rule.kind === 'nextRun') this.#look(schedule);
    if (schedule?.rule.kind !== 'every') return;
    await this.#p.engine.changeSchedule(
      name,
      (present) => present && afterSettled(present, run, now),
    );
  }

  async #busyWith(work: Promise<void>): Promise<void> {
    this.#underWay++;
    try {
      await work;
    } finally {
      this.#underWay--;
    }
  }

  async #sync(lately = false): Promise<void> {
    const { engine, onError } = this.#p;
    const list = await engine.schedules({ lately });
    for (const schedule of this.#due.sync(list)) this.#look(schedule);
    const moved = this.#due.moved();
    if (moved.length === 0) return;
    for (const [{ name, nextAt: before }, nextAt] of moved) {
      const move = (present: Schedule | null): Schedule | null =>
        present?.nextAt === before ? { ...present, nextAt } : present;
      engine.changeSchedule(name, move).catch((error) => onError(name, error));
    }
    await this.#sync();
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
        const draft = { job: entry.name, params: checked.params, priority, dueAt: null, origin };
        await engine.accept([draft], clock.now(), { once: true });
      } catch (error) {
        this.#p.onError(entry.name, toJobrunError(error));
      }
    }
  }

  /** True where nothing that is due was left for the next tick. */
  #fireDue(now: number): boolean {
    const began = this.#p.clock.monotonic();
    const plans = new Map<string, Plan>();
    let drafts = 0;
    let bytes = 0;
    const take = (schedule: Schedule): void => {
      const plan = this.#plan(schedule, now);
      if (!plan) return;
      plans.set(schedule.name, plan);
      const made = plan.firing.drafts.length;
      drafts += made;
      bytes += made > 0 ? made * mostBytes(schedule.params) : 0;
    };
    const back = this.#last !== null && this.#last.wall - now > CLOCK_JUMP_MS;
    if (this.#again || back) this.#lookAtAll(now, take);
    let all = true;
    for (let next = this.#due.take(now); next; next = this.#due.take(now)) {
      take(next);
      const room = drafts < MAX_BATCH && bytes < MAX_FIRING_BYTES;
      all = room && this.#p.clock.monotonic() - began < FIRING_MS;
      if (!all) break;
    }
    if (plans.size > 0) this.#commit(plans, now);
    return all;
  }

  /** At the start, after a reload, and where the clock was set back. */
  #lookAtAll(now: number, take: (schedule: Schedule) => void): void {
    this.#again = false;
    this.#due.again();
    for (const schedule of this.#due.all) {
      this.#look(schedule);
      if (rewound(schedule, now) !== schedule) take(schedule);
      if (schedule.rule.kind !== 'every' || schedule.paused) continue;
      if (schedule.nextAt === null)
        this.#mend(schedule).catch((error) => this.#p.onError(schedule.name, error));
      else if (schedule.nextAt > now) take(schedule);
    }
  }

  /**
   * A run that was to set the next time is over, and no daemon was there: a command ended it, or a crash came between.
   */
  async #mend({ name, lastRun }: Schedule): Promise<void> {
    const { engine, clock } = this.#p;
    if ((await engine.unsettledOf(name)).length > 0) return;
    const last = lastRun === null ? null : await engine.find(lastRun);
    if (last && !isSettled(last)) return;
    const now = clock.now();
    const gone = { unsettled: 0, queued: 0, seenSince: null };
    await engine.changeSchedule(name, (present) => {
      if (present?.nextAt !== null || present.lastRun !== lastRun) return present;
      return last ? afterSettled(present, last, now) : due(present, now, gone).schedule;
    });
  }

  /** The runs that a due schedule makes at most, if none of its runs is unsettled; null: none. */
  #plan(schedule: Schedule, now: number): Plan | null {
    const { name } = schedule;
    // A clock that was set back moves it in any case.
    if (!this.#canFire(schedule) && rewound(schedule, now) === schedule) {
      this.#aside.add(name);
      return null;
    }
    const seenSince = this.#aside.has(name) ? null : this.#seenSince;
    const tell = (error: unknown): void => this.#p.onError(name, error);
    const firing = this.#decideOrStop(schedule, [], seenSince, now, tell);
    return firing && { schedule, seenSince, firing };
  }

  /** One whose rule fails is stopped, with the reason: it must not end the daemon, nor keep the others from firing. */
  #decideOrStop(
    schedule: Schedule,
    unsettled: readonly Run[],
    seenSince: number | null,
    now: number,
    tell: (error: unknown) => void = () => undefined,
  ): Decided | null {
    try {
      return this.#decide(schedule, unsettled, seenSince, now);
    } catch (error) {
      tell(error);
      const why = toJobrunError(error).message;
      return { schedule: stopped(schedule, why), drafts: [], missed: false };
    }
  }

  /** Null where it stays as it is. */
  #decide(
    schedule: Schedule,
    unsettled: readonly Run[],
    seenSince: number | null,
    now: number,
  ): Decided | null {
    const back = rewound(schedule, now);
    if (back !== schedule) return { schedule: back, drafts: [], missed: false };
    const queued = unsettled.filter((run) => run.life === null).length;
    const firing = due(schedule, now, { unsettled: unsettled.length, queued, seenSince });
    if (firing.schedule === schedule) return null;
    return {
      schedule: firing.schedule,
      drafts: firing.slots.map((slot) => this.#draft(firing.schedule, slot)),
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

  #commit(plans: ReadonlyMap<string, Plan>, now: number): void {
    const { engine, wake } = this.#p;
    this.#firing = true;
    const names = [...plans.keys()];
    const decide = (schedule: Schedule, unsettled: readonly Run[]): Firing | null => {
      const plan = plans.get(schedule.name);
      if (plan?.schedule === schedule && unsettled.length === 0) return plan.firing;
      return this.#decideOrStop(schedule, unsettled, plan?.seenSince ?? null, now);
    };
    const written = engine.fire(names, decide, now).then(
      (fired) => {
        for (const name of names) this.#aside.delete(name);
        this.#replace(fired);
      },
      (error) => this.#unwritten(plans, error),
    );
    written.finally(() => {
      this.#firing = false;
      wake();
    });
  }

  #unwritten(plans: ReadonlyMap<string, Plan>, error: unknown): void {
    this.#p.onError([...plans.keys()].slice(0, 10).join(', '), error);
    this.#restUntil = this.#p.clock.monotonic() + REST_MS;
    // They were taken, and are as they were before.
    this.#again = true;
    // A missed slot stays missed.
    for (const [name, { firing }] of plans) if (firing.missed) this.#aside.add(name);
  }

  #replace(fired: readonly Fired[]): void {
    const replacing = fired.filter(
      ({ schedule, runs }) => schedule.overlap === 'replace' && runs.length > 0,
    );
    for (const run of replacing.flatMap(({ unsettled }) => unsettled)) {
      const reason = `replaced by the next run of schedule ${run.origin?.schedule ?? ''}`;
      this.#p.end(run, reason).catch((error) => {
        // It ended by itself in the meantime.
        if (!isOfState(toJobrunError(error))) this.#p.onError(run.job, error);
      });
    }
  }

  /** Slots that passed while no daemon could look were missed; those that the disk kept from being written were not. */
  #saw(now: number, all: boolean, kept: boolean): void {
    const monotonic = this.#p.clock.monotonic();
    const { wall, monotonic: then } = this.#last ?? { wall: now, monotonic };
    const jumped = Math.abs(now - wall - (monotonic - then)) > CLOCK_JUMP_MS;
    this.#last = { wall: now, monotonic };
    this.#held = !all && (this.#held || jumped || !kept);
    if (!this.#held) this.#seenSince = now;
  }
}
