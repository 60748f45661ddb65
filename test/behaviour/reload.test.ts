// Job files that change while the daemon runs: the next attempt has the new code within a second, attempts under way
// end on theirs, and no way of saving a file does any harm.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../helpers/project.ts';
import { Site, site } from '../helpers/site.ts';

const SOON_MS = 1000;
const text = (value: string): string => `export default () => ${JSON.stringify(value)};`;

/** How long it took until a run gave this output. */
async function until(s: Site, job: string, output: unknown): Promise<number> {
  const began = performance.now();
  await eventually(async () => (await s.run(job)).output === output, 15_000);
  return performance.now() - began;
}

test('a change to a job, or to a file that it imports, is used by the next attempt within a second', async () => {
  const s = await site({
    one: text('old'),
    two: `import { value } from './lib/value.mjs'; export default () => value;`,
    'lib/_inner.mjs': `export const inner = 'old';`,
    'lib/value.mjs': `import { inner } from './_inner.mjs'; export const value = inner; export default () => 1;`,
    again: `export default { retries: { limit: 20, delay: 100, backoff: 'fixed', jitter: 0 }, run: () => { throw new Error('old'); } };`,
    typed: `export default { description: 'old', run: () => 1 };`,
  });
  expect([(await s.run('one')).output, (await s.run('two')).output]).toEqual(['old', 'old']);
  const again = await s.jobs.schedule('again');
  await s.when(again.id, ({ attempts }) => attempts.length > 1);
  s.put('one', text('new'));
  s.put('lib/_inner.mjs', `export const inner = 'new';`);
  s.put('again', text('mended'));
  s.put('typed', `export default { description: 'new', priority: 7, run: () => 2 };`);
  await pause(SOON_MS);
  expect([(await s.run('one')).output, (await s.run('two')).output]).toEqual(['new', 'new']);
  expect(await s.run('typed')).toMatchObject({ output: 2, priority: 7 });
  expect(await s.settled(again.id)).toMatchObject({ state: 'done', output: 'mended' });
});

test('attempts under way end on the code that they began with, imports inside included', async () => {
  const s = await site({
    slow: `export default async () => { mark('begin'); await sleep(1500); const { part } = await import('./_part.mjs'); return 'old ' + part; };`,
    '_part.mjs': `export const part = 'part';`,
  });
  const run = await s.jobs.schedule('slow');
  await eventually(() => s.marks('begin').length === 1);
  s.put('slow', text('new'));
  expect(await until(s, 'slow', 'new')).toBeLessThan(4000);
  expect(await s.settled(run.id)).toMatchObject({ state: 'done', output: 'old part', attempt: 1 });
});

test('half-written saves, renames, deletions and returns leave the last sound code, and lose no run', async () => {
  const s = await site({
    work: text('first'),
    other: text('other'),
    once: `export default { isolation: 'fresh', run: () => 1 };`,
  });
  const file = join(s.project.dir, 'jobs/work.mjs');
  await s.run('work');
  writeFileSync(file, 'export default () => { return "ha');
  s.put('once', 'export default {');
  // At once, before anybody can have seen that it is broken: no worker has it loaded, and it waits all the same.
  const early = await s.jobs.schedule('once');
  await eventually(async () => (await s.jobs.status()).broken.length === 2);
  const waits = await s.jobs.schedule('work');
  for (const { id, job } of [early, waits]) {
    const broken = await s.when(id, ({ reason }) => reason !== null);
    expect(broken.reason).toMatch(new RegExp(`${job} is broken: jobs/${job}\\.mjs`));
    expect(broken.state).toBe('queued');
  }
  expect((await s.jobs.get(waits.id)).attempt, 'no attempt has begun').toBe(0);
  s.put('once', text('mended'));
  expect(await s.settled(early.id)).toMatchObject({ state: 'done', output: 'mended', attempt: 1 });
  expect(await s.run('other')).toMatchObject({ output: 'other' });
  writeFileSync(`${file}.tmp`, text('second'));
  renameSync(`${file}.tmp`, file);
  expect(await s.settled(waits.id)).toMatchObject({ state: 'done', output: 'second' });

  rmSync(file);
  await eventually(
    async () =>
      (await s.jobs.get((await s.jobs.schedule('work')).id)).reason === 'no job named work',
  );
  const kept = await s.jobs.schedule('work');
  expect((await s.jobs.get(kept.id)).state).toBe('queued');
  writeFileSync(file, text('third'));
  expect(await s.settled(kept.id)).toMatchObject({ state: 'done', output: 'third' });

  mkdirSync(join(s.project.dir, 'jobs/reports'));
  s.put('reports/daily.mjs', text('folder'));
  expect(await until(s, 'reports/daily', 'folder')).toBeLessThan(4000);
  s.put('work.js', text('double'));
  await eventually(async () => (await s.jobs.status()).broken.includes('work'));
  const { jobs } = await s.project.json('jobs');
  const error = jobs.find(({ name }: { name: string }) => name === 'work').error;
  expect(error).toContain('work.js');
  expect(error).toContain('work.mjs');
}, 60_000);

