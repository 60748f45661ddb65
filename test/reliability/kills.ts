// A daemon under load is ended by kill -9, over and over: at random moments, and at each file operation that it ever
// does, in its recovery too and in the recovery from a kill in the recovery. What clients were told and what the jobs
// wrote into their ledger is then compared with what the last daemon says.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../src/api/client.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { type Findings, judgeRuns } from '../helpers/kill-judge.ts';
import { KillLoad } from '../helpers/kill-load.ts';
import { LEDGER_JOBS } from '../helpers/ledger-jobs.ts';
import { type Random, randomFrom } from '../helpers/random.ts';
import { type Doc, Rig, type Running, until } from '../helpers/rig.ts';

const PRELOAD = fileURLToPath(new URL('../helpers/kill-point.mjs', import.meta.url));

interface Point {
  readonly point: string;
  readonly nth: number;
}

export default {
  title: 'kill -9 of a daemon under load',
  run: async (size, log) => {
    const rig = new Rig(LEDGER_JOBS);
    try {
      return await new Kills(rig, size, log).run();
    } finally {
      await rig.close();
    }
  },
} satisfies Experiment;

class Kills {
  readonly #rig: Rig;
  readonly #load: KillLoad;
  readonly #most: number;
  readonly #log: (text: string) => void;
  readonly #random: Random;
  readonly #trace: string;
  /** How often a kill hit, by where. */
  readonly #hits = new Map<string, number>();
  readonly #passed = new Map<string, number>();
  #inRow = 0;

  constructor(rig: Rig, size: Size, log: (text: string) => void) {
    this.#rig = rig;
    this.#load = new KillLoad(rig);
    this.#most = size === 'full' ? 200 : 5;
    this.#log = log;
    const seed = Math.floor(Math.random() * 2 ** 31);
    log(`seed ${seed}`);
    this.#random = randomFrom(seed);
    this.#trace = join(rig.home, 'trace');
  }

  async run(): Promise<Row[]> {
    // Twice without a kill: the second start recovers what the first left, and both tell which operations there are.
    for (let i = 0; i < 2; i++) await this.#round({ stop: true, afterMs: 700 });
    const done = (): boolean =>
      this.#kills >= this.#most && (this.#most < 100 || this.#left('').length === 0);
    for (let cycle = 0; !done() && this.#kills < 1.5 * this.#most; cycle++) {
      // Work, then a kill, then two kills in the recoveries that follow: three deep.
      await this.#mainRound(cycle);
      for (let deep = 0; deep < 2; deep++) await this.#killAt('start');
      if (cycle % 10 === 0) this.#log(`${this.#kills} kills, ${this.#load.accepted.size} runs`);
    }
    const left = this.#left('');
    if (this.#most >= 100) this.#log(`never hit: ${left.join(', ') || 'none'}`);
    return this.#judge();
  }

  get #kills(): number {
    return [...this.#hits.values()].reduce((sum, n) => sum + n, 0);
  }

  async #mainRound(cycle: number): Promise<void> {
    const left = ['serving', 'stop'].filter((phase) => this.#left(phase).length > 0);
    const turn = ['serving', 'random', 'stop'][cycle % 3];
    const kind = turn === 'random' || left.length === 0 ? turn : left[cycle % left.length];
    if (kind === 'random') await this.#round({ afterMs: this.#random.whole(0, 1500) });
    else await this.#killAt(kind as string);
  }

  /** A kill at the point of this phase that was hit least. */
  async #killAt(phase: string): Promise<void> {
    const points = this.#left(phase).length > 0 ? this.#left(phase) : this.#points(phase);
    if (points.length === 0) throw new Error(`no operation of ${phase} was seen`);
    const point = this.#random.of(points);
    const nth = this.#hits.has(point) ? this.#random.whole(1, 3) : 1;
    await this.#round({ kill: { point, nth }, stop: phase === 'stop', afterMs: 2500 });
  }

  #points(phase: string): string[] {
    const all = [...new Set(this.#traced())];
    return all.filter((point) => point.startsWith(`${phase}:`));
  }

  /** Points that were seen, and neither hit nor tried in vain twice. */
  #left(phase: string): string[] {
    const points = phase === '' ? [...new Set(this.#traced())] : this.#points(phase);
    return points.filter((point) => !this.#hits.has(point) && (this.#passed.get(point) ?? 0) < 3);
  }

  #traced(): string[] {
    return this.#rig.read('../trace');
  }

  /** One life of a daemon: comes up, works, and is ended in one way or another. */
  async #round(how: {
    readonly kill?: Point;
    readonly stop?: boolean;
    readonly afterMs: number;
  }): Promise<void> {
    const { kill = null, stop = false, afterMs } = how;
    const daemon = this.#startDaemon(kill);
    // At a random moment means: while it starts, too.
    const timed = kill || stop ? null : sleep(afterMs).then(() => daemon.process.kill('SIGKILL'));
    const client = await this.#rig.connect(daemon);
    if (client) await this.#serve(client, daemon, stop ? 700 : afterMs, stop);
    await timed;
    if (kill && !stop && daemon.alive()) daemon.process.kill('SIGKILL');
    const late = sleep(15_000).then(() => daemon.process.kill('SIGKILL'));
    const { code, signal } = await Promise.race([daemon.exited, late.then(() => daemon.exited)]);
    client?.close();
    if (signal === 'SIGKILL') this.#note(kill, daemon);
    else if (kill) this.#passed.set(kill.point, (this.#passed.get(kill.point) ?? 0) + 1);
    if (signal !== 'SIGKILL' && code !== 0)
      this.#load.problems.add(`a daemon ended by itself: ${code} ${daemon.said().slice(-2000)}`);
  }

