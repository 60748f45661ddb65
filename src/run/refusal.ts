// Why something may not happen to a run in its present state, or to one that is not there, and what its user can do
// instead.
import { JobrunError } from '../support/errors.ts';
import { didYouMean } from '../support/text.ts';
import { isSettled, type Run } from './run.ts';

/** Throws where the run does not wait for an outside result. */
export function refuseUnlessPending(run: Run, what: string): void {
  refuseUnless(run, ['waiting'], what);
  if (run.state.name === 'waiting' && run.state.for === 'result') return;
  const hint = 'Only a run whose function returned ctx.pending() is settled from outside.';
  throw new JobrunError('refused', `run ${run.id} waits for other runs and cannot ${what}`, hint);
}

/** Throws `refused`, with what to do instead, where the run is in none of these states. */
export function refuseUnless(
  run: Run,
  states: readonly Run['state']['name'][],
  what: string,
): void {
  if (states.includes(run.state.name)) return;
  const settled = isSettled(run);
  const now = settled ? `is ${run.state.name}` : `is ${run.state.name} now`;
  throw new JobrunError('refused', `run ${run.id} ${now} and cannot ${what}`, hintFor(run, what));
}

function hintFor(run: Run, what: string): string {
  if (run.state.name === 'running')
    return what === 'be retried'
      ? `Abort it first: jobrun abort ${run.id}`
      : `It is at work. See how far: jobrun show ${run.id}; end it: jobrun abort ${run.id}`;
  if (run.state.name === 'done' && what === 'be retried')
    return `Start a new one: jobrun rerun ${run.id}`;
  if (isSettled(run)) return `See what became of it: jobrun show ${run.id}`;
  return `See it: jobrun show ${run.id}`;
}

/** Its params only show what it starts. */
export function fixedCommand(id: number): JobrunError {
  const hint = `Abort it, and type the other: jobrun abort ${id}; jobrun schedule -- <command…>`;
  return new JobrunError('refused', `run ${id} starts a command, which cannot be changed`, hint);
}

export const unknownRun = (id: number): JobrunError =>
  new JobrunError('unknown-run', `there is no run ${id}`, 'See which there are: jobrun list');

export function unknownSchedule(name: string, names: Iterable<string>): JobrunError {
  const hint = didYouMean(name, names, 'See which there are: jobrun schedules');
  return new JobrunError('unknown-schedule', `there is no schedule named "${name}"`, hint);
}

/** True where something was refused because of what its run has come to, as after another one was quicker. */
export const isOfState = ({ code }: { readonly code: string }): boolean =>
  code === 'refused' || code === 'unknown-run';
