// The jobs folder while the daemon runs: it may be another one at any moment, larger than the system can watch, and
// full of what is no code. What becomes of a job is said.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DaemonProcess, eventually, Project, ROOT } from '../helpers/project.ts';
import { Site, site } from '../helpers/site.ts';

const text = (value: string): string => `export default () => ${JSON.stringify(value)};`;
const command = (value: string): string => `#!/bin/sh\necho '::output "${value}"'\n`;
const output = async (s: Site, job: string): Promise<unknown> => (await s.run(job)).output;

/** What the daemon has said of jobs, in order. */
const said = ({ log }: DaemonProcess): string[] =>
  log()
    .split('\n')
    .flatMap((line) => (line.includes('"became"') ? [JSON.parse(line).msg] : []));

test('a release that is switched by a link is used within a second, modules, what they import, and commands alike', async () => {
  const s = new Site({});
  const { dir } = s.project;
  rmSync(join(dir, 'jobs'), { recursive: true });
  for (const n of ['1', '2']) {
    s.project.write(`releases/${n}/jobs/module.mjs`, `export { default } from './_lib/part.mjs';`);
    s.project.write(`releases/${n}/jobs/_lib/part.mjs`, text(n));
    s.project.write(`releases/${n}/jobs/command.sh`, command(n));
    s.project.write(`releases/${n}/jobs/only-${n}.mjs`, text(n));
  }
  symlinkSync('releases/1', join(dir, 'current'));
  symlinkSync('current/jobs', join(dir, 'jobs'));
  await s.up();
  expect([await output(s, 'module'), await output(s, 'command')]).toEqual(['1', '1']);
  symlinkSync('releases/2', join(dir, 'next'));
  renameSync(join(dir, 'next'), join(dir, 'current'));
  await eventually(async () => (await output(s, 'module')) === '2');
  expect([await output(s, 'command'), await output(s, 'only-2')]).toEqual(['2', '2']);
  const waits = await s.jobs.schedule('only-1');
  expect((await s.when(waits.id, ({ reason }) => reason !== null)).reason).toBe(
    'no job named only-1',
  );
  s.put('module.mjs', text('edited'));
  await eventually(async () => (await output(s, 'module')) === 'edited');
  expect(said(s.daemon)).toEqual(
    expect.arrayContaining(['job only-1 is gone', 'job only-2 is new']),
  );
}, 60_000);

test('a jobs folder that is deleted and comes back is followed, and so is one that is swapped by mv', async () => {
  const s = await site({ v: text('1'), other: text('other') });
  const jobs = join(s.project.dir, 'jobs');
  renameSync(jobs, `${jobs}.old`);
  const waits = await s.jobs.schedule('v');
  await s.when(waits.id, ({ reason }) => reason === 'no job named v');
  mkdirSync(jobs);
  writeFileSync(join(jobs, 'v.mjs'), text('2'));
  expect((await s.settled(waits.id)).output).toBe('2');
  writeFileSync(join(jobs, 'v.mjs'), text('3'));
  await eventually(async () => (await output(s, 'v')) === '3');
  renameSync(jobs, `${jobs}.older`);
  renameSync(`${jobs}.old`, jobs);
  await eventually(async () => (await output(s, 'v')) === '1');
  s.put('v', text('4'));
  await eventually(async () => (await output(s, 'v')) === '4');
  expect(await output(s, 'other')).toBe('other');
}, 60_000);

test('code and options in a folder named data are followed, and JSON that no job imports reloads nothing', async () => {
  const s = await site({
    'data/v.mjs': text('1'),
    'data/run.sh': command('ran'),
    'data/run.json': '{ "priority": 1 }',
    reads: `import value from './data/value.json' with { type: 'json' }; export default () => value;`,
    'data/value.json': '"old"',
    pid: `export default () => process.pid;`,
  });
  expect(await output(s, 'data/v')).toBe('1');
  s.put('data/v.mjs', text('2'));
  await eventually(async () => (await output(s, 'data/v')) === '2');
  s.put('data/run.json', '{ "priority": 7 }');
  await eventually(async () => (await s.run('data/run')).priority === 7);
  s.put('data/value.json', '"new"');
  await eventually(async () => (await output(s, 'reads')) === 'new');
  const pid = await output(s, 'pid');
  for (let n = 0; n < 10; n++) {
    s.put('data/out.json', String(n));
    expect(await output(s, 'pid')).toBe(pid);
  }
}, 60_000);

test('folders are watched and not files, however many data files there are', async () => {
  const s = new Site({ v: text('1') });
  for (let n = 0; n < 3000; n++) s.put(`files/${n % 10}/${n}.csv`, '1');
  await s.up();
  expect(await output(s, 'v')).toBe('1');
  const folders = 12;
  await eventually(() => watchesOf(s.daemon.pid) === folders);
  s.put('files/3/new.mjs', text('there'));
  await eventually(async () => (await output(s, 'files/3/new')) === 'there');
  expect(watchesOf(s.daemon.pid)).toBe(folders);
  expect(await s.project.json('status')).toMatchObject({
    watch: { by: 'events', problem: null, hint: null },
  });
}, 60_000);

