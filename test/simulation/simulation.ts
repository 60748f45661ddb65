// Weeks of a daemon's life in seconds, from one seed: clients ask, jobs do what they like, time passes, disks fail and
// fill, clocks jump, the daemon is killed and the power cut, at any moment. After each step the promises are checked;
// in the end all faults stop, and everything that was accepted must come to its end.
import { isSettled } from '../../src/run/run.ts';
import { DAY, HOUR, MINUTE } from '../../src/support/limits.ts';
import type { Files } from '../helpers/engine-platter.ts';
import type { Fault, Kind } from '../helpers/simulated-disk.ts';
import { Client } from './client.ts';
import { Life } from './daemon.ts';
import { Machine } from './machine.ts';
import type { Weakening } from './weakenings.ts';

export interface Simulated {
  readonly seed: number;
  /** What was not kept; empty where all was. */
  readonly broken: readonly string[];
  /** Of all that happened: the same for the same seed. */
  readonly hash: string;
  readonly steps: number;
  /** Steps that were to be done. */
  readonly asked: number;
  readonly simulatedMs: number;
  readonly kills: number;
  readonly cuts: number;
  readonly runs: number;
  readonly lines: readonly string[];
}

export interface SimulationOptions {
  readonly seed: number;
  readonly steps?: number;
  readonly weakening?: Weakening;
  /** Keep every line of the trace. */
  readonly verbose?: boolean;
  /** What lies on the disk in the beginning. */
  readonly files?: Files;
}

export const STEPS = 60;
/** A schedule of every second makes as many as anybody wants: enough of them have been seen then. */
const MOST_RUNS = 400;

export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const simulation = new Simulation(options);
  return simulation.run(options.steps ?? STEPS);
}

const ERRNOS: readonly Fault['errno'][] = ['EIO', 'ENOSPC', 'EROFS', 'EDQUOT', 'EMFILE'];
const KINDS: readonly Kind[] = ['write', 'sync', 'rename', 'syncFolder', 'create', 'remove'];

class Simulation {
  readonly #seed: number;
  readonly #machine: Machine;
  readonly #client: Client;
  #life: Life;
  #kills = 0;
  #cuts = 0;
  #slept = 0;
  #horizon: number;

  constructor({ seed, files, weakening, verbose }: SimulationOptions) {
    this.#seed = seed;
    this.#machine = new Machine(seed, files, weakening ?? null, verbose);
    this.#client = new Client(this.#machine);
    this.#life = new Life(this.#machine);
    // Most seeds live through hours, some through weeks.
    this.#horizon = this.#machine.chance.chance(0.1) ? 8 * HOUR : 10 * MINUTE;
    this.#machine.onTurn = () => {
      if (this.#life.alive && this.#life.disk.dead) this.#life.die('killed at an operation');
    };
  }

  async run(steps: number): Promise<Simulated> {
    const { promises, clock } = this.#machine;
    let step = 0;
    try {
      await this.#boot();
      for (; step < steps && promises.broken.length === 0 && promises.many < MOST_RUNS; step++) {
        await this.#step();
        await this.#rest();
      }
      if (promises.broken.length === 0) await this.#end();
    } catch (error) {
      promises.break((error as Error).stack ?? String(error));
    }
    this.#life.die('the end');
    return {
      seed: this.#seed,
      broken: promises.broken,
      hash: this.#machine.hash,
      steps: step,
      asked: steps,
      simulatedMs: clock.monotonic() + this.#slept,
      kills: this.#kills,
      cuts: this.#cuts,
      runs: promises.many,
      lines: this.#machine.lines,
    };
  }

  async #step(): Promise<void> {
    const { chance } = this.#machine;
    const what = chance.next();
    if (!this.#life.alive && what < 0.6) await this.#boot();
    else if (what < 0.4) await this.#ask(chance.whole(1, 4));
    else if (what < 0.7) await this.#pass();
    else if (what < 0.76) await this.#kill();
    else if (what < 0.8) await this.#cut();
    else if (what < 0.83) await this.#stop();
    else if (what < 0.89) this.#trouble();
    else if (what < 0.94) await this.#heal();
    else if (what < 0.97) this.#moveClock();
    else await this.#changeJobs();
  }

