// A state full of settled runs whose time is over: the daemon removes them on its own timer, and answers meanwhile. How
// long its loop stands still at most, and that what is not over stays.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../src/api/client.ts';
import { DAY, HOUR } from '../../src/support/limits.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { MANY_JOBS, settledRun, writeRuns } from '../helpers/many-runs.ts';
import { type Doc, Rig, type Running } from '../helpers/rig.ts';

const PROBE = fileURLToPath(new URL('../helpers/loop-probe.mjs', import.meta.url));
/** The newest are not over yet. */
const YOUNG = 1000;
const LONGEST_PAUSE_MS = 100;
const ASK_MS = 20;
const KEPT_A_DAY = `export default { keep: { done: '1d', failed: '1d' }, run: () => 1 };\n`;

export default {
  title: 'Settled runs whose time is over, removed while the daemon serves',
  run: async (size, log) => {
    const rig = new Rig(Object.fromEntries(MANY_JOBS.map((job) => [`jobs/${job}.js`, KEPT_A_DAY])));
    try {
      return await removed(rig, size, log);
    } finally {
      await rig.close();
    }
  },
} satisfies Experiment;

async function removed(rig: Rig, size: Size, log: (text: string) => void): Promise<Row[]> {
  const total = size === 'full' ? 1_000_000 : 20_000;
  const now = Date.now();
  mkdirSync(rig.state, { mode: 0o700 });
  await writeRuns(rig.state, total, (id) =>
    settledRun(id, id > total - YOUNG ? now - HOUR : now - 2 * DAY),
  );
  const file = join(rig.out, 'probe.json');
  const flags = ['--import', PROBE];
  const daemon = rig.start(['daemon', '--workers', '1'], { flags, env: { LOOP_PROBE: file } });
  const client = await rig.connect(daemon);
  if (!client) throw new Error(`the daemon ended: ${daemon.said()}`);
  const patience = size === 'full' ? 1000 : 5000;
  const seen = await watch(client, daemon.pid, patience, log);
  // The probe writes now and then.
  await sleep(600);
  const { longest, own } = JSON.parse(readFileSync(file, 'utf8')) as Doc;
  client.close();
  return [
    {
      what: 'settled runs removed by the timer',
      times: total - YOUNG,
      lost: own > LONGEST_PAUSE_MS ? 1 : 0,
      detail: `in ${seen.seconds.toFixed(0)} s; longest pause of the loop ${longest.toFixed(0)} ms, of one that computed ${own.toFixed(0)} ms; at most ${seen.mb.toFixed(0)} MB`,
    },
    {
      what: 'answers meanwhile, each within a second',
      times: seen.answers,
      lost: seen.late,
      detail: `the slowest in ${seen.slowest.toFixed(0)} ms`,
    },
    await kept(rig, daemon, seen.left),
  ];
}

/** Asks until nothing more is there that should go. */
async function watch(client: Client, pid: number, patience: number, log: (text: string) => void) {
  const begin = performance.now();
  const seen = { slowest: 0, late: 0, mb: 0, left: 0, answers: 0, seconds: 0 };
  let told = begin;
  do {
    const asked = performance.now();
    const { counts } = (await client.call('status', {})) as Doc;
    const took = performance.now() - asked;
    seen.slowest = Math.max(seen.slowest, took);
    if (took > patience) seen.late++;
    seen.answers++;
    seen.left = counts.done + counts.failed;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    seen.mb = Math.max(seen.mb, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
    if (asked - told > 10_000) {
      told = asked;
      log(`${seen.left} are left; the slowest answer took ${seen.slowest.toFixed(0)} ms`);
    }
    await sleep(ASK_MS);
  } while (seen.left > YOUNG);
  seen.seconds = (performance.now() - begin) / 1000;
  return seen;
}

/** What is not over is there, and after a stop the files hold no more than that. */
async function kept(rig: Rig, daemon: Running, left: number): Promise<Row> {
  daemon.process.kill('SIGTERM');
  await daemon.exited;
  const listed = JSON.parse((await rig.cli('list', '--limit', '2000', '--json')).said) as Doc;
  const pages = readdirSync(join(rig.state, 'runs')).length;
  const wrong = YOUNG - Math.min(YOUNG, listed.runs.length, left);
  return {
    what: 'runs that are not over yet: kept',
    times: YOUNG,
    lost: wrong,
    detail: `${pages} of their files are left`,
  };
}
