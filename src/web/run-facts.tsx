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

interface FactsProps {
  readonly run: Details;
  /** Several hosts may share the store. */
  readonly withHost: boolean;
}

export function RunFacts({ run, withHost }: FactsProps) {
  const { attempt, maxAttempts, key, schedule, parent, after, worker, reason, state } = run;
  const limit = maxAttempts === null ? '' : ` of ${maxAttempts}`;
  const took = tookMs(run, now());
  const host = run.attempts.at(-1)?.host;
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
          ['Host', withHost && host ? asText(host) : null],
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
  const withHost = attempts.some(({ host }) => host !== attempts[0]?.host);
  return (
    <Panel title="Attempts">
      <ol class="tries">
        {[...attempts].reverse().map((one) => (
          <Attempt key={`${one.number} ${one.startedAt}`} attempt={one} withHost={withHost} />
        ))}
      </ol>
    </Panel>
  );
}

interface AttemptProps {
  readonly attempt: AttemptView;
  readonly withHost: boolean;
}

function Attempt({ attempt, withHost }: AttemptProps) {
  const { host, number, startedAt, endedAt, outcome, error, signal, exitCode } = attempt;
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
        {withHost && asText(` on ${host}`)}
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
