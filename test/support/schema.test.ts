// Unknown input: what each kind of value takes, how a fault is told, and that a plain check of a schema says the same
// as the schema itself.
import * as v from 'valibot';
import { describe, expect, it, test } from 'vitest';
import { JobrunError, type Problem } from '../../src/support/errors.ts';
import {
  anything,
  duration,
  faultOf,
  fits,
  flag,
  instant,
  json,
  list,
  number,
  numberBetween,
  object,
  oneOf,
  read,
  type Schema,
  size,
  someTime,
  strict,
  systemText,
  text,
  textUpTo,
  variant,
  whole,
  wholeOrText,
  zone,
} from '../../src/support/schema.ts';
import { randomFrom } from '../helpers/random.ts';

const bytes = size('a size', 0);

it.each<[what: string, Schema, value: unknown, read: unknown]>([
  ['a duration', duration, '1h30m', 5_400_000],
  ['milliseconds', duration, 250.4, 250],
  ['a size', bytes, '1.5 KB', 1536],
  ['a zone', zone, 'europe/berlin', 'Europe/Berlin'],
  ['a number as text', wholeOrText(1, 10), '7', 7],
  ['defaults', strict({ a: v.optional(whole(0), 5) }), {}, { a: 5 }],
  ['other fields', object({ a: text }), { a: 'x', b: 1 }, { a: 'x', b: 1 }],
])('%s is read', (_what, schema, value, expected) => {
  expect(v.parse(schema, value)).toEqual(expected);
  expect(faultOf(schema, value)).toBe(null);
});

const DEEP = object({
  jobs: list(strict({ delay: duration, kind: v.optional(oneOf(['a', 'b'])) })),
});

test.each<[Schema, value: unknown, fault: string | RegExp]>([
  [text, 5, 'must be a text, not 5'],
  [text, undefined, 'is missing: it must be a text'],
  [textUpTo(3), 'four', 'must be a text of 1 to 3 characters, not "four"'],
  [systemText, 'a\0b', /^must be a text, not "a/],
  [flag, 'yes', 'must be true or false, not "yes"'],
  [number, Number.NaN, 'must be a number, not NaN'],
  [instant, '2026', 'must be a time, not "2026"'],
  [whole(0), -1, 'must be a whole number from 0, not -1'],
  [whole(1, 9), 1.5, 'must be a whole number from 1 to 9, not 1.5'],
  [wholeOrText(1, 9), 'many', 'must be a whole number from 1 to 9, not "many"'],
  [numberBetween(0, 1), 2n, 'must be a number from 0 to 1, not 2'],
  [someTime, '0s', 'must be longer than zero, not 0'],
  [duration, '20', /^must be a duration: .*, not "20"/],
  [bytes, 512, 'must be a size, not 512'],
  [zone, 'Mars/Base', ': there is no time zone "Mars/Base"'],
  [oneOf(['a', 'b']), 'c', ': there is no "c"'],
  [oneOf(['a', 'b']), 5, `must be 'a' or 'b', not 5`],
  [list(text), 'x', 'must be a list, not "x"'],
  [object({}), [], 'must be an object, not a list'],
  [object({}), null, 'must be an object, not null'],
  [object({ run: text }), { run: () => 1 }, 'run must be a text, not a function'],
  [DEEP, { jobs: [{ delay: 1 }, { delay: {} }] }, /^jobs\[1\]\.delay must be .*, not an object/],
  [DEEP, { jobs: [{}] }, /^jobs\[0\]\.delay is missing: it must be a duration/],
  [DEEP, { jobs: [{ delay: 1, kidn: 'a' }] }, 'jobs[0] has no field "kidn"'],
  [strict({ job: text }), { jbo: 'x' }, 'has no field "jbo"'],
  [strict({ a: text }), { constructor: 1 }, 'has no field "constructor"'],
  [strict({ a: text }), { 'b\u001b[2J': 1 }, 'has no field "b"'],
  [json, undefined, /^is missing/],
])('%#: the fault is told', (schema, value, fault) => {
  expect(faultOf(schema, value)).toEqual(
    typeof fault === 'string' ? fault : expect.stringMatching(fault),
  );
});

it('the reader gets the place, the path and what was probably meant', () => {
  const told: Problem[] = [];
  const refuse = (problem: Problem): JobrunError => {
    told.push(problem);
    return new JobrunError('bad-request', problem.says, problem.hint);
  };
  const values = [{ jobs: [{ delay: 1, kidn: 'a' }] }, { jobs: [{ delay: 1, kind: 'A' }] }];
  for (const value of values) expect(() => read(DEEP, value, refuse)).toThrow(JobrunError);
  expect(told).toMatchObject([
    { path: 'jobs[0].kidn', place: 'jobs[0]', hint: 'Did you mean "kind"?' },
    { path: 'jobs[0].kind', place: 'jobs[0].kind', hint: 'Did you mean "a"?' },
  ]);
});

describe('a plain check', () => {
  const LEAVES = [text, flag, number, instant, json, whole(0), oneOf(['a', 'b']), anything];
  const VALUES = ['a', 'c', '', 0, 1, -1, 1.5, Number.NaN, true, null, undefined, [], {}, 9e15];

  it('takes what the schema takes, and no more', () => {
    const random = randomFrom(5);
    const someSchema = (depth: number): Schema => {
      const kind = depth === 0 ? 0 : random.whole(0, 6);
      if (kind === 1) return v.nullable(someSchema(depth - 1));
      if (kind === 2) return list(someSchema(depth - 1));
      if (kind === 3)
        return object({ a: someSchema(depth - 1), b: v.optional(someSchema(depth - 1)) });
      if (kind === 4)
        return variant('k', { a: object({ v: someSchema(depth - 1) }), b: object({}) });
      if (kind === 5) return strict({ a: v.optional(someSchema(depth - 1)) });
      return random.of(LEAVES);
    };
    const someValue = (depth: number): unknown => {
      const kind = depth === 0 ? 0 : random.whole(0, 4);
      if (kind === 1) return [someValue(depth - 1)];
      if (kind === 2)
        return { a: someValue(depth - 1), ...(random.whole(0, 1) && { b: someValue(0) }) };
      if (kind === 3) return { k: random.of(['a', 'b', 'c']), v: someValue(depth - 1) };
      return random.of(VALUES);
    };
    let taken = 0;
    for (let round = 0; round < 1000; round++) {
      const schema = someSchema(3);
      for (let i = 0; i < 30; i++) {
        const value = someValue(3);
        expect(fits(schema, value), JSON.stringify(value)).toBe(v.is(schema, value));
        if (fits(schema, value)) taken++;
      }
    }
    expect(taken).toBeGreaterThan(1000);
  });
});
