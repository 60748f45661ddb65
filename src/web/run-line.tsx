// The text of a row beside the name and state of its run: how far it is, why it waits, how it ended.
import { sayOf } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { asText } from './text.tsx';

export function RunLine({ run }: { readonly run: ShortRun }) {
  const { state, progress, id } = run;
  const said = sayOf(run);
  if (state !== 'running') {
    return (
      <>
        <span class={`note ${state}`}>{asText(said)}</span>
        {tried(run)}
      </>
    );
  }
  const percent = Math.floor(progress.percent);
  return (
    <span class="meter">
      <progress max="100" value={progress.percent} aria-label={`Run ${id}: ${percent} percent`} />
      <span class="note">{asText(said)}</span>
      {tried(run)}
    </span>
  );
}

function tried({ attempt, maxAttempts, state }: ShortRun) {
  if (attempt < 2 || state === 'scheduled') return null;
  const limit = maxAttempts === null ? '' : ` of ${maxAttempts}`;
  return <span class="muted tried"> · attempt {`${attempt}${limit}`}</span>;
}
