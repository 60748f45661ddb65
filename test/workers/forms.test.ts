// The forms that a job file may have: each loads and gives the same on every supported Node, whatever "type" the
// package.json has. `.ci/versions` runs this table on each of them.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assignment, carry, child, project } from './harness.ts';

interface Form {
  /** Below jobs/, but for what begins with "/": that is below the project. */
  readonly files: Readonly<Record<string, string>>;
  readonly gives: unknown;
}

/** What does not depend on the "type" of the package. */
const FORMS: Readonly<Record<string, Form>> = {
  'an import of ./_x.js, where the file is _x.ts': {
    files: {
      'job.ts': `import { one } from './_x.js'; export default () => one;`,
      '_x.ts': `export const one: number = 1;`,
    },
    gives: 1,
  },
  'an import of ./_x, where the file is _x.ts, and of a folder': {
    files: {
      'job.ts': `import { one } from './_x'; import two from './_y'; export default () => one + two;`,
      '_x.ts': `export const one: number = 1;`,
      '_y/index.ts': `export default 2 as number;`,
    },
    gives: 3,
  },
  'an import of ./_x.js, where both are there': {
    files: {
      'job.ts': `import { one } from './_x.js'; export default () => one;`,
      '_x.js': `export const one = 'js';`,
      '_x.ts': `export const one: string = 'ts';`,
    },
    gives: 'js',
  },
  'an interface imported with values': {
    files: {
      'job.ts': `import { Shape, area, type Kind } from './_x.ts'; export default (): number => area({ side: 3 } as Shape & Kind);`,
      '_x.ts': `export interface Shape { side: number } export type Kind = object; export const area = (s: Shape) => s.side ** 2;`,
    },
    gives: 9,
  },
  'JSON without an attribute, its fields by name, and with one': {
    files: {
      'job.ts': `import all from './_d.json'; import { a } from './_d.json'; import same from './_d.json' with { type: 'json' };
        export default () => [all.a, a, same.a, all['a-b']];`,
      '_d.json': `{ "a": 1, "a-b": 2, "default": 3 }`,
    },
    gives: [1, 1, 1, 2],
  },
  'JSON in JavaScript': {
    files: {
      'job.mjs': `import all from './_d.json'; export default () => all;`,
      '_d.json': `[1]`,
    },
    gives: [1],
  },
  'require, __dirname and __filename in a module': {
    files: {
      'job.ts': `import { sep } from 'node:path'; const { a } = require('./_c.cjs'); const { b } = require('./_m.ts');
        export default () => [a, b, __dirname.endsWith(sep + 'f'), __filename.split(sep).at(-1), typeof require.resolve];`,
      '_c.cjs': `exports.a = 'a';`,
      '_m.ts': `export const b: string = 'b';`,
    },
    gives: ['a', 'b', false, 'job.ts', 'function'],
  },
  'require and __dirname in a JavaScript module, and names of its own for them': {
    files: {
      'job.js': `import own from './_own.js'; export default () => [require('./_c.cjs'), __dirname === import.meta.dirname, own];`,
      '_own.js': `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const __dirname = 'mine';
        export default [require('./_c.cjs'), __dirname];`,
      '_c.cjs': `module.exports = 'c';`,
    },
    gives: ['c', true, ['c', 'mine']],
  },
  'import.meta': {
    files: {
      'job.ts': `export default () => [import.meta.dirname === process.cwd() + '/jobs/' + import.meta.dirname.split('/').at(-1),
        import.meta.filename.endsWith('/job.ts'), import.meta.url === new URL('./job.ts', import.meta.url).href];`,
    },
    gives: [true, true, true],
  },
  'import.meta in JavaScript': {
    files: {
      'job.js': `export default () => import.meta.filename.startsWith(import.meta.dirname);`,
    },
    gives: true,
  },
  'an enum that is imported late': {
    files: {
      'job.ts': `export default async () => { const { Kind } = await import('./_enum.ts'); return [Kind.B, Kind[0]]; };`,
      '_enum.ts': `export enum Kind { A, B }`,
    },
    gives: [1, 'A'],
  },
  'JavaScript that imports TypeScript': {
    files: {
      'job.js': `import { one } from './_x.ts'; import { two } from './_y.js'; export default () => one + two;`,
      '_x.ts': `export const one: number = 1;`,
      '_y.ts': `export const two: number = 2;`,
    },
    gives: 3,
  },
  'CommonJS that requires TypeScript': {
    files: {
      'job.cjs': `const { one } = require('./_x.ts'); const { two } = require('./_y'); module.exports = () => one + two;`,
      '_x.ts': `export const one: number = 1;`,
      '_y.ts': `exports.two = 2 as number;`,
    },
    gives: 3,
  },
  'enum, namespace, parameter properties, declare fields, satisfies': {
    files: {
      'job.ts': `const enum Size { S = 1, L = 10 }
        namespace Shop { export const open = true; }
        class Point { declare kind: string; constructor(private readonly x: number, public y = 2) {} get sum() { return this.x + this.y; } }
        export default () => [Size.L, Shop.open, new Point(1).sum, Object.keys(new Point(1)) satisfies string[]];`,
    },
    gives: [10, true, 3, ['x', 'y']],
  },
  'top-level await, also in what is imported': {
    files: {
      'job.ts': `import { late } from './_late.ts'; const now = await Promise.resolve(1); export default () => now + late;`,
      '_late.ts': `export const late: number = await new Promise<number>((resolve) => setTimeout(resolve, 20, 2));`,
    },
    gives: 3,
  },
  'using and await using, beside an enum': {
    files: {
      'job.ts': `export enum Kind { A = 'a' }
        const log: string[] = [];
        const thing = (name: string) => ({ [Symbol.dispose]() { log.push(name); }, async [Symbol.asyncDispose]() { log.push('async ' + name); } });
        export default async () => { { using a = thing('a'); await using b = thing('b'); log.push(Kind.A + (a && b ? 1 : 0)); } return log; };`,
    },
    gives: ['a1', 'async b', 'a'],
  },
  'decorators of the standard': {
    files: {
      'job.ts': `function twice(value: (n: number) => number, context: ClassMethodDecoratorContext) {
          return function (this: unknown, n: number) { return value.call(this, n) * (context.kind === 'method' ? 2 : 0); };
        }
        function named(value: unknown, context: ClassFieldDecoratorContext) { return () => String(context.name); }
        class Thing { @named name = ''; @twice get(n: number) { return n; } }
        export default () => [new Thing().get(21), new Thing().name];`,
    },
    gives: [42, 'name'],
  },
  'decorators as experimentalDecorators has them, with metadata': {
    files: {
      'tsconfig.json': `{ "compilerOptions": { "experimentalDecorators": true, "emitDecoratorMetadata": true } }`,
      'job.ts': `import './_reflect.js';
        function twice(_target: object, _name: string, field: PropertyDescriptor) {
          const value = field.value; field.value = function (n: number) { return value.call(this, n) * 2; };
        }
        function inject(_target: object, _name: unknown, index: number) { seen.push(index); }
        const seen: number[] = [];
        class Other {}
        class Thing { constructor(@inject readonly other: Other) {} @twice get(n: number) { return n; } }
        export default () => [new Thing(new Other()).get(21), seen, (globalThis as any).types.length > 0];`,
      '_reflect.js': `globalThis.types = []; Reflect.metadata = (key, value) => () => { globalThis.types.push(key); }; export {};`,
    },
    gives: [42, [0], true],
  },
  'paths of tsconfig.json, through extends, with comments': {
    files: {
      'tsconfig.json': `{ // aliases
        "extends": "./_base.json", "compilerOptions": { "strict": true, }, }`,
      '_base.json': `{ "compilerOptions": { "paths": { "@lib/*": ["./_lib/*"], "config": ["./_config.ts"] } } }`,
      'job.ts': `import { one } from '@lib/one'; import { two } from '@lib/two.js'; import three from 'config';
        export default async () => [one, two, three, (await import('@lib/one')).one, require('@lib/one').one];`,
      '_lib/one.ts': `export const one: number = 1;`,
      '_lib/two.ts': `export const two: number = 2;`,
      '_config.ts': `export default 3 as number;`,
    },
    gives: [1, 2, 3, 1, 1],
  },
  'a package of node_modules that exports TypeScript': {
    files: {
      'job.ts': `import { one } from 'typed-one'; import plain from 'plain-two'; export default () => [one, plain];`,
      'node_modules/typed-one/package.json': `{ "name": "typed-one", "type": "module", "exports": "./src/index.ts" }`,
      'node_modules/typed-one/src/index.ts': `import { part } from './part.js'; export enum E { A = 'a' } export const one: string = E.A + part;`,
      'node_modules/typed-one/src/part.ts': `export const part: string = 'b';`,
      'node_modules/plain-two/package.json': `{ "name": "plain-two", "type": "module", "exports": "./index.js" }`,
      'node_modules/plain-two/index.js': `import { one } from 'typed-one'; export default one;`,
    },
    gives: ['ab', 'ab'],
  },
  'a default import of CommonJS is its module.exports, and names of it': {
    files: {
      'job.ts': `import all, { a } from './_c.cjs'; import compiled from './_e.cjs'; export default () => [all.a, a, compiled.default];`,
      '_c.cjs': `exports.a = 1;`,
      '_e.cjs': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 2;`,
    },
    gives: [1, 1, 2],
  },
  'a job that was compiled to CommonJS': {
    files: {
      'job.js': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { run: () => 1 };`,
    },
    gives: 1,
  },
  'CommonJS in .js and .ts': {
    files: {
      'job.ts': `const { one } = require('./_x.js'); export = () => one as number;`,
      '_x.js': `const { join } = require('node:path'); module.exports = { one: join('a', 'b') };`,
    },
    gives: 'a/b',
  },
  'import = and a class after its use': {
    files: {
      'job.ts': `import path = require('node:path'); import type { Stats } from 'node:fs'; module.exports = (s: Stats) => path.join('a', 'b');`,
    },
    gives: 'a/b',
  },
  'a module in .js and .ts': {
    files: {
      'job.js': `import one from './_x.ts'; export default () => one;`,
      '_x.ts': `export default 'module' as const;`,
    },
    gives: 'module',
  },
  'modules that import each other, and live bindings': {
    files: {
      'job.ts': `import { count, add } from './_count.ts'; export const start = 5; export default () => { add(); return [count, start]; };`,
      '_count.ts': `import { start } from './job.ts'; export let count: number = 0; export function add(): void { count += start; }`,
    },
    gives: [5, 5],
  },
  'jobrun, with types of it alone, and required': {
    files: {
      'job.ts': `import { defineJob, FatalError, type JobContext } from 'jobrun'; const same = require('jobrun');
        export default defineJob({ run: (_params: object, ctx: JobContext) => [ctx.id, same.FatalError === FatalError] });`,
    },
    gives: ['1', true],
  },
  'a BOM, a shebang, and a file of types alone': {
    files: {
      'job.ts': `\uFEFFimport { Name } from './_types.ts'; export default (): Name => 'ok';`,
      '_types.ts': `export type Name = string;`,
    },
    gives: 'ok',
  },
  'one copy of what is imported in several ways': {
    files: {
      'job.ts': `import { things } from './_one.ts'; import { things as same } from './_one.js'; import { things as again } from './_one';
        export default async () => { things.push(1); return [same.length, again.length, (await import('./_one.ts')).things.length, require('./_one').things.length]; };`,
      '_one.ts': `export const things: number[] = [];`,
    },
    gives: [1, 1, 1, 1],
  },
  'stack traces with the lines of the source': {
    files: {
      'job.ts': `import { fail } from './_fail.ts';
interface Unused {
  a: string;
}
enum Kind { A }
export default () => {
  try { fail({ kind: Kind.A } as Unused & { kind: Kind }); }
  catch (error) { return [...(error as Error).stack!.matchAll(/\\/([\\w.]+):(\\d+):\\d+/g)].slice(0, 3).map(([, file, line]) => file + ':' + line); }
};`,
      '_fail.ts': `type Long = {
  b: number;
};

/**
 * Some lines.
 */
class Failing<T extends Long = Long> {
  constructor(private readonly n: number) {}
  @noted
  now(): never {
    // why
    throw new Error(
      'line 13',
    );
  }
}
function noted(value: () => never, _context: unknown) { return value; }
export function fail(_: unknown): never {
  return new Failing(1).now();
}`,
    },
    gives: ['_fail.ts:13', '_fail.ts:20', 'job.ts:7'],
  },
};

