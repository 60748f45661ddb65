// Schedules through the command line and a real daemon: made, shown, paused, killed, changed in their files, and under
// load. What needs a clock that is moved stands in test/daemon.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Doc, eventually, Project } from '../helpers/project.ts';

const RUN = `run(params, ctx) {
  appendFileSync('ledger.jsonl', JSON.stringify({ job: ctx.job, run: ctx.id, due: ctx.dueAt.getTime(), at: Date.now(), params }) + '\\n');
}`;
const job = (fields = '', run = RUN): string =>
  `import { appendFileSync } from 'node:fs';\nexport default { ${fields} ${run} };\n`;
const SCHEMA = `params: { '~standard': { version: 1, vendor: 'x', validate: (v) => v.to ? { value: { copies: 1, ...v } } : { issues: [{ message: 'is required', path: ['to'] }] } } },`;
const SECONDLY = '* * * * * *';

function expectOneRunPerSlot(runs: readonly Doc[]): void {
  const slots = runs.map((run) => `${run.schedule} ${run.dueAt}`);
  expect(slots.filter((slot, i) => slots.indexOf(slot) !== i)).toEqual([]);
}

describe('a schedule that is made', () => {
  it('has its params checked and filled in, and takes the lock of the job', async () => {
    const project = new Project({
      'jobs/mail.mjs': job(`${SCHEMA} lock: (p) => 'mail ' + p.to,`),
    });
    const refused = await project.cli(['schedule', 'mail', '--cron', SECONDLY, '-p', 'from=me']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('to: is required')]);
    await project.daemon();
    const made = await project.json('schedule', 'mail', '--cron', SECONDLY, '-p', 'to=ann');
    expect(made.params).toEqual({ to: 'ann', copies: 1 });
    await eventually(() => project.ledger().length > 0);
    expect(project.ledger()[0].params).toEqual({ to: 'ann', copies: 1 });
    await project.json('pause', 'mail');
    // Another run with the same lock stands behind it, and says so.
    await eventually(async () => (await project.ask('list', { states: ['queued'] })).total > 0);
    const { runs } = await project.json('list');
    expectOneRunPerSlot(runs);
  });

  it('is refused where its name is taken, also by one that comes at the same moment', async () => {
    const project = new Project({ 'jobs/a.mjs': job() });
    await project.daemon();
    const make = (every: string) =>
      project.cli(['schedule', 'a', '--every', every, '--name', 'x', '--in', '1h']);
    const codes = (await Promise.all(['1h', '2h', '3h'].map(make))).map(({ code }) => code);
    expect(codes.sort()).toEqual([0, 5, 5]);
    const replaced = await project.json(
      'schedule',
      'a',
      '--every',
      '9h',
      '--name',
      'x',
      '--replace',
    );
    expect(replaced.every).toBe(9 * 3_600_000);
  });

  it('begins when it is asked to, says the floor of its interval, and never more often than that', async () => {
    const project = new Project({ 'jobs/a.mjs': job() });
    const late = await project.json('schedule', 'a', '--every', '5m', '--in', '3h');
    expect(Date.parse(late.nextAt) - Date.now()).toBeGreaterThan(2.9 * 3_600_000);
    const fast = await project.cli(['schedule', 'a', '--every', '1ms', '--name', 'fast']);
    expect(fast.stderr).toContain('the shortest interval is 1.0s');
    await project.daemon();
    await eventually(() => project.ledger().length >= 2);
    await pause(2500);
    const at = project.ledger().map((mark) => mark.at);
    expect(at.slice(1).every((time, i) => time - at[i] >= 990)).toBe(true);
    expect((await project.json('schedules', 'a')).schedules[0].nextAt).toBe(late.nextAt);
  });

  it.each([
    ['--every=-5s'],
    ['--every', '0s'],
    ['--every', 'soon'],
    ['--cron', '0 0 30 2 *'],
    ['--cron', ''],
    ['--cron', '0 3 * * *', '--tz', 'Europe/Berln'],
    ['--cron', '0 3 * * *', '--at', '01/02/2026'],
    ['--cron', '0 3 * * *', '--overlap', 'maybe'],
  ])('is refused, and not kept, with %s %s', async (...options) => {
    const project = new Project({ 'jobs/a.mjs': job() });
    const refused = await project.cli(['schedule', 'a', ...options]);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect((await project.json('schedules')).schedules).toEqual([]);
  });
});

describe('a pause', () => {
  it('of a schedule lets its slots go: none is made up for at its end', async () => {
    const project = new Project({ 'jobs/a.mjs': job() });
    await project.daemon();
    await project.json(
      'schedule',
      'a',
      '--cron',
      SECONDLY,
      '--catch-up',
      'all',
      '--overlap',
      'allow',
    );
    await eventually(() => project.ledger().length > 0);
    await project.json('pause', '--schedule', 'a');
    expect((await project.json('schedules')).schedules[0]).toMatchObject({
      paused: true,
      state: 'paused',
    });
    await pause(300);
    const before = project.ledger();
    await pause(3000);
    const from = Date.now();
    await project.json('resume', '--schedule', 'a');
    await eventually(() => project.ledger().length > before.length + 1);
    const since = project.ledger().slice(before.length);
    expect(since.every(({ due }) => due >= from - 1000)).toBe(true);
  });
});

