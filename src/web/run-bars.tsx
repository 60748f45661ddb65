// The last runs of a job as bars: as tall as they took, in the colour of how they ended. The newest stands right.
import { tookMs } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { showDuration } from '../support/durations.ts';
import { now } from '../support/page-clock.ts';

/** The least height, in percent: a run of a moment is a run. */
const LEAST = 8;

export function RunBars({ runs }: { readonly runs: readonly ShortRun[] }) {
  const taken = runs.map((run) => ({ run, took: tookMs(run, now()) ?? 0 })).reverse();
  const most = Math.max(1, ...taken.map(({ took }) => took));
  if (runs.length === 0) return <p class="empty">It has not run yet.</p>;
  return (
    <div class="bars" aria-hidden="true">
      {taken.map(({ run: { id, state }, took }) => (
        <div
          key={id}
          class={state}
          title={`${id} ${state} ${showDuration(took)}`}
          style={{ height: `${Math.max(LEAST, (100 * took) / most)}%` }}
        />
      ))}
    </div>
  );
}
