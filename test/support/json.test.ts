// What may cross a border as JSON, to the byte and the level.
import { describe, expect, it } from 'vitest';
import { checkJson, type Json, mostBytes, parseJson } from '../../src/support/json.ts';

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

  it('no text of JSON is longer than was said of its value', () => {
    const hard = [
      '\u0000"\\\n',
      '\ud800é漢🎉',
      -1.7976931348623157e308,
      -5e-324,
      false,
      null,
      {},
      [],
    ];
    const values: Json[] = [...hard, hard, { '\u0001': hard, a: { b: [[]] } }];
    for (const value of values)
      expect(mostBytes(value)).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)));
    expect(mostBytes('x'.repeat(1000))).toBeLessThan(10_000);
  });
});

describe('the measure of large values', () => {
  it('is their JSON to the byte, whatever is in them', () => {
    const hard: Json[] = [
      '\u0000"\\\n\u007f',
      'é漢🎉 ~!',
      -0,
      0,
      9,
      10,
      1e21,
      -5e-324,
      true,
      false,
      null,
      {},
      [],
      [[]],
    ];
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`é"${i}`, hard]));
    const rest = MB - Buffer.byteLength(JSON.stringify({ many, rest: '' }));
    expect(code({ many, rest: 'x'.repeat(rest) })).toBe('none');
    expect(code({ many, rest: 'x'.repeat(rest + 1) })).toBe('too-large');
  });

  it('takes not much more time than to parse them, and less where they are far too large', () => {
    const cpuOf = (work: () => unknown): number => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const textOf = (many: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: many }, (_, i) => [`k${i}`, i % 10])));
    for (const [many, result] of [
      [90_000, 'none'],
      [150_000, 'too-large'],
    ] as const) {
      const text = textOf(many);
      const shares = [1, 2, 3].map(() => {
        let value: Json = null;
        const parsing = cpuOf(() => {
          value = JSON.parse(text);
        });
        return cpuOf(() => expect(code(value)).toBe(result)) / parsing;
      });
      expect(Math.min(...shares)).toBeLessThan(1.8);
    }
  }, 120_000);
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

describe('half surrogate pairs in JSON', () => {
  it.each([
    ['"\\ud83d"', '\ufffd'],
    ['"a\\uDC00b"', 'a\ufffdb'],
    ['"\\ud83d\\ud83d\\ude00"', '\ufffd😀'],
    ['"\\ude00\\ud83d"', '\ufffd\ufffd'],
    ['{"\\ud83d":1}', { '\ufffd': 1 }],
  ])('become U+FFFD: %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it.each([
    ['"\\ud83d\\ude00"', '😀'],
    ['"\\\\ud83d"', '\\ud83d'],
    ['"\\\\\\ud83d\\ude00"', '\\😀'],
    ['"\\u0064"', 'd'],
    ['"\\ud8"', undefined],
    ['"\\ud8"}"', undefined],
  ])('and nothing else changes: %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });
});
