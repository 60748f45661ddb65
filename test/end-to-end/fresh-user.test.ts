// A stranger's first five minutes, as the README tells them: an empty folder, and no knowledge of anything.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

function emptyFolder(): Project {
  const project = new Project();
  rmSync(join(project.dir, 'jobs'), { recursive: true });
  rmSync(join(project.dir, 'package.json'));
  return project;
}

test('init, a daemon, and a run: all that it takes', async () => {
  const project = emptyFolder();
  const before = await project.cli(['list']);
  expect([before.code, before.stderr]).toEqual([2, expect.stringContaining('jobrun init')]);

  const init = await project.cli(['init']);
  expect([init.code, init.stdout.match(/^made/gm)]).toEqual([0, Array(4).fill('made')]);
  expect(init.stderr).toContain('jobrun daemon');
  project.write(
    'jobs/hello.ts',
    `// mine\n${readFileSync(join(project.dir, 'jobs/hello.ts'), 'utf8')}`,
  );
  const again = await project.cli(['init']);
  expect([again.code, again.stdout.match(/^kept/gm)]).toEqual([0, Array(4).fill('kept')]);
  expect(readFileSync(join(project.dir, 'jobs/hello.ts'), 'utf8'), 'never overwritten').toMatch(
    /^\/\/ mine/,
  );

  await project.daemon();
  const run = await project.cli(['run', 'hello', '-p', 'name=Ada']);
  expect([run.code, run.stdout]).toEqual([
    0,
    expect.stringContaining('{"greeting":"Hello, Ada!"}'),
  ]);
  const count = await project.cli(['run', 'count-files', '-p', 'folder=jobs']);
  expect([count.code, count.stdout]).toEqual([0, expect.stringContaining('{"files":2}')]);
  expect((await project.cli(['list'])).stdout).toMatch(/hello +done/);
}, 60_000);

test('new makes a job in each language that runs as it is, and never takes the place of one', async () => {
  const project = emptyFolder();
  // As `npm init -y` writes it.
  project.write('package.json', '{ "name": "shop", "type": "commonjs" }');
  await project.cli(['init']);
  await project.daemon();
  for (const [args, file] of [
    [['new', 'mail'], 'jobs/mail.ts'],
    [['new', 'reports/daily', '--js'], 'jobs/reports/daily.js'],
    [['new', 'backup', '--sh'], 'jobs/backup.sh'],
  ] as const) {
    const made = await project.cli(args);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining(file)]);
    expect(existsSync(join(project.dir, file))).toBe(true);
    const name = args[1];
    await eventually(async () => (await project.cli(['jobs', name])).stdout.includes('ok'), 10_000);
    const run = await project.cli(['run', name]);
    expect([name, run.code, run.stderr.includes('error')]).toEqual([name, 0, false]);
    expect(run.stdout, 'of Node').not.toContain('Warning');
    expect((await project.cli(args)).code, 'it is there already').toBe(5);
  }
  const doubled = await project.cli(['new', 'mail', '--js']);
  expect([doubled.code, existsSync(join(project.dir, 'jobs/mail.js'))]).toEqual([5, false]);
  expect((await project.cli(['new', '../mail'])).code).toBe(2);
  expect((await project.cli(['new', 'both', '--js', '--sh'])).code).toBe(2);
}, 60_000);

test('from a folder inside the project it is the same project', async () => {
  const project = emptyFolder();
  await project.cli(['init']);
  const inside = join(project.dir, 'jobs');
  const shown = JSON.parse((await project.cli(['status', '--json', '--dir', project.dir])).stdout);
  expect(shown.dir).toBe(project.dir);
  const made = await project.cliIn(inside, ['schedule', 'hello', '--json']);
  expect([made.code, JSON.parse(made.stdout).id]).toEqual([0, '1']);
  expect(existsSync(join(inside, 'state'))).toBe(false);
  expect((await project.json('list')).total).toBe(1);
}, 60_000);
