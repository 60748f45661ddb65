// Reading definitions: every kind of file there is, and files that do their worst while they load.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobEntry } from '../../src/catalog/catalog.ts';
import { scanJobs } from '../../src/catalog/loader.ts';
import { viewOf } from '../../src/run/view.ts';
import { systemClock } from '../../src/support/clock.ts';
import type { Json } from '../../src/support/json.ts';
import { JobCaller } from '../../src/workers/caller.ts';
import { inspectJobs } from '../../src/workers/inspector.ts';
import type { PoolOptions } from '../../src/workers/pool.ts';
import { queuedRun } from '../helpers/runs.ts';
import { assignment, newMark, poolOn, project, until } from './harness.ts';

const common = (dir: string, more: Partial<PoolOptions> = {}) => ({
  pool: poolOn(dir, more),
  dir,
  clock: systemClock,
});

async function inspect(files: Record<string, string>, loadTimeoutMs = 1500) {
  const dir = project(files);
  const entries = new Map<string, JobEntry>();
  const began = performance.now();
  const at = new Map<string, number>();
  await inspectJobs(
    scanJobs(join(dir, 'jobs')),
    { ...common(dir), defaults: {}, loadTimeoutMs },
    (entry) => {
      entries.set(entry.name, entry);
      at.set(entry.name, performance.now() - began);
    },
  );
  const errorOf = (name: string): string => {
    const entry = entries.get(name);
    return entry?.state === 'broken' ? entry.error : `${name} is ${entry?.state}`;
  };
  return { entries, at, errorOf };
}

