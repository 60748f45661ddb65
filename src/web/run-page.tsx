// All of one run: what can be done with it, how far it is, what it was given, what it made and what it said.

import { BUILT_IN } from '../catalog/catalog.ts';
import { showRunning } from '../commands/shared/clock-texts.ts';
import type { Details, JobView, Status } from '../commands/shared/replies.ts';
import { leftMs } from '../commands/shared/run-words.ts';
import { pathOf, withQuery } from './api.ts';
import { ChangeButton } from './change.tsx';
import { Go } from './go.tsx';
import { hasForm } from './job-questions.ts';
import { JsonView } from './json-view.tsx';
import { type Keys, useKeys } from './keys.ts';
import { useLoaded } from './loaded.ts';
import { useMayAct } from './may-act.ts';
import { Missing } from './missing.tsx';
import { Button, Head } from './parts.tsx';
import { Results } from './results.tsx';
import { above, go, to } from './router.ts';
import { mayBe } from './run-actions.ts';
import { Attempts, RunError, RunFacts } from './run-facts.tsx';
import { RunLog } from './run-log.tsx';
import { askAbort, askAgain, askNow, askOnward, askRemove, askRetry } from './run-questions.ts';
import { paceOf } from './run-table.tsx';
import { SettleButton } from './settle.tsx';
import { asText } from './text.tsx';
import { useNow } from './times.tsx';

interface Props {
  readonly id: string;
  readonly status: Status | null;
}

export function RunPage({ id, status }: Props) {
  const path = withQuery(pathOf('runs', id), { log: 0, results: 0 });
  const { data: run, error, isOld } = useLoaded<Details>(path, (one) => paceOf({ runs: [one] }));
  // A file may have the name of the built-in job, which has no form.
  const { data: job } = useLoaded<JobView>(run?.job === BUILT_IN ? pathOf('jobs', BUILT_IN) : null);
  const mayEdit = run?.job !== BUILT_IN || (job !== null && hasForm(job));
  const mayAct = useMayAct();
  useKeys({
    ...(run && mayAct && keysFor(run)),
    ...(run && mayAct && mayEdit && formKeysFor(run)),
    Escape: () => go(above),
  });
  if (!run || isOld) return <Missing error={error} />;
  const { checkpoint, output, state } = run;
  const isRunning = state === 'running';
  return (
    <>
      <Head
        above={[
          [to.runs(), 'Runs'],
          [to.job(run.job), run.job],
        ]}
        title={
          <>
            <span class="mono">#{run.id}</span> {asText(run.job)}
          </>
        }
        state={state}
      >
        {mayAct && <Actions run={run} mayEdit={mayEdit} />}
      </Head>
      <Progress run={run} />
      {run.error && state !== 'running' && <RunError error={run.error} />}
      <div class="two">
        <div class="stack">
          <RunFacts run={run} withHost={status?.engine !== 'json'} />
          <JsonView name="Params" value={run.params} />
          {checkpoint !== null && <JsonView name="Checkpoint" value={checkpoint} />}
          {output !== null && <JsonView name="Output" value={output} />}
          <Attempts attempts={run.attempts} />
        </div>
        <div class="stack">
          <Results id={run.id} isRunning={isRunning} />
          <RunLog id={run.id} isRunning={isRunning} />
        </div>
      </div>
    </>
  );
}

/** A key does what its button does, where the page has that button. */
const press = (button: string) => (): void => document.querySelector<HTMLElement>(button)?.click();

const keysFor = (run: Details): Keys => ({
  a: () => mayBe('abort', run) && askAbort(run),
  r: () => askOnward(run),
  c: press('.complete'),
  f: press('.fail'),
  e: press('.change'),
  l: () => document.querySelector<HTMLElement>('.log')?.focus(),
});

const formKeysFor = (run: Details): Keys => ({
  s: () => go(to.newRun(run.job)),
  R: () => mayBe('again', run) && go(to.newRun(run.job, run.id)),
});

function Actions({ run, mayEdit }: { readonly run: Details; readonly mayEdit: boolean }) {
  return (
    <>
      {mayBe('now', run) && <Button act={() => askNow(run)}>Run now</Button>}
      {mayBe('change', run) && <ChangeButton run={run} />}
      {mayBe('retry', run) && (
        <Button is="first" act={() => askRetry(run)}>
          Retry
        </Button>
      )}
      {mayBe('settle', run) && (
        <>
          <SettleButton id={run.id} what="complete" />
          <SettleButton id={run.id} what="fail" />
        </>
      )}
      {mayBe('again', run) && (
        <>
          <Button act={() => askAgain(run)}>Run again</Button>
          {mayEdit && (
            <Go to={to.newRun(run.job, run.id)} class="btn">
              Edit and run
            </Go>
          )}
          <Button is="harm" act={() => askRemove(run)}>
            Remove
          </Button>
        </>
      )}
      {mayBe('abort', run) && (
        <Button is="harm" act={() => askAbort(run)}>
          Abort
        </Button>
      )}
    </>
  );
}

function Progress({ run }: { readonly run: Details }) {
  const { state, progress, attempt } = run;
  const left = leftMs(run, useNow());
  if (attempt === 0 || (state !== 'running' && progress.percent === 0)) return null;
  return (
    <div class="panel wide">
      <progress class={state} max="100" value={progress.percent} aria-label="Progress" />
      <div>
        <b>{Math.floor(progress.percent)}%</b>
        <span>{asText(progress.text ?? '')}</span>
        <span class="grow" />
        {left !== null && <span class="muted">about {showRunning(left)} left</span>}
      </div>
    </div>
  );
}
