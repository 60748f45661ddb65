// Calls of one program at the same time: on one connection or one opening of the files, also where the daemon that they
// were on is lost; and calls that only look leave the files as they are.
import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connect, type Jobs } from '../../src/index.ts';
import { platform } from '../helpers/platform.ts';
import { Project, ROOT } from '../helpers/project.ts';
import { refusal } from '../helpers/site.ts';

const WORK = { 'jobs/work.mjs': 'export default ({ n = 0 }) => n * 2;' };
/** Ten calls are on their way when the daemon is killed. */
const LOSING = `import { connect } from '${ROOT}dist/index.js';
const jobs = await connect();
const { pid } = await jobs.status();
process.kill(pid, 'SIGSTOP');
const asked = Promise.all(Array.from({ length: 10 }, (_, n) => jobs.schedule('work', { n }, { in: '1h' })));
await new Promise((resolve) => setTimeout(resolve, 200));
process.kill(pid, 'SIGKILL');
console.log(JSON.stringify((await asked).map(({ id }) => id)));
`;
const LATER = { in: '1h' };

async function connected({ dir }: Project): Promise<Jobs> {
  const jobs = await connect({ dir });
  onTestFinished(() => jobs.close());
  return jobs;
}

/** Every file and folder of the state: what it holds, and when it was last changed. */
function pictureOf(folder: string): readonly unknown[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return ['', ...names].map((name) => {
    const stat = lstatSync(join(folder, name));
    const text = stat.isFile() ? readFileSync(join(folder, name), 'utf8') : null;
    return [name, stat.ino, stat.mtimeMs, text];
  });
}

test('ten calls that lose their daemon at once are each done once, on one opening of the files, which is given back', async () => {
  const project = new Project({
    ...WORK,
    'ten.mjs': `${LOSING}import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
// This program still has its connection: a daemon starts beside it all the same.
const daemon = spawn(process.execPath, ['${ROOT}bin/jobrun.js', 'daemon'], { stdio: ['ignore', 'ignore', 'inherit'] });
const ended = once(daemon, 'exit');
while (!(await jobs.status()).running) await new Promise((resolve) => setTimeout(resolve, 50));
console.log((await jobs.list()).total);
await jobs.close();
daemon.kill('SIGTERM');
console.log((await ended)[0]);
`,
  });
  await project.daemon();
  const { stdout, ms } = await project.node('ten.mjs');
  const [ids = '[]', total, exit] = stdout.trim().split('\n');
  expect(new Set(JSON.parse(ids)).size).toBe(10);
  expect([total, exit]).toEqual(['10', '0']);
  expect(ms, 'it ends when it is through').toBeLessThan(45_000);
}, 90_000);

test('calls that lose their daemon while a new one starts go on with that, and the program ends by itself', async () => {
  const project = new Project({
    ...WORK,
    'ten.mjs': `${LOSING}await jobs.close();
`,
  });
  const first = await project.daemon();
  const asking = project.node('ten.mjs');
  await first.exited;
  // Held until all ten have given up their connection, and look for whoever is there.
  spawn('flock', [join(project.state, 'lock'), 'sleep', '4']);
  const next = await project.daemon();
  // That it has ended is what is waited for here: a connection left open would keep it.
  const { stdout, stderr } = await asking;
  expect([new Set(JSON.parse(stdout)).size, stderr]).toEqual([10, '']);
  expect((await project.json('list')).total).toBe(10);
  await next.kill('SIGTERM');
}, 60_000);

test('a call that only looks touches no file; the next that changes something has the files for itself', async () => {
  const project = new Project(WORK);
  const jobs = await connected(project);
  expect(await jobs.list()).toEqual({ total: 0, runs: [] });
  expect((await jobs.status()).running).toBe(false);
  expect(readdirSync(project.dir), 'a look makes no state').not.toContain('state');
  const { id } = await jobs.schedule('work', { n: 1 }, LATER);
  const before = pictureOf(project.state);
  expect((await jobs.list()).total).toBe(1);
  expect(await jobs.get(id)).toMatchObject({ id, state: 'scheduled' });
  expect((await jobs.status()).counts.scheduled).toBe(1);
  expect(pictureOf(project.state)).toEqual(before);
  // At the same moment, in both orders.
  const mixed = await Promise.all([
    jobs.list(),
    jobs.schedule('work', { n: 2 }, LATER),
    jobs.get(id),
    jobs.schedule('work', { n: 3 }, LATER),
    jobs.status(),
  ]);
  expect(mixed[2]).toMatchObject({ id });
  expect((await jobs.list()).total).toBe(3);
  // The files are given back: a daemon starts, and the same connection finds it by a look.
  const daemon = await project.daemon();
  expect(await jobs.status()).toMatchObject({ running: true, pid: daemon.pid });
  await daemon.kill('SIGKILL');
}, 60_000);

