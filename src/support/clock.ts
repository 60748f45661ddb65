// Time comes into the house here and nowhere else. Wall time says what to show and when a run is due; monotonic time
// says how long something took, because the wall clock can be set back. Tests hand in a clock that they move.

import { uptime as systemUptime } from 'node:os';
import { onAbort } from './aborts.ts';
import { LAST_INSTANT, SECOND } from './limits.ts';

export interface Clock {
  /** Milliseconds since 1970, as the machine's clock says. May jump. */
  now(): number;
  /** Milliseconds since some start; never goes back, stands still while the machine sleeps. */
  monotonic(): number;
  /** The same, and goes on while the machine sleeps. Missing: a machine that never sleeps. */
  elapsed?(): number;
  /**
   * Milliseconds since the machine has started, its sleep included: the same for all its processes. Missing: not known.
   */
  uptime?(): number;
  /** Calls `fn` once after `ms`; returns its undo. */
  after(ms: number, fn: () => void, options?: TimerOptions): () => void;
}

export interface TimerOptions {
  /** A pending call does not keep the process alive. */
  readonly idle?: boolean;
  /**
   * To the millisecond of the wall clock, where a plain timer comes up to one late; for half of one it looks instead.
   */
  readonly sharp?: boolean;
}

/** Not `performance`: the first look at that loads it, which takes a fiftieth of a command. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Time that has passed by a clock, sleep of the machine included. */
export const elapsedOf = (clock: Clock): number => clock.elapsed?.() ?? clock.monotonic();

let asleep = { wall: Number.NaN, monotonic: 0, uptime: 0, ms: 0 };

/**
 * The system tells how long it has been up, sleep included, but that takes as long as reading a file. So it is asked
 * only where the wall clock has moved in another way than the monotonic one: after a sleep, or because it was set.
 */
function elapsed(): number {
  const wall = Date.now();
  const present = monotonic();
  const moved = Math.abs(wall - asleep.wall - (present - asleep.monotonic));
  if (!(moved < SECOND / 2)) {
    const uptime = systemUptime() * SECOND;
    const slept = Number.isNaN(asleep.wall)
      ? 0
      : uptime - asleep.uptime - (present - asleep.monotonic);
    // The system may tell whole seconds only.
    asleep = { wall, monotonic: present, uptime, ms: asleep.ms + (slept > SECOND ? slept : 0) };
  }
  return present + asleep.ms;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => systemUptime() * SECOND,
  monotonic,
  elapsed,
  after(ms, fn, options) {
    if (options?.sharp) return sharply(ms, fn);
    const until = monotonic() + ms;
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      const again = left > LONGEST_TIMER;
      timer = setTimeout(
        () => (again ? wait(until - monotonic()) : fn()),
        Math.max(0, Math.min(left, LONGEST_TIMER)),
      );
      if (options?.idle) timer.unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};

/** The clock may be set while it is looked at. */
const LOOK_MS = 2;

/** Wakes a millisecond before its time, for a timer is never early and mostly late by a part of one. */
function sharply(ms: number, fn: () => void): () => void {
  const due = Date.now() + ms;
  let since = 0;
  let undo = (): void => undefined;
  const again = (): void => {
    const next = setImmediate(look);
    undo = () => clearImmediate(next);
  };
  const look = (): void => {
    if (Date.now() >= due || monotonic() - since > LOOK_MS) fn();
    else again();
  };
  const begin = (): void => {
    since = monotonic();
    again();
  };
  if (ms <= 1) begin();
  else undo = systemClock.after(ms - 1, begin);
  return () => undo();
}

/** Above 2^31-1 ms, 25 days, Node's own timers fire at once. */
const LONGEST_TIMER = 2 ** 30;

/** Resolves after `ms`, or at once with the signal's abort. */
export function delay(
  clock: Pick<Clock, 'after'>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      undo();
      unlisten?.();
      resolve();
    };
    const undo = clock.after(ms, finish);
    const unlisten = signal && onAbort(signal, finish);
  });
}

/** The result of the work, or after `ms` the result of `late`; the work itself goes on. */
export function within<T, Late>(
  clock: Pick<Clock, 'after'>,
  work: Promise<T>,
  ms: number,
  late: () => Late | Promise<Late>,
): Promise<T | Late> {
  let undo = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    undo = clock.after(ms, resolve);
  });
  return Promise.race([work, over.then(late)]).finally(() => undo());
}

/** True for what a Date can hold, and nothing else can be shown or stored as a time. */
export const isInstant = (value: unknown): value is number =>
  typeof value === 'number' && Math.abs(value) <= LAST_INSTANT;

/** The instant `ms` after another one; the last one of all where there is none that late. */
export const laterBy = (instant: number, ms: number): number =>
  Math.min(instant + ms, LAST_INSTANT);

let latest = { instant: Number.NaN, text: '' };

/** `2026-11-23T18:30:00.000Z`. Runs that came together say the same instant over and over. */
export function isoOf(instant: number): string {
  if (latest.instant !== instant) latest = { instant, text: new Date(instant).toISOString() };
  return latest.text;
}
