// The actions on a run in its present state: a button that would be refused is not shown.

import type { ShortRun } from '../commands/shared/views.ts';
import { SETTLED } from '../run/run.ts';
import { isForResult } from '../run/why.ts';

export type RunAction = 'abort' | 'now' | 'change' | 'settle' | 'retry' | 'again';

type Seen = Pick<ShortRun, 'state' | 'reason'>;

const isIn = ({ state }: Seen, ...states: readonly string[]): boolean => states.includes(state);

const WHEN: Readonly<Record<RunAction, (run: Seen) => boolean>> = {
  abort: (run) => !isIn(run, ...SETTLED),
  now: (run) => isIn(run, 'scheduled'),
  change: (run) => isIn(run, 'scheduled', 'waiting', 'queued') && !isForResult(run.reason),
  settle: (run) => isForResult(run.reason),
  retry: (run) => isIn(run, 'failed', 'aborted'),
  again: (run) => isIn(run, ...SETTLED),
};

export const mayBe = (action: RunAction, run: Seen): boolean => WHEN[action](run);
