// One job: what it is, its schedule, and how its last runs went.

import type { JobView } from '../commands/shared/replies.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { showCount } from '../support/text.ts';
import { pathOf } from './api.ts';
import { Go } from './go.tsx';
import { hasForm, pause } from './job-questions.ts';
import { JobSchedule } from './job-schedule.tsx';
import { useKeys } from './keys.ts';
import { useLoaded } from './loaded.ts';
import { useMayAct } from './may-act.ts';
import { Missing } from './missing.tsx';
import { Button, Head, Panel } from './parts.tsx';
import { go, to } from './router.ts';
import { RunBars } from './run-bars.tsx';
import { Facts } from './run-facts.tsx';
import { paceOf, RunTable } from './run-table.tsx';
import { ShellBlock } from './shell-block.tsx';
import { shellLine } from './shell-line.ts';
import { asText } from './text.tsx';

type Job = JobView & { readonly runs: readonly ShortRun[] };

const TYPED = 'jobrun run -- <command…>';

const runsOf = (name: string, q = ''): string => to.runs({ q: `job:${name}${q}` });

export function JobPage({ name }: { readonly name: string }) {
  const path = `${pathOf('jobs', name)}?short=true`;
  const { data: job, error, isOld } = useLoaded<Job>(path, paceOf);
  const mayAct = useMayAct();
  const isPaused = job?.state === 'paused';
  const turn = (): void => pause({ kind: 'jobs', name }, !isPaused);
  useKeys({
    ...(mayAct && { P: turn }),
    ...(mayAct && job && hasForm(job) && { s: () => go(to.newRun(name)) }),
    Escape: () => go(to.jobs),
  });
  if (!job || isOld) return <Missing error={error} />;
  const isMissing = job.state === 'missing';
  return (
    <>
      <Head above={[[to.jobs, 'Jobs']]} title={asText(name)} state={job.state}>
        {mayAct && !isMissing && (
          <>
            <Button act={turn}>{isPaused ? 'Resume' : 'Pause'}</Button>
            {hasForm(job) && (
              <Go to={to.newRun(name)} class="btn first">
                New run
              </Go>
            )}
          </>
        )}
      </Head>
      {job.error !== null && <Broken error={job.error} />}
      {!hasForm(job) && <ShellBlock line={isMissing ? shellLine('new', name) : TYPED} />}
      <div class="two">
        <div class="stack">
          <JobFacts job={job} />
          {job.schedule && <JobSchedule schedule={job.schedule} />}
        </div>
        <Panel title="Last runs" side={<Go to={runsOf(name)}>all of them</Go>}>
          <RunBars runs={job.runs} />
          {job.runs.length > 0 && <RunTable runs={job.runs} marks={null} withJob={false} />}
        </Panel>
      </div>
    </>
  );
}

function JobFacts({ job: { name, description, file, group, counts } }: { readonly job: Job }) {
  const counted = (state: 'done' | 'failed' | 'aborted') => (
    <Go to={runsOf(name, ` state:${state}`)}>{showCount(counts[state])}</Go>
  );
  return (
    <Panel title="Job">
      <Facts
        facts={[
          ['About', description && asText(description)],
          ['File', file && asText(file)],
          ['Group', group && asText(group)],
          ['Waiting', showCount(counts.scheduled + counts.waiting + counts.queued)],
          ['Running', showCount(counts.running)],
          ['Done', counted('done')],
          ['Failed', counted('failed')],
          ['Aborted', counted('aborted')],
        ]}
      />
    </Panel>
  );
}

function Broken({ error }: { readonly error: string }) {
  return (
    <Panel title="Broken: fix its file" is="wrong">
      <pre tabIndex={0} role="region" aria-label="Why">
        {asText(error)}
      </pre>
    </Panel>
  );
}
