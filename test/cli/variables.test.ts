// Misspelt environment variables: each command says so once, and nothing is said of other variables.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { misspeltVariables } from '../../src/support/variables.ts';
import { Project, ROOT } from '../helpers/project.ts';
import { sourcesIn } from '../helpers/source.ts';

const meant = (...names: string[]): readonly string[] =>
  misspeltVariables(Object.fromEntries(names.map((name) => [name, 'x'])));

test.each([
  ['JOBRUN_DIRR', 'JOBRUN_DIR'],
  ['JOBRUN_STATES', 'JOBRUN_STATE'],
  ['JOBRUN_WORKRES', 'JOBRUN_WORKERS'],
  ['jobrun_engine', 'JOBRUN_ENGINE'],
  ['JOBRUN_STATE_DIR', 'JOBRUN_STATE'],
  ['JOBRUN_TZ', 'JOBRUN_TIMEZONE'],
  ['JOBRUN_CONCURRENCY', 'JOBRUN_WORKERS'],
  ['JOBRUN_DATABASE_URL', 'JOBRUN_ENGINE'],
])('%s is probably %s', (name, setting) => {
  expect(meant(name)).toEqual([`${name} is not a setting; did you mean ${setting}?`]);
});

test('every variable that jobrun reads, or gives to a job, is known', () => {
  const names = sourcesIn('src').flatMap(({ lines }) =>
    lines.flatMap((line) => line.match(/\bJOBRUN_[A-Z]+\b/g) ?? []),
  );
  expect(names).toEqual(expect.arrayContaining(['JOBRUN_DIR', 'JOBRUN_CHECKPOINT']));
  expect(meant(...names)).toEqual([]);
});

test('every variable of the page on the configuration is known', () => {
  const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');
  const names = page.match(/`JOBRUN_\w+`/g)?.map((name) => name.replaceAll('`', '')) ?? [];
  expect(names.length).toBeGreaterThan(9);
  expect(meant(...names)).toEqual(meant('JOBRUN_DIRR'));
});

test("a user's own variables are none of ours", () => {
  expect(meant('JOBRUN_KEY', 'JOBRUN_RELEASE_NOTES', 'JOBRUNDIR', 'JOBS', 'DIRR', 'PATH')).toEqual(
    [],
  );
});

test('commands and the daemon say it once on stderr, also where the output is JSON or ids', async () => {
  const project = new Project({ 'jobs/hello.mjs': 'export default () => 1;' });
  const given = { JOBRUN_DIR: project.dir, JOBRUN_ID: '1', JOBRUN_JOB: 'hello', JOBRUN_KEY: 'k' };
  Object.assign(project.env, given);
  expect((await project.cli(['jobs'])).stderr).toBe('');
  project.env.JOBRUN_DIRR = '/nowhere';
  const line = 'JOBRUN_DIRR is not a setting; did you mean JOBRUN_DIR?';
  for (const args of [['jobs'], ['jobs', '-q']])
    expect(await project.cli(args)).toMatchObject({ code: 0, stderr: `${line}\n` });
  const { stdout, stderr } = await project.cli(['jobs', '--json']);
  expect(JSON.parse(stdout)).toHaveProperty('jobs');
  expect(JSON.parse(stderr)).toEqual({ warning: { message: line } });
  expect((await project.cli(['--help'])).stderr).toBe('');
  const daemon = await project.cli(['daemon', '--until-idle']);
  expect([daemon.code, daemon.stderr.split(line).length]).toEqual([0, 2]);
});
