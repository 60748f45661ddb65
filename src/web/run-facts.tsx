// The sections beside a run's log: what is known of it, its attempts and its error.
import type { ComponentChildren } from 'preact';
import { showRunning } from '../commands/shared/clock-texts.ts';
import type { Details } from '../commands/shared/replies.ts';
import { tookMs, workerText } from '../commands/shared/run-words.ts';
import type { AttemptView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { now } from '../support/page-clock.ts';
import { zone } from './api.ts';
import { Go } from './go.tsx';
import { useObservable } from './observable.ts';
import { Panel } from './parts.tsx';
import { to } from './router.ts';
import { Took } from './run-table.tsx';
import { CopyButton } from './shell-block.tsx';
import { asText } from './text.tsx';
import { clockText, hoverText, Time, useNow } from './times.tsx';

export type Fact = readonly [name: ComponentChildren, value: ComponentChildren];

/** Facts that are null are left out. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

const runLink = (id: string) => <Go to={to.run(id)}>{id}</Go>;

export function RunFacts({ run }: { readonly run: Details }) {
  const { attempt, maxAttempts, key, schedule, parent, after, worker, reason, state } = run;
  const limit = maxAttempts === null ? '' : ` of ${maxAttempts}`;
  const took = tookMs(run, now());
  return (
    <Panel title="Run">
      <Facts
        facts={[
          ['Attempt', attempt === 0 ? null : `${attempt}${limit}`],
          [state === 'aborted' ? 'Reason' : 'Waits', reason && asText(reason)],
          ['Accepted', <Time at={run.createdAt} />],
          ['Due', <Time at={run.dueAt} />],
          ['Started', run.startedAt && <Time at={run.startedAt} />],
          ['Ended', run.settledAt && <Time at={run.settledAt} />],
          ['Took', took === null ? null : <Took run={run} />],
          ['Worker', worker && asText(workerText(worker))],
          ['Trace', run.traceUrl ? <a href={run.traceUrl}>open</a> : null],
          ['Priority', run.priority],
          ['Key', key && asText(key)],
          ['Schedule', schedule && asText(schedule)],
          ['Parent', parent && runLink(parent)],
          ['After', after.length === 0 ? null : after.map((id) => <> {runLink(id)}</>)],
        ]}
      />
    </Panel>
  );
}

export function Attempts({ attempts }: { readonly attempts: readonly AttemptView[] }) {
  if (attempts.length === 0) return null;
  return (
    <Panel title="Attempts">
      <ol class="tries">
        {[...attempts].reverse().map((one) => (
          <Attempt key={`${one.number} ${one.startedAt}`} attempt={one} />
        ))}
      </ol>
    </Panel>
  );
}

function Attempt({ attempt }: { readonly attempt: AttemptView }) {
  const { number, startedAt, endedAt, outcome, error, signal, exitCode } = attempt;
  const present = useNow();
  const timezone = useObservable(zone);
  const lasted = Math.max(
    0,
    (endedAt === null ? present : Date.parse(endedAt)) - Date.parse(startedAt),
  );
  const how = signal ?? (exitCode === null ? null : `exit ${exitCode}`);
  return (
    <li>
      <span class="mono">{number}</span>
      <span>
        {outcome ?? 'running'}
        {how !== null && ` (${how})`}{' '}
        <time dateTime={startedAt} title={hoverText(startedAt, timezone)}>
          {clockText(startedAt, timezone)}
        </time>
      </span>
      <em>{endedAt === null ? showRunning(lasted) : showDuration(lasted)}</em>
      {error && <small>{asText(error.message)}</small>}
    </li>
  );
}

export function RunError({ error }: { readonly error: NonNullable<Details['error']> }) {
  const head = `${error.name}: ${error.message}`;
  const isSaid = error.stack.startsWith(head);
  const stack = isSaid ? error.stack.slice(head.length) : error.stack;
  return (
    <Panel
      title="Error"
      is="wrong"
      side={<CopyButton text={`${head}\n${stack}`} what="the error" />}
    >
      <pre tabIndex={0} aria-label="Error" role="region">
        <b>{asText(head)}</b>
        {stack !== '' && (
          <span>
            {'\n'}
            {asText(stack.replace(/^\n/, ''))}
          </span>
        )}
      </pre>
    </Panel>
  );
}
