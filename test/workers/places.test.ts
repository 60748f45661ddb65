// Where a mistake is said to be: at the line of the job's file that has it, and never in the code of jobrun.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobEntry } from '../../src/catalog/catalog.ts';
import { scanJobs } from '../../src/catalog/loader.ts';
import { systemClock } from '../../src/support/clock.ts';
import { JobCaller } from '../../src/workers/caller.ts';
import { inspectJobs } from '../../src/workers/inspector.ts';
import { assignment, carry, child, poolOn, project } from './harness.ts';

const common = (dir: string) => ({
  pool: poolOn(dir),
  dir,
  clock: systemClock,
});

const NOT_OURS = /\/(?:dist|src)\/(?:workers|parts|catalog)\//;

/** Each definition, and how the error of its file begins. */
const DEFINITIONS: Readonly<Record<string, readonly [text: string, begin: string]>> = {
  'field.ts': [
    `import { defineJob } from 'jobrun';\n// retries: 'a'\nexport default defineJob({\n  description: 'x',\n  retries: 'many' as never,\n  run() {},\n});`,
    'jobs/field.ts:5: retries must be ',
  ],
  'deep.mjs': [
    `export default {\n  keep: { done: '1d' },\n  retries: {\n    limit: 3,\n    delay: 'soon',\n  },\n  run() {},\n};`,
    'jobs/deep.mjs:5: retries.delay must be ',
  ],
  'unknown.js': [
    `module.exports = {\n  run() {},\n\n  retires: 3,\n};`,
    'jobs/unknown.js:4: the job has no field "retires"',
  ],
  'inside.mjs': [
    `export default {\n  run() {},\n  rateLimit: {\n    limit: 1, per: '1s',\n    each: 1,\n  },\n};`,
    'jobs/inside.mjs:5: rateLimit has no field "each"',
  ],
  'cron.mjs': [
    `const name = 'x';\nexport default {\n  description: name,\n  cron: 'never',\n  run() {},\n};`,
    'jobs/cron.mjs:4: ',
  ],
  'two.mjs': [
    `export default {\n  cron: '@daily',\n  every: '1h',\n  run() {},\n};`,
    'jobs/two.mjs:3: every and cron exclude each other',
  ],
  'later.mjs': [
    `const job = {\n  timeout: -1,\n  run() {},\n};\nexport default job;`,
    'jobs/later.mjs:2: timeout must be ',
  ],
  'elsewhere.mjs': [
    `import { all } from './_all.mjs';\nexport default { ...all, run() {} };`,
    'jobs/elsewhere.mjs: priority must be ',
  ],
  'nothing.mjs': [`export const a = 1;`, 'jobs/nothing.mjs: there is no default export'],
  'throws.ts': [
    `type A = {\n  a: 1;\n};\nthrow new Error('at line four');\nexport default (a: A) => a;`,
    'jobs/throws.ts:4: Error: at line four',
  ],
  'imported.ts': [
    `import './_bad.ts';\nexport default () => 1;`,
    'jobs/_bad.ts:3: TypeError: of the library',
  ],
  'ours.mjs': [
    `import { RetryAt } from 'jobrun';\n\nconst again = new RetryAt('soon');\nexport default () => again;`,
    'jobs/ours.mjs:3: ',
  ],
  'package.mjs': [
    `import { fail } from 'failing';\n\nfail();\nexport default () => 1;`,
    'jobs/package.mjs:3: Error: in a package',
  ],
};

test('a mistake in a definition is at the line of the job file that has it, never in the code of jobrun', async () => {
  const files: Record<string, string> = {
    'jobs/_all.mjs': `export const all = { priority: 'high' };`,
    'jobs/_bad.ts': `interface A { a: 1 }\n\nthrow new TypeError('of the library');`,
    'node_modules/failing/package.json': `{ "type": "module", "exports": "./index.js" }`,
    'node_modules/failing/index.js': `export function fail() { throw new Error('in a package'); }`,
  };
  for (const [name, [text]] of Object.entries(DEFINITIONS)) files[`jobs/${name}`] = text;
  const dir = project(files);
  const entries = new Map<string, JobEntry>();
  await inspectJobs(scanJobs(join(dir, 'jobs')), { ...common(dir), defaults: {} }, (entry) => {
    entries.set(entry.name, entry);
  });
  const found = Object.keys(DEFINITIONS).map((name) => {
    const entry = entries.get(name.replace(/\.\w+$/, ''));
    return entry?.state === 'broken' ? entry.error : `${name} is ${entry?.state}`;
  });
  for (const [i, [, begin]] of Object.values(DEFINITIONS).entries()) {
    expect(found[i]?.slice(0, begin.length)).toBe(begin);
    expect(found[i]).not.toMatch(NOT_OURS);
  }
}, 60_000);

test.each([
  ['a save that is no JSON', `await ctx.save({ a: 1n });`],
  ['a save that the daemon refuses', `await ctx.save(1);`],
  ['an emit that the daemon refuses', `await ctx.emit('other');`],
  ['a duration that is none', `await ctx.sleep('soon');`],
  ['a step without a name', `await ctx.step('', () => 1);`],
  ['a result that is no JSON', `ctx.result(() => 1);`],
  ['an error of its own', `throw new Error('own');`],
  [
    'a cause',
    `throw new Error('outer', { cause: await ctx.sleep('soon').catch((error) => error) });`,
  ],
])(
  'the stack of %s begins in the job, at its line, and has no frame of jobrun',
  async (_, line) => {
    const dir = project({
      'jobs/job.ts': `interface P { a: string }\nexport default async (_: P, ctx: any) => {\n\n${line}\n};`,
    });
    const { outcome } = await carry(
      child(dir),
      assignment(join(dir, 'jobs/job.ts')),
      () => new Error('no'),
    );
    if (outcome?.kind !== 'threw') throw new Error(`it ${outcome?.kind}`);
    const frames = outcome.error.stack.split('\n').filter((text) => /^\s+at /.test(text));
    expect(frames[0]).toContain('jobs/job.ts:4:');
    expect(outcome.error.stack).not.toMatch(NOT_OURS);
  },
);

test('what a hook does wrong is told with the line of the hook', async () => {
  const dir = project({
    'jobs/job.ts': `export default {\n  run() {},\n  async onDone(_: unknown, ctx: any) {\n    await ctx.emit('x', { a: 1n });\n  },\n};`,
  });
  const caller = new JobCaller({ ...common(dir), onMessage: () => undefined });
  const answer = await caller.hook({
    hook: 'onDone',
    assignment: assignment(join(dir, 'jobs/job.ts')),
  });
  expect(answer).toMatchObject({ ok: false, message: expect.stringMatching(/jobs\/job\.ts:4:/) });
  expect((answer as { message: string }).message).not.toMatch(NOT_OURS);
});
