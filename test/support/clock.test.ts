// The system clock: its timers wait as long as they are told to, also where Node's own would not.
import { afterEach, expect, it, vi } from 'vitest';
import { delay, systemClock, within } from '../../src/support/clock.ts';

const DAY = 86_400_000;
afterEach(() => void vi.useRealTimers());

it('a wait of 60 days ends after 60 days, not at once and not after 25', () => {
  vi.useFakeTimers();
  let over = 0;
  systemClock.after(60 * DAY, () => over++);
  vi.advanceTimersByTime(60 * DAY - 1);
  expect(over).toBe(0);
  vi.advanceTimersByTime(1);
  expect(over).toBe(1);
});

it('a wait that was taken back does not end, on whichever leg it is', () => {
  vi.useFakeTimers();
  let over = 0;
  const undo = systemClock.after(60 * DAY, () => over++);
  vi.advanceTimersByTime(40 * DAY);
  undo();
  vi.advanceTimersByTime(40 * DAY);
  expect(over).toBe(0);
});

it('a delay ends at its signal', async () => {
  const signal = AbortSignal.timeout(10);
  const began = performance.now();
  await delay(systemClock, DAY, signal);
  expect(performance.now() - began).toBeLessThan(5000);
});

it('work within a time gives what it comes to, and its timer is taken back', async () => {
  vi.useFakeTimers();
  const late = vi.fn();
  expect(await within(systemClock, Promise.resolve(7), DAY, late)).toBe(7);
  await expect(within(systemClock, Promise.reject(new Error('no')), DAY, late)).rejects.toThrow(
    'no',
  );
  expect(vi.getTimerCount()).toBe(0);
  expect(late).not.toHaveBeenCalled();
});

it('work that is late gives what stands in for it, or is refused', async () => {
  vi.useFakeTimers();
  const work = new Promise<number>(() => undefined);
  const late = within(systemClock, work, 50, () => 'late');
  const refused = within(systemClock, work, 50, () => Promise.reject(new Error('too late')));
  const told = expect(refused).rejects.toThrow('too late');
  vi.advanceTimersByTime(50);
  expect(await late).toBe('late');
  await told;
});

it('a sharp timer ends in the millisecond that was asked for or later, however short, and not where it was taken back', async () => {
  const early: number[] = [];
  for (const ms of [0, 1, 2, 5, 20]) {
    await delay(systemClock, Math.random() * 3);
    const due = systemClock.now() + ms;
    await new Promise<void>((resolve) => systemClock.after(ms, resolve, { sharp: true }));
    if (systemClock.now() < due) early.push(ms);
  }
  expect(early).toEqual([]);
  let over = 0;
  const undos = [1, 5].map((ms) => systemClock.after(ms, () => over++, { sharp: true }));
  undos[0]?.();
  await delay(systemClock, 4);
  undos[1]?.();
  await delay(systemClock, 10);
  expect(over).toBe(0);
});

it('a sharp timer ends when the wall clock has come to its time, though Node would be a millisecond late', () => {
  vi.useFakeTimers();
  const ended: string[] = [];
  const began = Date.now();
  systemClock.after(20, () => ended.push('sharp'), { sharp: true });
  systemClock.after(22, () => ended.push('plain'));
  vi.advanceTimersByTime(19);
  expect(ended).toEqual([]);
  vi.setSystemTime(began + 20);
  vi.advanceTimersByTime(1);
  expect(ended).toEqual(['sharp']);
});

it('a sharp timer ends soon also where the clock is set back while it looks', async () => {
  const real = Date.now;
  const began = performance.now();
  const over = new Promise<void>((resolve) => systemClock.after(1, resolve, { sharp: true }));
  vi.spyOn(Date, 'now').mockImplementation(() => real() - DAY);
  await over;
  vi.restoreAllMocks();
  expect(performance.now() - began).toBeLessThan(5000);
});
