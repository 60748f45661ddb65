// The table of jobs: state, counts, schedule, next due time and description.
import type { BoardJob } from '../commands/board-rows.ts';
import { showShortCount, showUntil } from './clock-texts.ts';
import { type Column, styled, tableWidth, tame, textWidth } from './rows.ts';
import { type Sheet, styleOfState } from './theme.ts';

const STATE = 7;
const NUMBER = 5;
const RULE = 13;
const NEXT = 11;

export function jobTable(
  jobs: readonly BoardJob[],
  { columns, theme, here }: Sheet,
): readonly Column<BoardJob>[] {
  const next = columns >= 66 ? NEXT : 0;
  const rule = columns >= 80 ? RULE : 0;
  const fixed = tableWidth(STATE, NUMBER, NUMBER, NUMBER, NUMBER, next, rule) + 2;
  const longest = Math.max(12, ...jobs.map(({ name }) => textWidth(name)));
  const name = Math.max(8, Math.min(longest, 32, columns - fixed));
  const text = columns - fixed - name - 2;
  const number = (
    title: string,
    count: (counts: BoardJob['counts']) => number,
  ): Column<BoardJob> => ({
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
    { title: 'SCHEDULE', width: rule, cell: (job) => tame(job.rule, theme) },
    {
      title: 'NEXT',
      width: next,
      cell: ({ nextAt }) => (nextAt === null ? '' : showUntil(nextAt - here.now)),
    },
    { title: 'WHAT', width: text < 8 ? 0 : text, cell: (job) => tame(job.text, theme) },
  ];
}

/** True if the row shows seconds that change. */
export const nextTicks = ({ nextAt }: Pick<BoardJob, 'nextAt'>, now: number): boolean =>
  nextAt !== null && nextAt > now && nextAt - now < 61_000;
