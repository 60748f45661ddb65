// The built-in engine: everything in memory, every change in the journal before anyone is told, readable files from
// time to time. A method that changes something builds a transaction, which is applied at once, so that the next
// caller sees it and cannot take the same run; then it waits until the journal has it.
import { removeRuns, repeatedRuns, replaceRun, takeIn, tellMore } from '../../run/intake.ts';
import { type ClockMark, readMark } from '../../run/keep-clock.ts';
import { type JobLimits, UNREAD } from '../../run/pick.ts';
import { DEFAULT_POLICY, type Policy } from '../../run/policy.ts';
import type { Draft, Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { claim } from '../../run/transitions.ts';
import { restated } from '../../run/waits.ts';
import {
  type OpenedState,
  openState,
  type OpenOptions as StateOptions,
} from '../../store/recovery.ts';
import { FULL_REASON, fullRefusal } from '../../store/reserve.ts';
import { Transaction } from '../../store/table.ts';
import type { Clock } from '../../support/clock.ts';
import { assert } from '../../support/errors.ts';
import { MAX_BATCH } from '../../support/limits.ts';
import { SteadyTime } from '../../support/steady-time.ts';
import type * as E from '../engine.ts';
import { numberOf } from '../engine.ts';
import { packed, unpacked } from '../ids.ts';
import type { Token, WorkerRef } from '../members.ts';
import { Announcer } from './announcer.ts';
import { FileMembers } from './members.ts';
import { Reads } from './reads.ts';
import { heapForRuns, Room, scheduleTakesRoom, takesRoom } from './room.ts';
import { othersOf, type RunChange, Unit } from './run-table.ts';
import { type Answered, newTables, type RunStore } from './tables.ts';

export interface OpenOptions extends StateOptions {
  /** Heap that runs may take, where it is not a part of this process's. */
  readonly heap?: number;
}

/** Opens the state folder of a project, which the caller holds the lock of. Throws as `openState` does. */
export const openFileEngine = (options: OpenOptions): Promise<OpenedState<FileEngine>> =>
  openState(options, newTables, engineOf(options));

const engineOf =
  ({ clock, heap = heapForRuns() }: OpenOptions) =>
  (store: RunStore): FileEngine => {
    const { tables, writes } = store.opened;
    if (writes) tables.forgetIdleWorkers();
    return new FileEngine(store, new Room(tables, heap), clock);
  };

export class FileEngine extends Reads implements E.Engine {
  readonly members: FileMembers;
  readonly #store: RunStore;
  readonly #room: Room;
  readonly #announcer: Announcer;
  readonly #stirred = new Set<() => void>();
  readonly #time: SteadyTime;
  /** How far the clock was off when durations were last written by it. */
  #restatedAt: number | null = null;
  /** In steady time: what was told last of when a rate lets another run start. */
  #nextPlaceAt: number | null = null;
  #limitsOf: ((job: string) => JobLimits) | null = null;
  #policyOf: (job: string) => Policy = () => DEFAULT_POLICY;
  #telling: Promise<void> | null = null;
  readonly #ids: { next: number };
  #clockMark: ClockMark | null;
  #tokens = 0;

  constructor(store: RunStore, room: Room, clock: Clock) {
    const { tables, pages, nextId, changes, clockNote, onError } = store.opened;
    super(tables, pages);
    this.#store = store;
    this.#room = room;
    this.#clockMark = readMark(clockNote);
    this.#ids = { next: nextId };
    this.members = new FileMembers(store, (build) => this.#apply(build));
    this.#announcer = new Announcer(changes, () => clock.now(), onError);
    store.countBy(() => ({ nextId: this.#ids.next, changes: this.#announcer.count }));
    this.#time = new SteadyTime(clock);
    this.memory.begin(this.#time, clock.now());
    this.memory.picker.configure((job) => this.#jobLimits(job));
  }

  // ---------------------------------------------------------------------------------------------------- changes

  async accept(
    drafts: readonly Draft[],
    now: number,
    { request, once = false, under }: E.How = {},
  ): Promise<E.Accepted[]> {
    assert(drafts.length <= MAX_BATCH, `a batch of ${drafts.length}`);
    const full = this.#store.full && (await this.#staysFull());
    if (this.#room.needsFold) await this.#foldForRoom();
    const reading = othersOf(drafts, (id) => this.seek(id));
    const others = reading && (await reading);
    // No wait between this look and the transaction: the same request may have come twice at once.
    const known = request === undefined ? undefined : this.tables.requests.get(request);
    if (known) return this.#again(known, drafts, now);
    if (full) throw fullRefusal();
    return this.#apply((tx) => {
      under?.check(this.memory.live.get(under.run) ?? null);
      const unit = this.#unit(tx, others);
      const accepted = drafts.flatMap((draft) => {
        if (once && this.#hasRun(draft.job)) return [];
        const { run, existing } = takeIn(unit, draft, now);
        return [{ run, existing, reason: this.reasonOf(run, now) }];
      });
      if (request !== undefined)
        tx.put(this.tables.requests, [request, packed(accepted.map(({ run }) => run.id)), now]);
      return accepted;
    });
  }

  async answered(request: string, now: number): Promise<E.Accepted[] | null> {
    const known = this.tables.requests.get(request);
    return known ? this.#again(known, null, now) : null;
  }

  async #again(
    [, asked, at]: Answered,
    drafts: readonly Draft[] | null,
    now: number,
  ): Promise<E.Accepted[]> {
    const ids = unpacked(asked);
    const found = await Promise.all(ids.map((id) => this.find(id)));
    const runs = repeatedRuns(ids, found, drafts, at);
    await this.durable();
    return runs.map((run) => ({ run, existing: false, reason: this.reasonOf(run, now) }));
  }

  async advance(now: number): Promise<number | null> {
    if (this.#time.offset !== this.#restatedAt) this.#restate().catch(this.#store.opened.onError);
    this.#tellOn();
    const promoted = this.memory.promote(now);
    const stands = (run: Run): boolean => this.memory.live.get(run.id) === run;
    // Not before their acceptance is durable, and before a claim that may go into the same line.
    if (promoted.length > 0) this.#store.tell(this.#announcer.fallenDue(promoted, now, stands));
    this.#nextPlaceAt = this.memory.picker.nextPlaceAt(this.memory.steady(now));
    return this.memory.nextDueAt(now);
  }

  /** The clock was set, also where that was before the start: writes anew which instants durations end at. */
  async #restate(): Promise<void> {
    if (!this.#store.opened.writes) return;
    this.#restatedAt = this.#time.offset;
    const moved = this.memory.movedWaits();
    for (let from = 0; from < moved.length; from += MAX_BATCH) {
      await this.#apply((tx) => {
        for (const { run, dueAt } of moved.slice(from, from + MAX_BATCH))
          if (this.memory.live.get(run.id) === run)
            this.tables.runs.patch(tx, run, restated(run, dueAt));
      });
    }
  }

  #next({ workerKind, only, jobs }: E.Want, now: number): Run | null {
    const { picker } = this.memory;
    const steady = this.memory.steady(now);
    if (workerKind === 'external') return picker.nextOf(jobs ?? [], steady);
    return only === undefined
      ? picker.next(workerKind, steady)
      : picker.nextOnly(only, workerKind, steady);
  }

  async claim(want: E.Want, workerFor: (run: Run) => WorkerRef, at: E.Late): Promise<E.Claimed[]> {
    this.#store.writable();
    const now = numberOf(at);
    const next = (): Run | null => this.#next(want, now);
    const first = numberOf(want.most) < 1 ? null : next();
    this.#noteNextPlace(now);
    if (first === null) return [];
    if (this.#store.full && (await this.#staysFull())) return [];
    return this.#apply((tx) => {
      const claimed: E.Claimed[] = [];
      const most = numberOf(want.most);
      for (let prev = next(); prev && claimed.length < most; prev = next())
        claimed.push(this.#claimOne(tx, prev, workerFor(prev), now));
      this.#noteNextPlace(now);
      return claimed;
    });
  }

  /** A search for a run to start finds those that have to wait for a place: for longer than was told, perhaps. */
  #noteNextPlace(now: number): void {
    const at = this.memory.picker.nextPlaceAt(this.memory.steady(now));
    const isNews = at !== null && at !== this.#nextPlaceAt;
    this.#nextPlaceAt = at;
    if (isNews) this.#stir();
  }

  async change(id: number, decide: (run: Run) => Run): Promise<Run> {
    const found = await this.get(id);
    if (this.#room.needsFold) await this.#foldForRoom();
    return this.#apply((tx) => {
      const run = this.current(found);
      const next = decide(run);
      if (takesRoom(run, next)) this.#room.refuse?.();
      return replaceRun(this.#unit(tx), run, next);
    });
  }

  changeHeld(id: number, token: Token, decide: (run: Run) => Run): Promise<Run | null> {
    const held = this.tables.leases.get(id);
    const run = this.memory.live.get(id);
    if (!held || !run || held.token[0] !== token[0] || held.token[1] !== token[1])
      return Promise.resolve(null);
    return this.#apply((tx) => replaceRun(this.#unit(tx), run, decide(run)));
  }

  async remove(ids: readonly number[]): Promise<void> {
    const found: Run[] = [];
    for (const id of new Set(ids)) found.push(await this.getLight(id));
    await this.#apply((tx) => {
      const runs = found.map((run) => this.current(run));
      removeRuns(this.#unit(tx), runs);
    });
  }

  async pause(target: E.PauseTarget, paused: boolean): Promise<void> {
    await this.#apply((tx) => {
      const apply = (): void => this.memory.picker.configure((job) => this.#jobLimits(job));
      // Handed in first, so that it is undone last: after the pause itself.
      tx.onUndo(apply);
      this.tables.paused.pause(tx, target, paused);
      apply();
      this.#stir();
    });
  }

  async changeSchedule(
    name: string,
    decide: (schedule: Schedule | null) => Schedule | null,
  ): Promise<Schedule | null> {
    if (this.#room.needsFold) await this.#foldForRoom();
    return this.#apply((tx) => {
      const present = this.tables.schedules.get(name) ?? null;
      const next = decide(present);
      if (next === present) return present;
      if (next && scheduleTakesRoom(present, next)) this.#room.refuse?.();
      if (next === null) tx.delete(this.tables.schedules, name);
      else tx.put(this.tables.schedules, next);
      this.#stir();
      return next;
    });
  }

  async fire(
    names: readonly string[],
    decide: (schedule: Schedule, unsettled: readonly Run[]) => E.Firing | null,
    now: number,
  ): Promise<readonly E.Fired[]> {
    if (this.#store.full && (await this.#staysFull())) throw fullRefusal();
    if (this.#room.needsFold) await this.#foldForRoom();
    return this.#apply((tx) => {
      const unit = this.#unit(tx);
      return names.flatMap((name) => {
        const present = this.tables.schedules.get(name);
        const unsettled = this.unsettledRuns(name);
        const firing = present ? decide(present, unsettled) : null;
        if (firing === null) return [];
        const runs = firing.drafts.map((draft) => takeIn(unit, draft, now).run);
        const schedule = {
          ...firing.schedule,
          lastRun: runs.at(-1)?.id ?? firing.schedule.lastRun,
        };
        tx.put(this.tables.schedules, schedule);
        this.#stir();
        return { schedule, runs, unsettled };
      });
    });
  }

  async clockMark(): Promise<ClockMark | null> {
    return this.#clockMark;
  }

  async putClockMark(mark: ClockMark): Promise<void> {
    this.#store.writable();
    this.#clockMark = mark;
    await this.#store.putClockNote(mark);
  }

  configure(limitsOf: (job: string) => JobLimits, policyOf: (job: string) => Policy): void {
    this.#limitsOf = limitsOf;
    this.#policyOf = policyOf;
    this.memory.picker.configure((job) => this.#jobLimits(job));
    this.#stir();
  }

  // -------------------------------------------------------------------------------------------------- upkeep, end

  async changes(): Promise<number> {
    return this.#announcer.count;
  }

  onChange(listener: (change: E.ChangeEvent) => void): () => void {
    return this.#announcer.listen(listener);
  }

  onStir(listener: () => void): () => void {
    this.#stirred.add(listener);
    return () => this.#stirred.delete(listener);
  }

  #stir(): void {
    for (const listener of this.#stirred) listener();
  }

  protected override reasonOf(run: Run, now: number): string | null {
    const full = run.state.name === 'queued' && this.#store.full;
    return full ? FULL_REASON : super.reasonOf(run, now);
  }

  async memoryUse(): Promise<E.MemoryUse> {
    const { bytes, limit } = this.#room;
    return { bytes, limit };
  }

  async makeRoom(): Promise<void> {
    await this.#store.makeRoom();
  }

  async durable(): Promise<void> {
    await this.#store.durable();
  }

  /** Checks that the files are still there: files that others have removed are written anew. */
  async look(): Promise<void> {
    await this.#store.look();
  }

  async fold(): Promise<void> {
    await this.#store.fold();
  }

  async size(): Promise<number> {
    // Files shrink with a fold: until then they would be found as large as before.
    if (this.memory.removed > 0) await this.fold();
    return this.#store.size();
  }

  async close(): Promise<void> {
    await this.#telling;
    await this.#store.close();
  }

  // ------------------------------------------------------------------------------------------------------ inside

  /** Once there is room again, what waited for that may start. */
  async #staysFull(): Promise<boolean> {
    const full = await this.#store.staysFull();
    if (!full) this.#stir();
    return full;
  }

  /** Applies what `build` does, at once, and waits until it is durable. An error of `build` leaves nothing behind. */
  async #apply<T>(build: (tx: Transaction) => T): Promise<T> {
    this.#store.writable();
    const tx = new Transaction();
    let result: T;
    try {
      result = build(tx);
    } catch (error) {
      tx.undo();
      throw error;
    }
    const changed = tx.ops.length > 0;
    // The only wait of a change: each further one is half a kilobyte for the garbage collector.
    await (changed ? this.#commit(tx) : this.#store.durable());
    if (changed) {
      this.#store.foldIfLarge(this.#room.wantsFold);
      this.#tellOn();
    }
    return result;
  }

  #commit(tx: Transaction): Promise<void> {
    const changes = this.tables.runs.changesIn(tx);
    const told = this.#announcer.number(tx, changes);
    // Before the line begins to gather: what starts by this goes into the same one.
    if (changes.some(letsStart)) this.#stir();
    return this.#store.commit({ ops: tx.ops, undo: () => tx.undo(), told });
  }

  /** Others are answered between two parts of what very many have to hear. */
  #tellOn(): void {
    const { onError, writes } = this.#store.opened;
    if (this.#telling || !writes || this.tables.untold.values().length === 0) return;
    this.#telling = this.#tell()
      .catch(onError)
      .finally(() => {
        this.#telling = null;
      });
  }

  async #tell(): Promise<void> {
    while (this.tables.untold.values().length > 0)
      await this.#apply((tx) => tellMore(this.#unit(tx)));
  }

  /** Settled runs leave the memory once they are folded: what can be accepted then is not refused now. */
  async #foldForRoom(): Promise<void> {
    if (!this.#store.opened.writes) return;
    // A fold that is under way may have captured its pages before they settled.
    for (let folds = 0; folds < 2 && this.#room.needsFold; folds++)
      await this.fold().catch(this.#store.opened.onError);
  }

  #hasRun(job: string): boolean {
    return Object.values(this.memory.tally.byGroup().get(job) ?? {}).some((n) => n > 0);
  }

  #unit(tx: Transaction, others: ReadonlyMap<number, Run> | null = null): Unit {
    const { runs, untold } = this.tables;
    return new Unit(tx, { runs, untold, ids: this.#ids, refuse: this.#room.refuse }, others);
  }

  #claimOne(tx: Transaction, prev: Run, worker: WorkerRef, now: number): E.Claimed {
    this.members.ensure(tx, worker.mark);
    const policy = this.#policyOf(prev.job);
    const run = claim(prev, policy, worker.pid, now, undefined, worker.outside);
    const token: Token = [this.members.self.id, ++this.#tokens];
    this.tables.runs.patch(tx, prev, run, { token, mark: worker.mark });
    return { run, token, worker };
  }

  #jobLimits(job: string): JobLimits {
    const limits = this.#limitsOf?.(job) ?? UNREAD;
    const { all, jobs } = this.tables.paused.pauses;
    const paused = all || jobs.has(job);
    return paused && limits.blocked === null ? { ...limits, blocked: 'paused' } : limits;
  }
}

/** A run that waits for its turn or its time, or one that has left its place, its lock and its share of a limit. */
const letsStart = ({ prev, run }: RunChange): boolean =>
  run.state.name === 'queued' ||
  run.state.name === 'scheduled' ||
  (prev?.state.name === 'running' && run.state.name !== 'running');
