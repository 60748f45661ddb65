// A params schema must take JSON. A part that no JSON fits is found when the definition is read, in the shapes of each
// library; a part that makes something else of JSON is none.
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { z as old } from 'zod/v3';
import { readDefinition } from '../../src/catalog/definition.ts';
import { misfitIn } from '../../src/catalog/json-fit.ts';

/** `tags[0] is a Set`. */
function found(schema: unknown): string | null {
  const misfit = misfitIn(schema);
  return misfit && `${misfit.path.join('.')}: ${misfit.kind}`;
}

interface Tree {
  readonly kids: readonly Tree[];
}

const treeOf: z.ZodType<Tree> = z.lazy(() => z.object({ kids: z.array(treeOf) }));

/** As `type({ … })` of arktype tells it. */
const ark = (json: unknown): object => ({ '~standard': { vendor: 'arktype' }, json });

describe('is found', () => {
  test.each<readonly [string, unknown, string]>([
    ['zod: a Set', z.object({ n: z.number(), tags: z.set(z.string()) }), 'tags: a Set'],
    ['zod: a Map', z.object({ by: z.map(z.string(), z.number()) }), 'by: a Map'],
    ['zod: a Date', z.object({ at: z.date() }), 'at: a Date'],
    ['zod: a BigInt', z.object({ big: z.bigint() }), 'big: a BigInt'],
    ['zod: a literal BigInt', z.object({ big: z.literal(5n) }), 'big: a BigInt'],
    ['zod: a symbol', z.object({ is: z.symbol() }), 'is: a symbol'],
    ['zod: NaN', z.object({ n: z.nan() }), 'n: NaN'],
    ['zod: a File', z.object({ doc: z.file() }), 'doc: a File'],
    ['zod: one that may be left out', z.object({ at: z.date().optional() }), 'at: a Date'],
    ['zod: one that may be null', z.object({ at: z.date().nullable() }), 'at: a Date'],
    ['zod: one with checks', z.object({ at: z.date().min(new Date(0)) }), 'at: a Date'],
    ['zod: one that is changed', z.set(z.string()).transform((set) => [...set]), ': a Set'],
    ['zod: deep inside', z.object({ a: z.array(z.object({ b: z.bigint() })) }), 'a.0.b: a BigInt'],
    ['zod: in a tuple', z.tuple([z.string(), z.date()]), '0: a Date'],
    ['zod: in a record', z.record(z.string(), z.map(z.string(), z.string())), '*: a Map'],
    ['zod: where all choices are', z.union([z.date(), z.bigint()]), ': a Date'],
    ['zod: in an intersection', z.object({}).and(z.object({ s: z.set(z.any()) })), 's: a Set'],
    ['zod 3: a Set', old.object({ tags: old.set(old.string()) }), 'tags: a Set'],
    ['zod 3: a Date', old.object({ at: old.date().optional() }), 'at: a Date'],
    ['zod 3: a BigInt', old.object({ a: old.array(old.bigint()) }), 'a.0: a BigInt'],
    ['zod 3: a Map', old.object({ by: old.map(old.string(), old.any()) }).strict(), 'by: a Map'],
    ['zod 3: one that is checked', old.object({ at: old.date().refine(() => true) }), 'at: a Date'],
    ['zod 3: a function', old.object({ fn: old.function() }), 'fn: a function'],
    ['valibot: a Set', v.object({ tags: v.set(v.string()) }), 'tags: a Set'],
    ['valibot: a Map', v.strictObject({ by: v.map(v.string(), v.any()) }), 'by: a Map'],
    ['valibot: a Date', v.object({ at: v.optional(v.date()) }), 'at: a Date'],
    ['valibot: a BigInt', v.object({ a: v.array(v.bigint()) }), 'a.0: a BigInt'],
    ['valibot: a pipe that begins so', v.pipe(v.date(), v.transform(Number)), ': a Date'],
    ['valibot: of a class', v.object({ url: v.instance(URL) }), 'url: an URL'],
    ['valibot: where all choices are', v.union([v.date(), v.blob()]), ': a Date'],
  ])('%s', (_, schema, expected) => expect(found(schema)).toBe(expected));

  test.each<readonly [string, unknown, string]>([
    ['a Set', { required: [{ key: 'tags', value: 'Set' }], domain: 'object' }, 'tags: a Set'],
    ['a Date', { optional: [{ key: 'at', value: 'Date' }], domain: 'object' }, 'at: a Date'],
    ['a BigInt', { required: [{ key: 'n', value: 'bigint' }], domain: 'object' }, 'n: a BigInt'],
    ['a Date with checks', { proto: 'Date', after: '2020-01-01T00:00:00.001Z' }, ': a Date'],
    ['in a list', { sequence: 'Map', proto: 'Array' }, '0: a Map'],
    ['in a tuple', { sequence: { prefix: ['string', 'Date'] }, proto: 'Array' }, '0: a Date'],
    ['in a record', { index: [{ signature: 'string', value: 'bigint' }] }, '*: a BigInt'],
    ['all choices', ['bigint', 'Date'], ': a BigInt'],
  ])('arktype: %s', (_, json, expected) => expect(found(ark(json))).toBe(expected));

  test('in a definition, with the field and what to do', () => {
    const read = (params: unknown) => () => readDefinition({ run() {}, params }, {});
    expect(read(z.object({ tags: z.set(z.string()) }))).toThrow(
      'params.tags is a Set, which JSON cannot hold: take a list, and make the Set of it with a transform',
    );
    expect(read(z.bigint())).toThrow('params is a BigInt, which JSON cannot hold');
    expect(read(z.object({ all: z.array(z.date()) }))).toThrow('params.all[0] is a Date');
  });
});

