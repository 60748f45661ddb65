// The wait before another attempt: its growth, its cap, its spread.
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/run/retries.ts';
import { retries } from '../helpers/runs.ts';

const waits = (more: Parameters<typeof retries>[1], chance = 0.5): number[] =>
  [1, 2, 3, 4].map((failures) =>
    backoffMs(retries(9, { delayMs: 100, ...more }), failures, chance),
  );

describe('the wait', () => {
  it('fixed stays, linear adds, exponential multiplies', () => {
    expect(waits({ backoff: 'fixed' })).toEqual([100, 100, 100, 100]);
    expect(waits({ backoff: 'linear' })).toEqual([100, 200, 300, 400]);
    expect(waits({ backoff: 'exponential', factor: 3 })).toEqual([100, 300, 900, 2700]);
  });

  it('never passes the cap, not even by chance or after a million failures', () => {
    expect(waits({ maxDelayMs: 250, jitter: 0.5 }, 1)).toEqual([150, 250, 250, 250]);
    expect(backoffMs(retries(9, { maxDelayMs: 5000 }), 1_000_000, 1)).toBe(5000);
  });

  it('chance spreads it to both sides by its share, and never below nothing', () => {
    expect(
      [0, 0.5, 1].map((chance) => waits({ backoff: 'fixed', jitter: 0.1 }, chance)[0]),
    ).toEqual([90, 100, 110]);
    expect(waits({ backoff: 'fixed', jitter: 1 }, 0)[0]).toBe(0);
  });

  it('no delay is no delay', () => {
    expect(waits({ delayMs: 0 })).toEqual([0, 0, 0, 0]);
    for (const failures of [1024, 1025, 1_000_000])
      expect(backoffMs(retries(9, { delayMs: 0 }), failures, 1)).toBe(0);
  });
});
