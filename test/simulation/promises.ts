// What was promised to anyone, and whether it is kept. `Promises` is told all that the daemon says is durable, all that
// clients and jobs were answered, and each version of a run that the engine made in memory (which may have reached the
// disk without anybody being told). After every step, after every start, and whenever a job begins, it compares.
import type { Change, Engine } from '../../src/engine/engine.ts';
import type { FileEngine } from '../../src/engine/files/file-engine.ts';
import type { Memory } from '../../src/engine/files/memory.ts';
import type { Tables } from '../../src/engine/files/tables.ts';
import type { Lease, Token } from '../../src/engine/members.ts';
import { isSettled, type Run } from '../../src/run/run.ts';
import { MAX_SLEEP_MS } from '../../src/support/limits.ts';
import type { Assignment } from '../../src/workers/messages.ts';
import { countsWrong, textOf as freshTextOf } from '../helpers/engine-ledger.ts';
import type { Cast } from './cast.ts';
import { Facts } from './facts.ts';
import type { FakeWorker } from './fake-worker.ts';
import type { Machine } from './machine.ts';

export class Promises {
  readonly broken: string[] = [];
  readonly facts: Facts;
  /** What was told of each run last, and is so for certain. */
  readonly #told = new Map<number, Run>();
  /** Versions that were made since and not told; null: removed. */
  readonly #doubts = new Map<number, (Run | null)[]>();
  readonly #removed = new Set<number>();
  readonly #mayGo = new Set<number>();
  readonly #mayGoOn = new Set<number>();
  readonly #fresh = new Set<number>();
  readonly #saved = new Map<number, number>();
  readonly #slots = new Map<string, number>();
  /** All ids that anybody was ever told. */
  readonly #known = new Set<number>();
  readonly #tokens = new Map<number, Token>();
  #starts = new Map<string, number[]>();
  #latest = 0;
  #engine: Engine | null = null;
  #movedAt = Number.NEGATIVE_INFINITY;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.facts = new Facts((text) => this.break(text));
  }

  break(text: string): void {
    this.#machine.note(`BROKEN ${text}`);
    this.broken.push(text);
  }

  get ids(): readonly number[] {
    return [...this.#told.keys()];
  }

  /** Runs that were ever told of. */
  get many(): number {
    return this.#known.size;
  }

  find(id: number): Run | undefined {
    return this.#told.get(id);
  }

  // ----------------------------------------------------------------------------------------------- what is told

  /** A state was opened: it holds all that was told, and nothing that nobody asked for. */
  async opened(engine: FileEngine): Promise<void> {
    const { runs } = await engine.list({ limit: 1_000_000 });
    const found = new Map(runs.map((run) => [run.id, run]));
    for (const [id, told] of this.#told) {
      if (!found.has(id) && !this.#doubtsOf(id).includes(null)) this.break(`lost: ${textOf(told)}`);
      if (!found.has(id)) this.#forget(id);
    }
    for (const run of runs) this.#recovered(run);
    this.#doubts.clear();
    await this.facts.recovered(engine);
    this.#engine = engine;
    this.#watch(engine);
  }

  #recovered(run: Run): void {
    const told = this.#told.get(run.id);
    const text = textOf(run);
    const doubts = this.#doubtsOf(run.id);
    const fits = [told ?? null, ...doubts].some((one) => one !== null && textOf(one) === text);
    if (this.#removed.has(run.id)) this.break(`run ${run.id} was removed and is back`);
    else if (!fits) this.break(`recovered is ${text}, told was ${told && textOf(told)}`);
    const first = doubts.find((one) => one !== null);
    if (!told && first) this.#isNew(first);
    this.#told.set(run.id, run);
  }

  /** Notes every version that the engine makes, told or not. */
  #watch(engine: FileEngine): void {
    const { memory } = engine as unknown as { memory: Memory };
    const put = memory.put.bind(memory);
    const running = new WeakSet<Run>();
    memory.put = (prev, next) => {
      put(prev, next);
      const id = (next ?? prev)?.id ?? 0;
      const doubts = this.#doubts.get(id);
      if (doubts) doubts.push(next);
      else this.#doubts.set(id, [next]);
      // What the disk refuses is taken back, results and what a start finds lost: the run is what it was, and starts
      // not.
      if (prev?.state.name === 'running') running.add(prev);
      if (next?.state.name !== 'running') return;
      if (prev?.state.name === 'queued' && !running.has(next)) this.#startsNow(next);
      running.add(next);
    };
    engine.onChange((change) => {
      if (this.#engine === engine) this.#tell(change);
    });
  }

  #startsNow({ id, job }: Run): void {
    for (const what of ['all', job])
      if (this.facts.isCertain(`paused ${what}`))
        this.break(`run ${id} of ${job} is started, answered was that ${what} is paused`);
  }

  #tell({ prev, run }: Change): void {
    this.#machine.note(`told ${run.id} ${textOf(run)}`);
    const told = this.#told.get(run.id);
    if (prev === null) this.#isNew(run);
    else if (told && textOf(told) !== textOf(prev))
      this.break(`run ${run.id} came from ${textOf(prev)}, told was ${textOf(told)}`);
    if (told && isSettled(told) && !isSettled(run) && !this.#mayGoOn.has(run.id))
      this.break(`run ${run.id} was ${told.state.name} and goes on by itself`);
    if (run.state.name === 'running' && prev?.state.name !== 'running') this.#isStarted(run);
    const saver = saverOf(prev, run);
    if (saver !== null) this.break(`run ${run.id}: ${saver} has saved, which does not hold it`);
    const doubts = this.#doubtsOf(run.id);
    this.#doubts.set(run.id, doubts.slice(doubts.indexOf(run) + 1));
    this.#told.set(run.id, run);
  }

  #isNew(run: Run): void {
    const { id, origin, state } = run;
    if (this.#known.has(id)) this.break(`the id ${id} is given again`);
    this.#known.add(id);
    const { tables } = (this.#engine ?? {}) as unknown as { tables?: Tables };
    const schedule = tables?.schedules.get(origin?.schedule ?? '');
    if (schedule?.rule.kind !== 'cron') return;
    const slot = `${schedule.name} at ${state.dueAt}`;
    const other = this.#slots.get(slot);
    if (other !== undefined && other !== id) this.break(`${slot} made ${other} and ${id}`);
    this.#slots.set(slot, id);
  }

  #isStarted(run: Run): void {
    const rate = this.#machine.cast.policy(run.job).rateLimit;
    const at = run.life?.startedAt ?? 0;
    if (!rate) return;
    const starts = [...(this.#starts.get(run.job) ?? []), at];
    this.#starts.set(run.job, starts);
    const first = starts[starts.length - 1 - rate.limit];
    if (first !== undefined && at - first < rate.perMs)
      this.break(`${run.job} began ${rate.limit + 1} times in ${at - first} ms`);
  }

  // -------------------------------------------------------------------------------- what clients and jobs hear, do

  /** The clock was set: what was counted by it counts no more. */
  /** To be called before it is set: what was over by the old time may have gone. */
  clockMoves(): void {
    this.#latest = Math.max(this.#latest, this.#machine.clock.now());
    this.#starts = new Map();
    this.#movedAt = this.#machine.clock.monotonic();
  }

  /** A daemon was killed: what it would still say reaches nobody. */
  died(): void {
    this.#engine = null;
  }

  accepted(id: number, how: string): void {
    this.#machine.note(`answered ${id} ${how}`);
    if (!this.#told.has(id) && !this.#removed.has(id)) this.break(`${id} was ${how}, not durable`);
  }

  removeAsked(id: number): void {
    this.#mayGo.add(id);
  }

  retryAsked(id: number, fresh: boolean): void {
    this.#mayGoOn.add(id);
    if (fresh) this.#fresh.add(id);
  }

  saved(run: number, n: number): void {
    this.#saved.set(run, Math.max(n, this.#saved.get(run) ?? 0));
  }

  /** A process got a run and is about to do it. */
  begins(assignment: Assignment, worker: FakeWorker): void {
    const { run: id, attempt } = assignment;
    const told = this.#told.get(id);
    for (const other of this.#machine.workers.values())
      for (const held of other.holds) this.#beside(held, assignment, other.pid);
    if (told?.state.name !== 'running' || told.life?.attempt !== attempt)
      this.break(`run ${id} begins its attempt ${attempt}, told is ${told && textOf(told)}`);
    if (told?.life?.attempts.at(-1)?.pid !== worker.pid)
      this.break(`run ${id} begins in ${worker.pid}, which does not hold it`);
    if (JSON.stringify(assignment.params) !== JSON.stringify(told?.params))
      this.break(`run ${id} begins with other params than told: ${told && textOf(told)}`);
    const n = Number((assignment.checkpoint as { n?: number } | undefined)?.n ?? 0);
    if (n < (this.#saved.get(id) ?? 0) && !this.#fresh.has(id))
      this.break(`run ${id} begins from checkpoint ${n}, saved was ${this.#saved.get(id)}`);
    for (const dep of told?.origin?.after ?? []) {
      const other = this.#told.get(dep);
      const wasLetGo = other && isSettled(other) && this.#mayGoOn.has(id);
      if (other && other.state.name !== 'done' && !wasLetGo && !this.#mayGoOn.has(dep))
        this.break(`run ${id} begins while ${dep}, which it waits for, is ${other.state.name}`);
    }
  }

  #beside(held: Assignment, assignment: Assignment, pid: number): void {
    if (held.run === assignment.run) this.break(`run ${held.run} begins while ${pid} still has it`);
    const locks = [held, assignment].map(({ run }) => this.#told.get(run)?.origin?.lock);
    if (locks[0] !== undefined && locks[0] === locks[1] && held.run !== assignment.run)
      this.break(`runs ${held.run} and ${assignment.run} have the lock ${locks[0]} at once`);
  }

  // --------------------------------------------------------------------------------------------- after every step

  /** Nothing is on its way: what the engine says, what was told, and a recount are the same. */
  async check(engine: FileEngine, hasPlace: boolean): Promise<void> {
    this.#latest = Math.max(this.#latest, this.#machine.clock.now());
    const { runs, total } = await engine.list({ limit: 1_000_000 });
    for (const wrong of await countsWrong(engine, runs, total)) this.break(wrong);
    // With slow syncs something is always on its way.
    if (!this.#machine.disk.slow) this.#asTold(runs);
    this.#withinLimits(runs, this.#machine.cast);
    await this.#leases(engine, runs);
    const byId = new Map(runs.map((run) => [run.id, run]));
    const now = this.#machine.clock.now();
    // Nobody tells a daemon that the clock was set: it sees that at its next tick.
    const ticked = this.#machine.clock.monotonic() - this.#movedAt > MAX_SLEEP_MS;
    for (const run of runs) {
      if (run.state.name === 'waiting' && run.state.for === 'runs') {
        const left = (run.origin?.after ?? []).filter((id) => byId.has(id));
        if (!left.some((id) => !isSettled(byId.get(id) as Run)))
          this.break(`run ${run.id} waits for nothing`);
      }
      if (run.state.name === 'queued' && !this.#machine.trouble && hasPlace && ticked)
        if ((await engine.why([run], now))[0] === null)
          this.break(`run ${run.id} waits without a reason`);
    }
    if (!this.#machine.trouble && !this.#machine.disk.slow) await this.facts.check(engine);
  }

  #asTold(runs: readonly Run[]): void {
    const found = new Set<number>();
    for (const run of runs) {
      found.add(run.id);
      const told = this.#told.get(run.id);
      if (!told || (told !== run && textOf(told) !== textOf(run)))
        this.break(`the engine has ${textOf(run)}, told was ${told && textOf(told)}`);
    }
    for (const [id, told] of this.#told) {
      if (found.has(id)) continue;
      const { keepDoneMs, keepFailedMs } = this.#machine.cast.policy(told.job);
      const keep = told.state.name === 'done' ? keepDoneMs : keepFailedMs;
      const over = 'settledAt' in told.state && told.state.settledAt + keep <= this.#latest;
      if (!over && !this.#mayGo.has(id)) this.break(`gone before its time: ${textOf(told)}`);
      this.#forget(id);
    }
  }

  #forget(id: number): void {
    this.#told.delete(id);
    this.#removed.add(id);
  }

  #withinLimits(runs: readonly Run[], cast: Cast): void {
    const keys = new Map<string, number>();
    const locks = new Map<string, number>();
    const running = new Map<string, number>();
    for (const run of runs) {
      const { key, lock } = run.origin ?? {};
      if (!isSettled(run) && key !== undefined)
        this.#once(keys, `${run.job} ${key}`, run.id, 'key');
      if (run.state.name !== 'running') continue;
      if (lock !== undefined) this.#once(locks, lock, run.id, 'lock');
      const many = (running.get(run.job) ?? 0) + 1;
      running.set(run.job, many);
      const most = cast.policy(run.job).concurrency;
      // One that began while its file could not be read began without a limit.
      if (most !== null && many > most) this.break(`${many} runs of ${run.job} run at once`);
    }
  }

  #once(seen: Map<string, number>, what: string, id: number, kind: string): void {
    const other = seen.get(what);
    if (other !== undefined) this.break(`runs ${other} and ${id} have the ${kind} ${what}`);
    seen.set(what, id);
  }

  async #leases(engine: FileEngine, runs: readonly Run[]): Promise<void> {
    const leases = new Map<number, Lease>(
      (await engine.members.leases()).map((lease) => [lease.run, lease]),
    );
    for (const run of runs) {
      const lease = leases.get(run.id);
      if ((run.state.name === 'running') !== (lease !== undefined))
        this.break(`run ${run.id} is ${run.state.name} ${lease ? 'with' : 'without'} a lease`);
      if (!lease) continue;
      leases.delete(run.id);
      const before = this.#tokens.get(run.id);
      if (before && (lease.token[0] - before[0] || lease.token[1] - before[1]) < 0)
        this.break(`the token of run ${run.id} went from ${before} to ${lease.token}`);
      this.#tokens.set(run.id, lease.token);
    }
    if (leases.size > 0) this.break(`leases of runs that are not there: ${[...leases.keys()]}`);
  }

  #doubtsOf(id: number): (Run | null)[] {
    return this.#doubts.get(id) ?? [];
  }
}

const texts = new WeakMap<Run, string>();

/** Runs are never changed, so each is written down once. */
function textOf(run: Run): string {
  const known = texts.get(run);
  if (known !== undefined) return known;
  const text = freshTextOf(run);
  texts.set(run, text);
  return text;
}

/** The process that saved a checkpoint although another one holds the run. */
function saverOf(prev: Run | null, run: Run): number | null {
  type Saved = { readonly n: number; readonly by: number } | undefined;
  const [had, has] = [prev, run].map((one) => one?.life?.checkpoint as Saved);
  if (!has || has.n === had?.n || has.by === run.life?.attempts.at(-1)?.pid) return null;
  return has.by;
}
