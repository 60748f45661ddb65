// Rows that show one schedule: for the pane beside or under the list, and for the whole screen.
import type { BoardDetail } from '../commands/board-detail.ts';
import { ruleText } from '../run/schedule.ts';
import { MINUTE } from '../support/limits.ts';
import { showCount, showMinute, showSecond, showUntil } from './clock-texts.ts';
import { ends, type Row, ruleRow, styled, tame, wrap } from './rows.ts';
import { factRows, valueRows } from './run-detail.ts';
import { type Sheet, styleOfState } from './theme.ts';

type ScheduleDetail = Extract<BoardDetail, { kind: 'schedule' }>;

export function scheduleRows(detail: ScheduleDetail, sheet: Sheet): Row[] {
  const { theme, columns, here } = sheet;
  const { schedule } = detail;
  const name = styled('bold', ` ${tame(schedule.name, theme)}`);
  const zone = schedule.timezone ?? here.timezone;
  const next = schedule.next.map((iso) => {
    const until = showUntil(Date.parse(iso) - here.now);
    return ` ${showSecond(Date.parse(iso), { ...here, timezone: zone }).padEnd(19)}  ${until}`;
  });
  return [
    ends(name, styled(styleOfState(schedule.state), `${schedule.state} `), columns, theme),
    ...noteRows(detail, sheet),
    '',
    ...factRows(factsOf(detail, sheet), sheet),
    ...valueRows('params', schedule.params, sheet),
    '',
    ruleRow(columns, theme, `next times, ${tame(zone, theme)}`),
    ...(next.length > 0 ? next : [schedule.cron === null ? ' after its run' : ' none']),
  ];
}

/** For a pane of a few rows: its next times stand beside each other, without seconds where all have none. */
export function fewScheduleRows(detail: ScheduleDetail, sheet: Sheet): Row[] {
  const { schedule } = detail;
  const here = { ...sheet.here, timezone: schedule.timezone ?? sheet.here.timezone };
  const times = schedule.next.map((iso) => Date.parse(iso));
  const show = times.every((at) => at % MINUTE === 0) ? showMinute : showSecond;
  const next = times.map((at) => show(at, here)).join(', ');
  return [
    ...noteRows(detail, sheet).slice(0, 2),
    ...factRows(next === '' ? [] : [['next', next]], sheet),
    ...valueRows('params', schedule.params, sheet).slice(0, 2),
    ...factRows(factsOf(detail, sheet), sheet),
  ];
}

const noteRows = ({ schedule }: ScheduleDetail, { theme, columns }: Sheet): Row[] =>
  schedule.note === null
    ? []
    : wrap(schedule.note, columns - 4, theme).map((line) => styled('red', ` ! ${line}`));

function factsOf({ schedule, inFile }: ScheduleDetail, { here }: Sheet): [string, string][] {
  const { lastAt, lastRun, skipped, state, paused } = schedule;
  const all: (readonly [string, string | null])[] = [
    ['job', schedule.job],
    ['rule', ruleText(schedule)],
    ['last', lastAt === null ? 'never' : showSecond(Date.parse(lastAt), here)],
    ['last run', lastRun ?? 'none'],
    ['overlap', schedule.overlap],
    ['catch up', schedule.catchUp],
    ['skipped', showCount(skipped)],
    ['defined in', inFile ? 'its job file' : null],
    ['paused', paused && state !== 'paused' ? 'yes' : null],
  ];
  return all.filter((fact): fact is [string, string] => fact[1] !== null);
}
