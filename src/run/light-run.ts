// A large settled run without its values. Lists are ordered and filtered without them, and a page of a thousand runs may
// be larger than the heap: so a large run that nothing changes any more is held light, and read whole when it is shown.
import { isSettled, type Life, type Run } from './run.ts';
import { readRun } from './stored-run.ts';
import { weightOfValue } from './weight.ts';

/** A page of a thousand runs that are not large takes 16 MB at most. */
const LARGE_BYTES = 16 * 1024;

/** Returns a run without its values; null if it is not large, not settled, or makes no sense. */
export function lightOf(raw: unknown): Run | null {
  if (weightOfValue(raw) <= LARGE_BYTES) return null;
  const run = readRun(raw);
  if (run !== raw || typeof run === 'string' || !isSettled(run)) return null;
  const { state, life } = run;
  return {
    ...run,
    params: null,
    state: state.name === 'done' ? { ...state, output: null } : state,
    life: life && withoutSaved(life),
  };
}

function withoutSaved({ checkpoint: _c, steps: _s, output: _o, ...rest }: Life): Life {
  return rest;
}
