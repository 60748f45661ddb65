// By which clock history is removed: a leap ahead is believed only when it has stood for a day.
import { describe, expect, it } from 'vitest';
import { type ClockMark, keepTime, seen, trusting } from '../../src/run/keep-clock.ts';
import { DAY, HOUR, MINUTE } from '../../src/support/limits.ts';
import { NOW } from '../helpers/runs.ts';

const YEAR = 365 * DAY;
const looked = (mark: ClockMark, ...times: readonly number[]): ClockMark =>
  times.reduce(seen, mark);

describe('the clock by which history is removed', () => {
  it('is the present, hour by hour, and over a night without a daemon', () => {
    const mark = looked(trusting(NOW), NOW + MINUTE, NOW + HOUR, NOW + 20 * HOUR);
    expect(mark).toEqual(trusting(NOW + 20 * HOUR));
    expect(keepTime(mark, NOW + 20 * HOUR)).toBe(NOW + 20 * HOUR);
  });

  it('stays behind a leap of a year, and goes on for no more than a day', () => {
    const leapt = NOW + YEAR;
    const mark = looked(trusting(NOW), leapt, leapt + HOUR, leapt + 23 * HOUR);
    expect(mark.leapAt).toBe(leapt);
    expect(keepTime(mark, leapt)).toBe(NOW);
    expect(keepTime(mark, leapt + HOUR)).toBe(NOW + HOUR);
    expect(keepTime(mark, leapt + 30 * DAY)).toBe(NOW + DAY);
  });

  it('is the present again when the leap has stood for a day', () => {
    const leapt = NOW + YEAR;
    expect(looked(trusting(NOW), leapt, leapt + DAY)).toEqual(trusting(leapt + DAY));
    expect(looked(trusting(NOW), leapt, leapt + DAY - 1).leapAt).toBe(leapt);
  });

  it('believes a first leap only, where a second one follows', () => {
    const first = NOW + YEAR;
    const second = first + YEAR;
    expect(looked(trusting(NOW), first, second)).toEqual({ trusted: first, leapAt: second });
  });

  it('is the present where the leap is taken back, and where the clock is set back', () => {
    expect(looked(trusting(NOW), NOW + YEAR, NOW + HOUR)).toEqual(trusting(NOW + HOUR));
    expect(looked(trusting(NOW), NOW - YEAR)).toEqual(trusting(NOW - YEAR));
    const less = looked(trusting(NOW), NOW + YEAR, NOW + 30 * DAY);
    expect(less).toEqual({ trusted: NOW, leapAt: NOW + 30 * DAY });
  });
});
