// The loop that drives everything: fire what schedules ask for, queue what is due, hand out as many runs as there are
// places. It sleeps until the next thing is due and is woken by every change that might let something start; nothing
// is polled. A timer stands still while a machine sleeps and the wall clock can be set, so no sleep is longer than 15
// seconds, and every tick compares both clocks.
import type { Claimed, Engine } from '../engine/engine.ts';
import type { WorkerRef } from '../engine/members.ts';
import type { WorkerKind } from '../run/pick.ts';
import type { Run } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import { assert } from '../support/errors.ts';
import { MAX_SLEEP_MS, SECOND } from '../support/limits.ts';
import { SteadyTime } from '../support/steady-time.ts';
import type { Runner } from '../workers/runner.ts';

export interface SchedulerParts {
  readonly engine: Engine;
  readonly clock: Clock;
  /** How many attempts may begin in workers of this kind now. */
  readonly free: (workerKind: WorkerKind) => number;
  /** A worker for this run, which is about to start; it is registered with the engine before it is returned. */
  readonly acquire: (run: Run) => Runner;
  /** The claim of a worker came to nothing. */
  readonly release: (runner: Runner) => void;
  readonly begin: (claimed: Claimed, runner: Runner) => void;
  /** Hands out what workers outside wait for. */
  readonly handOut: () => void;
  /** Lets schedules fire; returns when the next one is due, null for never. */
  readonly fire: (now: number) => Promise<number | null>;
  /** If given, nothing but the run that it names is started. */
  readonly only?: (() => number) | undefined;
  readonly onJump: (ms: number) => void;
  readonly onError: (error: unknown) => void;
  /** After each tick: what is regular, and cheap. */
  readonly onTick: () => void;
  /** All that was taken has begun. */
  readonly onBegun: () => void;
}

/** A claim that could not be written is tried again after this: its end wakes the loop, which would spin. */
const REST_MS = SECOND;

export class Scheduler {
  readonly #p: SchedulerParts;
  #undo: (() => void) | null = null;
  #stopListening: () => void = () => undefined;
  #dueAt: number | null = null;
  #woken = false;
  /** A tick is under way; with `again`, another one was asked for meanwhile. */
  #ticking = false;
  #again = false;
  #state: 'idle' | 'running' | 'draining' | 'stopped' = 'idle';
  readonly #claims = new Set<Promise<void>>();
  #restUntil = Number.NEGATIVE_INFINITY;
  readonly #time: SteadyTime;
  #offset = 0;

  constructor(parts: SchedulerParts) {
    this.#p = parts;
    this.#time = new SteadyTime(parts.clock);
  }

  start(): void {
    this.#state = 'running';
    this.#stopListening = this.#p.engine.onStir(this.wake);
    this.wake();
  }

