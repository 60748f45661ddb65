// What outlives any one daemon: the clock, the disk, the processes of jobs, chance, and the trace of all that happened.
// Everything random comes from the seed and nothing from the real world, so the same seed gives the same trace.
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/support/clock.ts';
import type { Files } from '../helpers/engine-platter.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { type Random, randomFrom } from '../helpers/random.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';
import { Cast } from './cast.ts';
import type { FakeWorker } from './fake-worker.ts';
import { Promises } from './promises.ts';
import type { Weakening } from './weakenings.ts';

export const START = Date.UTC(2026, 10, 22, 12);
/** Small, so that it fills; its reserve is a twentieth. */
const DISK_BYTES = 4_000_000;

export class Machine {
  readonly clock = new FakeClock(START);
  readonly chance: Random;
  readonly promises: Promises;
  readonly cast: Cast;
  readonly weakening: Weakening | null;
  disk: SimulatedDisk;
  /** Processes that live, by pid. */
  readonly workers = new Map<number, FakeWorker>();
  /** Something is wrong with the disk now: what cannot be written may be refused. */
  trouble = false;
  boots = 1;
  readonly lines: string[] = [];
  readonly #trace = createHash('sha1');
  readonly #verbose: boolean;
  #pulse = 0;
  #pids = 10_000_000;
  #operations = 0;

  constructor(
    seed: number,
    files: Files | undefined,
    weakening: Weakening | null,
    verbose = false,
  ) {
    this.chance = randomFrom(seed);
    this.weakening = weakening;
    this.#verbose = verbose;
    this.cast = new Cast(this.chance);
    this.promises = new Promises(this);
    this.disk = this.#format(files);
  }

  /** Something happened: it is part of the trace, and what it leads to is waited for. */
  note(text: string): void {
    this.#pulse++;
    this.#trace.update(`${this.clock.monotonic()} ${text}\n`);
    if (this.#verbose) this.lines.push(`${new Date(this.clock.now()).toISOString()} ${text}`);
  }

  get hash(): string {
    return this.#trace.copy().digest('hex');
  }

  newPid(): number {
    return ++this.#pids;
  }

  /** Operations of the disk by all processes so far. */
  get operations(): number {
    return this.#operations + this.disk.operations.length;
  }

  /** The power goes: what was not synced may be there, in part or not at all; no process lives. */
  cutPower(): void {
    this.note('power cut');
    for (const worker of [...this.workers.values()])
      worker.die({ exitCode: null, signal: 'SIGKILL' });
    this.workers.clear();
    this.#operations += this.disk.operations.length;
    const { taken, inodes } = this.disk;
    this.disk = this.#format(this.disk.powerCut(this.chance));
    Object.assign(this.disk, { taken, inodes });
    this.boots++;
  }

  /** Lets everything that was begun come to its end, as far as no time has to pass for it. */
  async quiet(turnsOfRest = QUIET_TURNS): Promise<void> {
    let idle = 0;
    for (let turns = 0; idle < turnsOfRest; turns++) {
      if (turns > MOST_TURNS) throw new Error('it never comes to rest');
      const before = this.#pulse + this.operations;
      await new Promise(setImmediate);
      this.onTurn();
      idle = before === this.#pulse + this.operations ? idle + 1 : 0;
    }
  }

  async turns(n: number): Promise<void> {
    for (let i = 0; i < n; i++) {
      await new Promise(setImmediate);
      this.onTurn();
    }
  }

  async pass(ms: number, turnsOfRest?: number): Promise<void> {
    await this.clock.advance(ms, () => this.quiet(turnsOfRest));
  }

  /** For lives that are too long to remember all of: there is no power cut after that. */
  forget(): void {
    this.#operations += this.disk.operations.length;
    this.disk.forget();
  }

  /** Looked at after every turn of the loop. */
  onTurn: () => void = () => undefined;

  #format(files: Files | undefined): SimulatedDisk {
    const disk = new SimulatedDisk(files, this.weakening?.disk ?? {});
    disk.capacity = DISK_BYTES;
    return disk;
  }
}

const QUIET_TURNS = 6;
const MOST_TURNS = 200_000;

/** The clock as one process has it: with that process its timers go. */
export class ProcessClock implements Clock {
  readonly #machine: Machine;
  readonly #undos = new Set<() => void>();
  #dead = false;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  now = (): number => this.#machine.clock.now();
  monotonic = (): number => this.#machine.clock.monotonic();
  elapsed = (): number => this.#machine.clock.elapsed();

  after = (ms: number, fn: () => void): (() => void) => {
    if (this.#dead) return () => undefined;
    const undo = this.#machine.clock.after(Math.max(0, ms), () => {
      this.#undos.delete(undo);
      fn();
    });
    this.#undos.add(undo);
    return () => {
      this.#undos.delete(undo);
      undo();
    };
  };

  kill(): void {
    this.#dead = true;
    for (const undo of this.#undos) undo();
    this.#undos.clear();
  }
}
