// The table of schedules: job, rule with its time zone, next and last time, and why one creates no runs.
import type { BoardSchedule } from '../commands/board-rows.ts';
import { showAge, showUntil } from './clock-texts.ts';
import { type Column, type Row, styled, tableWidth, tame, textWidth } from './rows.ts';
import { type Sheet, styleOfState } from './theme.ts';

const NEXT = 13;
const LAST = 8;
const LEAST_NOTE = 10;

export function scheduleTable(
  schedules: readonly BoardSchedule[],
  { columns, theme, here }: Sheet,
): readonly Column<BoardSchedule>[] {
  const longest = (text: (one: BoardSchedule) => string): number =>
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
  const rule = Math.min(
    longest((one) => one.rule),
    room - name - job,
  );
  const note = room - name - job - rule - 3;
  return [
    { title: 'NAME', width: name, cell: (one) => tame(one.name, theme) },
    { title: 'JOB', width: job, cell: (one) => tame(one.job, theme) },
    { title: 'RULE', width: rule, cell: (one) => tame(one.rule, theme) },
    { title: 'NEXT', width: NEXT, cell: (one) => nextText(one, here.now) },
    {
      title: 'LAST',
      width: LAST,
      cell: ({ lastAt }) => (lastAt === null ? '' : showAge(here.now - lastAt)),
    },
    {
      title: 'WHY',
      width: note >= LEAST_NOTE && schedules.some((one) => one.note !== '') ? note : 0,
      cell: (one) => styled('red', tame(one.note, theme)),
    },
  ];
}

function nextText({ state, nextAt, afterRun }: BoardSchedule, now: number): Row {
  if (state !== 'ok') return styled(styleOfState(state), state);
  if (nextAt !== null) return showUntil(nextAt - now);
  return afterRun ? 'after its run' : '';
}
