// A job's definition in the place of its name: the name is that of its file, and the types of params, output,
// checkpoint and emitted runs are checked by the compiler, which reads this file as well.
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { type AcceptedOf, connect, defineJob, type Jobs, type Json } from '../../src/index.ts';
import { ROOT } from '../helpers/project.ts';
import { refusal, Site } from '../helpers/site.ts';

const price = defineJob({
  params: z.object({ sku: z.string(), currency: z.string().default('EUR') }),
  initialize: () => ({ page: 1 }),
  async run({ sku, currency }, ctx) {
    expectTypeOf(currency).toEqualTypeOf<string>();
    expectTypeOf(ctx.checkpoint).toEqualTypeOf<{ page: number }>();
    await ctx.save({ page: 2 });
    // @ts-expect-error a checkpoint of this job has a page
    void (() => ctx.save({ side: 2 }));
    // @ts-expect-error the other job takes a number
    void (() => ctx.emit<typeof plain>('plain', { n: 'x' }));
    // @ts-expect-error the other job needs a number
    void (() => ctx.emit<typeof plain>('plain'));
    return { sku, cents: 100 };
  },
});
const plain = defineJob({ run: ({ n }: { n: number }) => n * 2 });
const loose = defineJob({ run: (params, ctx) => [params.anything, ctx.checkpoint?.anything] });

/** Read by the compiler, and never called. */
async function calls(jobs: Jobs): Promise<void> {
  const run = await jobs.schedule(price, { sku: 'a' }, { in: '1h' });
  expectTypeOf(run).toEqualTypeOf<AcceptedOf<typeof price>>();
  expectTypeOf(await jobs.result(run)).toEqualTypeOf<{ sku: string; cents: number }>();
  expectTypeOf(await jobs.result(run.id)).toEqualTypeOf<Json>();
  const named = await jobs.schedule<typeof plain>('plain', { n: 1 });
  expectTypeOf(await jobs.result(named)).toEqualTypeOf<number>();
  await jobs.schedule(loose, { whatever: 1 });
  await jobs.schedule('anything', { whatever: 1 });
  await jobs.schedule(plain, { n: 1 }, { cron: '@daily' });
  // @ts-expect-error a sku is a text
  await jobs.schedule(price, { sku: 5 });
  // @ts-expect-error it needs a sku
  await jobs.schedule(price, {});
  // @ts-expect-error it needs params
  await jobs.schedule(price);
  // @ts-expect-error it needs params
  await jobs.schedule<typeof price>('price');
  // @ts-expect-error n is a number
  await jobs.schedule<typeof plain>('plain', { n: 'x' });
}

void calls;

test('a definition from a file of the jobs folder stands for its name, also below a folder and through a link', async () => {
  const s = new Site({});
  const code = `import { defineJob } from '${ROOT}dist/index.js';
export default defineJob({ run: ({ n }) => n * 2 });`;
  s.project.write('jobs/double.mjs', code);
  s.project.write('jobs/shop/price.mjs', code);
  s.project.write(
    'ask.mjs',
    `import { connect } from '${ROOT}dist/index.js';
import double from './jobs/double.mjs';
import price from './link/price.mjs';
const jobs = await connect();
const run = await jobs.schedule(double, { n: 21 });
const other = await jobs.schedule(price, { n: 1 }, { in: '1h' });
console.log(run.job, other.job, await jobs.result(run));
await jobs.close();`,
  );
  symlinkSync(join(s.project.dir, 'jobs/shop'), join(s.project.dir, 'link'));
  const daemon = await s.project.daemon();
  expect((await s.project.node('ask.mjs')).stdout).toBe('double shop/price 42\n');
  await daemon.kill('SIGTERM');
}, 60_000);

test('what has no name of its own is refused, and how to name it is said', async () => {
  const s = new Site({});
  const jobs = await connect({ dir: s.project.dir });
  const here = await refusal(jobs.schedule(plain, { n: 1 }));
  expect([here.code, here.message]).toEqual([
    'bad-option',
    expect.stringContaining('typed.test.ts'),
  ]);
  expect(here.hint).toContain("schedule('price'");
  expect((await refusal(jobs.schedule({ run: () => 1 } as never, {} as never))).message).toContain(
    'defineJob',
  );
  expect((await refusal(jobs.schedule(null as never, {} as never))).message).toContain(
    'no job was named',
  );
  expect((await jobs.list()).total).toBe(0);
});

