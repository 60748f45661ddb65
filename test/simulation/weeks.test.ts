// Two weeks in the life of a project: recurring jobs, requests, failures, kills, restarts, and runs that are removed
// when their time is over. What is kept, in files and in memory, is no more in the last days than on the fifth.
import { expect, test } from 'vitest';
import { handle } from '../../src/commands/dispatch.ts';
import { schedule } from '../../src/commands/schedule.ts';
import type { FileEngine } from '../../src/engine/files/file-engine.ts';
import type { Memory } from '../../src/engine/files/memory.ts';
import type { Tables } from '../../src/engine/files/tables.ts';
import { DAY, HOUR, MINUTE } from '../../src/support/limits.ts';
import { Client } from './client.ts';
import { Life } from './daemon.ts';
import { Machine } from './machine.ts';

const SEED = 3;
const DAYS = 11;
/** What is kept for a day has come and gone a few times by then. */
const FLAT_FROM = 5;
/** The daemon of that day lives to the end: what it gathers is not lost with it. */
const LAST_START = 11;
const ASK_EVERY = 6 * HOUR;
const JOBS = ['plain', 'again', 'keyed', 'rated', 'together', 'alone'];

test('what weeks leave behind is no more than what a few days do', async () => {
  const machine = new Machine(SEED, undefined, null);
  machine.disk.capacity = Number.POSITIVE_INFINITY;
  machine.cast.keep(DAY);
  const days: Kept[] = [];
  let life = new Life(machine);
  for (let day = 1; day <= DAYS; day++) {
    if (day <= LAST_START) life = await restarted(machine, life, day);
    await live(machine, life);
    days.push(await kept(machine, life));
  }
  const [before, after] = [days.slice(FLAT_FROM - 1, FLAT_FROM + 3), days.slice(-4)];
  for (const what of Object.keys(days[0] ?? {}) as (keyof Kept)[]) {
    const [most, now] = [before, after].map((some) => Math.max(...some.map((one) => one[what])));
    expect({ what, now, flat: Number(now) <= Number(most) * 1.5 + 4 }).toEqual({
      what,
      now,
      flat: true,
    });
  }
  expect(machine.promises.broken).toEqual([]);
  expect(machine.promises.many).toBeGreaterThan(1000);
}, 480_000);

/** Killed, and every third time stopped as it should be. */
async function restarted(machine: Machine, life: Life, day: number): Promise<Life> {
  const stopping = day % 3 === 0 ? life.daemon?.stop(false) : undefined;
  if (stopping) await machine.pass(MINUTE);
  life.die('kill -9');
  const next = new Life(machine);
  next.start();
  await machine.pass(MINUTE);
  return next;
}

async function live(machine: Machine, life: Life): Promise<void> {
  const client = new Client(machine);
  for (let passed = 0; passed < DAY; passed += ASK_EVERY) {
    await ask(machine, life);
    await machine.pass(ASK_EVERY, 1);
    // Some of them hang, and wait for somebody.
    client.abortAll(life);
    await machine.quiet();
  }
}

async function ask(machine: Machine, { daemon }: Life): Promise<void> {
  const { chance } = machine;
  if (!daemon) throw new Error('the daemon is gone');
  const lines = JOBS.map((job, i) => ({
    line: i + 1,
    run: { job, params: { k: i }, inMs: chance.whole(0, HOUR), ...(i % 2 && { key: `k${i}` }) },
  }));
  const context = { ...daemon.context, request: `request ${machine.operations}` };
  const asked = handle(schedule, { lines }, context);
  await Promise.all([asked, machine.quiet()]);
}

type Kept = Awaited<ReturnType<typeof kept>>;

async function kept(machine: Machine, { daemon }: Life) {
  const engine = daemon?.engine as unknown as FileEngine & { memory: Memory; tables: Tables };
  // Runs of a job that there never was are kept for a month: somebody removes them.
  const { runs } = await engine.list({ jobs: ['nobody'], limit: 1000, states: ['aborted'] });
  await Promise.all([engine.remove(runs.map(({ id }) => id)), machine.quiet()]);
  // Twice: what the first one left empty goes with the second.
  for (let i = 0; i < 2; i++) await Promise.all([engine.fold(), machine.quiet()]);
  machine.forget();
  const { memory, tables } = engine;
  const files = [...machine.disk.files().values()].filter((bytes) => bytes !== null);
  return {
    files: files.length,
    kilobytes: files.reduce((sum, bytes) => sum + bytes.length, 0) / 1024,
    runs: Object.values(await engine.counts()).reduce((sum, n) => sum + n, 0),
    live: memory.live.size,
    fresh: memory.fresh.size,
    dirty: memory.dirty.size,
    dependents: memory.dependents.size,
    ofSchedules: memory.bySchedule.size,
    pages: memory.tally.pages().length,
    jobs: memory.tally.byGroup().size,
    starts: memory.picker.starts().length,
    requests: tables.requests.values().length,
    leases: tables.leases.values().length,
    workers: tables.workers.values().length,
    schedules: tables.schedules.values().length,
    timers: machine.clock.waiting,
    processes: machine.workers.size,
  };
}
