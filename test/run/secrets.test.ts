// The values of hidden params are kept out of what a job says, in whatever writing they stand there.
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { maskOf } from '../../src/run/secrets.ts';

const SECRET = `hunter"2 ü\\x'y+z/ä`;
const PEM =
  '-----BEGIN KEY-----\r\nMIIEverysecretline1\r\n  MIIEverysecretline2\n-----END KEY-----\n';
const mask = maskOf({ login: { password: SECRET }, key: PEM, short: 'abcd' }, [
  'password',
  'key',
  'short',
]) as (text: string) => string;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

it.each([
  ['as it is', SECRET],
  ['in JSON', JSON.stringify({ SECRET })],
  ['in JSON in JSON', JSON.stringify({ body: JSON.stringify({ SECRET }) })],
  ['as the console shows an object', inspect({ a: [SECRET] })],
  ['in an address', `https://h/?p=${encodeURIComponent(SECRET)}`],
  ['in a form', String(new URLSearchParams({ p: SECRET }))],
])('a secret is hidden %s', (_, text) => {
  for (const part of ['hunter', '2 ü', '%C3%BC', '\\x', 'y+z', 'y%2Bz'])
    expect(mask(text)).not.toContain(part);
  expect(mask(text)).toContain('***');
});

it.each(['', 'u', 'us', 'user', 'user:'])('a secret is hidden in base64 behind "%s"', (before) => {
  for (const after of ['', '!', '!!', '!!!']) {
    const code = base64(before + SECRET + after);
    for (const one of [code, code.replaceAll('+', '-').replaceAll('/', '_')]) {
      const left = mask(`Basic ${one}`).replace('Basic ', '').replace('***', '');
      // What is left are letters that hold bits of what stands beside it.
      expect(left.length).toBeLessThanOrEqual(base64(before + after).length + 4);
    }
  }
});

it('each line of a secret of several lines is hidden, as a log has it', () => {
  for (const text of [...PEM.split('\n'), JSON.stringify(PEM), inspect({ PEM })])
    expect(mask(text)).not.toMatch(/MIIE|secretline/);
});

it('other words stay as they are, also those that look like a part', () => {
  const text = 'hunter and gatherer: abc, MII, BEGIN, aHVudGVy';
  expect(mask(text)).toBe(text);
  expect(mask('x abcd x')).toBe('x *** x');
  expect(maskOf({ password: 'abc' }, ['password'])).toBe(null);
});
