// What an import means, and that the daemon sees the same importers as the loader: a change of a file concerns the jobs
// that import it, whatever the import is written like.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Imports } from '../../src/catalog/imports.ts';
import { Resolution } from '../../src/catalog/resolution.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function folder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-resolution-'));
  folders.push(dir);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const TSCONFIG = `{
  // A comment, and commas at ends: "paths": {}
  "extends": ["./base.json"],
  "compilerOptions": { "baseUrl": "./src", "paths": { "@/*": ["*"], "@/special": ["other.ts"], "one": ["missing", "jobs/_one"], }, /* a */ },
}`;

describe('an import', () => {
  const dir = (): string =>
    folder({
      'tsconfig.json': TSCONFIG,
      'base.json': '{ "compilerOptions": { "paths": { "lost": ["x"] } } }',
      'src/jobs/a.ts': '',
      'src/jobs/_one.ts': '',
      'src/jobs/_two.mjs': '',
      'src/jobs/_dir/index.js': '',
      'src/jobs/_a.b.ts': '',
      'src/other.ts': '',
      'src/deep/file.mts': '',
      'node_modules/typed/index.ts': '',
      'node_modules/typed/part.ts': '',
      'node_modules/plain/index.js': '',
      'node_modules/plain/part.ts': '',
    });

  test.each([
    ['./_one', 'src/jobs/_one.ts'],
    ['./_one.js', 'src/jobs/_one.ts'],
    ['./_two', 'src/jobs/_two.mjs'],
    ['./_dir', 'src/jobs/_dir/index.js'],
    ['./_a.b', 'src/jobs/_a.b.ts'],
    ['./_one.ts?again#part', 'src/jobs/_one.ts'],
    ['@/deep/file.mjs', 'src/deep/file.mts'],
    ['@/special', 'src/other.ts'],
    ['one', 'src/jobs/_one.ts'],
    ['deep/file', 'src/deep/file.mts'],
    ['./_none', null],
    ['lost', null],
    ['node:fs', null],
    ['fs', null],
    ['#own', null],
    ['data:text/javascript,1', null],
    ['./%zz', null],
  ])('of %s is %s', (specifier, file) => {
    const root = dir();
    const found = new Resolution().find(specifier, join(root, 'src/jobs/a.ts'));
    expect(found).toBe(file === null ? null : join(root, file));
  });

  test('in plain JavaScript of node_modules is left to Node, in TypeScript there it is not', () => {
    const root = dir();
    const find = (name: string) =>
      new Resolution().find('./part', join(root, `node_modules/${name}`));
    expect(find('typed/index.ts')).toBe(join(root, 'node_modules/typed/part.ts'));
    expect(find('plain/index.js')).toBe(null);
  });

  test('needs no sound tsconfig.json', () => {
    const root = folder({ 'tsconfig.json': '{ "extends": "./tsconfig.json", ', '_x.ts': '' });
    expect(new Resolution().find('./_x', join(root, 'a.ts'))).toBe(join(root, '_x.ts'));
    writeFileSync(join(root, 'tsconfig.json'), '{ "extends": "./tsconfig.json" }');
    expect(new Resolution().find('./_x', join(root, 'a.ts'))).toBe(join(root, '_x.ts'));
  });
});

test.each([['./_lib.js'], ['./_lib'], ['./_lib.ts'], ['@lib/_lib'], ['../jobs/_lib']])(
  'a change of _lib.ts concerns the job that imports it as %s, and no other',
  async (specifier) => {
    const root = folder({
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@lib/*": ["./jobs/*"] } } }',
      'jobs/_lib.ts': '',
      'jobs/uses.ts': `const lib = await import('${specifier}');`,
      'jobs/other.ts': `import 'lib'; import './_other';`,
    });
    const jobs = join(root, 'jobs');
    const affected = await new Imports(jobs).affected([join(jobs, '_lib.ts')], () => false);
    expect([...(affected ?? [])].sort()).toEqual([join(jobs, '_lib.ts'), join(jobs, 'uses.ts')]);
  },
);
