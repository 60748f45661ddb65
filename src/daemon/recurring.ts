// What starts runs without anybody asking: schedules, and jobs with `autostart`. The schedules that job files define
// follow those files: they come, change and go with each reload, and one whose file is gone stays, silent, and is
// shown as missing. Which slots make a run is decided in run/firing; here the answer is carried out, all that fires
// in one tick in one commit.
import { type Catalog, type JobEntry, policyOf } from '../catalog/catalog.ts';
import type { Change, Engine, Fired } from '../engine/engine.ts';
import { afterSettled, awaitsAnswer, decided, due, wakeAt } from '../run/firing.ts';
import { type Draft, isSettled, type Run } from '../run/run.ts';
import { type Asked, draftOf, newSchedule, revised, type Schedule } from '../run/schedule.ts';
import { viewOf } from '../run/view.ts';
import { toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MINUTE } from '../support/limits.ts';
import type { JobCaller } from '../workers/caller.ts';

export interface RecurringParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  /** Asks a job's `nextRun`, in a worker. */
  readonly caller: JobCaller;
  /** Ends a run that its schedule replaces. */
  readonly end: (run: Run, reason: string) => Promise<unknown>;
  readonly wake: () => void;
  readonly onError: (job: string, error: unknown) => void;
}

/** A `nextRun` that throws is asked again after this. */
const ASK_AGAIN_MS = MINUTE;

export class Recurring {
  readonly #p: RecurringParts;
  /** Until when the clock has been looked at: slots before that were not missed. */
  #seenSince: number | null = null;
  /** When the earliest of the schedules is due, and the list that this was found in. */
  #nextAt: number | null = null;
  #known: readonly Schedule[] | null = null;
  readonly #asking = new Set<string>();
  readonly #notBefore = new Map<string, number>();
  #firing = false;

  constructor(parts: RecurringParts) {
    this.#p = parts;
  }

