// What is typed after -p and --params, and what the job's schema makes of it.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readParams, withTexts } from '../../src/commands/shared/params.ts';
import { checkJson, type Json } from '../../src/support/json.ts';

const stdin = async (): Promise<string> => '{"from":"stdin"}';
const read = (typed: { params?: string; texts?: string[] }) =>
  readParams({ typed, readStdin: stdin });

test('nothing given is nothing', async () => {
  expect(await read({})).toEqual({});
});

test('-p is text, -p with := is JSON, and a value may hold both signs', async () => {
  expect(await read({ texts: ['a=1', 'b:=[1]', 'c=x=y', 'url=http://x:=y'] })).toEqual({
    params: { b: [1] },
    texts: [
      ['a', '1'],
      ['c', 'x=y'],
      ['url', 'http://x:=y'],
    ],
  });
});

test('--params comes as JSON, from a file, from stdin; -p := adds to it', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'jobrun-test-')), 'p.json');
  writeFileSync(file, '[1,2]');
  expect(await read({ params: '{"a":1}' })).toEqual({ params: { a: 1 } });
  expect(await read({ params: `@${file}` })).toEqual({ params: [1, 2] });
  expect(await read({ params: '-' })).toEqual({ params: { from: 'stdin' } });
  expect(await read({ params: '{"a":1}', texts: ['b:=2'] })).toEqual({ params: { a: 1, b: 2 } });
});

test.each([
  ['no JSON', { params: '{bad' }],
  ['no file', { params: '@/nowhere/p.json' }],
  ['no name', { texts: ['=x'] }],
  ['no value', { texts: ['x'] }],
  ['no JSON after :=', { texts: ['x:=nope'] }],
])('%s is refused as wrong usage', async (_, options) => {
  await expect(read(options)).rejects.toMatchObject({ code: 'bad-option' });
});

test('a param named __proto__ is a key like any other, and so is found and refused', async () => {
  const { params } = await read({ texts: ['__proto__:={"x":1}'] });
  const { texts } = await read({ texts: ['__proto__=y'] });
  expect(() => checkJson(params ?? null, 'params')).toThrow('__proto__');
  expect(() => checkJson(withTexts({}, texts ?? [], null), 'params')).toThrow('__proto__');
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

test('a param that is given twice and is no list is refused, for one value would be lost', async () => {
  const twice = { code: 'bad-option', message: '-p n was given more than once' };
  await expect(read({ texts: ['n:=1', 'n:=2'] })).rejects.toMatchObject(twice);
  await expect(read({ texts: ['n=1', 'n:=2'] })).rejects.toMatchObject(twice);
  const { texts = [] } = await read({ texts: ['n=1', 'n=2'] });
  const type = (type: string): Json => ({ properties: { n: { type } } });
  for (const schema of [null, type('number'), type('string')])
    expect(() => withTexts({}, texts, schema)).toThrow(expect.objectContaining(twice));
  expect(withTexts({}, texts, type('array'))).toEqual({ n: ['1', '2'] });
});

const schema: Json = {
  type: 'object',
  $defs: { size: { type: 'integer' } },
  properties: {
    text: { type: 'string' },
    count: { type: 'integer' },
    ratio: { type: 'number' },
    dry: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'string' } },
    sizes: { type: 'array', items: { type: 'number' } },
    either: { anyOf: [{ type: 'number' }, { type: 'null' }] },
    both: { type: ['string', 'number'] },
    size: { $ref: '#/$defs/size' },
    level: { enum: [1, 2, 3] },
    mode: { enum: ['on', 'off'] },
    where: { type: 'object' },
  },
};

test.each<[string, string[], Json]>([
  ['text', ['12'], '12'],
  ['count', ['12'], 12],
  ['count', ['many'], 'many'],
  ['count', [''], ''],
  ['ratio', ['-0.5e3'], -500],
  ['dry', ['true'], true],
  ['dry', ['yes'], 'yes'],
  ['tags', ['a,b'], ['a', 'b']],
  ['tags', ['["a,b"]'], ['a,b']],
  ['tags', ['a', 'b,c'], ['a', 'b,c']],
  ['sizes', ['1,2'], [1, 2]],
  ['either', ['3'], 3],
  ['either', ['null'], null],
  ['both', ['3'], '3'],
  ['size', ['3'], 3],
  ['level', ['2'], 2],
  ['mode', ['on'], 'on'],
  ['where', ['{"x":1}'], { x: 1 }],
  ['unknown', ['3'], '3'],
])('%s %j becomes %j', (key, texts, value) => {
  const pairs = texts.map((text) => [key, text] as const);
  expect(withTexts({}, pairs, schema)).toEqual({ [key]: value });
});

test('texts join the params that are there, and need an object for it', () => {
  expect(withTexts({ a: 1 }, [['b', '2']], null)).toEqual({ a: 1, b: '2' });
  expect(() => withTexts([1], [['b', '2']], null)).toThrow(
    expect.objectContaining({ code: 'bad-params' }),
  );
});
