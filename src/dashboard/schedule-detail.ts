// Rows that show one schedule: for the pane beside or under the list, and for the whole screen.

import { showMinute, showSecond, showUntil } from '../commands/shared/clock-texts.ts';
import { ruleText } from '../run/schedule.ts';
import { MINUTE } from '../support/limits.ts';
import { showCount } from '../support/text.ts';
import { factRows, headRow, noteRows, valueRows } from './detail-rows.ts';
import type { Detail } from './replies.ts';
import { type Row, ruleRow, tame } from './rows.ts';
import type { Sheet } from './theme.ts';

type ScheduleDetail = Extract<Detail, { kind: 'schedule' }>;

export function scheduleRows(detail: ScheduleDetail, sheet: Sheet): Row[] {
  const { theme, columns, here } = sheet;
  const { schedule } = detail;
  const zone = schedule.timezone ?? here.timezone;
  const next = schedule.next.map((iso) => {
    const until = showUntil(Date.parse(iso) - here.now);
    return ` ${showSecond(Date.parse(iso), { ...here, timezone: zone }).padEnd(19)}  ${until}`;
  });
  return [
    headRow(schedule.name, schedule.state, sheet),
    ...noteRows(schedule.note, sheet),
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
    ...noteRows(schedule.note, sheet).slice(0, 2),
    ...factRows(next === '' ? [] : [['next', next]], sheet),
    ...valueRows('params', schedule.params, sheet).slice(0, 2),
    ...factRows(factsOf(detail, sheet), sheet),
  ];
}

function factsOf({ schedule }: ScheduleDetail, { here }: Sheet): [string, string][] {
  const { lastAt, lastRun, skipped, state, paused } = schedule;
  const all: (readonly [string, string | null])[] = [
    ['job', schedule.job],
    ['rule', ruleText(schedule)],
    ['last', lastAt === null ? 'never' : showSecond(Date.parse(lastAt), here)],
    ['last run', lastRun ?? 'none'],
    ['overlap', schedule.overlap],
    ['catch up', schedule.catchUp],
    ['skipped', showCount(skipped)],
    ['defined in', schedule.inFile ? 'its job file' : null],
    ['paused', paused && state !== 'paused' ? 'yes' : null],
  ];
  return all.filter((fact): fact is [string, string] => fact[1] !== null);
}
