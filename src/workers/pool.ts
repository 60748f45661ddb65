// The worker processes, and who may have one. A `process` worker takes run after run of any job with its memory limit;
// a `fresh` one takes a single run and has a warm one behind it; a `shared` one takes many runs of one job at once; a
// command job is its own process. A run that may have ended a shared process gets one to itself. Nothing gets a run
// that was killed, that is tainted, that has begun on older code than the last reload's, or that has had its ten
// thousand.
//
//   const runner = pool.acquire(run, catalog.find(run.job));                // at once; its pid is known
//   const [claimed] = await engine.claim(…);                                // the start is durable
//   const stop = runner.listen(claimed.run.id, (message) => …);             // up to `outcome`, or runner.exited
//   runner.send({ type: 'run', assignment });
//   …
//   stop();
//   pool.release(runner, { reusable: true });
import { readFileSync } from 'node:fs';
import { type JobEntry, type JobFile, policyOf } from '../catalog/catalog.ts';
import type { Lane } from '../run/pick.ts';
import type { Isolation } from '../run/policy.ts';
import { type Run, runsAlone } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import { errnoOf } from '../support/errors.ts';
import { MAX_RUNS_PER_WORKER, MAX_SHARED, MINUTE } from '../support/limits.ts';
import { Child } from './child.ts';
import { CommandRunner } from './command-job.ts';
import type { Doomed } from './death.ts';
import type { Runner, Stray } from './runner.ts';
import { isScarce } from './spawn.ts';
import { Warden } from './warden.ts';

export interface PoolOptions {
  /** Attempts at once, `shared` ones aside. */
  readonly places: number;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Random text, never given twice. */
  readonly newMark: () => string;
  readonly stray: Stray;
  /** Starts a process under a mark; missing: a real one, of node or of a command job. */
  readonly start?: (need: Need, mark: string) => Runner;
  /** A process was started; told before it is handed out. */
  readonly onStart: (worker: Doomed) => void;
  /** Nothing of it lives any more. */
  readonly onEnd: (worker: Doomed) => void;
}

/** What a run needs. */
export interface Need {
  readonly job: string;
  readonly kind: JobFile['kind'];
  readonly file: string;
  readonly isolation: Isolation;
  readonly memoryMb: number | null;
}

interface Slot {
  readonly runner: Runner;
  readonly lane: Lane;
  /** Which needs it can serve. */
  readonly key: string;
  readonly generation: number;
  /** Runs begun, and under way. */
  runs: number;
  busy: number;
  idleSince: number;
  retired: boolean;
  /** Resolves where something of it cannot be ended. */
  readonly undying: Promise<void>;
  readonly onUndying: () => void;
}

