// What may cross a border as JSON, to the byte and the level.
import { describe, expect, it } from 'vitest';
import { checkJson, type Json, parseJson } from '../../src/support/json.ts';

const nested = (levels: number): Json => {
  let value: Json = 1;
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value };
  return value;
};
const code = (value: Json): string => {
  try {
    checkJson(value, 'params');
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};
const MB = 1024 * 1024;

describe('the limits', () => {
  it('100 levels pass, 101 do not, and 100,000 cost no more', () => {
    expect([100, 101, 100_000].map((levels) => code(nested(levels)))).toEqual([
      'none',
      'too-large',
      'too-large',
    ]);
  });

  it('1 MB passes, a byte more does not, counted in bytes and not in letters', () => {
    expect(code('x'.repeat(MB - 2))).toBe('none');
    expect(code('x'.repeat(MB - 1))).toBe('too-large');
    expect(code('é'.repeat(MB / 2 - 1))).toBe('none');
    expect(code('é'.repeat(MB / 2))).toBe('too-large');
  });

  it('a key __proto__ is refused at any depth; the text alone is not', () => {
    expect(code(parseJson('{"a":[{"__proto__":{"x":1}}]}') ?? null)).toBe('bad-params');
    expect(code({ a: '__proto__', b: '"__proto__"' })).toBe('none');
  });

  it('what passes comes back as its text', () => {
    expect(checkJson({ a: [1, null, 'x'] }, 'params')).toBe('{"a":[1,null,"x"]}');
  });
});

describe('text of somebody else', () => {
  it('is parsed, or undefined where it is no JSON', () => {
    expect([parseJson('null'), parseJson('{"a":1}'), parseJson(''), parseJson('{')]).toEqual([
      null,
      { a: 1 },
      undefined,
      undefined,
    ]);
  });

  it('cannot reach the prototype of objects', () => {
    parseJson('{"__proto__":{"polluted":1}}');
    expect(({} as { polluted?: number }).polluted).toBe(undefined);
  });
});