test('100 saves a second do not stop the daemon, other jobs, or the last save from being used', async () => {
  const s = await site({ work: text('0'), other: text('other') });
  const slow: number[] = [];
  for (let n = 1; n <= 300; n++) {
    s.put('work', text(String(n)));
    if (n % 30 === 0) {
      slow.push(await s.statusMs());
      expect((await s.run('other')).output).toBe('other');
    }
    await pause(10);
  }
  expect(await until(s, 'work', '300')).toBeLessThan(4000);
  expect(Math.max(...slow)).toBeLessThan(1000);
  const outputs = (await s.jobs.list({ state: 'failed' })).total;
  expect(outputs, 'no run fails of a save').toBe(0);
}, 60_000);

test('links out of the folder, files that throw, that end the process, or that never finish importing, are told and harm no other', async () => {
  const s = new Site({
    good: text('good'),
    throws: `throw new Error('at the top');`,
    exits: `process.exit(7);`,
    hangs: `await new Promise(() => setInterval(() => {}, 1000)); export default () => 1;`,
    nothing: `export const a = 1;`,
    syntax: `export default () => {\n  return ((;\n};`,
  });
  s.project.write('secret.mjs', text('outside'));
  symlinkSync(join(s.project.dir, 'secret.mjs'), join(s.project.dir, 'jobs/link.mjs'));
  symlinkSync(join(s.project.dir, 'jobs'), join(s.project.dir, 'jobs/loop'));
  symlinkSync('/nowhere/at/all.mjs', join(s.project.dir, 'jobs/dangling.mjs'));
  const began = performance.now();
  await s.up();
  expect(await s.run('good')).toMatchObject({ output: 'good' });
  expect(performance.now() - began, 'a file that hangs holds up no other').toBeLessThan(9000);
  await eventually(async () => (await s.jobs.status()).broken.length === 7, 40_000);
  const { jobs } = await s.project.json('jobs');
  const errors = Object.fromEntries(
    jobs.map(({ name, error }: { name: string; error: string }) => [name, error]),
  );
  expect(errors.good).toBe(null);
  expect(errors.link).toContain('link out of the jobs folder');
  expect(errors.dangling).toContain('link to nothing');
  expect(errors.throws).toMatch(/throws\.mjs:\d+: Error: at the top/);
  expect(errors.exits).toContain('exit code 7');
  expect(errors.hangs).toContain('never finished loading');
  expect(errors.nothing).toContain('default export');
  expect(errors.syntax).toMatch(/syntax\.mjs:4: SyntaxError/);
  expect((await s.project.cli(['jobs', '--check'])).code).toBe(1);
  s.put('good', text('better'));
  expect(await until(s, 'good', 'better'), 'a change passes by the files that hang').toBeLessThan(
    6000,
  );
}, 90_000);

test('5,000 job files: the daemon is there at once, all are read in bounded time, and a change is used within seconds', async () => {
  const s = new Site({});
  for (let n = 0; n < 5000; n++)
    writeFileSync(
      join(s.project.dir, `jobs/job-${n}.mjs`),
      `export default { description: 'number ${n}', run: () => ${n} };`,
    );
  let began = performance.now();
  await s.up();
  const there = performance.now() - began;
  began = performance.now();
  expect(await s.run('job-4999')).toMatchObject({ output: 4999 });
  const first = performance.now() - began;
  await eventually(async () => (await s.project.json('jobs')).jobs.length === 5000, 90_000);
  const all = performance.now() - began;
  s.put('job-4998.mjs', text('changed'));
  const changed = await until(s, 'job-4998', 'changed');
  began = performance.now();
  s.put('job-4997.mjs', `export default { description: 'other', run: () => 'x' };`);
  await eventually(
    async () => (await s.project.ask('jobs', { name: 'job-4997' })).description === 'other',
    20_000,
  );
  const told = performance.now() - began;
  process.stderr.write(
    `5,000 files: there ${there | 0}, first run ${first | 0}, all ${all | 0}, changed ${changed | 0}, definition ${told | 0} ms\n`,
  );
  expect(await s.statusMs()).toBeLessThan(1000);
  expect(there).toBeLessThan(10_000);
  expect(changed).toBeLessThan(5000);
  expect(told).toBeLessThan(5000);
}, 180_000);

test('a command waits for a job file that loads slowly, new, changed or at the start, and refuses one that fails', async () => {
  const slow = (then: string): string => `await sleep(6500); ${then}`;
  const s = new Site({ start: slow(text('start')) });
  await s.up();
  s.put('added', slow(text('added')));
  // The reading has begun, and takes longer than a change of the folder waits for it.
  await pause(SOON_MS);
  const two = ['start', 'added'].map((job) => s.project.json('run', job));
  expect(await Promise.all(two)).toMatchObject([{ output: 'start' }, { output: 'added' }]);
  s.put('hangs', 'await sleep(1e8);');
  s.put('mended', 'throw new Error("not yet");');
  await eventually(async () => (await s.jobs.status()).broken.includes('mended'));
  s.put('mended', slow(text('mended')));
  s.put('fails', slow('throw new Error("on purpose");'));
  const asked = ['mended', 'fails'].map((job) => s.project.cli(['run', job, '--json']));
  const [mended, fails] = await Promise.all(asked);
  expect(JSON.parse(mended?.stdout ?? '')).toMatchObject({ output: 'mended' });
  expect(fails).toMatchObject({ code: 5, stderr: expect.stringContaining('on purpose') });
}, 90_000);