describe('a kill -9 of the daemon', () => {
  it('again and again, while schedules fire each second: no slot makes two runs', async () => {
    const project = new Project({
      'jobs/a.mjs': job(`cron: '${SECONDLY}', overlap: 'allow',`),
      'jobs/b.mjs': job(`every: '1s',`),
    });
    for (let n = 0; n < 4; n++) {
      const daemon = await project.daemon();
      await eventually(() => project.ledger().length > 2 * n + 2);
      await pause(137 * n);
      await daemon.kill('SIGKILL');
    }
    const { runs } = await project.json('list', '--limit', '1000');
    expect(runs.length).toBeGreaterThan(6);
    expectOneRunPerSlot(runs);
  });
});

describe('a job file', () => {
  it('that changes, breaks, is deleted and comes back: its schedule follows, and is shown for what it is', async () => {
    const project = new Project({ 'jobs/a.mjs': job(`every: '1h',`), 'jobs/b.mjs': job() });
    await project.daemon();
    await eventually(() => project.ledger().length === 1);
    const seen = async (): Promise<Doc> => (await project.ask('schedules')).schedules[0] ?? null;
    const jobState = async (): Promise<string | undefined> =>
      (await project.ask('jobs')).jobs.find(({ name }: Doc) => name === 'a')?.state;

    project.write('jobs/a.mjs', job(`every: '2h',`));
    await eventually(async () => (await seen()).every === 7_200_000);
    project.write('jobs/a.mjs', 'export default {');
    await eventually(async () => (await jobState()) === 'broken');
    expect((await seen()).every).toBe(7_200_000);

    rmSync(join(project.dir, 'jobs/a.mjs'));
    await eventually(async () => (await seen()).state === 'missing');
    await eventually(async () => (await jobState()) === 'missing');
    expect((await project.cli(['schedules'])).stderr).toContain('no job named a');

    project.write('jobs/a.mjs', job(`cron: '0 0 1 1 *',`));
    await eventually(async () => (await seen()).cron === '0 0 1 1 *');
    expect((await project.cli(['unschedule', 'a'])).code).toBe(5);
    project.write('jobs/a.mjs', job());
    await eventually(async () => (await seen()) === null);
    // What was served was not served again by any of this.
    expect(project.ledger()).toHaveLength(1);
  });

  it('whose params cannot be empty is told, with what to do; once mended it fires', async () => {
    const project = new Project({ 'jobs/a.mjs': job(`cron: '${SECONDLY}', ${SCHEMA}`) });
    const daemon = await project.daemon();
    await eventually(() => daemon.log().includes('to: is required'));
    const shown = await project.cli(['jobs', 'a']);
    expect(shown.stdout).toContain('it makes no runs');
    await pause(1500);
    expect(project.ledger()).toEqual([]);
    project.write('jobs/a.mjs', job(`cron: '${SECONDLY}',`));
    await eventually(() => project.ledger().length > 0);
  });

  it('that has no next time says why: it was stopped, its params are refused, or a run decides', async () => {
    const project = new Project({
      'jobs/ends.mjs': job('nextRun: () => null,'),
      'jobs/wrong.mjs': job(`nextRun: () => null, ${SCHEMA}`),
      'jobs/going.mjs': `export default { every: '1h', run: (_, ctx) => ctx.sleep('1h') };`,
      'jobs/sound.mjs': job(`cron: '0 0 1 1 *',`),
    });
    await project.daemon();
    const said = async (name: string): Promise<string> =>
      (await project.cli(['next', name])).stderr;
    await eventually(async () => (await said('ends')).includes('nextRun gave null: no more runs'));
    await eventually(async () => (await said('wrong')).includes('it makes no runs: '));
    await eventually(async () => (await said('going')).includes('the end of its run decides it'));
    expect(await said('sound')).not.toContain('no next time');
    expect(await project.json('next', 'sound')).toMatchObject({ why: null });
  });

  it('whose nextRun blocks for ever holds up neither other schedules nor commands', async () => {
    const project = new Project({
      'jobs/block.mjs': job('nextRun() { while (true) {} },'),
      'jobs/names.mjs': job('nextRun: () => new Date(Date.now() + 100),'),
      'jobs/every.mjs': job(`every: '1s',`),
      'jobs/mail.mjs': job(SCHEMA),
    });
    await project.daemon();
    await eventually(
      () => project.ledger().filter((mark) => mark.job === 'names').length >= 2,
      20_000,
    );
    const accepted = await project.cli(['schedule', 'mail', '-p', 'to=ann']);
    expect([accepted.code, accepted.ms < 5000]).toEqual([0, true]);
    await eventually(() => project.ledger().filter((mark) => mark.job === 'every').length >= 2);
    expect(project.ledger().some((mark) => mark.job === 'block')).toBe(false);
  });
});

describe('under load', () => {
  it('a thousand runs due in the same second: none early, none lost, and late by little', async () => {
    const project = new Project({ 'jobs/a.mjs': job(`isolation: 'shared',`) });
    await project.daemon();
    const due = Math.ceil(Date.now() / 1000) * 1000 + 4000;
    const line = (i: number): string =>
      JSON.stringify({ job: 'a', at: new Date(due + (i % 1000)).toISOString() });
    const batch = Array.from({ length: 1000 }, (_, i) => line(i)).join('\n');
    const accepted = await project.cli(['schedule', '--batch', '-', '-q'], batch);
    expect(accepted.code).toBe(0);
    await eventually(() => project.ledger().length === 1000, 30_000);
    const marks = project.ledger();
    expect(new Set(marks.map(({ run }) => run)).size).toBe(1000);
    const late = marks.map((mark) => mark.at - mark.due).sort((a, b) => a - b);
    expect(late[0]).toBeGreaterThanOrEqual(0);
    expect(late[500], `p50 ${late[500]} ms, p99 ${late[990]} ms`).toBeLessThan(2000);
  }, 60_000);
});
