// Lengths of time: what people may write, what is refused, how they are shown.
import { describe, expect, it } from 'vitest';
import { durationMs, parseDuration, showDuration } from '../../src/support/durations.ts';

describe('a duration as text', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['20m', 1_200_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['1.5s', 1500],
    ['0s', 0],
    ['1d2h3m4s5ms', 93_784_005],
    ['PT20M', 1_200_000],
    ['P1DT2H', 93_600_000],
    ['P2W', 1_209_600_000],
    ['PT0.5S', 500],
  ])('%s', (text, ms) => {
    expect(parseDuration(text, 'in')).toBe(ms);
  });

  it.each([
    ['5', 'Give its unit: "5s", "5m" or "5h".'],
    ['5 s', 'Write it as "5s".'],
    ['5S', 'Write it as "5s".'],
    ['1h 30m', 'Write it as "1h30m".'],
    ['2 Hours 5 minutes', 'Write it as "2h5m".'],
  ])('"%s" is refused, with the form in which it is one', (text, hint) => {
    expect(() => parseDuration(text, 'timeout')).toThrow(
      expect.objectContaining({ code: 'bad-time', hint }),
    );
  });

  it.each([
    '',
    '-5s',
    'soon',
    '5 parsecs',
    'P',
    'PT',
    'P1M',
    '1e3s',
    '.5s',
    '99999999999w',
    `${'9'.repeat(400)}s`,
    'Infinity',
  ])('"%s" is refused, naming where it stood and what is right', (text) => {
    expect(() => parseDuration(text, 'timeout')).toThrow(
      expect.objectContaining({
        code: 'bad-time',
        message: expect.stringContaining('timeout'),
        hint: expect.stringContaining('1h30m'),
      }),
    );
  });
});

describe('a duration in code', () => {
  it('a number is milliseconds, a text needs its unit', () => {
    expect([durationMs(0, 'x'), durationMs(1500, 'x'), durationMs('2s', 'x')]).toEqual([
      0, 1500, 2000,
    ]);
    expect(() => durationMs('1500', 'x')).toThrow();
  });

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e18,
    null,
    undefined,
    true,
    {},
    [],
    5n.toString,
  ])('%s is refused', (value) => {
    expect(() => durationMs(value, 'x')).toThrow(expect.objectContaining({ code: 'bad-time' }));
  });
});

describe('a duration as shown', () => {
  it.each([
    [0, '0ms'],
    [480, '480ms'],
    [999.9, '999ms'],
    [1000, '1.0s'],
    [4_299, '4.2s'],
    [9_999, '9.9s'],
    [10_000, '10s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [131_000, '2m 11s'],
    [3_599_999, '59m 59s'],
    [3_600_000, '1h'],
    [85_680_000, '23h 48m'],
    [273_600_000, '3d 4h'],
  ])('%d', (ms, shown) => {
    expect(showDuration(ms)).toBe(shown);
  });
});