const KINDS: Readonly<Record<string, string>> = {
  '"type": "module"': '{ "type": "module" }',
  '"type": "commonjs"': '{ "type": "commonjs" }',
  'no "type"': '{}',
};

/** A folder for each form, so that one does not find the files of another. */
const folderOf = (name: string): string => `jobs/f${Object.keys(FORMS).indexOf(name)}`;

function projectOf(manifest: string): string {
  const files: Record<string, string> = { 'package.json': manifest, 'state/README.md': '' };
  for (const [name, form] of Object.entries(FORMS)) {
    for (const [path, text] of Object.entries(form.files))
      files[`${folderOf(name)}/${path}`] = text;
  }
  return project(files);
}

const jobOf = (name: string): string =>
  Object.keys(FORMS[name]?.files ?? {}).find((file) => file.startsWith('job.')) ?? '';

async function results(dir: string): Promise<Record<string, unknown>> {
  const worker = child(dir);
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(FORMS)) {
    const { outcome } = await carry(worker, assignment(join(dir, folderOf(name), jobOf(name))));
    found[name] = outcome?.kind === 'returned' ? outcome.output : outcome;
  }
  return found;
}

const expected = Object.fromEntries(
  Object.entries(FORMS).map(([name, { gives }]) => [name, gives]),
);

for (const [kind, manifest] of Object.entries(KINDS)) {
  test(`every form of a job gives the same in a package with ${kind}, on this Node, first and from the cache`, async () => {
    const dir = projectOf(manifest);
    expect(await results(dir)).toEqual(expected);
    expect(await results(dir), 'from the cache').toEqual(expected);
  }, 120_000);
}

test('a package of a workspace is a file of the project, through its link', async () => {
  const dir = project({
    'package.json': '{ "type": "module" }',
    'packages/shared/package.json':
      '{ "name": "shared", "type": "module", "exports": "./index.ts" }',
    'packages/shared/index.ts': `export enum E { A = 'a' } export { part } from './part';`,
    'packages/shared/part.ts': `export const part: string = 'b';`,
    'jobs/job.ts': `import { E, part } from 'shared'; export default () => E.A + part;`,
  });
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync('../packages/shared', join(dir, 'node_modules/shared'));
  const { outcome } = await carry(child(dir), assignment(join(dir, 'jobs/job.ts')));
  expect(outcome).toEqual({ kind: 'returned', output: 'ab' });
});
