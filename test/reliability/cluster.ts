// Three daemons on one store, each in a folder of its own, under load: one of them at a time is ended by kill -9, and
// either starts again at once, or stays away until the others have taken its runs over. What clients of all three were
// told, and what the jobs wrote into their common ledger, is then compared with what the store says.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/api/client.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { historyOf, judgeRuns, twice } from '../helpers/kill-judge.ts';
import { KillLoad } from '../helpers/kill-load.ts';
import { LEDGER_JOBS } from '../helpers/ledger-jobs.ts';
import { query, Server } from '../helpers/postgres.ts';
import { type Random, randomFrom } from '../helpers/random.ts';
import { type Doc, Rig, type Running, until } from '../helpers/rig.ts';
import { faultsOf } from '../helpers/store-check.ts';

const NAMES = ['one', 'two', 'three'] as const;
const LEASE_MS = 10_000;
/** A daemon that starts beside others on a busy machine takes its time. */
const START_MS = 60_000;
/** In leases: promised is a fifth more than one. As a test it runs beside others, which make every process late. */
const TAKEN_OVER: Readonly<Record<Size, number>> = { quick: 2, full: 1.25 };
const KILLS: Readonly<Record<Size, number>> = { quick: 1, full: 50 };

export default {
  title: 'kill -9 of daemons that share a store',
  run: async (size, log) => {
    const out = mkdtempSync(join(tmpdir(), 'jobrun-ledger-'));
    mkdirSync(join(out, 'owners'));
    const server = await Server.open({ fsync: true });
    const store = server.store();
    const hosts = NAMES.map((name, i) => new Host(name, i, store, out));
    try {
      return await new Cluster(hosts, store, size, log).run();
    } finally {
      await Promise.all(hosts.map((host) => host.rig.close()));
      await server.close();
      rmSync(out, { recursive: true, force: true });
    }
  },
} satisfies Experiment;

/** A folder with its daemon, which has work for all of its lives. */
class Host {
  readonly rig: Rig;
  readonly load: KillLoad;
  #daemon: Running | null = null;
  #driven: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(name: string, nth: number, engine: string, out: string) {
    const config = { engine, host: name, lease: `${LEASE_MS}ms`, workers: 2 };
    this.rig = new Rig({ ...LEDGER_JOBS, 'jobrun.config.json': JSON.stringify(config) }, out);
    this.load = new KillLoad(this.rig, name, nth * 1_000_000);
  }

  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  /** Resolves when it serves, or was killed before. */
  async start(): Promise<void> {
    const daemon = this.rig.start(['daemon', '--drain', '300ms']);
    this.#daemon = daemon;
    const client = await this.rig.connect(daemon, START_MS);
    if (client) this.#driven = this.#drive(daemon, client);
  }

  async #drive(daemon: Running, client: Client): Promise<void> {
    daemon.exited.then(() => client.close());
    await unlessAway(() => this.load.resume(client));
    await this.load.drive(client, () => daemon.alive() && !this.#stopping);
  }

  async kill(): Promise<void> {
    const daemon = this.#daemon;
    daemon?.process.kill('SIGKILL');
    const ended = await daemon?.exited;
    if (ended && ended.signal !== 'SIGKILL')
      this.load.problems.add(`a daemon ended by itself: ${daemon?.said().slice(-2000)}`);
    await this.#driven;
  }

  /** It gets no more work; the daemon goes on. */
  async rest(): Promise<Client> {
    this.#stopping = true;
    await this.#driven;
    const client = this.#daemon && (await this.rig.connect(this.#daemon, START_MS));
    if (!client) throw new Error(`the daemon ended: ${this.#daemon?.said()}`);
    await this.load.resume(client);
    return client;
  }

  async stop(): Promise<void> {
    this.#daemon?.process.kill('SIGTERM');
    await this.#daemon?.exited;
  }
}

/** What was not answered is asked again by the next life. */
async function unlessAway(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'no-daemon' && code !== 'store-unreachable') throw error;
  }
}

class Cluster {
  readonly #hosts: readonly Host[];
  readonly #store: string;
  readonly #most: number;
  readonly #latestMs: number;
  readonly #log: (text: string) => void;
  readonly #random: Random;
  #kills = 0;
  #inStart = 0;
  /** How long it took until nothing was held by the one that was killed. */
  readonly #takenOver: number[] = [];
  readonly #takenBack: number[] = [];

  constructor(hosts: readonly Host[], store: string, size: Size, log: (text: string) => void) {
    this.#hosts = hosts;
    this.#store = store;
    this.#most = KILLS[size];
    this.#latestMs = TAKEN_OVER[size] * LEASE_MS;
    this.#log = log;
    const seed = Math.floor(Math.random() * 2 ** 31);
    log(`seed ${seed}`);
    this.#random = randomFrom(seed);
  }