test('the file of `jobrun types` has every name and its params checked in schedule and emit, and outputs typed', async () => {
  const { project } = new Site({});
  for (const name of ['zod', '@types/node', 'undici-types'])
    project.link(`node_modules/${name}`, join(ROOT, 'node_modules', name));
  project.link('node_modules/jobrun', ROOT);
  project.write(
    'jobs/price.ts',
    `import { defineJob } from 'jobrun';
import { z } from 'zod';
export default defineJob({
  params: z.object({ sku: z.string(), limit: z.number().default(3) }),
  async run({ sku }, ctx) {
    await ctx.emit('price', { sku: 'next' });
    await ctx.emit('shop/mail', { to: sku });
    // @ts-expect-error there is no such job
    await ctx.emit('priec', { sku });
    // @ts-expect-error a sku is a text
    await ctx.emit('price', { sku: 1 });
    return { sku, cents: 5 };
  },
});
`,
  );
  project.write(
    'jobs/shop/mail.ts',
    'export default async ({ to, cc }: { to: string; cc?: string }) => to.length + (cc?.length ?? 0);\n',
  );
  project.write(
    'jobs/sheet.mjs',
    `const schema = { type: 'object', required: ['n'], additionalProperties: false, properties: {
  n: { type: 'integer' }, mode: { enum: ['a', 'b'] }, tags: { type: 'array', items: { type: ['string', 'null'] } } } };
export default { run() {}, params: { '~standard': { version: 1, vendor: 'x',
  validate: (value) => ({ value }), jsonSchema: { input: () => schema } } } };
`,
  );
  project.write('jobs/backup.sh', '#!/bin/sh\necho hi\n');
  project.write(
    'main.ts',
    `import { connect } from 'jobrun';
const jobs = await connect();
const { cents } = await jobs.result(await jobs.schedule('price', { sku: 'A' }, { in: '5m' }));
const letters: number = await jobs.result(await jobs.schedule('shop/mail', { to: 'a' }));
await jobs.schedule('sheet', { n: 1, mode: 'a', tags: ['x', null] }, { cron: '@daily' });
await jobs.schedule('backup');
// @ts-expect-error there is no such job
await jobs.schedule('pirce');
// @ts-expect-error params are needed
await jobs.schedule('price');
// @ts-expect-error a sku is a text
await jobs.schedule('price', { sku: 5 });
// @ts-expect-error no such mode
await jobs.schedule('sheet', { n: 1, mode: 'c' });
// @ts-expect-error no such param
await jobs.schedule('sheet', { n: 1, other: 'c' });
console.log(cents.toFixed(), letters);
`,
  );
  project.write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        ...{ module: 'nodenext', target: 'es2022', strict: true, noEmit: true, types: ['node'] },
      },
      include: ['*.ts', 'jobs'],
    }),
  );
  expect((await project.cli(['types'])).stdout).toContain('Wrote jobs.d.ts with 4 jobs');
  const check = () =>
    spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], {
      cwd: project.dir,
      encoding: 'utf8',
    });
  const { status, stdout } = check();
  expect(stdout).toBe('');
  expect(status).toBe(0);
  // The compiler says which name or param is wrong, not that a text is no definition.
  project.write(
    'wrong.ts',
    `import { type AnyJob, connect } from 'jobrun';
import price from './jobs/price.js';
const jobs = await connect();
await jobs.schedule('pirce', { sku: 'A' });
await jobs.schedule('price', { skoo: 'A' });
await jobs.schedule('backup', {}, { prioritty: 3 });
await jobs.schedule('price');
await jobs.schedule('shop/mail');
await jobs.schedule(price);
const every: AnyJob[] = [price];
for (const job of every) await jobs.schedule(job, { sku: 'A' }, { in: '5m' });
`,
  );
  const said = check().stdout;
  expect(said).toContain(`parameter of type '"price" & MissingParams<"sku">'`);
  expect(said).toContain(`parameter of type '"shop/mail" & MissingParams<"to">'`);
  expect(said).toContain('any> & MissingParams<"sku">');
  expect(said.match(/wrong\.ts\(/g)).toHaveLength(6);
  expect(said).toContain(`'"pirce"' is not assignable to parameter of type 'JobName'`);
  expect(said).toContain("'skoo' does not exist in type '{ sku: string;");
  expect(said).toContain("Did you mean to write 'priority'?");
  expect(said).not.toContain('AnyJob');
}, 60_000);
