// Which files are jobs, by their names alone.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readCommand, scanJobs } from '../../src/catalog/loader.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function folder(files: readonly string[], executable: readonly string[] = []): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-loader-'));
  folders.push(dir);
  for (const file of [...files, ...executable]) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), '');
    if (executable.includes(file)) chmodSync(join(dir, file), 0o755);
  }
  return dir;
}

const names = (dir: string): string[] => scanJobs(dir).map((job) => `${job.kind} ${job.name}`);
const errorOf = (dir: string, name: string) =>
  scanJobs(dir).find((job) => job.name === name)?.error;

test('modules of every kind, index files and deeper folders are jobs by their names', () => {
  const dir = folder([
    'a.ts',
    'b.mts',
    'c.js',
    'd.mjs',
    'e.cjs',
    'f/index.ts',
    'g/h.ts',
    'g/i/index.mjs',
    'v1.2.ts',
  ]);
  expect(names(dir)).toEqual(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g/h', 'g/i', 'v1.2'].map((name) => `module ${name}`),
  );
  expect(scanJobs(dir).every((job) => job.error === null)).toBe(true);
});

test('private, hidden, typing and test files, node_modules, data and the index of the folder itself are none', () => {
  const dir = folder(
    [
      '_lib.ts',
      '.hidden.ts',
      'a.d.ts',
      'a.test.ts',
      'index.ts',
      'node_modules/x/index.js',
      '_p/a.ts',
      'data/x.csv',
      'readme.md',
      'a.json',
    ],
    ['_run.sh', 'x.sh~', 'a.test.sh', 'o.json'],
  );
  expect(names(dir)).toEqual([]);
});

test('any other file with its run bit is a command job; without it, it is nothing', () => {
  expect(names(folder(['no.sh'], ['backup.sh', 'tools/check', 'x.y.py']))).toEqual([
    'command backup',
    'command tools/check',
    'command x.y',
  ]);
});

test('two files with one name are one broken job that names both paths', () => {
  const dir = folder(['a.ts', 'a/index.mjs', 'b.ts'], ['a.sh']);
  expect(names(dir)).toHaveLength(2);
  for (const file of ['a.ts', 'a/index.mjs', 'a.sh'])
    expect(errorOf(dir, 'a')).toContain(join(dir, file));
  expect(errorOf(dir, 'b')).toBe(null);
});

test('a name that is none is told, and so is one that is too long', () => {
  const dir = folder(['my job.ts', `${'x'.repeat(101)}.ts`, `${'y'.repeat(100)}.ts`]);
  expect(errorOf(dir, 'my job')).toContain('"my job" cannot be a job\'s name');
  expect(errorOf(dir, 'x'.repeat(101))).toContain('longer than 100');
  expect(errorOf(dir, 'y'.repeat(100))).toBe(null);
});

test('a link out of the folder is refused, one within it is a job, and a circle of links ends', () => {
  const outside = folder(['secret.ts']);
  const dir = folder(['real/_a.ts']);
  symlinkSync(join(outside, 'secret.ts'), join(dir, 'out.ts'));
  symlinkSync(outside, join(dir, 'all'));
  symlinkSync(join(dir, 'none'), join(dir, 'gone.ts'));
  symlinkSync(join(dir, 'real/_a.ts'), join(dir, 'within.ts'));
  symlinkSync(dir, join(dir, 'real/circle'));
  expect(errorOf(dir, 'out')).toContain('a link out of the jobs folder');
  expect(errorOf(dir, 'all')).toContain('a link out of the jobs folder');
  expect(errorOf(dir, 'gone')).toContain('a link to nothing');
  expect(errorOf(dir, 'within')).toBe(null);
  expect(scanJobs(dir)).toHaveLength(4);
});

test('a folder that is not there has no jobs', () => {
  expect(scanJobs('/no/such/folder')).toEqual([]);
});

test('the options of a command stand beside it; a wrong one breaks it, and functions are not for it', () => {
  const dir = folder([], ['backup.sh']);
  const file = { name: 'backup', file: join(dir, 'backup.sh'), kind: 'command' as const };
  expect(readCommand(file, {})).toMatchObject({
    state: 'ok',
    data: { policy: { timeoutMs: null } },
  });
  writeFileSync(
    join(dir, 'backup.json'),
    '{"timeout":"5s","cron":"0 3 * * *","timezone":"Europe/Berlin"}',
  );
  expect(readCommand(file, {})).toMatchObject({
    state: 'ok',
    data: {
      policy: { timeoutMs: 5000 },
      recurrence: { rule: { kind: 'cron', timezone: 'Europe/Berlin' } },
    },
  });
  writeFileSync(join(dir, 'backup.json'), '{"run":1}');
  expect(readCommand(file, {})).toMatchObject({
    state: 'broken',
    error: expect.stringContaining('"run"'),
  });
  writeFileSync(join(dir, 'backup.json'), '{oops');
  expect(readCommand(file, {})).toMatchObject({
    state: 'broken',
    error: expect.stringContaining('backup.json'),
  });
});
