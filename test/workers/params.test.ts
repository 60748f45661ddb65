// What a schema gives reaches the job as it is, also what JSON does not hold; and what a job gives that JSON would lose
// is refused, never `{}`.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JobEntry } from '../../src/catalog/catalog.ts';
import { scanJobs } from '../../src/catalog/loader.ts';
import { systemClock } from '../../src/support/clock.ts';
import type { Json } from '../../src/support/json.ts';
import { JobCaller } from '../../src/workers/caller.ts';
import { inspectJobs } from '../../src/workers/inspector.ts';
import { ROOT } from '../helpers/source.ts';
import { assignment, carry, child, poolOn, project, runBody } from './harness.ts';

const common = (dir: string) => ({
  pool: poolOn(dir),
  dir,
  clock: systemClock,
});

function jobOf(text: string): { readonly dir: string; readonly file: string } {
  const dir = project({ 'package.json': '{ "type": "module" }', 'jobs/job.ts': text });
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(join(ROOT, 'node_modules/zod'), join(dir, 'node_modules/zod'));
  return { dir, file: join(dir, 'jobs/job.ts') };
}

async function definitionOf(dir: string): Promise<JobEntry | undefined> {
  const entries: JobEntry[] = [];
  await inspectJobs(scanJobs(join(dir, 'jobs')), { ...common(dir), defaults: {} }, (entry) => {
    entries.push(entry);
  });
  return entries[0];
}

/** Accepted as by a daemon, then carried out: what is kept, and what the job made of it. */
async function accepted(text: string, params: Json) {
  const { dir, file } = jobOf(text);
  const caller = new JobCaller({ ...common(dir), onMessage: () => undefined });
  const [checked] = await caller.check(file, [params]);
  if (!checked?.ok) return { kept: checked?.issues, gave: null };
  const said = await carry(child(dir), assignment(file, { params: checked.params }));
  const { outcome } = said;
  return {
    kept: checked.params,
    gave: outcome?.kind === 'returned' ? outcome.output : outcome,
    said,
  };
}

describe('params', () => {
  const TYPED = `import { z } from 'zod';
    export default {
      params: z.object({
        when: z.coerce.date(),
        tags: z.array(z.string()).transform((tags) => new Set(tags)),
        big: z.coerce.bigint(),
        n: z.number().default(3),
        late: z.coerce.date().optional(),
      }),
      lock: (p) => p.when.toISOString(),
      initialize: (p) => p.when.getTime(),
      run: (p, ctx) => [p.when instanceof Date && p.when.getTime(), p.tags instanceof Set && [...p.tags], typeof p.big, p.n, ctx.checkpoint, p.late],
    };`;
  const GIVEN = { when: '2026-01-02T00:00:00Z', tags: ['a', 'b'], big: 12 };

  test('that a schema makes a Date, a Set or a BigInt of are that in the job, and are kept as they were given', async () => {
    const { kept, gave } = await accepted(TYPED, GIVEN);
    const instant = Date.parse(GIVEN.when);
    expect(kept).toEqual(GIVEN);
    expect(gave).toEqual([instant, ['a', 'b'], 'bigint', 3, instant, null]);
  });

  test('of the other fields of such a schema are described, so that -p turns them into numbers', async () => {
    expect(await definitionOf(jobOf(TYPED).dir)).toMatchObject({
      state: 'ok',
      data: {
        schema: {
          properties: { when: {}, n: { type: 'number', default: 3 }, tags: { type: 'array' } },
        },
      },
    });
  });

  test('that do not fit name the field', async () => {
    const { kept } = await accepted(TYPED, { ...GIVEN, when: 'never' });
    expect(kept).toEqual([expect.stringMatching(/^when: /)]);
  });

  test('that JSON holds are kept as the schema made them, and are not made of themselves again', async () => {
    const { kept, gave } = await accepted(
      `import { z } from 'zod';
      const once = (value: string) => value + '!';
      export default {
        params: z.object({ text: z.string().transform(once), n: z.string().transform(Number), d: z.number().default(7) }),
        run: (p) => p,
      };`,
      { text: 'a', n: '5' },
    );
    expect(kept).toEqual({ text: 'a!', n: 5, d: 7 });
    expect(gave).toEqual({ text: 'a!', n: 5, d: 7 });
  });

  test('of a plain schema are checked once: the worker of an attempt asks no schema that JSON Schema describes', async () => {
    const { gave, said } = await accepted(
      `const standard = {
        version: 1, vendor: 'own',
        validate: (value) => { console.log('asked'); return { value }; },
        jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
      };
      export default { params: { '~standard': standard }, run: (p) => p };`,
      { a: 1 },
    );
    expect(gave).toEqual({ a: 1 });
    expect(said?.lines).toEqual([]);
  });

  test('whose schema throws in the worker fail the attempt, and the job does not get what it cannot read', async () => {
    const { dir, file } = jobOf(
      `export default { params: { '~standard': { version: 1, vendor: 'own', validate() { throw new Error('no database'); } } }, run: () => 1 };`,
    );
    expect((await carry(child(dir), assignment(file))).outcome).toMatchObject({
      kind: 'threw',
      error: { message: 'no database' },
    });
  });
});

