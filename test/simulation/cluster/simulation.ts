// Minutes of three daemons that share a store, from one seed: clients ask any of them, jobs do what they like, lines to
// the store are cut and stand still, answers to commits are lost, the server ends sessions and goes away, daemons are
// killed and stopped. At rest the store must be whole and have all that anybody was told; in the end everything that
// was accepted is over.

import { openSession } from '../../../src/engine/postgres/connection.ts';
import { prepareSchema } from '../../../src/engine/postgres/schema.ts';
import type { Draft } from '../../../src/run/run.ts';
import { isStoreAway } from '../../../src/support/errors.ts';
import { MINUTE, SECOND } from '../../../src/support/limits.ts';
import { reachOf } from '../../helpers/postgres-engine.ts';
import { JOBS } from '../cast.ts';
import { ClusterMachine } from './machine.ts';
import { LEASE_MS, Member } from './member.ts';

export interface SimulatedCluster {
  readonly seed: number;
  /** What was not kept; empty where all was. */
  readonly broken: readonly string[];
  readonly hash: string;
  readonly steps: number;
  readonly runs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly lines: readonly string[];
}

export const CLUSTER_STEPS = 30;
const HOSTS = ['one', 'two', 'three'] as const;
/** Taken over within this, and what the take-over itself waits for. */
const LATE_MS = 1.25 * LEASE_MS + 5 * SECOND;

export interface SimulateOptions {
  readonly steps?: number;
  /** Leaves out that all faults stop and all comes to its end. */
  readonly endless?: boolean;
  /** `no fence`: neither fence nor reaper ends attempts. */
  readonly weakening?: 'no fence' | null;
}

/** `url`: a schema that nobody has used. */
export async function simulateCluster(
  seed: number,
  url: string,
  { steps = CLUSTER_STEPS, weakening = null, endless = false }: SimulateOptions = {},
): Promise<SimulatedCluster> {
  const first = await openSession(reachOf(url));
  const schema = new URL(url).searchParams.get('schema') ?? '';
  await prepareSchema(first, schema);
  await first.close();
  const simulation = new Simulation(seed, url, weakening);
  await simulation.machine.store.hear(`jobrun ${schema}`);
  return simulation.run(steps, endless);
}

class Simulation {
  readonly machine: ClusterMachine;
  readonly #seed: number;
  readonly #members = new Map<string, Member>();
  readonly #faults: Record<string, number> = {};
  /** Members that are gone, and since when. */
  readonly #gone = new Map<number, number>();
  #requests = 0;

  constructor(seed: number, url: string, weakening: string | null) {
    this.#seed = seed;
    this.machine = new ClusterMachine(seed, url, weakening);
  }

