// All of one job as lines of text.
import type { BoardDetail } from '../commands/board-detail.ts';
import { showDuration } from '../support/durations.ts';
import { ends, pad, tame, wrap } from './cells.ts';
import { showCount, showSecond } from './clock-texts.ts';
import { valueLines } from './detail.ts';
import { titledRule } from './header.ts';
import type { Sheet } from './look.ts';
import { paint, styleOfState } from './look.ts';
import { columnsFor, runRow, runTitles } from './run-rows.ts';

type JobDetail = Extract<BoardDetail, { kind: 'job' }>;

export function jobLines({ job, runs }: JobDetail, sheet: Sheet): string[] {
  const { look, columns, here } = sheet;
  const [left, right] = ends(` ${tame(job.name, look)}`, `${job.state} `, columns, look);
  const { schedule } = job;
  const rule =
    schedule &&
    (schedule.cron ??
      (schedule.every === null ? 'its own times' : `every ${showDuration(schedule.every)}`));
  const counts = Object.entries(job.counts).filter(([, n]) => n > 0);
  const facts: (readonly [string, string | null])[] = [
    ['what', job.description],
    ['group', job.group],
    ['file', job.file],
    ['schedule', rule && (schedule?.paused ? `${rule} (paused)` : rule)],
    ['next', schedule?.nextAt ? showSecond(Date.parse(schedule.nextAt), here) : null],
    ['runs', counts.map(([state, n]) => `${showCount(n)} ${state}`).join(', ') || 'none'],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null
      ? []
      : wrap(value, columns - 12, look).map((text, i) =>
          pad(` ${(i === 0 ? name : '').padEnd(9)} ${text}`, columns, look),
        ),
  );
  const error = job.error === null ? [] : wrap(job.error, columns - 4, look);
  const row = columnsFor(runs, columns);
  const marks = { cursor: false, marked: false, pending: null };
  return [
    paint(look, 'bold', left) + paint(look, styleOfState(job.state), right),
    ...error.map((line) => paint(look, 'red', pad(` ! ${line}`, columns, look))),
    pad('', columns, look),
    ...lines,
    ...(job.params === null ? [] : valueLines('params', job.params, sheet)),
    pad('', columns, look),
    titledRule(look, columns, `last runs (${runs.length})`),
    ...(runs.length > 0 ? [runTitles(row, look)] : []),
    ...runs.map((run) => runRow(run, row, marks, look, here)),
  ];
}