describe('what a job returns', () => {
  test.each([
    ['new Map([[1, 2]])', 'the output is a Map'],
    ['{ a: { b: new Set([1]) } }', 'the output at "a.b" is a Set'],
    ['[new Error("x")]', 'the output at "[0]" is an Error'],
    ['Object.assign(new TypeError("x"), { code: "E" })', 'the output is an Error'],
    ['new Response("x")', 'the output is a Response'],
    ['{ late: Promise.resolve(1) }', 'the output at "late" is a Promise'],
    ['new Uint8Array(2)', 'the output is binary data (Uint8Array)'],
    ['Buffer.from("a")', 'the output is binary data (Buffer)'],
    ['new ArrayBuffer(2)', 'the output is binary data (ArrayBuffer)'],
    ['/x/', 'the output is a RegExp'],
    ['new WeakMap()', 'the output is a WeakMap'],
    ['(function* () { yield 1; })()', 'the output is a generator'],
    ['(async function* () { yield 1; })()', 'the output is a generator'],
    ['new (class Account { #id = 1; })()', 'the output is an Account'],
  ])('as %s is refused, for JSON would lose it', async (value, message) => {
    const { outcome } = await runBody(`return ${value};`);
    expect(outcome).toMatchObject({
      kind: 'threw',
      error: { message: `${message}, which JSON cannot hold` },
    });
  });

  test.each([
    ['new Date(0)', '1970-01-01T00:00:00.000Z'],
    ['{ url: new URL("http://a/") }', { url: 'http://a/' }],
    ['new (class Point { x = 1; })()', { x: 1 }],
    ['Object.create(null)', {}],
    ['{}', {}],
    ['require("node:vm").runInNewContext("({ a: [] })")', { a: [] }],
  ])('as %s is kept', async (value, output) => {
    const { outcome } = await runBody(`return ${value};`);
    expect(outcome).toEqual({ kind: 'returned', output });
  });

  test.each([
    ['ctx.save(new Map())', 'the checkpoint is a Map'],
    ['ctx.emit("x", { a: new Set() })', 'the params at "a" is a Set'],
    ['ctx.step("s", () => new Map())', 'the result of the step "s" is a Map'],
    ['(async () => ctx.result(new Error("x")))()', 'the row is an Error'],
  ])('to %s is refused the same way', async (call, message) => {
    const { outcome } = await runBody(`await ${call};`);
    expect(outcome).toMatchObject({
      error: { message: `${message}, which JSON cannot hold` },
    });
  });

  test('in the fields of a log line is shown as far as it can be', async () => {
    const { messages } = await runBody(
      `ctx.log.info('x', { m: new Map([['a', new Set([1])]]), e: new Error('bad') });`,
    );
    const fields = messages.flatMap((one) => (one.type === 'log' ? [one.line.fields] : []));
    expect(fields).toMatchObject([{ m: { a: [1] }, e: { message: 'bad' } }]);
  });
});

test.each([
  ['async function* () { yield 1; }', 'run'],
  ['{ async *run() { yield 1; } }', 'run'],
  ['{ run() {}, *onDone() {} }', 'onDone'],
])('a definition with a generator, as %s, is refused', async (text, field) => {
  const entry = await definitionOf(jobOf(`export default ${text}`).dir);
  expect(entry).toMatchObject({
    state: 'broken',
    error: expect.stringContaining(`${field} must be a plain or async function, not a generator`),
  });
});