  async run(steps: number, endless: boolean): Promise<SimulatedCluster> {
    const { machine } = this;
    let step = 0;
    try {
      for (const host of HOSTS) this.#start(host);
      await machine.pass(SECOND);
      for (; step < steps && machine.broken.length === 0; step++) {
        await this.#step();
        await this.#rest();
      }
      if (machine.broken.length === 0 && !endless) await this.#end();
    } catch (error) {
      machine.break((error as Error).stack ?? String(error));
    }
    for (const member of this.#members.values()) member.die('the end');
    await machine.quiet();
    await machine.store.close();
    return {
      ...{ seed: this.#seed, broken: machine.broken, hash: machine.hash, steps: step },
      ...{ runs: this.#requests, faults: this.#faults, lines: machine.lines },
    };
  }

  async #step(): Promise<void> {
    const { chance } = this.machine;
    const what = chance.next();
    if (what < 0.4) this.#ask(chance.whole(1, 4));
    else if (what < 0.7) await this.machine.pass(chance.whole(1, chance.of([300, 5000, 20_000])));
    else if (what < 0.9) await this.#fault();
    else await this.#heal();
  }

  async #rest(): Promise<void> {
    await this.machine.quiet();
    this.#noteGone();
    if (!this.machine.store.isDown) await this.machine.check(this.#late());
  }

  // -------------------------------------------------------------------------------------------------------- asking

  /** As a client that does not give up: where one host cannot be asked, another one is, under the same number. */
  #ask(many: number): void {
    const { chance } = this.machine;
    for (let i = 0; i < many; i++) {
      const what = chance.next();
      const member = this.#any();
      if (!member) return;
      if (what < 0.75) this.#accept(member);
      else if (what < 0.9) this.#abort(member);
      else this.#pause(member);
    }
  }

  #accept(member: Member): void {
    const { chance, clock } = this.machine;
    const request = `request ${++this.#requests}`;
    const drafts = Array.from({ length: chance.whole(1, 3) }, () => this.#draft());
    const ask = (of: Member, tries: number): void => {
      this.machine.note(`asks ${of.host} ${request}`);
      const asked = of.engine?.accept(drafts, clock.now(), { request });
      asked?.then(
        (accepted) => {
          if (!of.alive) return;
          this.machine.note(`${of.host} answers ${request}`);
          this.machine.answered(
            request,
            accepted.map(({ run }) => run.id),
          );
          // Whoever asks again, where the answer was lost on the way to them, gets the same.
          if (tries === 0 && chance.chance(0.2)) again(tries);
        },
        (error) => {
          if (!isStoreAway(error)) of.failed('accept', error);
          again(tries);
        },
      );
    };
    const again = (tries: number): void => {
      const other = this.#any();
      if (other && tries < 5) ask(other, tries + 1);
    };
    ask(member, 0);
  }

  #draft(): Draft {
    const { chance, clock } = this.machine;
    const job = chance.of(JOBS.filter((one) => one !== 'main'));
    const lock =
      ['locked', 'keyed'].includes(job) && chance.chance(0.7) ? `lock ${chance.whole(0, 2)}` : null;
    const key = chance.chance(0.2) ? `k${chance.whole(0, 4)}` : null;
    const after = chance.chance(0.15) && this.#requests > 3 ? [chance.whole(1, 3)] : null;
    const origin = { ...(lock && { lock }), ...(key && { key }), ...(after && { after }) };
    return {
      job,
      params: { k: 1 },
      priority: chance.whole(0, 3),
      dueAt: chance.chance(0.3) ? clock.now() + chance.whole(0, 60_000) : null,
      origin: Object.keys(origin).length > 0 ? origin : null,
    };
  }

  #abort(member: Member): void {
    const id = this.machine.chance.whole(1, Math.max(1, this.#requests));
    this.machine.note(`aborts ${id} at ${member.host}`);
    const graceMs = this.machine.chance.of([null, 0, 5000]);
    member.attempts?.abort(id, 'asked', graceMs).catch((error) => member.failed('abort', error));
  }

  #pause(member: Member): void {
    const { chance } = this.machine;
    const job = chance.of(JOBS);
    const paused = chance.chance(0.3);
    member.engine?.pause({ job }, paused).catch((error) => member.failed('pause', error));
  }

