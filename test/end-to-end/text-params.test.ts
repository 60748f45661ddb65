// `-p n=41` for a job that cannot say what it takes: the command says once that it is text, and how to pass a number.
import { expect, test } from 'vitest';
import { Project } from '../helpers/project.ts';

const SCHEMA = `{ '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } }`;

test('a text that looks like JSON is told where the job has no schema, once per command, and nothing else is', async () => {
  const project = new Project({
    'jobs/plain.js': 'export default ({ n }) => n;',
    'jobs/checked.js': `export default { params: ${SCHEMA}, run: ({ n }) => n };`,
  });
  const said = async (...args: string[]): Promise<string[]> => {
    const { code, stderr } = await project.cli(args);
    expect(code).toBe(0);
    return stderr.split('\n').filter((line) => line.includes(':='));
  };
  const one = ['note: n is text: the job plain has no schema. To pass JSON: -p n:=41'];
  expect(await said('schedule', 'plain', '-p', 'n=41')).toEqual(one);
  expect(await said('schedule', 'plain', '-p', 'n=41', '--dry-run')).toEqual(one);
  expect(await said('schedule', 'plain', '-p', 'n=41', '--cron', '@daily')).toEqual(one);
  expect(await said('update', '1', '-p', 'n=41')).toEqual(one);
  expect(await said('run', '--local', 'plain', '-p', 'n=41')).toEqual(one);
  expect(await said('schedule', 'plain', '-p', 'a=true', '-p', 'b=[1, 2]', '-p', 'c=x')).toEqual([
    "note: a, b are texts: the job plain has no schema. To pass JSON: -p a:=true -p b:='[1, 2]'",
  ]);
  for (const text of ['n:=41', 'n=ada', 'n=007', 'n=2026-12-01', 'n="41"', 'n='])
    expect(await said('schedule', 'plain', '-p', text), text).toEqual([]);
  expect(await said('schedule', 'checked', '-p', 'n=41')).toEqual([]);
  const json = await project.cli(['schedule', 'plain', '-p', 'n=41', '--json']);
  expect(json.stderr).toBe('');
  expect(JSON.parse(json.stdout)).toMatchObject({ params: { n: '41' } });
  expect(json.stdout).not.toContain('textNote');
}, 60_000);

test('a run that has the key keeps its params, and it is said where others were given; a dry run shows what a schema makes', async () => {
  const DEFAULTS = SCHEMA.replace('({ value })', '({ value: { size: 7, ...value } })');
  const project = new Project({
    'jobs/plain.js': 'export default ({ n }) => n;',
    'jobs/sized.js': `export default { params: ${DEFAULTS}, run: ({ n }) => n };`,
  });
  const said = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await project.cli(['schedule', ...args]);
    return stdout + stderr;
  };
  const keyed = ['plain', '--key', 'k', '--in', '1h', '-p'];
  expect(await said(...keyed, 'n=ada')).not.toContain('params');
  expect(await said(...keyed, 'n=ada')).not.toContain('params');
  expect(await said(...keyed, 'n=bob')).toContain(
    'note: run 1 keeps its params {"n":"ada"}: yours are not taken',
  );
  expect(await said('sized', '-p', 'n=ada', '--dry-run')).toContain(
    '  params {"size":7,"n":"ada"}',
  );
}, 60_000);
