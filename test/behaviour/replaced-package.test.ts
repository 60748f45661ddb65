// A program that uses the library while its package is replaced, as `npm ci` does: first it is gone for a while, then
// another is in its place. What the program may call is loaded by then.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Doc, eventually, Project, type Result } from '../helpers/project.ts';

const JOBS = {
  'jobs/work.js': 'export default (params) => params;',
  'jobs/fails.js': `export default () => { throw new Error('no'); };`,
  'jobs/asks.js': 'export default (_, ctx) => ctx.pending();',
};

/** Tells each file that Node loads, as it loads it. */
const TELLING = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`
  import { appendFileSync } from 'node:fs';
  export function load(url, context, next) {
    appendFileSync('\${process.env.LOADED}', url + '\\\\n');
    return next(url, context);
  }
\`));
`;

/** Makes every call once; prints what each gave. */
const CALLS = `import { existsSync } from 'node:fs';
import { connect } from 'jobrun';
const jobs = await connect();
const until = async (file) => {
  while (!existsSync(file)) await new Promise((next) => setTimeout(next, 20));
};
await until('go');
const given = {};
const call = async (name, make) => {
  given[name] = await make().then((value) => value ?? null, (error) => String(error));
  return given[name];
};
const all = async (items) => {
  for await (const item of items) return [item];
  return [];
};
const run = await call('schedule', () => jobs.schedule('work', { n: 1 }, { in: '1ms' }));
await call('result', () => jobs.result(run.id));
await call('scheduleMany', () => jobs.scheduleMany([{ job: 'work' }, { job: 'work' }]));
await call('get', () => jobs.get(run.id));
await call('list', () => jobs.list({ since: new Date(Date.now() - 7_200_000) }));
const later = await call('at', () => jobs.schedule('work', {}, { at: new Date(Date.now() + 86_400_000) }));
await call('update', () => jobs.update(later.id, { in: '2h' }));
await call('abort', () => jobs.abort(later.id));
const failed = await jobs.schedule('fails');
await call('wait', () => jobs.wait([failed.id]));
await call('retry', () => jobs.retry(failed.id));
await call('rerun', () => jobs.rerun(run.id));
await call('status', () => jobs.status());
await call('pause', () => jobs.pause('work'));
await call('resume', () => jobs.resume('work'));
for (const name of ['complete', 'fail']) {
  const asked = await jobs.schedule('asks');
  while ((await jobs.get(asked.id)).state !== 'waiting') await new Promise((next) => setTimeout(next, 20));
  await call(name, () => jobs[name](asked.id));
}
await call('events', () => all(jobs.events({ since: 0 })));
await call('jobs', () => jobs.jobs());
await call('cron', () => jobs.schedule('work', {}, { cron: '0 3 * * *', name: 'nightly' }));
await call('schedules', () => jobs.schedules());
await call('unschedule', () => jobs.unschedule('nightly'));
await call('logs', () => all(jobs.logs(run.id)));
await call('remove', () => jobs.remove(run.id));
await call('prune', () => jobs.prune({ olderThan: '1d' }));
await jobs.close();
console.log(JSON.stringify(given));
`;

/** Reads without a daemon while the package is away, and asks for a run, which needs a worker to read its job. */
const ON_FILES = `import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'jobrun';
const jobs = await connect();
while (!existsSync('go')) await new Promise((next) => setTimeout(next, 20));
const { total } = await jobs.list({ since: new Date(Date.now() - 7_200_000) });
const { state } = await jobs.get('1');
writeFileSync('read', '');
const { running } = await jobs.status();
const { id } = await jobs.schedule('work', {}, { at: new Date(Date.now() + 86_400_000) });
const [aborted] = (await jobs.abort(id)).results;
await jobs.close();
console.log(JSON.stringify({ total, state, running, id, aborted: aborted.state }));
`;

const FILES = { ...JOBS, 'telling.js': TELLING, 'calls.js': CALLS, 'on-files.js': ON_FILES };

function loadedIn(project: Project): string[] {
  const file = join(project.dir, 'loaded');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text.split('\n').filter((url) => url.startsWith('file:'));
}

/** What a program does whose package goes away when all is loaded that it loads if the package stays. */
async function withoutPackage(
  project: Project,
  name: string,
  until: (away: () => void, back: () => void) => Promise<void>,
): Promise<{ readonly before: Result; readonly after: Result }> {
  const folder = project.install();
  project.env.LOADED = join(project.dir, 'loaded');
  const start = (): Promise<Result> => project.node('--import', './telling.js', name);
  project.write('go', '');
  const before = await start();
  const needed = loadedIn(project);
  for (const file of ['go', 'read', 'loaded']) rmSync(join(project.dir, file), { force: true });
  const going = start();
  await eventually(() => {
    const loaded = new Set(loadedIn(project));
    return needed.every((url) => loaded.has(url));
  }, 60_000);
  const away = (): void => {
    renameSync(folder, `${folder}.away`);
    project.write('go', '');
  };
  await until(away, () => renameSync(`${folder}.away`, folder));
  return { before, after: await going };
}

const given = ({ stdout, stderr }: Result): Doc => {
  expect(stderr).toBe('');
  return JSON.parse(stdout);
};

test('every call works although the package has gone since connect', async () => {
  const project = new Project(FILES);
  await project.daemon();
  const { before, after } = await withoutPackage(project, 'calls.js', async (away) => away());
  const errors = (all: Doc): unknown[] =>
    Object.entries(all).filter(([, value]) => typeof value === 'string');
  expect([errors(given(before)), errors(given(after))]).toEqual([[], []]);
  expect(Object.keys(given(after))).toEqual(Object.keys(given(before)));
}, 120_000);

test('without a daemon, calls that read work meanwhile, and those that need a worker wait for the package', async () => {
  const project = new Project(FILES);
  await project.json('schedule', 'work');
  const { before, after } = await withoutPackage(project, 'on-files.js', async (away, back) => {
    away();
    await eventually(() => existsSync(join(project.dir, 'read')), 60_000);
    back();
  });
  const read = { state: 'queued', running: false, aborted: 'aborted' };
  expect(given(before)).toEqual({ ...read, total: 1, id: '2' });
  expect(given(after)).toEqual({ ...read, total: 2, id: '3' });
}, 120_000);

test('a daemon whose package is replaced says that it is of the version that it began as', async () => {
  const project = new Project(FILES);
  const folder = project.install();
  await project.daemon();
  renameSync(folder, `${folder}.away`);
  const { version } = JSON.parse(readFileSync(join(`${folder}.away`, 'package.json'), 'utf8'));
  expect(await project.ask('status')).toMatchObject({ running: true, version });
  project.write('node_modules/jobrun/package.json', '{ "version": "99.0.0" }');
  expect(await project.ask('status')).toMatchObject({ running: true, version });
}, 60_000);
