// The table of runs, of a list and of a job. A row is a card where the screen is narrow.
import { showRunning } from '../commands/shared/clock-texts.ts';
import { tookMs, whenOf } from '../commands/shared/run-words.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { showDuration } from '../support/durations.ts';
import { Go } from './go.tsx';
import { to } from './router.ts';
import { RunLine } from './run-line.tsx';
import { StateMark } from './state-mark.tsx';
import { asText } from './text.tsx';
import { Time, useNow } from './times.tsx';

export interface Marks {
  readonly ids: ReadonlySet<string>;
  readonly set: (ids: readonly string[], isOn: boolean) => void;
}

const RUNNING_MS = 1000;

/** How soon runs are asked for again: progress is not told of as a change. */
export const paceOf = ({ runs }: { readonly runs: readonly Pick<ShortRun, 'state'>[] }) =>
  runs.some(({ state }) => state === 'running') ? RUNNING_MS : null;

interface Props {
  readonly runs: readonly ShortRun[];
  /** Null where runs cannot be marked. */
  readonly marks: Marks | null;
  readonly withJob?: boolean;
}

const TITLES = 'Run Job State Progress When Took'.split(' ');

export function RunTable({ runs, marks, withJob = true }: Props) {
  return (
    <table class="runs">
      <thead>
        <tr>
          {marks && (
            <th scope="col">
              <MarkAll runs={runs} marks={marks} />
            </th>
          )}
          {TITLES.filter((name) => withJob || name !== 'Job').map((name) => (
            <th scope="col" class={name === 'Took' ? 'num' : ''}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <Row key={run.id} run={run} marks={marks} withJob={withJob} />
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
  readonly withJob: boolean;
}

function Row({ run, marks, withJob }: RowProps) {
  const { id, job, state } = run;
  const isMarked = marks?.ids.has(id) ?? false;
  return (
    <tr data-id={id}>
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
            {asText(job)}
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
