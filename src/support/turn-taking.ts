// Turns of the event loop for many that one event wakes at once: thousands of streams follow one run, or read every
// change. They go on one after the other. When they have taken their time, the rest wait for the next turn of the loop,
// in which requests and timers are served as well.
import { performance } from 'node:perf_hooks';
import { HTTP_BACKLOG } from './limits.ts';

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

// ------------------------------------------------------------------------------------------- work of some milliseconds
//
// The loop lets in one client a round. With something long in each round, a client behind hundreds of others waits for
// seconds. So before something long the loop goes round until no client comes.

let arrivals = 0;

/** A client was let in, on the socket or over HTTP; others may stand behind it. */
export function arrived(): void {
  arrivals++;
}

/** One round lets a client in, and in the next its request is read. */
const QUIET_ROUNDS = 2;
/** As often as the system keeps clients waiting for the loop: those who come without end hold up nothing for ever. */
const MOST_ROUNDS = HTTP_BACKLOG + QUIET_ROUNDS;

/** Resolves when no further client comes. */
export async function untilQuiet(): Promise<void> {
  let quiet = 0;
  for (let rounds = 0; quiet < QUIET_ROUNDS && rounds < MOST_ROUNDS; rounds++) {
    const before = arrivals;
    await new Promise(setImmediate);
    quiet = arrivals === before ? quiet + 1 : 0;
  }
}

let last = Promise.resolve();

/** Resolves when the caller may do something that takes some milliseconds: one at a time, in the order of the calls. */
export function longTurn(): Promise<void> {
  last = last.then(untilQuiet);
  return last;
}
