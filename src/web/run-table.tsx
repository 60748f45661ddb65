// The table of runs, of a list and of a job. A row is a card where the screen is narrow.
import { showRunning } from '../commands/shared/clock-texts.ts';
import { tookMs, whenOf } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { showDuration } from '../support/durations.ts';
import { Go } from './go.tsx';
import { to } from './router.ts';
import { RunLine } from './run-line.tsx';
import { StateMark } from './state-mark.tsx';
import { Text } from './text.tsx';
import { Time, useNow } from './times.tsx';

export interface Marks {
  readonly ids: ReadonlySet<string>;
  readonly set: (ids: readonly string[], isOn: boolean) => void;
}

interface Props {
  readonly runs: readonly ShortRun[];
  /** Null where runs cannot be marked. */
  readonly marks: Marks | null;
  /** The row that the keys act on. */
  readonly at?: string | null;
  readonly withJob?: boolean;
}

export function RunTable({ runs, marks, at = null, withJob = true }: Props) {
  return (
    <table class="runs">
      <thead>
        <tr>
          {marks && (
            <th scope="col">
              <MarkAll runs={runs} marks={marks} />
            </th>
          )}
          <th scope="col">Run</th>
          {withJob && <th scope="col">Job</th>}
          <th scope="col">State</th>
          <th scope="col">Progress</th>
          <th scope="col">When</th>
          <th scope="col" class="num">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <Row key={run.id} run={run} marks={marks} isAt={run.id === at} withJob={withJob} />
        ))}
      </tbody>
    </table>
  );
}

function MarkAll({ runs, marks }: { readonly runs: readonly ShortRun[]; readonly marks: Marks }) {
  const ids = runs.map(({ id }) => id);
  const isAll = ids.length > 0 && ids.every((id) => marks.ids.has(id));
  return (
    <input
      class="check"
      type="checkbox"
      aria-label="Mark all on this page"
      checked={isAll}
      onChange={() => marks.set(ids, !isAll)}
    />
  );
}

interface RowProps {
  readonly run: ShortRun;
  readonly marks: Marks | null;
  readonly isAt: boolean;
  readonly withJob: boolean;
}

function Row({ run, marks, isAt, withJob }: RowProps) {
  const { id, job, state } = run;
  const isMarked = marks?.ids.has(id) ?? false;
  return (
    <tr class={isAt ? 'at' : ''} aria-current={isAt ? 'true' : undefined} data-id={id}>
      {marks && (
        <td class="pick">
          <input
            class="check"
            type="checkbox"
            aria-label={`Mark run ${id}`}
            checked={isMarked}
            onChange={() => marks.set([id], !isMarked)}
          />
        </td>
      )}
      <td class="no">
        <Go to={to.run(id)} class="id" aria-label={`Run ${id}`}>
          {id}
        </Go>
      </td>
      {withJob && (
        <td class="name">
          <Go to={to.run(id)} class="job" tabIndex={-1}>
            <Text of={job} />
          </Go>
        </td>
      )}
      <td class="st">
        <StateMark state={state} />
      </td>
      <td class="cut">
        <RunLine run={run} />
      </td>
      <td class="nowrap when">
        <Time at={whenOf(run)} />
      </td>
      <td class="num muted took">
        <Took run={run} />
      </td>
    </tr>
  );
}

export function Took({ run }: { readonly run: ShortRun }) {
  const took = tookMs(run, useNow());
  if (took === null) return null;
  return <>{run.settledAt === null ? showRunning(took) : showDuration(took)}</>;
}
