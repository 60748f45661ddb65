// The schedule of a job, and the next times of any schedule.
import type { ScheduleView, ShortSchedule } from '../run/schedule.ts';
import { showDuration } from '../support/durations.ts';
import { Panel } from './parts.tsx';
import { Facts } from './run-facts.tsx';
import { asText } from './text.tsx';
import { Time } from './times.tsx';

/** A rule without its zone, which stands beside it. */
export function Rule({ of: { cron, every } }: { readonly of: ShortSchedule }) {
  const text = cron ?? (every === null ? 'as the job says' : `every ${showDuration(every)}`);
  return <span class="mono">{asText(text)}</span>;
}

export function NextTimes({ next }: { readonly next: readonly string[] }) {
  return (
    <ol class="next">
      {next.map((at) => (
        <li>
          <Time at={at} isInstant />
        </li>
      ))}
    </ol>
  );
}

export function JobSchedule({ schedule }: { readonly schedule: ScheduleView }) {
  const { timezone, note, next, paused, lastAt } = schedule;
  return (
    <Panel title="Schedule">
      <Facts
        facts={[
          ['Rule', <Rule of={schedule} />],
          ['Zone', timezone],
          ['Paused', paused ? 'yes' : null],
          ['Note', note && asText(note)],
          ['Last', lastAt && <Time at={lastAt} />],
          ['Next', next.length === 0 ? null : <NextTimes next={next} />],
        ]}
      />
    </Panel>
  );
}
