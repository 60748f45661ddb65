// External jobs as files: what makes one, what its params may be, and what is said where it is none.
import { expect, test } from 'vitest';
import { fitTo, schemaFault } from '../../src/support/json-schema.ts';
import { external } from '../helpers/outside.ts';
import { Project } from '../helpers/project.ts';

const PARAMS = {
  type: 'object',
  properties: { file: { type: 'string', minLength: 1 }, size: { type: 'integer', default: 9 } },
  required: ['file'],
  additionalProperties: false,
};

test('JSON that says external is a job, and so is a module without run; other JSON is none', async () => {
  const project = new Project({
    'jobs/resize.json': external({ description: 'elsewhere', lockTime: '2m', params: PARAMS }),
    'jobs/media/cut.json': external(),
    'jobs/mod.mjs': `export default { external: true, concurrency: 2, params: { type: 'object' } };`,
    'jobs/prices.json': '{"a": 1, "list": [{"external": true}]}',
    'jobs/no.json': '{"external": false}',
    'jobs/data/rows.json': external(),
    'jobs/_old.json': external(),
  });
  const { jobs } = await project.json('jobs', '--check');
  expect(
    jobs.map(({ name, state, external }: Record<string, unknown>) => [name, state, external]),
  ).toEqual([
    ['media/cut', 'ok', true],
    ['mod', 'ok', true],
    ['resize', 'ok', true],
  ]);
  expect((await project.json('jobs', 'resize')).params).toEqual(PARAMS);
  expect((await project.cli(['jobs', 'resize'])).stdout).toContain('taken by workers outside');
  const { state, params } = await project.json(
    'schedule',
    'resize',
    '-p',
    'file=a',
    '-p',
    'size=5',
  );
  expect([state, params]).toEqual(['queued', { file: 'a', size: 5 }]);
  expect((await project.json('schedule', 'resize', '-p', 'file=a')).params).toEqual({
    file: 'a',
    size: 9,
  });
  const wrong = await project.cli(['schedule', 'resize', '-p', 'size=big', '--force']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('size must be integer, not "big"');
  expect(wrong.stderr).toContain('file is missing');
});

test('an external job is not run without a daemon that its workers reach', async () => {
  const project = new Project({ 'jobs/resize.json': external() });
  const { code, stderr } = await project.cli(['run', 'resize', '--local']);
  expect([code, stderr.split('\n')[0]]).toEqual([
    2,
    'error: the job resize is external: its workers need a daemon',
  ]);
  expect((await project.json('list')).total).toBe(0);
});

test('what cannot be an external job is broken, and says why', async () => {
  const project = new Project({
    'jobs/a.json': '{"external": true, "lockTime": 5,}',
    'jobs/b.json': external({ retrys: 3 }),
    'jobs/c.json': external({ params: { type: 'object', if: {} } }),
    'jobs/d.json': external(),
    'jobs/d.sh': '#!/bin/sh\n',
    'jobs/e.mjs': 'export default { external: true, run() {} };',
    'jobs/f.mjs': 'export default { external: 5 };',
  });
  const { jobs } = JSON.parse((await project.cli(['jobs', '--json'])).stdout);
  const errors = Object.fromEntries(
    jobs.map(({ name, error }: Record<string, unknown>) => [name, error]),
  );
  expect(errors.a).toMatch(/a\.json: .*JSON/);
  expect(errors.b).toMatch(/b\.json: the job has no field "retrys": did you mean "retries"/);
  expect(errors.c).toMatch(/params: params has "if", which is not supported/);
  expect(errors.d).toMatch(/two files define the job "d"/);
  expect(errors.e).toMatch(/has no field "run"/);
  expect(errors.f).toMatch(/external must be true/);
});

test('params are held against JSON Schema: each word of it that is taken has an effect', () => {
  const cases: [object | boolean, unknown, string | null][] = [
    [{ type: 'string' }, 'a', null],
    [{ type: 'string' }, 5, 'params must be string, not 5'],
    [{ type: ['string', 'null'] }, null, null],
    [{ type: 'integer' }, 1.5, 'params must be integer, not 1.5'],
    [{ const: { a: [1] } }, { a: [1] }, null],
    [{ const: 1 }, 2, 'params must be 1'],
    [{ enum: ['a', 2] }, 'b', 'params must be one of "a", 2'],
    [{ minimum: 1 }, 0, 'params must be at least 1'],
    [{ maximum: 1 }, 2, 'params must be at most 1'],
    [{ exclusiveMinimum: 1 }, 1, 'params must be more than 1'],
    [{ exclusiveMaximum: 1 }, 1, 'params must be less than 1'],
    [{ multipleOf: 0.1 }, 0.3, null],
    [{ multipleOf: 2 }, 3, 'params must be a multiple of 2'],
    [{ minLength: 2 }, '😀', 'params must have at least 2 characters'],
    [{ maxLength: 1 }, '😀', null],
    [{ pattern: '^a' }, 'ba', 'params must match ^a'],
    [{ items: { type: 'string' } }, ['a', 1], '[1] must be string, not 1'],
    [{ prefixItems: [{ type: 'null' }], items: false }, [null, 1], '[1] is not allowed'],
    [{ minItems: 1 }, [], 'params must have at least 1 items'],
    [{ maxItems: 1 }, [1, 2], 'params must have at most 1 items'],
    [{ uniqueItems: true }, [{ a: 1 }, { a: 1 }], 'params must not have an item twice'],
    [{ required: ['a'] }, {}, 'a is missing'],
    [
      { properties: { a: { properties: { b: { type: 'null' } } } } },
      { a: { b: 1 } },
      'a.b must be null, not 1',
    ],
    [{ additionalProperties: false }, { x: 1 }, 'x is not a param of this job'],
    [{ additionalProperties: { type: 'null' } }, { x: 1 }, 'x must be null, not 1'],
    [{ propertyNames: { maxLength: 1 } }, { xy: 1 }, 'the name xy must have at most 1 characters'],
    [{ minProperties: 1 }, {}, 'params must have at least 1 fields'],
    [{ maxProperties: 0 }, { a: 1 }, 'params must have at most 0 fields'],
    [{ anyOf: [{ type: 'null' }, { minimum: 3 }] }, 1, 'params fits none of what it may be'],
    [{ oneOf: [{ minimum: 1 }, { minimum: 0 }] }, 1, 'params fits more than one of what it may be'],
    [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, 3, 'params must be at most 2'],
    [{ not: { type: 'null' } }, null, 'params is of a kind that is not allowed'],
    [{ $defs: { s: { type: 'string' } }, $ref: '#/$defs/s' }, 5, 'params must be string, not 5'],
    [
      { properties: { a: { $ref: '#' } }, type: 'object' },
      { a: { a: 1 } },
      'a.a must be object, not 1',
    ],
    [false, 1, 'params is not allowed'],
    [true, 1, null],
  ];
  for (const [schema, value, issue] of cases) {
    expect(schemaFault(schema), JSON.stringify(schema)).toBe(null);
    const { issues } = fitTo(schema as never, value as never);
    expect([schema, value, issues[0] ?? null]).toEqual([schema, value, issue]);
  }
  const filled = fitTo(
    { properties: { a: { default: 1 }, b: { properties: { c: { default: 2 } } } } },
    { b: {} },
  );
  expect(filled).toEqual({ value: { a: 1, b: { c: 2 } }, issues: [] });
  expect(fitTo({ $ref: '#' }, 1).issues, 'a circle has an end').toEqual([]);
  for (const [schema, fault] of [
    [{ typ: 'string' }, 'params has "typ", which is not supported'],
    [{ type: 'text' }, 'params: there is no type text'],
    [{ pattern: '(' }, 'params: pattern is no regular expression'],
    [{ $ref: '#/$defs/x' }, 'params: $ref leads nowhere in the schema'],
    [
      { properties: { a: { items: 5 } } },
      'params.properties.a.items must be a schema: an object, true or false',
    ],
    [{ anyOf: {} }, 'params: anyOf must be a list'],
  ] as const)
    expect(schemaFault(schema)).toBe(fault);
});