describe('is not found where JSON comes in', () => {
  test.each<readonly [string, unknown]>([
    ['zod: plain', z.object({ a: z.string(), b: z.number().optional(), c: z.enum(['x']) })],
    ['zod: made of a text', z.object({ at: z.coerce.date(), big: z.coerce.bigint() })],
    ['zod: made by a transform', z.array(z.string()).transform((list) => new Set(list))],
    ['zod: checked after a transform', z.string().transform(BigInt).pipe(z.bigint())],
    ['zod: after a function', z.preprocess((list) => new Set(list as string[]), z.set(z.any()))],
    ['zod: a codec', z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: String })],
    ['zod: one of the choices', z.union([z.date(), z.string()])],
    ['zod: with a default', z.object({ at: z.date().default(() => new Date()) })],
    ['zod: that is caught', z.object({ tags: z.set(z.string()).catch(new Set()) })],
    ['zod: that contains itself', treeOf],
    ['zod: anything', z.object({ a: z.any(), b: z.unknown(), c: z.custom() })],
    ['zod 3: made of a text', old.object({ at: old.coerce.date() })],
    ['zod 3: after a function', old.preprocess((v) => new Set(v as []), old.set(old.any()))],
    ['zod 3: made by a transform', old.object({ b: old.string().transform(BigInt) })],
    ['zod 3: one of the choices', old.object({ at: old.date().or(old.string()) })],
    ['zod 3: with a default', old.object({ at: old.date().default(() => new Date()) })],
    ['valibot: made of a text', v.object({ at: v.pipe(v.string(), v.transform(Date), v.any()) })],
    ['valibot: one of the choices', v.union([v.date(), v.string()])],
    ['valibot: with a default', v.object({ at: v.optional(v.date(), () => new Date()) })],
    ['valibot: that is caught', v.object({ at: v.fallback(v.date(), new Date(0)) })],
    ['valibot: objects', v.object({ a: v.instance(Object), b: v.nullish(v.string()) })],
    ['arktype: plain', ark({ required: [{ key: 'e', value: [{ unit: 'a' }, { unit: null }] }] })],
    ['arktype: made of a text', ark({ declaredOut: { proto: 'Date' }, in: 'string', morphs: [] })],
    [
      'arktype: lists',
      ark({ sequence: { variadic: 'string', minVariadicLength: 1 }, proto: 'Array' }),
    ],
    ['arktype: one of the choices', ark(['string', 'Date'])],
    [
      'arktype: with a default',
      ark({ optional: [{ default: '$ark.fn', key: 'at', value: 'Date' }] }),
    ],
    ['arktype: that contains itself', ark({ optional: [{ key: 'kid', value: '$ark.type18' }] })],
    ['another library', { '~standard': { version: 1, vendor: 'own', validate: () => 1 } }],
  ])('%s', (_, schema) => expect(found(schema)).toBeNull());
});