  async run(): Promise<Row[]> {
    await Promise.all(this.#hosts.map((host) => host.start()));
    for (let round = 0; this.#kills < this.#most; round++) {
      await sleep(this.#random.whole(500, 2000));
      const host = this.#random.of(this.#hosts);
      if (round % 2 === 0) await this.#killForLong(host);
      else await this.#killAndStart(host);
      if (round % 10 === 9) this.#log(`${this.#kills} kills`);
    }
    return this.#judge();
  }

  async #killForLong(host: Host): Promise<void> {
    this.#takenOver.push(await this.#kill(host, () => undefined));
    await host.start();
  }

  async #killAndStart(host: Host): Promise<void> {
    let started = Promise.resolve();
    const ms = await this.#kill(host, () => {
      started = host.start();
    });
    this.#takenBack.push(ms);
    if (this.#random.chance(0.3) && this.#kills < this.#most) {
      await sleep(this.#random.whole(0, 500));
      this.#kills++;
      this.#inStart++;
      await host.kill();
      await started;
      started = host.start();
    }
    await started;
  }

  /** Returns how long it took until nothing was held by this life of the daemon, which held something. */
  async #kill(host: Host, then: () => void): Promise<number> {
    const { pid } = host;
    await until(async () => (await this.#heldBy(pid)) > 0, 'it holds a run', 60_000);
    const [member] = await query<{ id: string }>(
      this.#store,
      `select id from member where pid = ${pid}`,
    );
    const held = `select from run where state = 'running' and member = ${member?.id ?? 0}`;
    this.#kills++;
    const at = performance.now();
    await host.kill();
    then();
    const isFree = async (): Promise<boolean> => (await query(this.#store, held)).length === 0;
    await until(isFree, 'a dead daemon holds nothing any more', 60_000);
    return performance.now() - at;
  }

  async #heldBy(pid: number): Promise<number> {
    const held = `select from run r join member m on m.id = r.member where m.pid = ${pid} and r.state = 'running'`;
    return (await query(this.#store, held)).length;
  }

  async #judge(): Promise<Row[]> {
    const clients = await Promise.all(this.#hosts.map((host) => host.rest()));
    const [client] = clients as [Client];
    await until(() => isQuiet(client), 'all work is done', 180_000);
    const loads = this.#hosts.map(({ load }) => load);
    const [load] = loads as [KillLoad];
    const runs = await load.all(client);
    for (const one of clients) one.close();
    await Promise.all(this.#hosts.map((host) => host.stop()));
    const [{ rig }] = this.#hosts as [Host];
    const ledger = rig.ledger();
    const history = historyOf(loads);
    const findings = judgeRuns(runs, ledger, history, rig.read('ledger.jsonl'));
    const begins = ledger.filter(({ kind }) => kind === 'begin');
    const attempts = twice(begins.map(({ run, attempt }) => `attempt ${attempt} of run ${run}`));
    const faults = Object.entries(await faultsOf(this.#store)).map(
      ([what, rows]) => `${what}: ${JSON.stringify(rows).slice(0, 500)}`,
    );
    const problems = [...loads.flatMap(({ problems }) => [...problems]), ...faults];
    const wrong = [...problems, ...attempts, ...Object.values(findings).flat()];
    for (const problem of wrong.slice(0, 30)) this.#log(`WRONG: ${problem}`);
    const again = begins.length - new Set(begins.map(({ run }) => run)).size;
    const beats = runs.filter(({ job }) => job === 'beat').length;
    const row = (what: string, times: number, lost: number, detail = ''): Row => ({
      ...{ what, times, lost, detail },
    });
    return [
      ...this.#killRows(),
      row('accepted runs: there in the end, and done', history.accepted.size, findings.lost.length),
      row('settled runs: never begun again', history.settled.size, findings.again.length),
      row(
        'attempts: begun once, and no process of an earlier one alive on any host',
        begins.length,
        findings.double.length + attempts.length,
        `${again} second attempts`,
      ),
      row('acknowledged aborts: aborted', history.aborted.size, findings.aborts.length),
      row('acknowledged updates: in force', history.updated.size, findings.updates.length),
      row(
        'requests: none became two runs, those asked again too',
        loads.reduce((sum, { requests }) => sum + requests, 0),
        findings.repeated.length,
      ),
      row('instants of a schedule: one run each', beats, findings.slots.length),
      row('the tables, the counts and all else: as they should be', this.#kills, problems.length),
    ];
  }

  #killRows(): Row[] {
    const late = this.#takenOver.filter((ms) => ms > this.#latestMs).length;
    const times = (all: readonly number[]): string => {
      const sorted = [...all].sort((a, b) => a - b);
      const shown = (ms = 0): string => `${(ms / 1000).toFixed(2)} s`;
      return `half of them within ${shown(sorted[Math.floor(all.length / 2)])}, the last after ${shown(sorted.at(-1))}`;
    };
    return [
      {
        what: `kill -9 of a daemon that stays away: its runs are taken over within ${this.#latestMs / LEASE_MS} leases of ${LEASE_MS / 1000} s`,
        times: this.#takenOver.length,
        lost: late,
        detail: times(this.#takenOver),
      },
      {
        what: 'kill -9 of a daemon that starts again at once, and takes its runs back',
        times: this.#takenBack.length,
        lost: null,
        detail: times(this.#takenBack),
      },
      { what: 'of these: killed again while it started', times: this.#inStart, lost: null },
    ].filter(({ times }) => times > 0);
  }
}

async function isQuiet(client: Client): Promise<boolean> {
  const { runs } = (await client.call('list', {
    states: ['queued', 'running'],
    limit: 100,
  })) as Doc;
  return runs.every(({ job }: Doc) => job === 'beat' || job === 'tick');
}
