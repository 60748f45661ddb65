// Pages that fill the body: the help, all of a run, job or schedule, the log. The screen shows a window of their rows.

import { allKeys } from './bindings.ts';
import { logOf, subjectOf } from './context.ts';
import { jobRows } from './job-detail.ts';
import { under } from './layout.ts';
import type { Model } from './model.ts';
import { idOf } from './replies.ts';
import { type Row, ruleRow, styled, tame, wrap } from './rows.ts';
import { logRows, runRows } from './run-detail.ts';
import { scheduleRows } from './schedule-detail.ts';
import type { Sheet } from './theme.ts';

export interface Page {
  /** The rule above the rows. */
  readonly head: Row;
  readonly rows: readonly Row[];
  /** The part that is on the screen (`lines 1-18 of 37`), empty if that is all. */
  readonly where: string;
}

/** The visible window of the open page; null if none is open. */
export function pageOf(model: Model, sheet: Sheet, height: number): Page | null {
  const screen = under(model.screen);
  const { theme, columns } = sheet;
  const rows = pageRows(model, sheet);
  if (screen.kind === 'help' || screen.kind === 'detail') {
    const top = Math.max(0, Math.min(screen.scroll, rows.length - height));
    const seen = rows.slice(top, top + height);
    const isAll = seen.length === rows.length;
    const where = isAll ? '' : `lines ${top + 1}-${top + seen.length} of ${rows.length}`;
    return { head: ruleRow(columns, theme), rows: seen, where };
  }
  if (screen.kind !== 'log') return null;
  const log = logOf(model);
  const end = Math.max(Math.min(height, rows.length), rows.length - screen.back);
  const live = log?.live ? theme.glyphs.following : '';
  const below = screen.back > 0 ? `${rows.length - end} lines below, G follows` : live;
  const title = `log of ${model.place.id ?? ''} ${tame(subjectOf(model)?.job ?? '', theme)}`;
  const none = log ? ' it has said nothing' : ' reading';
  const seen = rows.length > 0 ? rows.slice(Math.max(0, end - height), end) : [none];
  return { head: ruleRow(columns, theme, title, below), rows: seen, where: '' };
}

/** All rows of the open page. */
export function pageRows(model: Model, sheet: Sheet): readonly Row[] {
  switch (under(model.screen).kind) {
    case 'help':
      return helpRows(sheet);
    case 'detail':
      return detailRows(model, sheet);
    case 'log':
      return logRows(logOf(model), sheet);
    default:
      return [];
  }
}

function detailRows(model: Model, sheet: Sheet): readonly Row[] {
  const { detail, place, status } = model;
  if (!detail || idOf(detail) !== place.id) {
    const isGone = status !== null && detail === null && place.id !== null;
    return [isGone ? ' reading, or gone' : ' reading'];
  }
  if (detail.kind === 'schedule') return scheduleRows(detail, sheet);
  return detail.kind === 'job' ? jobRows(detail, sheet) : runRows(detail, logOf(model), sheet);
}

const HELP = `Lists
  Running · Scheduled: with what waits and is queued · Done
  Errors: failed and aborted · All · Jobs
  Schedules: what creates runs again and again

Filter
  news          runs with it in job, key, error or params
  -news         runs without it
  12            the run with this id, and what has 12 in it
  #12           the run with this id alone
  state:failed  several with commas
  is:retrying   runs that wait for their next attempt after a failed one
  job:news      jobs with these letters
  group:mail    of the jobs of a group
  key:weekly    runs with this key
  since:2h      accepted since
  param:to=ada  runs whose param has this value; customer.city for one inside another
`;
const NOTES = `Without a daemon: what the files say, read only, until one is there again.
A key that is neither here nor at the bottom does nothing.`;

function helpRows({ theme, columns }: Sheet): Row[] {
  const indent = ' '.repeat(16);
  const keys = allKeys(theme.glyphs).flatMap(({ name, help }) =>
    wrap(help, columns - indent.length - 2, theme).map((text, i) =>
      i === 0 ? `  ${name.padEnd(14)}${text}` : indent + text,
    ),
  );
  const texts = [
    'Keys',
    ...keys,
    '  ctrl-z        suspend, fg brings it back;  ctrl-l  draw anew',
    '',
    ...HELP.split('\n'),
    ...wrap(NOTES, columns - 3, theme).map((line) => `  ${line.trimEnd()}`),
  ];
  return texts.map((text) => {
    const isTitle = text !== '' && !text.startsWith(' ');
    return styled(isTitle ? 'bold' : 'plain', ` ${text.replaceAll('·', theme.glyphs.dot)}`);
  });
}
