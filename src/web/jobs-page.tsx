// The jobs there are: those with a file, here or on another host, and those that runs ask for although there is none.

import type { JobView, Status } from '../commands/shared/replies.ts';
import { showShortCount } from '../support/text.ts';
import { Go } from './go.tsx';
import { discard, hasForm, pause } from './job-questions.ts';
import { Rule } from './job-schedule.tsx';
import { focusedRow, useKeys } from './keys.ts';
import { useLoaded } from './loaded.ts';
import { useMayAct } from './may-act.ts';
import { Missing } from './missing.tsx';
import { Button, Panel, Titles } from './parts.tsx';
import { go, to } from './router.ts';
import { Facts } from './run-facts.tsx';
import { ShellBlock } from './shell-block.tsx';
import { shellLine } from './shell-line.ts';
import { StateMark } from './state-mark.tsx';
import { asText } from './text.tsx';
import { Time } from './times.tsx';

const TITLES = 'Job State About Waits Runs Done Errors Schedule Next'.split(' ');

export function JobsPage({ status }: { readonly status: Status | null }) {
  const { data, error } = useLoaded<{ readonly jobs: readonly JobView[] }>('jobs?short=true');
  const mayAct = useMayAct();
  const isPaused = status?.paused.all ?? false;
  const turn = (): void => pause({ kind: 'all' }, !isPaused);
  const focused = (): JobView | undefined => data?.jobs.find(({ name }) => name === focusedRow());
  const start = (): void => {
    const job = focused();
    if (job && hasForm(job)) go(to.newRun(job.name));
  };
  const turnOne = (): void => {
    const job = focused();
    if (job) pause({ kind: 'jobs', name: job.name }, job.state !== 'paused');
    else turn();
  };
  useKeys(mayAct ? { P: turnOne, s: start } : {});
  if (!data) return <Missing error={error} />;
  const missing = data.jobs.filter(({ state }) => state === 'missing');
  const others = data.jobs.filter(({ state }) => state !== 'missing');
  const side = mayAct && (
    <Button is="small" act={turn}>
      {isPaused ? 'Resume all' : 'Pause all'}
    </Button>
  );
  return (
    <>
      <h1 class="hidden">Jobs</h1>
      {missing.length > 0 && <Unknown jobs={missing} mayAct={mayAct} />}
      <Panel title="Jobs" side={side}>
        {others.length === 0 && (
          <p class="empty">
            No jobs yet. Make one: <code>jobrun new hello</code>
          </p>
        )}
        <table class="jobs">
          <Titles names={TITLES} end={mayAct} />
          <tbody>
            {others.map((job) => (
              <Row key={job.name} job={job} mayAct={mayAct} />
            ))}
          </tbody>
        </table>
      </Panel>
      {status && status.external.length > 0 && <Outside workers={status.external} />}
    </>
  );
}

function Outside({ workers }: { readonly workers: Status['external'] }) {
  return (
    <Panel title="Workers outside" is="below">
      <Facts
        facts={workers.map(({ name, jobs, running, seenAt }) => [
          asText(name),
          <>
            {asText(jobs.join(', '))} · {running} running · heard <Time at={seenAt} />
          </>,
        ])}
      />
    </Panel>
  );
}

function Row({ job, mayAct }: { readonly job: JobView; readonly mayAct: boolean }) {
  const { name, state, error, description, counts, schedule } = job;
  return (
    <tr data-id={name}>
      <td class="name">
        <Go to={to.job(name)} class="job">
          {asText(name)}
        </Go>
      </td>
      <td class="st">
        <StateMark state={state} />
      </td>
      <td class={error === null ? 'cut note' : 'cut note failed'}>
        {asText(error ?? description ?? '')}
      </td>
      <Count of="waits" n={waitingIn(job)} />
      <Count of="runs" n={counts.running} />
      <Count of="done" n={counts.done} />
      <Count of="errors" n={counts.failed + counts.aborted} />
      <td class="nowrap">{schedule && <Rule of={schedule} />}</td>
      <td class="nowrap">{schedule?.nextAt && <Time at={schedule.nextAt} />}</td>
      {mayAct && (
        <td class="num">
          {hasForm(job) && (
            <Go to={to.newRun(name)} class="btn small" aria-label={`New run of ${name}`}>
              New run
            </Go>
          )}
        </td>
      )}
    </tr>
  );
}

const waitingIn = ({ counts }: JobView): number =>
  counts.scheduled + counts.waiting + counts.queued;

/** `of`: the title of its column, for narrow screens, which show none. */
function Count({ of, n }: { readonly of: string; readonly n: number }) {
  return (
    <td data-of={of} class={`num ${n === 0 ? 'muted none' : of === 'errors' ? 'note failed' : ''}`}>
      {n === 0 ? '·' : showShortCount(n)}
    </td>
  );
}

interface UnknownProps {
  readonly jobs: readonly JobView[];
  readonly mayAct: boolean;
}

function Unknown({ jobs, mayAct }: UnknownProps) {
  return (
    <Panel title="Runs of jobs that do not exist" is="wrong">
      <ul class="unknown">
        {jobs.map((job) => (
          <li key={job.name}>
            <Go to={to.job(job.name)} class="job">
              {asText(job.name)}
            </Go>
            <span class="muted">{waitingIn(job)} waiting</span>
            <ShellBlock line={shellLine('new', job.name)} />
            {mayAct && (
              <Button is="small harm" act={() => discard(job.name)}>
                Discard
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
