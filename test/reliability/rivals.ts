// Several at once on one state folder: twenty daemons started together, commands beside daemons that start and die, a
// daemon that is stopped in its tracks, and a lock file that is taken away from under its holder.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/api/client.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { LEDGER_JOBS } from '../helpers/ledger-jobs.ts';
import { type Doc, Rig, type Running, until } from '../helpers/rig.ts';

type Log = (text: string) => void;

export default {
  title: 'Two at once',
  run: async (size, log) => {
    const rows: Row[] = [];
    for (const part of [together, beside, stopped, withoutLock]) {
      const rig = new Rig(LEDGER_JOBS);
      for (const name of ['beat', 'tick']) rmSync(join(rig.dir, `jobs/${name}.js`));
      try {
        rows.push(...(await part(rig, size, log)));
      } finally {
        await rig.close();
      }
    }
    return rows;
  },
} satisfies Experiment;

const DAEMONS = 20;

/** Exactly one wins; the others say who, and end with 5. */
async function together(rig: Rig, size: Size, log: Log): Promise<Row[]> {
  const rounds = size === 'full' ? 50 : 1;
  let lost = 0;
  let slowest = 0;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    const daemons = Array.from({ length: DAEMONS }, () => rig.start(['daemon', '--json']));
    await until(() => daemons.filter((one) => one.alive()).length <= 1, 'one is left', 60_000);
    slowest = Math.max(slowest, performance.now() - begin);
    const wrong = await wrongOf(rig, daemons);
    for (const what of wrong) log(`WRONG: round ${round}: ${what}`);
    if (wrong.length > 0) lost++;
    // The next ones find a folder that was left in order, or not.
    const winner = daemons.find((one) => one.alive());
    winner?.process.kill(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    await Promise.all(daemons.map((one) => one.exited));
  }
  const detail = `one left after ${(slowest / 1000).toFixed(1)} s at most`;
  return [
    { what: `${DAEMONS} daemons started together: one wins`, times: rounds, lost, detail },
    {
      what: 'of these, daemons that were refused: exit 5, naming the winner',
      times: rounds * (DAEMONS - 1),
      lost,
    },
  ];
}

async function wrongOf(rig: Rig, daemons: readonly Running[]): Promise<string[]> {
  const winner = daemons.find((one) => one.alive());
  if (!winner) return [`none is left: ${daemons.map((one) => one.said()).join('')}`];
  const client = await rig.connect(winner);
  const status = (await client?.call('status', {})) as Doc;
  client?.close();
  const wrong = status?.pid === winner.pid ? [] : [`${status?.pid} answers, not ${winner.pid}`];
  for (const one of daemons) {
    if (one === winner) continue;
    const { code } = await one.exited;
    if (code !== 5 || !one.said().includes(`pid ${winner.pid}`))
      wrong.push(`exit ${code}, winner ${winner.pid}: ${one.said().slice(0, 500)}`);
  }
  return wrong;
}

