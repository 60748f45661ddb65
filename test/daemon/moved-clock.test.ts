// A whole daemon with real workers, whose wall clock is moved under it: the engine on a real folder, the loop, the
// attempts. The clock of the machine stays as it is, so nothing here depends on what is installed.
import { expect, it } from 'vitest';
import { handle } from '../../src/commands/dispatch.ts';
import { trustClock } from '../../src/commands/trust-clock.ts';
import { openLog } from '../../src/daemon/watching/log.ts';
import { waitOf } from '../../src/run/waits.ts';
import { type Clock, systemClock } from '../../src/support/clock.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';
import { draft } from '../helpers/runs.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const JOB = (rule: string): string =>
  `import { appendFileSync } from 'node:fs';
   export default { ${rule}, run(params, ctx) {
     appendFileSync('ledger.jsonl', JSON.stringify({ job: ctx.job, due: ctx.dueAt.getTime() }) + '\\n');
   } };`;

it('set an hour, a day and 400 days ahead, then back: one run for each leap, none twice, and the count is shown', async () => {
  const project = new Project({
    'jobs/often.mjs': JOB(`cron: '*/10 * * * *', timezone: 'UTC'`),
    'jobs/skips.mjs': JOB(`cron: '*/10 * * * *', timezone: 'UTC', catchUp: 'skip'`),
  });
  // Half a minute after a slot, so that no other one comes while the test runs.
  const start = Math.ceil(systemClock.now() / HOUR) * HOUR + 30_000;
  let ahead = start - systemClock.now();
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const daemon = await daemonHere(project, { clock });
  const { wake } = daemon;
  const { engine } = daemon.context;
  const schedule = async (name: string) =>
    (await engine.schedules()).find((one) => one.name === name);
  await eventually(async () =>
    (await schedule('often')) && (await schedule('skips')) ? true : null,
  );
  const runs = () => project.ledger().filter(({ job }) => job === 'often');

  let left = 0;
  for (const [n, leap] of [HOUR, DAY, 400 * DAY].entries()) {
    ahead += leap;
    left += leap / 600_000;
    wake();
    // Settled too: a leap while it still runs would find it there, and skip.
    await eventually(async () => (await engine.counts()).done === n + 1);
    expect(runs()).toHaveLength(n + 1);
    expect(runs().at(-1).due).toBe(Math.floor(clock.now() / 600_000) * 600_000);
  }
  await eventually(async () => (await schedule('skips'))?.skipped === left);
  expect((await schedule('often'))?.skipped).toBe(left - 3);

  for (const leap of [HOUR, DAY]) {
    ahead -= leap;
    wake();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(runs()).toHaveLength(3);
  expect(project.ledger()).toHaveLength(3);
}, 60_000);

it.each([
  ['back by a year', -365 * DAY],
  ['forward by a year', 365 * DAY],
])(
  'set %s under a run, a retry and a call-back: each takes, and waits, as long as without it',
  async (_, jump) => {
    const project = new Project({
      'jobs/short.mjs': `export default { run: () => new Promise((resolve) => setTimeout(resolve, 1500)) };`,
      'jobs/again.mjs': `export default { retries: { limit: 1, delay: 2500, jitter: 0 }, run(_p, ctx) { if (ctx.attempt === 1) throw new Error('once'); } };`,
      'jobs/calls.mjs': `export default { run: (_p, ctx) => (ctx.checkpoint ? 1 : ctx.save(1).then(() => ctx.callback({ in: 2500 }))) };`,
      'jobs/late.mjs': `export default { run: () => 1 };`,
    });
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const daemon = await daemonHere(project, { clock, workers: 4 });
    const { wake } = daemon;
    const { engine } = daemon.context;
    await eventually(() => daemon.context.catalog.find('short')?.state === 'ok');
    const now = clock.now();
    const jobs = ['short', 'again', 'calls', 'late'];
    const began = performance.now();
    await engine.accept(
      jobs.map((job) => draft({ job, ...(job === 'late' && waitOf(now, 2500)) })),
      now,
    );
    wake();
    const states = () =>
      Promise.all([1, 2, 3, 4].map(async (id) => (await engine.find(id))?.state.name));
    await eventually(
      async () => (await states()).join() === 'running,scheduled,scheduled,scheduled',
    );
    ahead = jump;
    wake();
    await eventually(async () => (await states()).every((name) => name === 'done'));
    expect(performance.now() - began).toBeGreaterThan(2400);
    for (const id of [1, 2, 3, 4]) {
      const run = await engine.find(id);
      const last = run?.life?.attempts.at(-1);
      const took = (last?.endedAt ?? 0) - (last?.startedAt ?? 0);
      expect(took, `run ${id}`).toBeGreaterThanOrEqual(id === 1 ? 1400 : 0);
      expect(took, `run ${id}`).toBeLessThan(60_000);
      expect(run?.life?.startedAt).toBe(last?.startedAt);
      if (id > 1) expect(run?.state.dueAt, `run ${id}`).toBeGreaterThan(clock.now() - 60_000);
    }
  },
  60_000,
);

it('a leap of a year removes nothing from the history before somebody has said that the clock is right', async () => {
  const project = new Project({
    'jobs/kept.mjs': `export default { keep: { done: '2h' }, run: () => 1 };`,
  });
  const before = await daemonHere(project);
  await eventually(() => before.context.catalog.find('kept')?.state === 'ok');
  const made = Array.from({ length: 12 }, () => draft({ job: 'kept' }));
  await before.context.engine.accept(made, systemClock.now());
  before.wake();
  await eventually(
    async () =>
      (await before.context.engine.counts()).done === 12 &&
      (await before.context.engine.clockMark()),
  );
  before.stop(false);
  await before.stopped;

  const clock: Clock = { ...systemClock, now: () => systemClock.now() + 365 * DAY };
  const lines: string[] = [];
  const log = openLog({ write: (line) => lines.push(line) }, clock);
  const { context } = await daemonHere(project, { clock, log });
  await eventually(async () => (await context.engine.clockMark())?.leapAt);
  await eventually(() => lines.join('').includes('if it is right: jobrun doctor --repair'));
  // The first look for what is over comes after three seconds.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  expect((await context.engine.counts()).done).toBe(12);
  expect(await handle(trustClock, {}, context)).toMatchObject({ schedules: [] });
  await eventually(async () => (await context.engine.counts()).done === 10, 40_000);
}, 90_000);

it('a clock that was a year ahead is no damage: doctor names what waits for it, and the one command that ends that', async () => {
  const project = new Project({ 'jobs/often.mjs': JOB(`cron: '* * * * * *', timezone: 'UTC'`) });
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + 365 * DAY };
  const ahead = await daemonHere(project, { clock });
  await eventually(async () => (await ahead.context.engine.counts()).done > 1);
  ahead.stop(false);
  await ahead.stopped;

  const doctor = async (...args: string[]) => {
    const { code, stdout } = await project.cli(['doctor', '--json', ...args]);
    const doc = JSON.parse(stdout);
    return { code, doc, clock: doc.checks.find((one: { name: string }) => one.name === 'clock') };
  };
  const found = await doctor();
  expect([found.code, found.clock.status]).toEqual([0, 'warning']);
  expect(found.clock.findings[0].message).toContain('often');
  expect(found.clock.findings[0].hint).toContain('jobrun doctor --repair');
  const { context, wake } = await daemonHere(project);
  const { engine } = context;
  const made = () => project.ledger().length;
  const before = made();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(made(), 'while it waits').toBe(before);
  const mended = await doctor('--repair');
  expect([mended.code, mended.doc.clock.schedules]).toEqual([0, ['often']]);
  await eventually(() => made() > before);
  expect((await engine.schedules())[0]?.lastAt ?? 0).toBeLessThan(systemClock.now() + 60_000);
  wake();
  expect((await doctor('--repair')).doc.clock?.schedules ?? []).toEqual([]);
}, 60_000);

it('set back: the last time of an `every` schedule is not shown as one to come, and is true again with the next run', async () => {
  const project = new Project({ 'jobs/often.mjs': JOB(`every: '1s'`) });
  let ahead = DAY;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const daemon = await daemonHere(project, { clock });
  const { wake } = daemon;
  const { engine } = daemon.context;
  const last = async (): Promise<number | null> => {
    const [one] = await engine.schedules();
    return one?.lastAt ?? null;
  };
  await eventually(async () => (await last()) !== null);
  // The command line goes by the clock that was right all the time.
  expect((await project.cli(['schedules'])).stdout).toContain('clock set back');
  ahead = 0;
  wake();
  await eventually(async () => ((await last()) ?? Infinity) <= clock.now() + 2000);
  const { stdout } = await project.cli(['schedules']);
  expect(stdout).not.toContain('clock set back');
}, 60_000);
