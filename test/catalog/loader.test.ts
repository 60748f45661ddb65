// Which files are jobs, by their names alone.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readCommand, scriptProblem } from '../../src/catalog/command-file.ts';
import { scanJobs } from '../../src/catalog/loader.ts';

const SCRIPT = '#!/bin/sh\n';
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
    writeFileSync(join(dir, file), executable.includes(file) ? SCRIPT : '');
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

test('a command job has its run bit and is a script, a program, or has options beside it; the bit alone is nothing', () => {
  const dir = folder(['no.sh'], ['backup.sh', 'tools/check', 'x.y.py']);
  const runnable: Readonly<Record<string, string | Buffer>> = {
    'data.csv': 'a,b\n',
    'README.md': '# Read me\n',
    empty: '',
    LICENSE: 'MIT',
    'elf.bin': Buffer.from('\x7fELF\x02\x01', 'latin1'),
    mac: Buffer.from('\xcf\xfa\xed\xfe', 'latin1'),
    plain: 'echo plain\n',
  };
  for (const [name, text] of Object.entries(runnable))
    writeFileSync(join(dir, name), text, { mode: 0o755 });
  writeFileSync(join(dir, 'plain.json'), '{}');
  writeFileSync(join(dir, 'no.json'), '{}');
  expect(names(dir)).toEqual(
    ['backup', 'elf', 'mac', 'plain', 'tools/check', 'x.y'].map((name) => `command ${name}`),
  );
});

test('copies that editors, patches and package managers leave are no jobs, of files and of folders', () => {
  const left = ['~', '.bak', '.orig', '.rej', '.swp', '.swo', '.tmp', '.old', '.save', '.BAK'];
  const more = ['.dpkg-old', '.rpmsave', '.pacnew', '.part'];
  const dir = folder(
    ['reports.bak/daily.ts', 'reports/daily.ts'],
    [...left, ...more].map((ending) => `a.sh${ending}`).concat('a.sh'),
  );
  expect(names(dir)).toEqual(['command a', 'module reports/daily']);
});

test('a first line that the system cannot use is told, and names the interpreter', () => {
  const file = join(folder([], ['a.sh']), 'a.sh');
  const problemOf = (text: string): string | null => {
    writeFileSync(file, text);
    return scriptProblem(file, '/bin:/usr/bin');
  };
  expect(problemOf('#!/bin/sh\r\necho\r\n')).toMatch(/CRLF.*"\/bin\/sh\\r"/);
  expect(problemOf('#!/usr/bin/env node\r\n')).toContain('CRLF');
  expect(problemOf('#!/no/such/python9 -u\n')).toContain('/no/such/python9 does not exist');
  expect(problemOf('#! /usr/bin/env -S no-python9 -u\n')).toContain('no-python9 is not in PATH');
  expect(problemOf('\ufeff#!/bin/sh\n')).toContain('byte order mark');
  const sound = ['#!/bin/sh\n', '#! /bin/sh -e\necho \r\n', '#!/usr/bin/env -S A=1 sh -e\n'];
  for (const text of [...sound, '#!/bin/sh', 'no script']) expect(problemOf(text)).toBe(null);
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
  writeFileSync(join(dir, 'backup.json'), '\ufeff{ "timeout": "6s" }');
  expect(readCommand(file, {}), 'a byte order mark is no part of it').toMatchObject({
    state: 'ok',
    data: { policy: { timeoutMs: 6000 } },
  });
  writeFileSync(join(dir, 'backup.json'), '{oops');
  expect(readCommand(file, {})).toMatchObject({
    state: 'broken',
    error: expect.stringContaining('backup.json'),
  });
});

test('options that are no regular file, or have no end, break the command, and hold nobody up', () => {
  const dir = folder([], ['pipe.sh', 'zero.sh', 'big.sh']);
  execFileSync('mkfifo', [join(dir, 'pipe.json')]);
  symlinkSync('/dev/zero', join(dir, 'zero.json'));
  ftruncateSync(openSync(join(dir, 'big.json'), 'w'), 400e6);
  const errors = ['pipe', 'zero', 'big'].map((name) => {
    const file = { name, file: join(dir, `${name}.sh`), kind: 'command' as const };
    const entry = readCommand(file, {});
    return entry.state === 'broken' ? entry.error : '';
  });
  expect(errors[0]).toContain('not a regular file');
  expect(errors[1]).toContain('not a regular file');
  expect(errors[2]).toContain('larger than');
});
