// The table of jobs: state, counts, schedule, next due time and description.

import { showUntil } from '../commands/shared/clock-texts.ts';
import type { JobView } from '../commands/shared/replies.ts';
import { instantOf } from '../commands/shared/times.ts';
import { ruleText } from '../run/schedule.ts';
import { showShortCount } from '../support/text.ts';
import { type Column, styled, tableWidth, tame, textWidth } from './rows.ts';
import { type Sheet, styleOfState } from './theme.ts';

const STATE = 7;
const NUMBER = 5;
const RULE = 13;
const NEXT = 11;

export function jobTable(
  jobs: readonly JobView[],
  { columns, theme, here }: Sheet,
): readonly Column<JobView>[] {
  const next = columns >= 66 ? NEXT : 0;
  const rule = columns >= 80 ? RULE : 0;
  const fixed = tableWidth(STATE, NUMBER, NUMBER, NUMBER, NUMBER, next, rule) + 2;
  const longest = Math.max(12, ...jobs.map(({ name }) => textWidth(name)));
  const name = Math.max(8, Math.min(longest, 32, columns - fixed));
  const text = columns - fixed - name - 2;
  const number = (
    title: string,
    count: (counts: JobView['counts']) => number,
  ): Column<JobView> => ({
    title,
    width: NUMBER,
    side: 'right',
    cell: ({ counts }) => (count(counts) === 0 ? theme.glyphs.dot : showShortCount(count(counts))),
  });
  return [
    { title: 'JOB', width: name, cell: (job) => tame(job.name, theme) },
    { title: 'STATE', width: STATE, cell: ({ state }) => styled(styleOfState(state), state) },
    number('WAIT', ({ scheduled, waiting, queued }) => scheduled + waiting + queued),
    number('RUN', ({ running }) => running),
    number('DONE', ({ done }) => done),
    number('ERR', ({ failed, aborted }) => failed + aborted),
    { title: 'SCHEDULE', width: rule, cell: ({ schedule }) => tame(ruleOf(schedule), theme) },
    {
      title: 'NEXT',
      width: next,
      cell: ({ schedule }) =>
        schedule?.nextAt ? showUntil(instantOf(schedule.nextAt) - here.now) : '',
    },
    {
      title: 'WHAT',
      width: text < 8 ? 0 : text,
      cell: (job) => tame(job.error ?? job.description ?? '', theme),
    },
  ];
}

function ruleOf(schedule: JobView['schedule']): string {
  if (!schedule) return '';
  // Its zone stands in the list of schedules.
  return schedule.paused ? 'paused' : (schedule.cron ?? ruleText(schedule));
}

/** True if a row with this next time shows seconds that change. */
export function nextTicks(nextAt: string | null | undefined, now: number): boolean {
  const left = nextAt ? instantOf(nextAt) - now : 0;
  return left > 0 && left < 61_000;
}