  /** Fires what is due. Returns when to look again; null where nothing is to come. */
  fire(now: number): number | null {
    const changed = this.#known !== this.#p.engine.schedules();
    if (changed || (this.#nextAt !== null && this.#nextAt <= now)) this.#fireDue(now);
    this.#seenSince = now;
    return this.#firing ? null : (this.#nextAt ?? null);
  }

  /** Takes over what the job files say now. */
  async follow(now: number): Promise<void> {
    const { engine, catalog } = this.#p;
    const present = new Map(engine.schedules().map((schedule) => [schedule.name, schedule]));
    const changed: Schedule[] = [];
    for (const entry of catalog.all()) {
      if (entry.state !== 'ok') continue;
      const schedule = present.get(entry.name);
      const asked = askedBy(entry);
      if (schedule && schedule.source !== 'job') continue;
      if (asked) {
        const next = schedule ? revised(schedule, asked, now) : newSchedule(asked, now);
        if (JSON.stringify(next) !== JSON.stringify(schedule)) changed.push(next);
      } else if (schedule) await engine.removeSchedule(schedule.name);
    }
    if (changed.length > 0) await engine.putSchedules(changed);
    await this.#autostart(now);
    this.#p.wake();
  }

  /** `every` and `nextRun` count from the end of a run. */
  settled(change: Change): void {
    const name = change.run.origin?.schedule;
    if (name === undefined || !isSettled(change.run)) return;
    const schedule = this.#p.engine.schedules().find((one) => one.name === name);
    if (!schedule || schedule.rule.kind === 'cron') return;
    const next = afterSettled(schedule, change.run, change.at);
    if (next !== schedule)
      this.#p.engine.putSchedules([next]).catch((error) => this.#p.onError(name, error));
    this.#p.wake();
  }

  async #autostart(now: number): Promise<void> {
    const { engine, catalog } = this.#p;
    for (const entry of catalog.all()) {
      if (entry.state !== 'ok' || !entry.data.autostart) continue;
      const counts = engine.countsByJob().get(entry.name);
      if (counts && Object.values(counts).some((n) => n > 0)) continue;
      try {
        const [checked] = await catalog.check(entry.name, [{}]);
        if (!checked?.ok) throw new Error(`its params do not fit: ${checked?.issues.join('; ')}`);
        const origin = checked.lock === null ? null : { lock: checked.lock };
        const { priority } = entry.data.policy;
        await engine.accept(
          [{ job: entry.name, params: checked.params, priority, dueAt: null, origin }],
          now,
        );
      } catch (error) {
        this.#p.onError(entry.name, toJobrunError(error));
      }
    }
  }

  #fireDue(now: number): void {
    if (this.#firing) return;
    const fired: Fired[] = [];
    for (const schedule of this.#p.engine.schedules()) {
      const entry = this.#p.catalog.find(schedule.job);
      if (entry === null && schedule.source === 'job') continue;
      const unsettled = this.#p.engine.unsettledOf(schedule.name);
      this.#ask(schedule, entry, unsettled.length, now);
      const at = wakeAt(schedule);
      if (schedule.rule.kind !== 'every' && (at === null || at > now)) continue;
      const queued = unsettled.filter((run) => run.life === null).length;
      const sight = { unsettled: unsettled.length, queued, seenSince: this.#seenSince };
      const firing = due(schedule, now, sight);
      if (firing.schedule === schedule) continue;
      if (firing.replace) this.#replace(unsettled, schedule.name);
      fired.push({
        schedule: firing.schedule,
        drafts: this.#drafts(firing.schedule, firing.slots, entry),
      });
    }
    this.#known = this.#p.engine.schedules();
    this.#nextAt = this.#earliest();
    if (fired.length > 0) this.#commit(fired, now);
  }

  #commit(fired: readonly Fired[], now: number): void {
    this.#firing = true;
    const over = (): void => {
      this.#firing = false;
      this.#p.wake();
    };
    this.#p.engine.fire(fired, now).then(over, (error) => {
      this.#p.onError(fired.map(({ schedule }) => schedule.name).join(', '), error);
      over();
    });
  }

  #drafts(schedule: Schedule, slots: readonly number[], entry: JobEntry | null): Draft[] {
    return slots.map((slot) => draftOf(schedule, slot, policyOf(entry).priority, null));
  }

  #replace(unsettled: readonly Run[], name: string): void {
    for (const run of unsettled) {
      const ended = this.#p.end(run, `replaced by the next run of schedule ${name}`);
      ended.catch((error) => this.#p.onError(run.job, error));
    }
  }

  /** Has `nextRun` asked where only it can tell; one question at a time for each schedule. */
  #ask(schedule: Schedule, entry: JobEntry | null, unsettled: number, now: number): void {
    const { name } = schedule;
    if (entry?.state !== 'ok' || !awaitsAnswer(schedule, unsettled) || this.#asking.has(name))
      return;
    if ((this.#notBefore.get(name) ?? 0) > now) return;
    this.#asking.add(name);
    this.#answer(schedule, entry, now)
      .catch((error) => {
        this.#notBefore.set(name, now + ASK_AGAIN_MS);
        this.#p.onError(name, error);
      })
      .finally(() => this.#asking.delete(name));
  }

  async #answer(schedule: Schedule, entry: JobEntry, now: number): Promise<void> {
    const { engine } = this.#p;
    const last = schedule.lastRun === null ? null : await engine.find(schedule.lastRun);
    const said = await this.#p.caller.next(
      entry.file,
      last && (viewOf(last, null) as unknown as Json),
    );
    const answer = said === null ? null : Date.parse(said);
    const present = engine.schedules().find((one) => one.name === schedule.name);
    if (!present || present.nextAt !== null) return;
    // Null means for good: the schedule is not asked again before its job changes.
    if (answer === null) this.#notBefore.set(schedule.name, Number.POSITIVE_INFINITY);
    await engine.putSchedules([decided(present, answer, now)]);
    this.#p.wake();
  }

  #earliest(): number | null {
    let earliest: number | null = null;
    for (const schedule of this.#p.engine.schedules()) {
      const at = wakeAt(schedule);
      if (at !== null) earliest = Math.min(earliest ?? at, at);
    }
    return earliest;
  }
}

function askedBy(entry: JobEntry): Asked | null {
  if (entry.state !== 'ok' || !entry.data.recurrence) return null;
  const { rule, catchUp, overlap } = entry.data.recurrence;
  return {
    name: entry.name,
    job: entry.name,
    source: 'job',
    rule,
    params: {},
    priority: null,
    catchUp,
    overlap,
  };
}
