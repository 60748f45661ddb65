// Turns of the event loop for many that one event wakes at once: thousands of streams follow one run, or read every
// change. They go on one after the other. When they have taken their time, the rest wait for the next turn of the loop,
// in which requests and timers are served as well.
import { performance } from 'node:perf_hooks';

/** In one turn of the loop all of them together take this long, and the last of them as long as it takes. */
const A_TURN_MS = 5;

const waiting: (() => void)[] = [];
/** When the first of this turn of the loop went on; null where none has. */
let since: number | null = null;
/** One is at work: what it does until it waits for something else is not done yet. */
let isBusy = false;

/** Null where the caller can go on at once. */
export function myTurn(): Promise<void> | null {
  if (isBusy || waiting.length > 0 || !hasTime())
    return new Promise((resolve) => waiting.push(resolve));
  begin();
  return null;
}

function begin(next?: () => void): void {
  isBusy = true;
  next?.();
  // A tick that is asked for by a microtask comes after all microtasks: what was done at once is done.
  queueMicrotask(() => process.nextTick(goOn));
}

function goOn(): void {
  isBusy = false;
  if (waiting.length > 0 && hasTime()) begin(waiting.shift());
}

function hasTime(): boolean {
  const now = performance.now();
  if (since !== null) return now - since < A_TURN_MS;
  since = now;
  setImmediate(() => {
    since = null;
    goOn();
  });
  return true;
}
