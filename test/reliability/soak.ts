// A daemon at full rate, killed now and then, with a bound on what is kept: its memory, its descriptors, its processes
// and its files end where they were, and it answers all along.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/api/client.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { type Doc, Rig, type Running } from '../helpers/rig.ts';

const MB = 1024 * 1024;
const KEPT = 500;
const WORKERS = 4;
const SAMPLE_MS = 500;
const BATCH = 50;
const LIVES = 5;
const MINUTES = 10;
/** Two rounds of the timer that removes: what came before that is gone, but for what is kept. */
const TWO_ROUNDS_MS = 30_000;

interface Sample {
  readonly at: number;
  /** Runs accepted so far. */
  readonly accepted: number;
  readonly mb: number;
  readonly files: number;
  readonly children: number;
  readonly stateMb: number;
  readonly logs: number;
  readonly answerMs: number;
}

export default {
  title: 'At full rate for a long time',
  run: async (size, log, minutes) => {
    const rig = new Rig({
      'jobs/quick.js': `export default { isolation: 'shared', run: ({ n }, ctx) => { ctx.log.info('number ' + n); return n; } };`,
      'jobs/works.js': `export default async ({ n }, ctx) => { await ctx.save({ n }); ctx.result({ n }); return n; };`,
      'jobrun.config.json': JSON.stringify({ keep: { runs: KEPT } }),
    });
    try {
      return await soak(rig, size, log, minutes);
    } finally {
      await rig.close();
    }
  },
} satisfies Experiment;

async function soak(
  rig: Rig,
  size: Size,
  log: (text: string) => void,
  minutes = MINUTES,
): Promise<Row[]> {
  const [lives, lifeMs] = size === 'full' ? [LIVES, (minutes * 60_000) / LIVES] : [2, 8000];
  const samples: Sample[][] = [];
  const count = { accepted: 0 };
  for (let life = 0; life < lives; life++) {
    const { daemon, client } = await rig.daemon('--workers', String(WORKERS));
    const end = performance.now() + lifeMs;
    const loaded = load(client, end, count);
    const seen: Sample[] = [];
    while (performance.now() < end) {
      seen.push(await sample(rig, daemon, client, count.accepted));
      await sleep(SAMPLE_MS);
    }
    await loaded;
    samples.push(seen);
    log(`life ${life + 1}: ${count.accepted} runs, ${textOf(seen.at(-1))}`);
    client.close();
    daemon.process.kill('SIGKILL');
    await daemon.exited;
  }
  return [
    flat('memory in MB', samples, (one) => one.mb, 1.4, 60),
    flat('open files', samples, (one) => one.files, 1.2, 20),
    flat('processes', samples, (one) => one.children, 1, WORKERS + 4),
    flat('bytes of the state in MB', samples, (one) => one.stateMb, 1.5, 40),
    ...logsOfKept(samples.flat()),
    slowest(samples, count.accepted, size),
  ];
}

/** As much as the daemon takes. */
async function load(client: Client, end: number, count: { accepted: number }): Promise<void> {
  while (performance.now() < end) {
    const n = count.accepted;
    const lines = Array.from({ length: BATCH }, (_, i) => ({
      line: i + 1,
      run: { job: i % 5 === 0 ? 'works' : 'quick', params: { n: n + i } },
    }));
    await client.call('schedule', { lines });
    count.accepted += BATCH;
    const { counts } = (await client.call('status', {})) as Doc;
    if (counts.queued + counts.running > 4 * BATCH) await sleep(50);
  }
}

async function sample(
  rig: Rig,
  daemon: Running,
  client: Client,
  accepted: number,
): Promise<Sample> {
  const begin = performance.now();
  await client.call('status', {});
  const answerMs = performance.now() - begin;
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
  const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8');
  return {
    at: begin,
    accepted,
    mb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    files: readdirSync(`/proc/${daemon.pid}/fd`).length,
    children: children.split(' ').filter(Boolean).length,
    stateMb: sizeOf(join(rig.state, 'journal')) + sizeOf(join(rig.state, 'runs')),
    logs: readdirSync(join(rig.state, 'logs')).length,
    answerMs,
  };
}

function sizeOf(folder: string): number {
  let sum = 0;
  for (const name of readdirSync(folder))
    sum += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return sum / MB;
}

/** The middle of the last third against that of the second: the first is warming up. */
function flat(
  what: string,
  lives: readonly (readonly Sample[])[],
  of: (one: Sample) => number,
  factor: number,
  more: number,
): Row {
  const pairs = lives.map((seen) => {
    const third = Math.floor(seen.length / 3);
    return [middle(seen.slice(third, 2 * third).map(of)), middle(seen.slice(2 * third).map(of))];
  });
  const grown = pairs.filter(([before = 0, after = 0]) => after > before * factor + more);
  const texts = pairs.map(
    ([before = 0, after = 0]) => `${before.toFixed(0)} → ${after.toFixed(0)}`,
  );
  return {
    what: `${what}: flat`,
    times: pairs.length,
    lost: grown.length,
    detail: texts.join(', '),
  };
}

/**
 * Besides those of the runs that are kept there are logs only of what came since the last round but one. There is
 * nothing to see of it where all of it lasted no longer than that.
 */
function logsOfKept(all: readonly Sample[]): readonly Row[] {
  const before = (at: number): Sample | undefined =>
    all.findLast((one) => one.at < at - TWO_ROUNDS_MS);
  const judged = all.filter(({ at }) => before(at) !== undefined);
  if (judged.length === 0) return [];
  const tooMany = judged.filter(
    ({ at, logs, accepted }) => logs > KEPT + 2 * BATCH + accepted - (before(at)?.accepted ?? 0),
  );
  const most = Math.max(...judged.map(({ logs }) => logs));
  const detail = `at most ${most}, in the end ${judged.at(-1)?.logs}`;
  const what = 'logs of runs: only of those kept and of the last half minute';
  return [{ what, times: judged.length, lost: tooMany.length, detail }];
}

function slowest(lives: readonly (readonly Sample[])[], accepted: number, size: Size): Row {
  const all = lives.flat().map(({ answerMs }) => answerMs);
  const patience = size === 'full' ? 1000 : 5000;
  const detail = `${accepted} runs; slowest answer ${Math.max(...all).toFixed(0)} ms, half of them within ${middle(all).toFixed(1)} ms`;
  const what = 'answers while runs come, go and are removed';
  return { what, times: all.length, lost: all.filter((ms) => ms > patience).length, detail };
}

const middle = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;

const textOf = (one: Sample | undefined): string => JSON.stringify(one ?? null);