/** How many inotify watches a process has. */
function watchesOf(pid: number): number {
  const folder = `/proc/${pid}/fdinfo`;
  const texts = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'utf8'));
  return texts.join('').match(/^inotify wd/gm)?.length ?? 0;
}

test('past the limit of watches the folder is polled: said once, by status and by doctor, and changes are seen', async () => {
  const s = new Site({ v: text('1'), 'a/b/c.mjs': text('1'), 'x/y.mjs': text('1') });
  s.project.env.NODE_OPTIONS = `--import ${join(ROOT, 'test/helpers/no-watches.mjs')}`;
  s.project.env.JOBRUN_TEST_WATCHES = '2';
  await s.up();
  const { watch } = await eventually(async () => {
    const status = await s.project.json('status');
    return status.watch.by === 'polling' && status;
  });
  expect(watch.problem).toContain('read every second: ENOSPC');
  expect(watch.hint).toContain('fs.inotify.max_user_watches');
  for (const job of ['v', 'a/b/c', 'x/y']) {
    s.put(`${job}.mjs`, text('2'));
    await eventually(async () => (await output(s, job)) === '2');
  }
  s.put('new.sh', command('new'));
  await eventually(async () => (await s.project.ask('jobs')).jobs.length === 4);
  const lines = s.daemon.log().split('\n');
  expect(lines.filter((line) => line.includes('does not watch'))).toHaveLength(1);
  const doctor = await s.project.cli(['doctor']);
  expect(doctor.stdout).toMatch(/warning +jobs.*read every second.*max_user_watches/s);
  expect(doctor.code, 'a warning, and no damage').toBe(0);
  expect((await s.project.cli(['status'])).stdout).toContain('read every second');
}, 60_000);

test('a folder that comes when no more watches are given has everything polled from then on', async () => {
  const s = new Site({ v: text('1') });
  s.project.env.NODE_OPTIONS = `--import ${join(ROOT, 'test/helpers/no-watches.mjs')}`;
  s.project.env.JOBRUN_TEST_WATCHES = '10';
  await s.up();
  expect((await s.project.json('status')).watch.by).toBe('events');
  s.put(`${'deep/'.repeat(12)}w.mjs`, text('1'));
  await eventually(async () => (await s.project.json('status')).watch.by === 'polling');
  s.put('new.mjs', text('1'));
  const jobs = async (): Promise<number> => (await s.project.ask('jobs')).jobs.length;
  await eventually(async () => (await jobs()) === 3, 20_000);
  s.put('other.mjs', text('1'));
  await eventually(async () => (await jobs()) === 4, 20_000);
}, 60_000);

test('reload reads everything anew and says what became of which job, and so does the log', async () => {
  const s = await site(
    { good: text('1'), bad: 'export default {', goes: text('1'), same: text('1') },
    '--no-watch',
  );
  await eventually(async () => (await s.jobs.status()).broken.length === 1);
  expect((await s.project.cli(['status'])).stdout).toContain('jobrun reload');
  s.put('good', 'export default {');
  s.put('bad', text('whole'));
  rmSync(join(s.project.dir, 'jobs/goes.mjs'));
  s.put('comes', text('new'));
  s.put('same', text('2'));
  const { total, changes } = await s.project.json('reload');
  expect(total).toBe(4);
  // What was broken may have been read again before, by itself.
  expect(changes.filter(({ job }: { job: string }) => job !== 'bad')).toEqual([
    { job: 'comes', became: 'new', error: null },
    { job: 'goes', became: 'gone', error: null },
    { job: 'good', became: 'broken', error: expect.stringMatching(/^jobs\/good\.mjs:\d+: /) },
  ]);
  expect(await output(s, 'same')).toBe('2');
  expect(said(s.daemon).sort()).toEqual([
    expect.stringMatching(/^job bad is broken: jobs\/bad\.mjs:\d+: /),
    'job bad is whole',
    'job comes is new',
    'job goes is gone',
    expect.stringMatching(/^job good is broken: jobs\/good\.mjs:\d+: /),
  ]);
  expect(await s.project.json('reload')).toEqual({ total: 4, changes: [] });
  expect((await s.project.cli(['reload'])).stdout).toBe('4 jobs read, 0 changed\n');
}, 60_000);

test('reload without a daemon is refused with 4, for there is nothing that has read them', async () => {
  const project = new Project({ 'jobs/a.mjs': text('1') });
  const refused = await project.cli(['reload', '--json']);
  expect(refused.code).toBe(4);
  expect(JSON.parse(refused.stderr).error).toMatchObject({ code: 'no-daemon' });
});