test('one connection serves what looks and what changes, whoever found the daemon', async () => {
  const project = new Project({
    ...WORK,
    'mixed.mjs': `import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from '${ROOT}dist/index.js';
const isSocket = (fd) => {
  try {
    return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:');
  } catch {
    return false;
  }
};
const open = () => readdirSync('/proc/self/fd').filter(isSocket).length;
const settles = async (wanted) => {
  while (open() !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
};
// Node opens its own pipes with the first look at them.
void [process.stdin, process.stdout, process.stderr];
await new Promise((resolve) => setTimeout(resolve, 100));
const before = open();
const mixed = (jobs) => Promise.all([jobs.list(), jobs.schedule('work', {}, { in: '1h' }), jobs.list()]);
// Once so that all is loaded: then the two kinds look for the daemon at the same moment.
const first = await connect();
await mixed(first);
await first.close();
await settles(before);
const jobs = await connect();
await mixed(jobs);
console.log(open() > before);
await settles(before + 1);
await jobs.list();
await settles(before + 1);
await jobs.close();
await settles(before);
console.log('closed');
`,
  });
  const daemon = await project.daemon();
  expect((await project.node('mixed.mjs')).stdout).toBe('true\nclosed\n');
  await daemon.kill('SIGTERM');
}, 30_000);

test.runIf(platform.givesOwnMounts)(
  'on a read-only disk what looks is answered and what changes is refused, at the same moment too',
  async () => {
    const project = new Project({
      ...WORK,
      'look.mjs': `import { connect } from '${ROOT}dist/index.js';
const jobs = await connect();
const looks = () => Promise.all([jobs.list(), jobs.get('1'), jobs.status()]);
const refused = () => jobs.schedule('work').then(() => 'accepted', (error) => error.code);
// Once so that all is loaded: then they come at the same moment.
await looks();
await refused();
const change = refused();
const [{ total }, run, { running }] = await looks();
console.log(JSON.stringify([total, run.state, running, await change]));
await jobs.close();
`,
    });
    await project.json('schedule', 'work', '--in', '1h');
    const before = pictureOf(project.state);
    const mounted = `mount --bind '${project.state}' '${project.state}' && mount -o remount,ro,bind '${project.state}'`;
    const run = `${mounted} && exec '${process.execPath}' look.mjs`;
    const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', run], {
      cwd: project.dir,
      env: project.env,
      encoding: 'utf8',
    });
    expect([stdout, stderr]).toEqual(['[1,"scheduled",false,"state-read-only"]\n', '']);
    expect(pictureOf(project.state)).toEqual(before);
  },
  30_000,
);

test('a damaged state is not told as if it were whole: every call rejects with what is damaged', async () => {
  const project = new Project(WORK);
  const jobs = await connected(project);
  const { id } = await jobs.schedule('work', {}, LATER);
  writeFileSync(join(project.state, 'schedules.json'), 'rotten');
  const calls = [jobs.list(), jobs.get(id), jobs.status(), jobs.schedule('work', {}, LATER)];
  const errors = await Promise.all(calls.map(refusal));
  expect(errors.map(({ code }) => code)).toEqual(Array(4).fill('state-damaged'));
  expect(errors[0]?.message).toContain('schedules.json');
  expect(errors[0]?.hint).toContain('jobrun doctor');
}, 30_000);

test('a run that lies in a damaged page is not told as one that there never was', async () => {
  const project = new Project(WORK);
  // The second opening writes the page of the first run.
  const [first] = [await project.json('schedule', 'work'), await project.json('schedule', 'work')];
  const page = join(project.state, 'runs/000000.json');
  expect(readFileSync(page, 'utf8')).toContain(`"id":${first.id}`);
  writeFileSync(page, 'rotten');
  const jobs = await connected(project);
  const errors = await Promise.all([jobs.get(first.id), jobs.result(first.id)].map(refusal));
  expect(errors.map(({ code }) => code)).toEqual(['state-damaged', 'state-damaged']);
  expect(errors[0]?.message).toContain('000000.json');
}, 30_000);
