// A whole daemon with real workers, whose wall clock is moved under it: the engine on a real folder, the loop, the
// attempts. The clock of the machine stays as it is, so nothing here depends on what is installed.
import { expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/support/clock.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';

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
  const { engine, wake } = daemon.tools;
  const schedule = (name: string) => engine.schedules().find((one) => one.name === name);
  await eventually(() => [schedule('often'), schedule('skips')].every((one) => one));
  const runs = () => project.ledger().filter(({ job }) => job === 'often');

  let left = 0;
  for (const [n, leap] of [HOUR, DAY, 400 * DAY].entries()) {
    ahead += leap;
    left += leap / 600_000;
    wake();
    // Settled too: a leap while it still runs would find it there, and skip.
    await eventually(() => engine.counts().done === n + 1);
    expect(runs()).toHaveLength(n + 1);
    expect(runs().at(-1).due).toBe(Math.floor(clock.now() / 600_000) * 600_000);
  }
  await eventually(() => schedule('skips')?.skipped === left);
  expect(schedule('often')?.skipped).toBe(left - 3);

  for (const leap of [HOUR, DAY]) {
    ahead -= leap;
    wake();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(runs()).toHaveLength(3);
  expect(project.ledger()).toHaveLength(3);
}, 60_000);