  /** Something may be able to start: looks at the end of this turn, once for however many calls. */
  wake = (): void => {
    if (this.#woken || this.#state === 'idle' || this.#state === 'stopped') return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      void this.#tick();
    });
  };

  /** False before the start, while it drains, and while claims cannot be written. */
  get mayStart(): boolean {
    return this.#state === 'running' && !this.rests;
  }

  /** Runs were taken and their attempts are about to begin. */
  get claiming(): boolean {
    return this.#claims.size > 0;
  }

  /** Something is due, or may be, and is looked at at once. */
  get expects(): boolean {
    const isDue = this.#dueAt !== null && this.#dueAt <= this.#p.clock.now();
    return this.#woken || this.#again || isDue;
  }

  /** Takes nothing for a moment: what was taken could not be started. */
  rest(): void {
    this.#restUntil = this.#p.clock.monotonic() + REST_MS;
  }

  /** Runs could not be taken, and are tried again soon. */
  get rests(): boolean {
    return this.#restUntil > this.#p.clock.monotonic();
  }

  /**
   * Starts nothing more; schedules do not fire either. Resolves when the attempts of the runs that were being taken
   * have begun: until then a stop could not see them, and would end their workers as idle ones.
   */
  async drain(): Promise<void> {
    this.#state = 'draining';
    await Promise.all(this.#claims);
  }

  stop(): void {
    this.#state = 'stopped';
    this.#undo?.();
    this.#stopListening();
  }

  async #tick(): Promise<void> {
    if (this.#isStopped()) return;
    if (this.#ticking) {
      this.#again = true;
      return;
    }
    this.#ticking = true;
    this.#undo?.();
    const next = await this.#pass().catch((error) => {
      this.#p.onError(error);
      return { at: this.#p.clock.now() + REST_MS, sharp: false };
    });
    this.#ticking = false;
    if (this.#isStopped()) return;
    const ms = Math.max(1, next.at - this.#p.clock.now());
    this.#undo = this.#p.clock.after(ms, () => void this.#tick(), { sharp: next.sharp });
    if (this.#again) this.wake();
    this.#again = false;
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Returns when to look again; `sharp` where something is due then. */
  async #pass(): Promise<{ readonly at: number; readonly sharp: boolean }> {
    this.#compareClocks();
    const now = this.#p.clock.now();
    const fireAt = this.#state === 'running' ? await this.#p.fire(now) : null;
    this.#dueAt = await this.#p.engine.advance(now);
    const restMs = this.#restUntil - this.#p.clock.monotonic();
    if (this.#state === 'running' && restMs <= 0) {
      for (const workerKind of ['dedicated', 'shared'] as const) this.#claim(workerKind);
      this.#p.handOut();
    }
    this.#p.onTick();
    const due = Math.min(this.#dueAt ?? Infinity, fireAt ?? Infinity);
    const at = Math.min(due, now + (restMs > 0 ? restMs : MAX_SLEEP_MS));
    return { at, sharp: at === due };
  }

  #claim(workerKind: WorkerKind): void {
    const only = this.#p.only?.();
    if (this.#p.free(workerKind) <= 0) return;
    // Later than this pass began: a place may have become free since, and its next run begins after the one before.
    const now = (): number => this.#p.clock.now();
    const acquired: Runner[] = [];
    // Asked when the engine decides, for a claim that was asked for before takes its places first. Its own are counted
    // in case it is repeated.
    const most = (): number => this.#p.free(workerKind) + acquired.length;
    const workerFor = (run: Run): Runner => {
      const runner = this.#p.acquire(run);
      acquired.push(runner);
      return runner;
    };
    const over = this.#p.engine.claim({ workerKind, most, only }, workerFor, now).then(
      (claimed) => {
        for (const one of claimed) this.#p.begin(one, takeFrom(acquired, one.worker));
        // A claim that was repeated may have asked for more workers than it has used.
        for (const runner of acquired) this.#p.release(runner);
      },
      (error) => {
        this.rest();
        for (const runner of acquired) this.#p.release(runner);
        this.#p.onError(error);
        this.wake();
      },
    );
    const begun: Promise<void> = over.catch(this.#p.onError).then(() => this.#claimed(begun));
    this.#claims.add(begun);
  }

  #claimed(begun: Promise<void>): void {
    this.#claims.delete(begun);
    if (this.#claims.size === 0 && this.#state !== 'stopped') this.#p.onBegun();
  }

  #compareClocks(): void {
    const { offset } = this.#time;
    const jump = offset - this.#offset;
    if (jump === 0) return;
    this.#offset = offset;
    this.#p.onJump(jump);
  }
}

/** The runner that became the worker of a claim. A shared one may be in the list several times. */
function takeFrom(acquired: Runner[], worker: WorkerRef): Runner {
  const at = acquired.indexOf(worker as Runner);
  const [runner] = at < 0 ? [] : acquired.splice(at, 1);
  assert(runner, 'a claim names a worker that was acquired for it');
  return runner;
}

/** The states that may still start something, or have. */
export interface Busy {
  readonly attempts: { readonly size: number };
  /** Runs that workers outside have. */
  readonly outside: { readonly size: number };
  readonly pool: { readonly busy: number };
  readonly scheduler: Pick<Scheduler, 'claiming' | 'expects' | 'rests'>;
  readonly recurring: { readonly busy: boolean; readonly rests: boolean };
}

/**
 * True where nothing runs or is about to, and nothing is due. A run that waits for a later time, for another run or for
 * a result from outside counts as nothing.
 */
export function isAtRest({ attempts, outside, pool, scheduler, recurring }: Busy): boolean {
  if (
    attempts.size > 0 ||
    outside.size > 0 ||
    pool.busy > 0 ||
    scheduler.claiming ||
    recurring.busy
  )
    return false;
  return !(scheduler.expects || scheduler.rests || recurring.rests);
}
