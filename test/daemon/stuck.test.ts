// Results that the disk refuses: how long the daemon calls that a trouble, and when it gives up.
import { expect, it } from 'vitest';
import { Stuck, untilWritten } from '../../src/daemon/stuck.ts';
import type { JobrunError } from '../../src/support/errors.ts';
import { MINUTE } from '../../src/support/limits.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

function setUp() {
  const clock = new FakeClock(0);
  const codes: string[] = [];
  const giveUp = ({ code }: JobrunError): number => codes.push(code);
  const stuck = new Stuck(clock, { error: () => undefined }, giveUp);
  const write = (refusals: number): Promise<string> => {
    let left = refusals;
    const once = async (): Promise<string> => {
      if (left-- > 0) throw new Error('refused');
      return 'written';
    };
    return untilWritten(once, clock, (error) => stuck.told(error));
  };
  const pass = (ms: number): Promise<void> =>
    clock.advance(ms, () => new Promise((resolve) => setImmediate(resolve)));
  return { stuck, codes, write, pass };
}

it('a result that goes through is the end of the trouble, also where it was another that was refused', async () => {
  const { stuck, codes, write, pass } = setUp();
  stuck.told(new Error('refused'));
  expect(stuck.isStuck).toBe(true);
  expect(await write(0)).toBe('written');
  expect(stuck.isStuck).toBe(false);
  await pass(2 * MINUTE);
  const late = write(2);
  await pass(5000);
  expect(await late).toBe('written');
  expect([stuck.isStuck, codes]).toEqual([false, []]);
});

it('what nothing gets through for a minute is given up', async () => {
  const { stuck, codes, write, pass } = setUp();
  void write(Number.POSITIVE_INFINITY);
  await pass(MINUTE - 2000);
  expect([stuck.isStuck, codes]).toEqual([true, []]);
  await pass(4000);
  expect(codes[0]).toBe('write-failed');
});
