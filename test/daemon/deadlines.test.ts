// The time limits of one attempt, on a clock that the test moves.
import { describe, expect, test } from 'vitest';
import { Deadlines, type TimeLimits } from '../../src/daemon/deadlines.ts';
import { MINUTE } from '../../src/support/limits.ts';
import { seenTime } from '../../src/support/seen-time.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { NOW } from '../helpers/runs.ts';

/** A pass of the event loop: a limit looks once more after pipes have been read. */
const quiet = () => new Promise<void>((done) => setImmediate(done));

function started(limits: Partial<TimeLimits>) {
  const clock = new FakeClock(NOW);
  const over: string[] = [];
  const deadlines = new Deadlines(
    clock,
    { timeoutMs: null, lockTimeMs: null, startMs: MINUTE, ...limits },
    (kind) => over.push(kind),
  );
  return {
    deadlines,
    over,
    stall: (ms: number) => clock.stall(ms),
    clock,
    pass: (ms: number) => clock.advance(ms, quiet),
  };
}

describe('before the code of the job begins', () => {
  test('neither timeout nor lock time runs, however long it takes', async () => {
    const { deadlines, over, pass } = started({ timeoutMs: 1000, lockTimeMs: 500 });
    await pass(59_000);
    expect(over).toEqual([]);
    deadlines.begin();
    await pass(499);
    expect(over).toEqual([]);
    await pass(10);
    expect(over).toEqual(['stale']);
    await pass(500);
    expect(over).toEqual(['stale', 'timeout']);
  });

  test('a start that takes a minute is over, and one that has begun is not', async () => {
    const hangs = started({ timeoutMs: 1000 });
    const begun = started({});
    begun.deadlines.begin();
    for (const { pass } of [hangs, begun]) await pass(61_000);
    expect(hangs.over).toEqual(['start']);
    expect(begun.over).toEqual([]);
    expect(begun.clock.waiting, 'no beat without a limit').toBe(0);
  });
});

describe('after a stop of the daemon', () => {
  test('a limit has lost a second at most, and ends when its time was seen', async () => {
    const { deadlines, over, pass, stall } = started({ timeoutMs: 15_000, lockTimeMs: 5000 });
    deadlines.begin();
    await pass(3000);
    stall(20_000);
    await pass(900);
    expect(over).toEqual([]);
    deadlines.heartbeat();
    deadlines.extendLock(60_000);
    await pass(9000);
    expect(over).toEqual([]);
    await pass(2100);
    expect(over).toEqual(['timeout']);
  });

  test('what was stopped before any limit was set costs none of it', async () => {
    const clock = new FakeClock(NOW);
    const time = seenTime(clock);
    const at: number[] = [];
    clock.stall(3_600_000);
    time.after(5000, () => at.push(clock.monotonic()));
    const undo = time.after(1000, () => at.push(-1));
    undo();
    await clock.advance(6000, quiet);
    expect(at).toEqual([3_605_000]);
    expect(clock.waiting).toBe(0);
  });
});
