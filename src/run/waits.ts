// How long a wait is, told in prose:
//
// Waits that were asked for as a duration (--in, a retry, a call-back, `every`, the period of a rate) last that long by
// the monotonic clock while a daemon lives. Only what was asked for as an instant (--at, cron, the Date of a job)
// follows the wall clock. A sleep of the machine counts as time that has passed.
//
// A record keeps the instant at which such a wait ends, so that people can read it and a restart needs nothing else.
// Beside it stands the length of the wait (`waitMs`). While a daemon lives, the end is held in steady time
// (support/steady-time), which no set clock moves. Once the clock was set, the records are written anew (`restate` of
// the engine): the instants that they show lie as far ahead as before.
//
// After a restart there is nothing to hold on to but the wall clock. A wait that seems to last longer than its own
// length is cut to that length. So a clock that was set back by a year delays a retry in ten seconds by ten seconds. A
// clock that was set forward while no daemon ran ends waits early: nothing shows that no time has passed.
import { laterBy } from '../support/clock.ts';
import type { Due, Run } from './run.ts';

/** A wait as a duration from now on. */
export const waitOf = (now: number, waitMs: number): Required<Due> => ({
  dueAt: laterBy(now, waitMs),
  waitMs,
});

/** The length of the wait of a run; null where it waits for an instant, or for no time at all. */
export const lengthOf = ({ state }: Run): number | null =>
  state.name === 'scheduled' || state.name === 'waiting' ? (state.waitMs ?? null) : null;

/** A wait that is never longer than its length. */
export const cut = (dueAt: number, waitMs: number, now: number): number =>
  Math.min(dueAt, laterBy(now, waitMs));

/** The same wait, whose end has another name since the clock was set. */
export const restated = (run: Run, dueAt: number): Run =>
  run.state.name === 'scheduled' || run.state.name === 'waiting'
    ? { ...run, state: { ...run.state, dueAt } }
    : run;