/** Commands typed while daemons come and go: none fails, and each does what it says exactly once. */
async function beside(rig: Rig, size: Size, log: Log): Promise<Row[]> {
  const wanted = size === 'full' ? 200 : 8;
  const ids: string[] = [];
  let commands = 0;
  let failed = 0;
  let lives = 0;
  const typing = async (): Promise<void> => {
    while (commands < wanted) {
      commands++;
      const args = ['schedule', 'quick', '-p', `n=${commands}`, '-q'];
      const { code, said } = await rig.cli(...args);
      if (code === 0) ids.push(said.trim());
      else {
        failed++;
        log(`WRONG: ${args.join(' ')}: exit ${code} ${said}`);
      }
    }
  };
  let typed = false;
  const typists = Promise.all([typing(), typing()]).then(() => {
    typed = true;
  });
  for (; !typed; lives++) {
    const daemon = rig.start(['daemon', '--drain', '100ms']);
    await sleep(300 + 150 * (lives % 5));
    daemon.process.kill(lives % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    await daemon.exited;
  }
  await typists;
  const { daemon, client } = await rig.daemon();
  const { runs } = (await client.call('list', { limit: 10_000 })) as Doc;
  daemon.process.kill('SIGKILL');
  const there = new Set(runs.map((run: Doc) => run.id));
  const numbers = new Set(runs.map((run: Doc) => run.params.n));
  const gone = ids.filter((id) => !there.has(id)).length;
  const twice = runs.length - numbers.size;
  if (gone + twice > 0) log(`WRONG: ${gone} gone, ${twice} made twice`);
  const what = 'commands typed while daemons start and die: done, once';
  const detail = `${lives} daemons, half of them killed`;
  return [{ what, times: commands, lost: failed + gone + twice, detail }];
}

/** SIGSTOP: nothing takes over, commands say what is wrong in bounded time, and all goes on after SIGCONT. */
async function stopped(rig: Rig, size: Size, log: Log): Promise<Row[]> {
  const { daemon, client } = await rig.daemon();
  const commands = [
    ['status'],
    ['list'],
    ['schedule', 'quick', '-p', 'n=1'],
    ['logs', '-f', '1'],
    ['abort', '1'],
    ['wait', '1'],
    ['events'],
  ];
  const { run } = (await client.call('schedule', {
    job: 'long',
    params: {},
    inMs: 3_600_000,
  })) as Doc;
  daemon.process.kill('SIGSTOP');
  let lost = 0;
  let slowest = 0;
  const asked = size === 'full' ? commands : commands.slice(0, 3);
  const answers = await Promise.all(asked.map((args) => bounded(rig, args)));
  for (const [i, { code, said, ms }] of answers.entries()) {
    slowest = Math.max(slowest, ms);
    const clear = /did not answer|does not answer/.test(said);
    if (code === 4 && clear && ms < BOUND_MS) continue;
    lost++;
    log(`WRONG: ${asked[i]?.join(' ')}: exit ${code} after ${Math.round(ms)} ms: ${said}`);
  }
  const second = await rig.cli('daemon', '--json');
  const refused = second.code === 5 && second.said.includes(`pid ${daemon.pid}`);
  if (!refused) log(`WRONG: a second daemon: exit ${second.code} ${second.said}`);
  daemon.process.kill('SIGCONT');
  const shown = (await client.call('show', { id: run.id })) as Doc;
  if (shown.state !== 'scheduled') lost++;
  client.close();
  const detail = `a clear message and exit 4 after ${(slowest / 1000).toFixed(1)} s at most`;
  const what = 'commands to a daemon stopped by SIGSTOP';
  return [
    { what, times: asked.length, lost, detail },
    { what: 'a second daemon beside it: refused with 5', times: 1, lost: refused ? 0 : 1 },
  ];
}

const BOUND_MS = 20_000;

async function bounded(
  rig: Rig,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly said: string; readonly ms: number }> {
  const begin = performance.now();
  const running = rig.start(args);
  const undo = setTimeout(() => running.process.kill('SIGKILL'), 2 * BOUND_MS);
  const { code } = await running.exited;
  clearTimeout(undo);
  return { code, said: running.said(), ms: performance.now() - begin };
}

/** The lock file is removed while a daemon holds it, at work and at rest: it ends itself, and the next one is whole. */
async function withoutLock(rig: Rig, size: Size, log: Log): Promise<Row[]> {
  const rounds = size === 'full' ? 20 : 2;
  let lost = 0;
  let slowest = 0;
  for (let round = 0; round < rounds; round++) {
    const { daemon, client } = await rig.daemon();
    const lines = Array.from({ length: 20 }, (_, i) => ({
      line: i + 1,
      run: { job: i % 2 === 0 ? 'many' : 'busy', params: { n: round * 20 + i } },
    }));
    if (round % 2 === 0) await client.call('schedule', { lines });
    rmSync(join(rig.state, 'lock'));
    const removed = performance.now();
    // It begins at once, while the first may not know yet.
    const second = await rig.daemon();
    const { code } = await Promise.race([daemon.exited, sleep(15_000).then(() => ({ code: -1 }))]);
    slowest = Math.max(slowest, performance.now() - removed);
    client.close();
    const answers = (await second.client.call('status', {})) as Doc;
    await until(async () => await isIdle(second.client), 'all is done', 60_000);
    second.client.close();
    second.daemon.process.kill('SIGTERM');
    const ended = await second.daemon.exited;
    if (code === 8 && answers.pid === second.daemon.pid && ended.code === 0) continue;
    lost++;
    log(`WRONG: the first ended with ${code}, the second with ${ended.code}: ${daemon.said()}`);
  }
  const { daemon, client } = await rig.daemon();
  const { runs } = (await client.call('list', { limit: 10_000 })) as Doc;
  client.close();
  daemon.process.kill('SIGKILL');
  const bad = runs.filter(({ state }: Doc) => state !== 'done').length;
  const doubles = rig.ledger().filter(({ kind }) => kind === 'double').length;
  if (bad + doubles > 0) log(`WRONG: ${bad} not done, ${doubles} doubled`);
  const detail = `the first notices and ends within ${(slowest / 1000).toFixed(1)} s`;
  return [
    {
      what: 'lock file removed while held, a second daemon started at once',
      times: rounds,
      lost,
      detail,
    },
    {
      what: 'of these, runs: all done, none by two processes',
      times: runs.length,
      lost: bad + doubles,
    },
  ];
}

async function isIdle(client: Client): Promise<boolean> {
  const { counts } = (await client.call('status', {})) as Doc;
  return counts.queued + counts.running + counts.scheduled === 0;
}
