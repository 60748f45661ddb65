// The schedules: their rules, their next and last times, and why one makes no runs.

import type { ScheduleView } from '../run/schedule.ts';
import { Go } from './go.tsx';
import { pause, unschedule } from './job-questions.ts';
import { NextTimes, Rule } from './job-schedule.tsx';
import { focusedRow, useKeys } from './keys.ts';
import { useLoaded } from './loaded.ts';
import { useMayAct } from './may-act.ts';
import { Missing } from './missing.tsx';
import { Button, Panel, Titles } from './parts.tsx';
import { to } from './router.ts';
import { StateMark } from './state-mark.tsx';
import { asText } from './text.tsx';
import { Time } from './times.tsx';

const TITLES = 'Name State Job Rule Zone Next Last Skipped'.split(' ');

export function SchedulesPage() {
  const { data, error } = useLoaded<{ readonly schedules: readonly ScheduleView[] }>('schedules');
  const mayAct = useMayAct();
  const focused = () => data?.schedules.find(({ name }) => name === focusedRow());
  const turn = (): void => {
    const one = focused();
    if (one) pause({ kind: 'schedules', name: one.name }, !one.paused);
  };
  const remove = (): void => {
    const one = focused();
    if (one && !one.inFile) unschedule(one.name);
  };
  useKeys(mayAct ? { P: turn, x: remove } : {});
  if (!data) return <Missing error={error} />;
  return (
    <>
      <h1 class="hidden">Schedules</h1>
      <Panel title="Schedules">
        {data.schedules.length === 0 ? (
          <p class="empty">
            No schedules. Make one: <code>jobrun schedule &lt;job&gt; --cron '30 2 * * *'</code>
          </p>
        ) : (
          <table class="jobs">
            <Titles names={TITLES} end={mayAct} />
            <tbody>
              {data.schedules.map((one) => (
                <Row key={one.name} one={one} mayAct={mayAct} />
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </>
  );
}

function Row({ one, mayAct }: { readonly one: ScheduleView; readonly mayAct: boolean }) {
  const { name, job, state, lastAt, lastRun, note } = one;
  return (
    <tr data-id={name}>
      <td class="name job">{asText(name)}</td>
      <td class="st">
        <StateMark state={state} />
      </td>
      <td>
        <Go to={to.job(job)}>{asText(job)}</Go>
      </td>
      <td>
        <Rule of={one} />
        {note !== null && <div class="note failed">{asText(note)}</div>}
      </td>
      <td class="muted">{one.timezone}</td>
      <td data-of="next">
        <Next one={one} />
      </td>
      <td data-of="last">
        {lastAt !== null && (
          <Go to={to.run(lastRun ?? '')}>
            <Time at={lastAt} />
          </Go>
        )}
      </td>
      <td class="num" data-of="skipped">
        {one.skipped}
      </td>
      {mayAct && (
        <td class="num nowrap">
          <Actions one={one} />
        </td>
      )}
    </tr>
  );
}

function Next({ one: { nextAt, cron, next } }: { readonly one: ScheduleView }) {
  if (nextAt === null) return <>{cron === null ? 'after its run' : 'none'}</>;
  return (
    <details>
      <summary>
        <Time at={nextAt} />
      </summary>
      <NextTimes next={next} />
    </details>
  );
}

/** A schedule that a job file defines is removed there. */
function Actions({ one: { name, paused, inFile } }: { readonly one: ScheduleView }) {
  const turn = paused ? 'Resume' : 'Pause';
  return (
    <>
      <Button
        is="small"
        label={`${turn} ${name}`}
        act={() => pause({ kind: 'schedules', name }, !paused)}
      >
        {turn}
      </Button>{' '}
      {!inFile && (
        <Button is="small harm" label={`Remove ${name}`} act={() => unschedule(name)}>
          Remove
        </Button>
      )}
    </>
  );
}
