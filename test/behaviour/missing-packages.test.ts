// A package that is missing for a moment, as during `npm ci` under a running daemon: the job waits, and goes on when it
// is back, although no job file has changed. What is missing is the job's, and no defect of jobrun.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../helpers/project.ts';
import { Site } from '../helpers/site.ts';

const PARAMS = `{ '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } }`;

class Packages {
  readonly #folder: string;

  constructor(dir: string) {
    this.#folder = join(dir, 'node_modules');
    mkdirSync(join(this.#folder, 'part'), { recursive: true });
    writeFileSync(join(this.#folder, 'part/package.json'), '{ "name": "part", "type": "module" }');
    writeFileSync(join(this.#folder, 'part/index.js'), `export const part = 'part';`);
  }

  remove(): void {
    renameSync(this.#folder, `${this.#folder}.away`);
  }

  restore(): void {
    renameSync(`${this.#folder}.away`, this.#folder);
  }
}

async function started(jobs: Readonly<Record<string, string>>, without: boolean) {
  const s = new Site(jobs);
  const packages = new Packages(s.project.dir);
  if (without) packages.remove();
  await s.up();
  return { s, packages };
}

test('a job that is broken for want of a package is whole by itself when the package comes, and its queue goes on', async () => {
  const { s, packages } = await started(
    { uses: `import { part } from 'part'; export default () => part;` },
    true,
  );
  await eventually(async () => (await s.jobs.status()).broken.includes('uses'));
  const waits = await s.jobs.schedule('uses');
  expect((await s.when(waits.id, ({ reason }) => reason !== null)).reason).toMatch(
    /uses is broken: .*part/,
  );
  packages.restore();
  expect(await s.settled(waits.id)).toMatchObject({ state: 'done', output: 'part', attempt: 1 });
  expect((await s.jobs.status()).broken).toEqual([]);
}, 60_000);

test('a broken job is read again before it is refused, and refused as broken while it lacks something', async () => {
  const { s, packages } = await started(
    {
      uses: `import { part } from 'part'; export default () => part;`,
      hangs: `await new Promise(() => setInterval(() => {}, 1000)); export default () => 1;`,
    },
    true,
  );
  // The file that hangs keeps the reading of all broken jobs from coming round again soon.
  await eventually(async () => (await s.jobs.status()).broken.length === 2, 30_000);
  const refused = await s.project.cli(['schedule', 'uses', '--json']);
  expect(refused.code).toBe(5);
  const { error } = JSON.parse(refused.stderr);
  expect(error.code).toBe('broken-job');
  expect(error.message).toContain('part');
  expect(JSON.stringify(error)).not.toContain('defect');
  packages.restore();
  const accepted = await s.project.json('schedule', 'uses');
  expect(await s.settled(accepted.id)).toMatchObject({ state: 'done', output: 'part' });
}, 90_000);

test('a run whose worker finds a package missing is not charged, and that worker is not asked again', async () => {
  const { s, packages } = await started(
    {
      uses: `import { part } from 'part'; export default { isolation: 'fresh', run: () => part };`,
      usual: `import { part } from 'part'; export default () => part;`,
    },
    false,
  );
  await eventually(async () => (await s.project.ask('jobs')).jobs.length === 2);
  packages.remove();
  const runs = [await s.jobs.schedule('uses'), await s.jobs.schedule('usual')];
  for (const { id } of runs) await s.when(id, ({ reason }) => reason !== null);
  packages.restore();
  for (const { id } of runs)
    expect(await s.settled(id)).toMatchObject({ state: 'done', output: 'part', attempt: 1 });
}, 60_000);

test('jobs --check reads broken jobs again before it says that one is', async () => {
  const { s, packages } = await started(
    { uses: `import { part } from 'part'; export default () => part;` },
    true,
  );
  await eventually(async () => (await s.jobs.status()).broken.length === 1);
  expect((await s.project.cli(['jobs', '--check'])).code).toBe(1);
  packages.restore();
  expect((await s.project.cli(['jobs', '--check'])).code).toBe(0);
}, 60_000);

test('params of a job that lacks a package are refused as those of a broken job, and taken when it is back', async () => {
  const { s, packages } = await started(
    {
      checked: `import { part } from 'part'; export default { params: ${PARAMS}, run: () => part };`,
    },
    false,
  );
  await eventually(async () => (await s.project.ask('jobs')).jobs.length === 1);
  packages.remove();
  const refused = await s.project.cli(['schedule', 'checked', '--json']);
  expect(refused.code).toBe(5);
  expect(JSON.parse(refused.stderr).error.code).toBe('broken-job');
  packages.restore();
  const { id } = await s.project.json('schedule', 'checked');
  expect(await s.settled(id)).toMatchObject({ state: 'done', output: 'part' });
}, 60_000);

test('a package that is imported only while a run is under way breaks the job while it is missing, and charges no run', async () => {
  const { s, packages } = await started(
    {
      late: `export default async () => (await import('part')).part;`,
      required: `import { createRequire } from 'node:module';
        const require = createRequire(import.meta.url);
        export default () => require('part').part;`,
    },
    false,
  );
  await eventually(async () => (await s.project.ask('jobs')).jobs.length === 2);
  packages.remove();
  const runs = [await s.jobs.schedule('late'), await s.jobs.schedule('required')];
  for (const { id, job } of runs)
    expect((await s.when(id, ({ reason }) => reason !== null)).reason).toMatch(
      new RegExp(`${job} is broken: jobs/${job}\\.\\w+:.* .*'part'`),
    );
  expect((await s.jobs.status()).broken).toEqual(['late', 'required']);
  expect((await s.project.cli(['schedule', 'late'])).code).toBe(5);
  packages.restore();
  for (const { id } of runs)
    expect(await s.settled(id)).toMatchObject({ state: 'done', output: 'part', attempt: 1 });
  expect((await s.jobs.status()).broken).toEqual([]);
}, 60_000);

test('a run that asks for a package by its params, or does without it, is no sign of a broken job', async () => {
  const { s } = await started(
    {
      named: `export default async ({ name }) => (await import(name)).part;`,
      spares: `export default () => import('no-such-package').then(() => 'with', () => 'without');`,
    },
    false,
  );
  const named = await s.jobs.schedule('named', { name: 'no-such-package' });
  expect(await s.settled(named.id)).toMatchObject({ state: 'failed' });
  const spares = await s.jobs.schedule('spares');
  expect(await s.settled(spares.id)).toMatchObject({ state: 'done', output: 'without' });
  const good = await s.jobs.schedule('named', { name: 'part' });
  expect(await s.settled(good.id)).toMatchObject({ state: 'done', output: 'part' });
}, 60_000);

test('a job that no longer names the package that it lacked is whole', async () => {
  const { s, packages } = await started(
    { late: `export default async () => (await import('part')).part;` },
    false,
  );
  await eventually(async () => (await s.project.ask('jobs')).jobs.length === 1);
  packages.remove();
  const { id } = await s.jobs.schedule('late');
  await s.when(id, ({ reason }) => reason !== null);
  s.put('late.mjs', `export default () => 'alone';`);
  expect(await s.settled(id)).toMatchObject({ state: 'done', output: 'alone', attempt: 1 });
}, 60_000);