test('jobs of every kind load, with jobrun nowhere installed', async () => {
  const { entries } = await inspect({
    'jobs/ts.ts': `import { defineJob, FatalError } from 'jobrun';
      enum Kind { A = 'a' }
      export default defineJob({ description: Kind.A, retries: { limit: Infinity }, run: (p: { n: number }): number => p.n });`,
    'jobs/mjs.mjs': `import { defineJob, connect } from 'jobrun'; export default defineJob({ description: typeof connect, run() {} });`,
    'jobs/cjs.cjs': `const { RetryAt } = require('jobrun'); module.exports = { description: RetryAt.name, run() {} };`,
    'jobs/plain.js': `module.exports = () => 1;`,
    'jobs/compiled.cjs': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { group: 'g', run() {} };`,
    'jobs/imports.ts': `import { text } from './_lib.ts'; export default { description: text, run() {} };`,
    'jobs/_lib.ts': `export const text: string = 'from a library';`,
  });
  const data = (name: string) => {
    const entry = entries.get(name);
    return entry?.state === 'ok' ? entry.data : entry;
  };
  expect(data('ts')).toMatchObject({ description: 'a', policy: { retries: { limit: Infinity } } });
  expect(data('mjs')).toMatchObject({ description: 'function' });
  expect(data('cjs')).toMatchObject({ description: 'RetryAt' });
  expect(data('plain')).toMatchObject({ description: null });
  expect(data('compiled')).toMatchObject({ group: 'g' });
  expect(data('imports')).toMatchObject({ description: 'from a library' });
  expect(entries.size).toBe(6);
});

test('modules load also where package.json says "commonjs", and CommonJS beside them', async () => {
  const { entries, errorOf } = await inspect({
    'package.json': '{ "type": "commonjs" }',
    'jobs/js.js': `import { defineJob } from 'jobrun';\nimport { text } from './_lib.js';
      export default defineJob({ description: text, run() {} });`,
    'jobs/ts.ts': `const text: string = 'typed';\nexport default { description: text, run() {} };`,
    'jobs/cjs.js': `/*\nexport nothing\n*/\nmodule.exports = { description: 'cjs', run() {} };`,
    'jobs/typed.js': `/** @type {object} */ export default { description: 'typed', run() {} };`,
    'jobs/late.js': `const all = [\nimport('node:fs')];
      module.exports = { description: typeof jest + all.length, run() {} };`,
    'jobs/_lib.js': `export const text = 'from a library';`,
    'jobs/broken.js': `export default {\n  run() { const x = ; },\n};`,
    'jobs/own/package.json': '{ "type": "module" }',
    'jobs/own/index.js': `export default () => import.meta.url;`,
  });
  const descriptionOf = (name: string) => {
    const entry = entries.get(name);
    return entry?.state === 'ok' ? entry.data.description : entry;
  };
  expect(['js', 'ts', 'cjs', 'own'].map(descriptionOf)).toEqual([
    'from a library',
    'typed',
    'cjs',
    null,
  ]);
  expect(errorOf('broken')).toMatch(/^jobs\/broken\.js:2: \w+Error: /);
});

test('a broken file is named with path, line and message, and the others are sound', async () => {
  const { entries, errorOf } = await inspect({
    'jobs/a.mjs': 'export default {\n  run() {\n    let x = ;\n  }\n}\n',
    'jobs/b.cjs': 'const x = 1;\nmodule.exports = {{\n',
    'jobs/c.ts': 'const x: number = 1;\nconst y = = 2;\nexport default {};\n',
    'jobs/d.ts': 'const x: number = 1;\n\nthrow new Error("boo");\n',
    'jobs/e.mjs': 'import "./none.mjs";\nexport default () => 1;\n',
    'jobs/f.mjs': 'export const run = 1;\n',
    'jobs/g.mjs': 'export default { run() {}, timout: "5s" };\n',
    'jobs/h.mjs': 'export default { run() {}, every: -1 };\n',
    'jobs/i.js': 'export default {\n  run( {\n};\n',
    'jobs/sound.mjs': 'export default () => 1;\n',
  });
  expect(errorOf('i')).toMatch(/^jobs\/i\.js:3: SyntaxError: /);
  expect(errorOf('a')).toMatch(/^jobs\/a\.mjs:3: SyntaxError: /);
  expect(errorOf('b')).toMatch(/^jobs\/b\.cjs:2: SyntaxError: /);
  expect(errorOf('c')).toMatch(/^jobs\/c\.ts:2: /);
  expect(errorOf('d')).toBe('jobs/d.ts:3: Error: boo');
  expect(errorOf('e')).toMatch(/^jobs\/e\.mjs(:1)?: Error: Cannot find module/);
  expect(errorOf('f')).toContain('there is no default export');
  expect(errorOf('g')).toContain('has no field "timout": did you mean "timeout"?');
  expect(errorOf('h')).toContain('every must be');
  expect(entries.get('sound')?.state).toBe('ok');
});

test('files that wait, block or end the process are broken; the others do not wait for them', async () => {
  const { entries, errorOf, at } = await inspect(
    {
      'jobs/a-never.mjs': 'await new Promise(() => {}); export default () => 1;',
      'jobs/b-spins.mjs': 'while (true) {}\nexport default () => 1;',
      'jobs/c-quits.mjs': 'process.exit(3);',
      'jobs/d-later.mjs': 'await new Promise((r) => setTimeout(r, 400)); export default () => 1;',
      'jobs/sound.mjs': 'export default () => 1;\n',
    },
    4000,
  );
  expect(errorOf('a-never')).toBe('jobs/a-never.mjs: never finished loading (4.0s)');
  expect(errorOf('b-spins')).toBe('jobs/b-spins.mjs: never finished loading (4.0s)');
  expect(errorOf('c-quits')).toContain('ended its process while it was loaded: exit code 3');
  expect(entries.get('d-later')?.state).toBe('ok');
  expect(entries.get('sound')?.state).toBe('ok');
  expect(at.get('sound')).toBeLessThan(at.get('a-never') ?? 0);
});

const ZOD = new URL('../../node_modules/zod/index.js', import.meta.url).href;

test('a validator gives JSON Schema, checks params and fills in defaults; the lock is made of what it gave', async () => {
  const files = {
    'jobs/mail.mjs': `import { z } from '${ZOD}';
      export default { params: z.object({ to: z.string(), n: z.number().default(3), deep: z.array(z.object({ x: z.number() })).optional() }),
        lock: (p) => 'mail-' + p.n, run() {} };`,
  };
  const { entries } = await inspect(files);
  const entry = entries.get('mail');
  expect(entry?.state === 'ok' && entry.data.schema).toMatchObject({
    type: 'object',
    properties: { to: { type: 'string' }, n: { type: 'number', default: 3 } },
    required: ['to'],
  });
  const dir = project(files);
  const caller = new JobCaller({ ...common(dir), onMessage: () => undefined });
  const list: Json[] = [{ to: 'x' }, { n: 4 }, { to: 'x', deep: [{ x: 'no' }] }];
  const checked = await caller.check(join(dir, 'jobs/mail.mjs'), list);
  expect(checked[0]).toEqual({ ok: true, params: { to: 'x', n: 3 }, lock: 'mail-3' });
  expect(checked[1]).toMatchObject({ ok: false, issues: [expect.stringMatching(/^to: /)] });
  expect(checked[2]).toMatchObject({ ok: false, issues: [expect.stringMatching(/^deep\.0\.x: /)] });
});

test('nextRun gets the last run and names the next; hooks are called with a ctx that logs and emits', async () => {
  const dir = project({
    'jobs/job.mjs': `export default { run() {},
      nextRun: (last) => last ? new Date(Date.parse(last.dueAt) + 1000) : null,
      async onDone(output, ctx) { ctx.log.info('done with ' + output); await ctx.emit('next'); await ctx.save(1); },
      onError: (error) => error.message === 'x' ? { retry: { at: new Date(5) } } : 'dismiss' };`,
  });
  const said: string[] = [];
  const caller = new JobCaller({
    ...common(dir),
    onMessage: (message, reply) => {
      said.push(message.type === 'log' ? message.line.text : message.type);
      if (message.type === 'emit') reply({ ok: true, value: '8' });
    },
  });
  const file = join(dir, 'jobs/job.mjs');
  expect(await caller.next(file, null)).toBe(null);
  expect(await caller.next(file, viewOf(queuedRun(1, { dueAt: Date.UTC(2026, 0) }), null))).toBe(
    '2026-01-01T00:00:01.000Z',
  );
  const done = await caller.hook({ hook: 'onDone', assignment: assignment(file), output: 7 });
  expect(said).toEqual(['done with 7', 'emit']);
  expect(done).toMatchObject({ ok: false, message: expect.stringContaining('save is too late') });
  const error = { name: 'Error', message: 'x', stack: '' };
  expect(await caller.hook({ hook: 'onError', assignment: assignment(file), error })).toEqual({
    ok: true,
    value: { retryAt: 5 },
  });
});

test('what the hooks of one worker let others print goes to their own runs, and to nobody after their end', async () => {
  const dir = project({
    'jobs/job.mjs': `import { spawn, spawnSync } from 'node:child_process';
      export default { run() {}, onDone(output) {
        spawnSync('echo', ['of ' + output], { stdio: 'inherit' });
        if (output === 2) spawn('sh', ['-c', 'sleep 0.5; echo late'], { stdio: 'inherit' });
      } };`,
  });
  const said: string[] = [];
  const strays: string[] = [];
  const caller = new JobCaller({
    ...common(dir, { stray: ({ text }) => void strays.push(text) }),
    onMessage: (message) => {
      if (message.type === 'log') said.push(`${message.run}: ${message.line.text}`);
    },
  });
  const file = join(dir, 'jobs/job.mjs');
  for (const run of [1, 2])
    await caller.hook({ hook: 'onDone', assignment: assignment(file, { run }), output: run });
  await until(() => strays.length > 0);
  expect([said, strays]).toEqual([['1: of 1', '2: of 2'], ['late']]);
});

test('of two hooks of one run that are open at once, the one that ends later is heard to its end', async () => {
  const dir = project({
    'jobs/job.mjs': `export default { run() {}, onDone: () => {}, async onStale(ctx) {
      await ctx.emit('first');
      ctx.log.info('got ' + (await ctx.emit('second')));
    } };`,
  });
  const said: string[] = [];
  const answers: (() => void)[] = [];
  const caller = new JobCaller({
    ...common(dir),
    onMessage: (message, reply) => {
      if (message.type === 'log') said.push(message.line.text);
      if (message.type === 'emit') answers.push(() => reply({ ok: true, value: '8' }));
    },
  });
  const file = join(dir, 'jobs/job.mjs');
  const stale = caller.hook({ hook: 'onStale', assignment: assignment(file) });
  await until(() => answers.length === 1);
  await caller.hook({ hook: 'onDone', assignment: assignment(file), output: 7 });
  answers[0]?.();
  await until(() => answers.length === 2);
  answers[1]?.();
  expect(await stale).toMatchObject({ ok: true });
  expect(said).toEqual(['got 8']);
});

test('a hook whose process cannot be started is answered so, and the next one is called', async () => {
  const dir = project({ 'jobs/job.mjs': 'export default { run() {}, onError: () => "dismiss" };' });
  let refused = 2;
  const caller = new JobCaller({
    ...common(dir, {
      newMark: () => {
        if (refused-- > 0)
          throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
        return newMark();
      },
    }),
    onMessage: () => undefined,
  });
  const file = join(dir, 'jobs/job.mjs');
  const call = { hook: 'onError', assignment: assignment(file) } as const;
  expect(await caller.hook(call)).toMatchObject({ ok: false, message: 'too many open files' });
  await expect(caller.check(file, [{}])).rejects.toThrow('too many open files');
  expect(await caller.hook(call)).toEqual({ ok: true, value: 'dismiss' });
});

test('a validator that blocks fails its own call, and others are answered', async () => {
  const dir = project({
    'jobs/spin.mjs': 'export default { run() {}, lock() { while (true) {} } }',
    'jobs/sound.mjs': 'export default { run() {}, lock: () => "l" }',
  });
  const caller = new JobCaller({ ...common(dir), onMessage: () => undefined, timeoutMs: 700 });
  const spin = caller.check(join(dir, 'jobs/spin.mjs'), [{}]);
  const sound = caller.check(join(dir, 'jobs/sound.mjs'), [{}]);
  await expect(spin).rejects.toThrow('did not answer');
  expect(await sound).toEqual([{ ok: true, params: {}, lock: 'l' }]);
});

test('a question that blocks its worker holds up neither those behind it nor later ones', async () => {
  const dir = project({
    'jobs/spin.mjs': 'export default { run() {}, nextRun() { while (true) {} } }',
    'jobs/sound.mjs': 'export default { run() {}, lock: () => "l", nextRun: () => null }',
  });
  const caller = new JobCaller({ ...common(dir), onMessage: () => undefined });
  const spin = caller.next(join(dir, 'jobs/spin.mjs'), null);
  spin.catch(() => undefined);
  const began = performance.now();
  expect(await caller.next(join(dir, 'jobs/sound.mjs'), null)).toBe(null);
  expect(await caller.check(join(dir, 'jobs/sound.mjs'), [{}])).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(15_000);
});
