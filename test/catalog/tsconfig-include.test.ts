// A tsconfig.json that leaves out the file beside it is found, whatever its patterns are written like, so that
// `jobrun types` can say what to add. One that reads the file, or may inherit that, is not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { includeWithout } from '../../src/catalog/tsconfig.ts';
import { Project } from '../helpers/project.ts';

const dir = mkdtempSync(join(tmpdir(), 'jobrun-include-'));
afterAll(() => rmSync(dir, { recursive: true }));

function leftOut(tsconfig: string): readonly string[] | null {
  writeFileSync(join(dir, 'tsconfig.json'), tsconfig);
  return includeWithout(join(dir, 'jobs.d.ts'));
}

test('a list without a pattern for the file is given', () => {
  expect(includeWithout(join(dir, 'none', 'jobs.d.ts'))).toBe(null);
  expect(leftOut('{ "include": ["jobs"] } // "jobs.d.ts"')).toEqual(['jobs']);
  for (const pattern of ['jobs/**/*', '*.mts', 'src/*.ts', '**/jobs/*', 'jobs.d', 'jobsxd.ts'])
    expect(leftOut(JSON.stringify({ include: [pattern] }))).toEqual([pattern]);
  expect(leftOut('{ "files": ["main.ts"] }')).toEqual([]);
});

test('nothing is given where the file is read', () => {
  for (const tsconfig of ['{}', '{ "extends": "./base.json" }', '{ "files": ["./jobs.d.ts"] }'])
    expect([tsconfig, leftOut(tsconfig)]).toEqual([tsconfig, null]);
  const all = [
    'jobs.d.ts',
    './jobs.d.ts',
    '*',
    '*.ts',
    '**/*',
    '**/*.d.ts',
    '.',
    './',
    '**',
    'jobs.?.ts',
  ];
  for (const pattern of [...all, '$' + '{configDir}/*.ts'])
    expect([pattern, leftOut(JSON.stringify({ include: ['src', pattern] }))]).toEqual([
      pattern,
      null,
    ]);
});

test('`jobrun types` says what to include, and says nothing once it is', async () => {
  const project = new Project({ 'jobs/_none.mjs': '' });
  project.write('tsconfig.json', '{ "include": ["jobs"] }');
  const before = await project.cli(['types']);
  expect(before.stdout).toBe('Wrote jobs.d.ts with 0 jobs\n');
  expect(before.stderr).toBe('  include it in tsconfig.json: "include": ["jobs", "jobs.d.ts"]\n');
  project.write('tsconfig.json', '{ "include": ["jobs", "jobs.d.ts"] }');
  expect((await project.cli(['types'])).stderr).toBe('');
}, 30_000);