  /** Nothing is on its way any more: now everything must be as it was told. */
  async #rest(): Promise<void> {
    await this.#machine.quiet();
    const daemon = this.#life.daemon;
    if (daemon) await this.#machine.promises.check(daemon.engine, daemon.hasPlace);
  }

  async #boot(): Promise<void> {
    const { chance } = this.#machine;
    this.#life = new Life(this.#machine);
    // Recovery itself is killed too.
    if (chance.chance(0.2)) this.#life.disk.killAfter(chance.whole(0, 60));
    this.#life.start();
    await this.#machine.quiet();
    // Workers of an earlier life are ended, and job files are read.
    await this.#machine.pass(chance.whole(0, 8000));
  }

  async #ask(many: number): Promise<void> {
    const { chance } = this.#machine;
    for (let i = 0; i < many; i++) {
      this.#client.ask(this.#life);
      await this.#machine.turns(chance.whole(0, 6));
    }
  }

  async #pass(): Promise<void> {
    const { chance } = this.#machine;
    // What could not be written is tried again each second: minutes of it show as much as hours.
    const far = this.#machine.trouble ? Math.min(this.#horizon, 10 * MINUTE) : this.#horizon;
    const most = chance.of([100, 3000, MINUTE, far]);
    await this.#machine.pass(chance.whole(1, most));
  }

  async #kill(): Promise<void> {
    const { chance } = this.#machine;
    this.#kills++;
    const way = chance.next();
    if (way < 0.2) return this.#killAsItFires();
    if (way < 0.5) {
      this.#life.disk.killAfter(chance.whole(0, 40));
      await this.#ask(chance.whole(1, 5));
      return this.#pass();
    }
    await this.#ask(chance.whole(0, 5));
    await this.#machine.turns(chance.whole(0, 12));
    this.#life.die('kill -9');
  }

  /** Most schedules fire when a minute is full, and each makes its runs at once. */
  async #killAsItFires(): Promise<void> {
    const { chance, clock } = this.#machine;
    const period = chance.of([1, 4, 60]) * MINUTE;
    await this.#machine.pass(period - (clock.now() % period) - 1);
    this.#life.disk.killAfter(chance.whole(0, 8));
    await this.#machine.pass(2);
  }

  async #cut(): Promise<void> {
    const { chance } = this.#machine;
    this.#cuts++;
    await this.#ask(chance.whole(0, 5));
    await this.#machine.turns(chance.whole(0, 15));
    this.#life.die('power');
    this.#machine.cutPower();
    this.#machine.trouble = false;
  }

  async #stop(): Promise<void> {
    const { chance } = this.#machine;
    const { daemon } = this.#life;
    if (!daemon) return;
    daemon.stop(chance.chance(0.3)).catch((error) => this.#life.failed('stop', error));
    await this.#ask(chance.whole(0, 3));
    await this.#machine.pass(MINUTE);
    if (this.#life.alive) this.#life.die('it did not stop in time');
  }

  #trouble(): void {
    const { chance, disk, clock } = this.#machine;
    this.#machine.trouble = true;
    const what = chance.next();
    this.#machine.note(`trouble ${what}`);
    const ms = chance.whole(1, 500);
    if (what < 0.3) disk.taken += Math.max(0, disk.free - chance.whole(0, 4000));
    else if (what < 0.4) disk.inodes = disk.names + chance.whole(0, 1);
    else if (what < 0.55) disk.slow = () => new Promise((resolve) => void clock.after(ms, resolve));
    else {
      const fault = (): Fault => ({
        kind: chance.of(KINDS),
        n: chance.whole(0, 12),
        errno: chance.of(ERRNOS),
        forever: chance.chance(0.3),
      });
      this.#life.disk.fail(Array.from({ length: chance.whole(1, 3) }, fault));
    }
  }

  async #heal(): Promise<void> {
    const { disk } = this.#machine;
    this.#machine.note('healed');
    Object.assign(disk, { taken: 0, inodes: Number.POSITIVE_INFINITY, slow: null });
    this.#life.disk.heal();
    // Syncs that had begun, and what was left to be tried again, are over.
    await this.#machine.pass(3000);
    this.#machine.trouble = !this.#life.daemon;
  }

  #moveClock(): void {
    const { chance, clock, promises } = this.#machine;
    const far = chance.of([5000, 10 * MINUTE, 3 * HOUR]);
    const sleeps = chance.chance(0.5);
    const ms = sleeps ? chance.whole(0, far) : chance.whole(-far, far);
    this.#machine.note(`clock ${ms}`);
    if (sleeps) this.#slept += ms;
    promises.clockMoves();
    if (sleeps) clock.sleep(ms);
    else clock.set(clock.now() + ms);
    this.#client.clockMoved();
  }

  async #changeJobs(): Promise<void> {
    const { chance, cast } = this.#machine;
    const job = chance.of(['plain', 'narrow', 'together', 'locked', 'often']);
    cast.change(job, chance.of(['ok', 'ok', 'broken', 'missing']));
    this.#machine.note('job files change');
    this.#life.daemon?.reload();
  }

  /** All faults stop: whatever was accepted comes to its end, or is ended. */
  async #end(): Promise<void> {
    const { promises, cast } = this.#machine;
    this.#machine.note('all faults stop');
    await this.#heal();
    cast.mendAll();
    this.#life.disk.killAfter(Number.POSITIVE_INFINITY);
    if (!this.#life.daemon) {
      this.#life.die('to begin anew');
      this.#life = new Life(this.#machine);
      this.#life.start();
    }
    await this.#machine.pass(MINUTE);
    this.#life.daemon?.reload();
    await this.#rest();
    this.#machine.trouble = false;
    await this.#client.resumeAll(this.#life);
    await this.#machine.pass(20 * MINUTE);
    await this.#rest();
    await this.#client.unscheduleAll(this.#life);
    await this.#machine.quiet();
    this.#client.abortAll(this.#life);
    // One after the other, each with its grace.
    await this.#machine.pass(10 * MINUTE);
    await this.#rest();
    for (const id of promises.ids) {
      const run = promises.find(id);
      if (run && !isSettled(run) && run.origin?.schedule === undefined && !run.origin?.parent)
        promises.break(`run ${id} is still ${run.state.name}: it was aborted long ago`);
    }
    if (!this.#life.daemon) promises.break('the daemon is not there although nothing fails');
  }
}

export const simulatedDays = (ms: number): string => (ms / DAY).toFixed(1);

/** The command that plays it again. */
export const replayOf = ({ seed, asked }: Pick<Simulated, 'seed' | 'asked'>): string =>
  `npm run simulate -- --seed ${seed} --steps ${asked}`;
