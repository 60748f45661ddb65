// A million runs: what they weigh, how fast a daemon starts with them, and whether they make a run dearer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { row } from '../rows.mjs';
import { Site } from '../site.mjs';
import { inTurn, median, nowMs } from '../stats.mjs';

const MB = 1024 * 1024;

/** The least that a daemon holds within five seconds: what is left when the dust has settled. */
async function memory(site, scale) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    await sleep(500 * scale);
    least = Math.min(least, site.memory());
  }
  return least / MB;
}

/** Milliseconds for the bare `JSON.parse` of all page files. */
function parsePages(site) {
  const folder = join(site.dir, 'state', 'runs');
  const begin = nowMs();
  for (const name of readdirSync(folder)) JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return nowMs() - begin;
}

/** Milliseconds for a run, where `count` of those that wait are let go and `waiting` of them stay behind. */
async function costOfRun(site, waiting, count) {
  const { client } = site;
  const { queued, done: first } = (await client.status()).counts;
  await site.fill('shared', Math.max(0, waiting + count - queued));
  const begin = nowMs();
  await client.resume('shared');
  let counts = { done: first, queued: count, running: 0 };
  const remain = () => counts.queued + counts.running > 0;
  while (counts.done < first + count && remain()) counts = (await client.status()).counts;
  const cost = (nowMs() - begin) / (counts.done - first);
  await client.pause('shared');
  await sleep(300);
  return cost;
}

async function costs({ rounds, million: waiting }, full, count) {
  const small = new Site('few');
  await small.start();
  await small.client.pause('shared');
  const taken = await inTurn(Math.max(3, rounds), {
    few: () => costOfRun(small, count, count),
    many: () => costOfRun(full, waiting, count),
  });
  await small.stop('few');
  small.remove();
  return taken;
}

export async function size(options) {
  const { million, scale } = options;
  const judged = scale === 1;
  const name = million.toLocaleString('en-US');
  // That many are worked off at a time to see what one costs.
  const few = 10_000 * Math.max(0.05, scale);
  const rows = [];
  const line = (id, what, figure, unit, rest) =>
    rows.push(row({ id, what, figure, unit, judged, ...rest }));

  const site = new Site('size');
  await site.start();
  line('memory-empty', 'memory of the daemon, empty', await memory(site, scale), 'MB', {
    target: { most: 80 },
    judged: true,
  });
  await site.client.pause('shared');
  await site.fill('shared', million);
  const cost = await costs(options, site, few);
  line('cost', `cost of a run with ${name} waiting`, cost.many * 1000, 'µs', {
    limit: cost.few * 1000,
    limitName: '10,000 waiting',
    target: { atMost: 1.1 },
  });
  line(
    'memory-filled',
    `memory with ${name} waiting, just accepted`,
    await memory(site, scale),
    'MB',
    {
      target: { most: 400 },
    },
  );
  await site.stop('a million waiting');

  const empty = new Site('empty');
  const startMs = async (of) => {
    const ms = await of.start();
    await of.stop();
    return ms;
  };
  const starts = await inTurn(Math.min(3, options.rounds), {
    parse: () => parsePages(site),
    empty: () => startMs(empty),
    start: () => startMs(site),
  });
  empty.remove();
  // A process takes its time to start whatever it finds: only what it takes longer is what the runs cost.
  const longer = Math.max(0, starts.start - starts.empty);
  line('start-waiting', `start with ${name} waiting, beyond an empty one`, longer, 'ms', {
    limit: starts.parse,
    limitName: 'bare parse of the same bytes',
    target: { atMost: 2 },
  });
  await site.start();
  line(
    'memory-waiting',
    `memory with ${name} waiting, after a start`,
    await memory(site, scale),
    'MB',
    {
      target: { most: 400 },
    },
  );
  await site.client.resume('shared');
  await site.allSettled();
  await site.stop('a million worked off');

  const settled = [];
  for (let i = 0; i < 3; i++) {
    settled.push(await site.start());
    if (i < 2) await site.stop();
  }
  line('start-settled', `start with ${name} settled`, median(settled), 'ms', {
    target: { most: 500 },
  });
  line('memory-settled', `memory with ${name} settled`, await memory(site, scale), 'MB', {
    target: { most: 120 },
  });
  await site.stop('a million settled');
  site.remove();
  return rows;
}