  #startDaemon(kill: Point | null): Running {
    const points = JSON.stringify({ state: this.#rig.state, trace: this.#trace, kill });
    return this.#rig.start(['daemon', '--drain', '300ms'], {
      flags: ['--import', PRELOAD],
      env: { JOBRUN_TEST_POINTS: points },
    });
  }

  async #serve(client: Client, daemon: Running, ms: number, stop: boolean): Promise<void> {
    const end = performance.now() + ms;
    const going = (): boolean => daemon.alive() && performance.now() < end;
    try {
      await this.#load.resume(client);
    } catch (error) {
      if ((error as { code?: string }).code !== 'no-daemon') throw error;
    }
    const driven = this.#load.drive(client, going);
    daemon.exited.then(() => client.close());
    await driven;
    if (stop) daemon.process.kill('SIGTERM');
  }

  #note(kill: Point | null, daemon: Running): void {
    const hit = kill !== null && this.#traced().includes(kill.point);
    const where = hit ? kill.point : 'at a random moment';
    this.#hits.set(where, (this.#hits.get(where) ?? 0) + 1);
    const inStart = where.startsWith('start:') || !daemon.said().includes('works on');
    this.#inRow = inStart ? this.#inRow + 1 : 1;
    if (this.#inRow >= 3) this.#deepest++;
  }

  #deepest = 0;

  async #judge(): Promise<Row[]> {
    const { daemon, client } = await this.#rig.daemon();
    const load = this.#load;
    await load.resume(client);
    await until(async () => await this.#isQuiet(client), 'all work is done', 180_000);
    const runs = await load.all(client);
    daemon.process.kill('SIGTERM');
    await daemon.exited;
    const ledger = this.#rig.ledger();
    writeFileSync(this.#trace, '');
    const findings = judgeRuns(runs, ledger, load, this.#rig.read('ledger.jsonl'));
    for (const problem of [...load.problems, ...Object.values(findings).flat()].slice(0, 30))
      this.#log(`WRONG: ${problem}`);
    return [...this.#killRows(), ...this.#findingRows(findings, runs, ledger)];
  }

  async #isQuiet(client: Client): Promise<boolean> {
    const { runs } = (await client.call('list', {
      states: ['queued', 'running'],
      limit: 100,
    })) as Doc;
    return runs.every(({ job }: Doc) => job === 'beat' || job === 'tick');
  }

  #killRows(): Row[] {
    const groups = new Map<string, { kills: number; points: Set<string> }>();
    for (const [point, n] of this.#hits) {
      const name = groupOf(point);
      const group = groups.get(name) ?? { kills: 0, points: new Set() };
      groups.set(name, group);
      group.kills += n;
      group.points.add(point);
    }
    const rows = [...groups].map(([what, { kills, points }]) => ({
      what: `kill -9 ${what}`,
      times: kills,
      // What it cost is seen in the end, and nobody can say which kill it was.
      lost: null,
      detail: points.size > 1 ? `${points.size} different operations` : '',
    }));
    const deep = 'of these: in a recovery from a kill in a recovery from a kill';
    return [
      ...rows.sort((a, b) => (a.what < b.what ? -1 : 1)),
      { what: deep, times: this.#deepest, lost: null },
    ];
  }

  #findingRows(findings: Findings, runs: readonly Doc[], ledger: readonly Doc[]): Row[] {
    const load = this.#load;
    const begins = ledger.filter(({ kind }) => kind === 'begin').length;
    const again = begins - new Set(ledger.map(({ run }) => run)).size;
    const row = (what: string, times: number, wrong: readonly string[], detail = ''): Row => ({
      what,
      times,
      lost: wrong.length,
      detail,
    });
    const slots = runs.filter(({ job }) => job === 'beat').length;
    return [
      row('accepted runs: there in the end, and done', load.accepted.size, findings.lost),
      row('settled runs: never begun again', load.settled.size, findings.again),
      row(
        'attempts: no process of an earlier one alive',
        begins,
        findings.double,
        `${again} second attempts`,
      ),
      row('acknowledged aborts: aborted', load.aborted.size, findings.aborts),
      row('acknowledged updates: in force', load.updated.size, findings.updates),
      row(
        'requests: none became two runs, those asked again too',
        load.requests,
        findings.repeated,
      ),
      row('instants of a schedule: one run each', slots, findings.slots),
      row('after each kill: nothing else looked wrong', this.#kills, [...load.problems]),
    ];
  }
}

/** Where it hit, as a row of the table. */
function groupOf(point: string): string {
  const [phase, what = ''] = point.split(': ');
  if (phase === 'start') return 'in a recovery, at one of its file operations';
  const line = /^(?:write|sync|answer) line of (.+)$/.exec(what)?.[1];
  if (line) return `at a write, sync or answer of ${line}`;
  if (phase === undefined || what === '') return 'at a random moment';
  return phase === 'stop' ? 'in the fold of a stop' : 'in a fold under load';
}