  /** One that can be asked, and may be cut off. */
  #any(): Member | null {
    const all = [...this.#members.values()].filter(
      (one) => one.alive && !one.standsStill && one.engine,
    );
    return all.length > 0 ? this.machine.chance.of(all) : null;
  }

  // -------------------------------------------------------------------------------------------------------- faults

  #start(host: string): void {
    const member = new Member(this.machine, host);
    this.#members.set(host, member);
    member.start();
  }

  async #fault(): Promise<void> {
    const { chance, store } = this.machine;
    const member = this.#members.get(chance.of(HOSTS)) as Member;
    const kinds = [
      'kill',
      'cut',
      'freeze',
      'stand still',
      'lost answer',
      'lost request',
      'session',
      'server',
    ];
    const kind = chance.of(kinds);
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
    this.machine.note(`fault: ${kind} ${member.host}`);
    if (kind === 'server') {
      store.isDown = true;
      for (const one of this.#members.values()) one.isOut();
      await store.down();
      this.machine.clock.after(chance.of([2, 20]) * SECOND, () => {
        store.isDown = false;
        for (const one of this.#members.values()) this.#mayBeBack(one);
      });
    } else if (member.alive) await this.#faultOf(member, kind);
  }

  async #faultOf(member: Member, kind: string): Promise<void> {
    const { line } = member;
    // Some in the middle of what is under way, most between.
    this.#ask(this.machine.chance.whole(0, 3));
    for (let turns = this.machine.chance.whole(0, 12); turns > 0; turns--)
      await new Promise(setImmediate);
    if (kind === 'kill') member.die('kill -9');
    else if (kind === 'stand still') member.stopMoving();
    else if (kind === 'lost answer') line.next = 'answer';
    else if (kind === 'lost request') line.next = 'request';
    else if (kind === 'session') await line.lose('ended by the server');
    else {
      member.isOut();
      if (kind === 'freeze') line.freeze();
      else {
        line.isCut = true;
        await line.lose('cut');
      }
    }
  }

  /** One host is as it was. */
  async #heal(): Promise<void> {
    const host = this.machine.chance.of(HOSTS);
    this.#healOne(this.#members.get(host) as Member);
    await this.machine.pass(this.machine.chance.whole(0, 3000));
  }

  #healOne(member: Member): void {
    this.machine.note(`heals ${member.host}`);
    if (!member.alive) this.#start(member.host);
    else if (member.standsStill) member.goOn();
    else {
      member.line.heal();
      this.#mayBeBack(member);
    }
  }

  #mayBeBack(member: Member): void {
    const { line, alive, standsStill, engine } = member;
    if (
      alive &&
      engine &&
      !standsStill &&
      !line.isCut &&
      !line.isFrozen &&
      !this.machine.store.isDown
    )
      member.isBack();
  }

  // ------------------------------------------------------------------------------------------------------- promises

  #noteGone(): void {
    const now = this.machine.clock.monotonic();
    for (const { alive, outSince, id } of this.#members.values()) {
      if (id === 0) continue;
      if (alive && outSince === null) this.#gone.delete(id);
      else if (!this.#gone.has(id)) this.#gone.set(id, outSince ?? now);
    }
  }

  /** Members whose runs should have been taken over: gone for so long, with one in contact all that time. */
  #late(): ReadonlySet<number> {
    const now = this.machine.clock.monotonic();
    const since = Math.min(
      ...[...this.#members.values()].map(({ inSince }) => inSince ?? Number.POSITIVE_INFINITY),
    );
    const all = [...this.#gone].filter(([, at]) => now - Math.max(at, since) > LATE_MS);
    return new Set(all.map(([id]) => id));
  }

  /** All faults stop: whatever was accepted comes to its end, or is ended. */
  async #end(): Promise<void> {
    const { machine } = this;
    machine.note('all faults stop');
    machine.store.isDown = false;
    for (const member of [...this.#members.values()]) this.#healOne(member);
    await machine.pass(30 * SECOND);
    await this.#rest();
    const asked = this.#any();
    if (!asked) return machine.break('no daemon is there although nothing fails');
    for (const job of JOBS) await this.#until(asked.engine?.pause({ job }, false));
    await machine.pass(MINUTE);
    await this.#rest();
    const schedules = (await this.#until(asked.engine?.schedules())) ?? [];
    for (const { name } of schedules)
      await this.#until(asked.engine?.changeSchedule(name, () => null));
    for (const id of await machine.unsettled()) this.#abortAt(id);
    await machine.pass(MINUTE);
    await this.#rest();
    const left = await machine.unsettled();
    if (left.length > 0) machine.break(`not over, and aborted long ago: ${left}`);
    for (const worker of machine.workers.values())
      for (const { run } of worker.holds)
        machine.break(`a process still has run ${run}, which is over`);
  }

  #abortAt(id: number): void {
    const member = this.#any();
    member?.attempts?.abort(id, 'the end', 0).catch((error) => member.failed('abort', error));
  }

  async #until<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
    await this.machine.quiet();
    return asked;
  }
}