/** An idle worker above the first is given up after this long. */
const IDLE_MS = MINUTE;
/** A worker that holds more memory than this is not reused: whatever leaks there, leaks no further. */
const MAX_RESIDENT_BYTES = 1024 ** 3;
/** Reading the memory costs as much as a small run. */
const LOOK_AT_MEMORY_EVERY = 25;

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #slots = new Map<Runner, Slot>();
  readonly #ending = new Map<Slot, Promise<void>>();
  readonly #warden: Warden;
  #generation = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#warden = new Warden(options.clock);
  }

  /** How many attempts may begin in a lane now. */
  free(lane: Lane): number {
    const most = lane === 'shared' ? MAX_SHARED : this.#options.places;
    return Math.max(0, most - this.#busyIn(lane));
  }

  /** Attempts under way in places, for `status`: `shared` ones count as one a process. */
  get busy(): number {
    const shared = this.#all().filter((slot) => slot.lane === 'shared' && slot.busy > 0);
    return this.#busyIn('place') + shared.length;
  }

  get total(): number {
    return this.#options.places;
  }

  /** A worker for one run: an idle one that fits, or a new one. The caller has looked at `free`. */
  acquire(run: Run, entry: JobEntry | null): Runner {
    const { isolation: usual, memoryMb } = policyOf(entry);
    const isolation = usual === 'shared' && runsAlone(run) ? 'process' : usual;
    const need = {
      job: run.job,
      kind: entry?.kind ?? 'module',
      file: entry?.file ?? '',
      isolation,
      memoryMb,
    };
    const key = keyOf(need);
    const slot = this.#fitting(need, key) ?? this.#start(need, key);
    slot.busy++;
    slot.runs++;
    if (need.isolation === 'fresh' && need.kind === 'module') this.#warmAhead(need);
    return slot.runner;
  }

  /** Gives a worker back after its run. One that is not to be used again, outdated or worn out, is ended. */
  release(runner: Runner, { reusable }: { readonly reusable: boolean }): void {
    const slot = this.#slots.get(runner);
    if (!slot) return;
    slot.busy--;
    slot.idleSince = this.#options.clock.monotonic();
    if (slot.retired || !reusable || this.#isSpent(slot)) this.#retire(slot);
  }

  /** Job files have changed: idle workers are replaced now, busy ones after the run that they are at. */
  renew(): void {
    this.#generation++;
    for (const slot of this.#all()) this.#retire(slot);
  }

  /** Starts workers ahead, up to `n` idle ones of the usual kind: the first runs need not wait for a process. */
  warm(n: number): void {
    const usual: Need = { job: '', kind: 'module', file: '', isolation: 'process', memoryMb: null };
    const key = keyOf(usual);
    const ready = this.#all().filter((slot) => slot.key === key && this.#isIdle(slot)).length;
    for (let i = ready; i < n && this.#all().length < this.#options.places; i++)
      this.#startAhead(usual, key);
  }

  /** Gives up workers that have been idle for a while, but for one. To be called now and then. */
  tidy(): void {
    const now = this.#options.clock.monotonic();
    const idle = this.#all().filter((slot) => this.#isIdle(slot));
    for (const slot of idle.slice(1)) if (now - slot.idleSince > IDLE_MS) this.#retire(slot);
  }

  /** Ends all workers; resolves when nothing of them lives but what cannot be ended. */
  async close(): Promise<void> {
    for (const slot of this.#all()) slot.retired = true;
    await Promise.all(this.#all().map((slot) => Promise.race([this.#end(slot), slot.undying])));
    this.#warden.close();
  }

  #all(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  #busyIn(lane: Lane): number {
    let busy = 0;
    for (const slot of this.#slots.values()) if (slot.lane === lane) busy += slot.busy;
    return busy;
  }

  #fitting(need: Need, key: string): Slot | null {
    if (need.kind === 'command') return null;
    for (const slot of this.#slots.values()) {
      if (slot.key !== key || slot.retired || slot.runner.exit !== null) continue;
      if (need.isolation === 'shared' ? slot.runs < MAX_SHARED_RUNS : slot.busy === 0) return slot;
    }
    return null;
  }

  #isIdle(slot: Slot): boolean {
    return slot.busy === 0 && !slot.retired && slot.runner.exit === null;
  }

  #start(need: Need, key: string): Slot {
    const lane = need.isolation === 'shared' && need.kind === 'module' ? 'shared' : 'place';
    this.#makeRoom(lane);
    const { clock, newMark, start } = this.#options;
    const runner = (start ?? this.#startProcess)(need, newMark());
    const generation = this.#generation;
    const idleSince = clock.monotonic();
    let onUndying = (): void => undefined;
    const undying = new Promise<void>((resolve) => {
      onUndying = resolve;
    });
    const slot: Slot = {
      runner,
      lane,
      key,
      generation,
      runs: 0,
      busy: 0,
      idleSince,
      retired: false,
      undying,
      onUndying,
    };
    this.#slots.set(runner, slot);
    this.#options.onStart(runner);
    runner.exited.then(() => {
      slot.retired = true;
      // A busy one is released by whoever has it.
      if (slot.busy === 0) this.#endLater(slot);
    });
    return slot;
  }

  readonly #startProcess = (need: Need, mark: string): Runner => {
    const { dir, env, clock, stray } = this.#options;
    const options = { mark, dir, env, clock };
    return need.kind === 'command'
      ? new CommandRunner({ ...options, file: need.file, warden: this.#warden })
      : new Child({ ...options, stray, memoryMb: need.memoryMb });
  };

  /** Idle workers of another kind give way, so that there are never more processes than places. */
  #makeRoom(lane: Lane): void {
    if (lane === 'shared') return;
    const here = this.#all().filter((slot) => slot.lane === 'place' && !slot.retired);
    const idle = here.find((slot) => this.#isIdle(slot));
    if (here.length >= this.#options.places && idle) this.#retire(idle);
  }

  #warmAhead(need: Need): void {
    const key = keyOf(need);
    if (!this.#all().some((slot) => slot.key === key && this.#isIdle(slot)))
      this.#startAhead(need, key);
  }

  /** Where none can be started just now, nothing is lost: whoever needs one meets the error. */
  #startAhead(need: Need, key: string): void {
    try {
      this.#start(need, key);
    } catch (error) {
      if (!isScarce(error)) throw error;
    }
  }

  #isSpent(slot: Slot): boolean {
    if (slot.generation !== this.#generation || slot.runner.exit !== null) return true;
    if (slot.key.startsWith('fresh') || slot.key.startsWith('command')) return true;
    if (slot.lane === 'shared') return slot.runs >= MAX_SHARED_RUNS;
    if (slot.runs >= MAX_RUNS_PER_WORKER) return true;
    return (
      slot.runs % LOOK_AT_MEMORY_EVERY === 0 && residentBytes(slot.runner.pid) > MAX_RESIDENT_BYTES
    );
  }

  #retire(slot: Slot): void {
    slot.retired = true;
    if (slot.busy === 0) this.#endLater(slot);
  }

  #endLater(slot: Slot): void {
    // It cannot fail but by a defect, which then must stop the daemon: an unhandled rejection does.
    void this.#end(slot);
  }

  #end(slot: Slot): Promise<void> {
    let ending = this.#ending.get(slot);
    if (!ending) {
      // Without a run there is nothing in it that would want to be told first.
      const { runner, onUndying } = slot;
      const together = runner.exit !== null;
      ending = runner.end({ force: true, together, onUndying }).then(() => {
        this.#slots.delete(slot.runner);
        this.#ending.delete(slot);
        this.#options.onEnd(slot.runner);
      });
      this.#ending.set(slot, ending);
    }
    return ending;
  }
}

/** A shared worker is replaced too, but far later: its runs are many and small. */
const MAX_SHARED_RUNS = MAX_RUNS_PER_WORKER * 10;

function keyOf({ job, kind, isolation, memoryMb }: Need): string {
  if (kind === 'command') return `command ${job}`;
  return isolation === 'shared' ? `shared ${memoryMb} ${job}` : `${isolation} ${memoryMb}`;
}

/** 0 where the system does not tell. */
function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch (error) {
    if (errnoOf(error) !== '') return 0;
    throw error;
  }
}
