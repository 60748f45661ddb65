// At what pace the output of jobs is read: by a clock that the test moves.
import { expect, test } from 'vitest';
import { Flow } from '../../src/workers/raw-output.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

/** Reads floods that never end, for a while: how much of the time reading took. */
async function shareOf(flows: readonly Flow[], clock: FakeClock, msAPiece: number, forMs: number) {
  let readMs = 0;
  let over = false;
  const step = (flow: Flow): void => {
    if (over) return;
    flow.read(1000, () => {
      clock.stall(msAPiece);
      readMs += msAPiece;
      return 500;
    });
    const next = (): void => void clock.after(0.01, () => step(flow));
    if (!flow.wait(next)) next();
  };
  const began = clock.monotonic();
  for (const flow of flows) step(flow);
  await clock.advance(forMs, async () => undefined);
  over = true;
  // None is left waiting, for those that wait share the pace.
  for (const flow of flows) for (const free of [true, false]) flow.free(free);
  return readMs / (clock.monotonic() - began);
}

const worn = async (count: number, msAPiece: number): Promise<number> => {
  const clock = new FakeClock(0);
  const flows = Array.from({ length: count }, () => new Flow(clock));
  // What every job may print at once is read by then.
  await shareOf(flows, clock, 0, 1000);
  return shareOf(flows, clock, msAPiece, 60_000);
};

test.each([1, 3, 20])(
  'reading %i floods takes a tenth of the time, however slow the machine is, and not much less',
  async (count) => {
    for (const msAPiece of [2, 10, 50]) {
      const share = await worn(count, msAPiece);
      expect(share, `${msAPiece} ms for 500 lines`).toBeLessThan(0.13);
      expect(share, `${msAPiece} ms for 500 lines`).toBeGreaterThan(0.05);
    }
  },
);

test('what a job prints within its free part is read at once, and messages without output cost nothing', () => {
  const clock = new FakeClock(0);
  const flow = new Flow(clock);
  const read = (lines: number | null): boolean => {
    flow.read(100_000, () => {
      clock.stall(5);
      return lines;
    });
    return flow.wait(() => undefined);
  };
  for (let piece = 0; piece < 10_000; piece++) expect(read(null)).toBe(false);
  for (let piece = 0; piece < 100; piece++) expect(read(500)).toBe(false);
});
