// The table of schedules: job, rule with its time zone, next and last time, and why one creates no runs.

import { showAge, showUntil } from '../commands/shared/clock-texts.ts';
import { instantOf } from '../commands/shared/times.ts';
import { ruleText, type ShortSchedule } from '../run/schedule.ts';
import { type Column, type Row, styled, tableWidth, tame, textWidth } from './rows.ts';
import { type Sheet, styleOfState } from './theme.ts';

const NEXT = 13;
const LAST = 8;
const LEAST_NOTE = 10;

export function scheduleTable(
  schedules: readonly ShortSchedule[],
  { columns, theme, here }: Sheet,
): readonly Column<ShortSchedule>[] {
  const longest = (text: (one: ShortSchedule) => string): number =>
    Math.max(8, ...schedules.map((one) => textWidth(tame(text(one), theme))));
  const isWide = columns >= 70;
  const room = columns - tableWidth(NEXT, LAST) - (isWide ? 6 : 4);
  const share = Math.floor(room * (isWide ? 0.3 : 0.5));
  const name = Math.min(
    longest((one) => one.name),
    share,
  );
  const job = isWide
    ? Math.min(
        longest((one) => one.job),
        share,
      )
    : 0;
  const rule = Math.min(longest(ruleText), room - name - job);
  const note = room - name - job - rule - 3;
  return [
    { title: 'NAME', width: name, cell: (one) => tame(one.name, theme) },
    { title: 'JOB', width: job, cell: (one) => tame(one.job, theme) },
    { title: 'RULE', width: rule, cell: (one) => tame(ruleText(one), theme) },
    { title: 'NEXT', width: NEXT, cell: (one) => nextText(one, here.now) },
    {
      title: 'LAST',
      width: LAST,
      cell: ({ lastAt }) => (lastAt === null ? '' : showAge(here.now - instantOf(lastAt))),
    },
    {
      title: 'WHY',
      width: note >= LEAST_NOTE && schedules.some(({ note: why }) => why !== null) ? note : 0,
      cell: (one) => styled('red', tame(one.note ?? '', theme)),
    },
  ];
}

function nextText({ state, nextAt, cron }: ShortSchedule, now: number): Row {
  if (state !== 'ok') return styled(styleOfState(state), state);
  if (nextAt !== null) return showUntil(instantOf(nextAt) - now);
  return cron === null ? 'after its run' : '';
}
