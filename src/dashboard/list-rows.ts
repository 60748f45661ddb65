// Rows of the open list, and of the detail pane for the run, job or schedule under its cursor.

import { showCount } from '../support/text.ts';
import { listOf, logOf } from './context.ts';
import { fewJobRows, jobRows } from './job-detail.ts';
import { jobTable } from './job-table.ts';
import { countOf, infoOf } from './lists.ts';
import type { Model } from './model.ts';
import { idOf, type List } from './replies.ts';
import {
  type Column,
  cursorRow,
  type Row,
  ruleRow,
  styled,
  tableRow,
  tame,
  titleRow,
} from './rows.ts';
import { fewRunRows, manyRunRows } from './run-detail.ts';
import { runFront, runTable } from './run-table.ts';
import type { Scene } from './scene.ts';
import { fewScheduleRows, scheduleRows } from './schedule-detail.ts';
import { scheduleTable } from './schedule-table.ts';
import type { Sheet } from './theme.ts';

/** The titles and rows of the list, or the reason why it is empty. */
export function listRows({ model, layout, sheet }: Scene): readonly Row[] {
  const list = listOf(model);
  const own = { ...sheet, columns: layout.listColumns };
  if (list && list.total > 0) return rowsOf(list, model, layout.list, own);
  const waiting = model.link === 'silent' ? 'waiting for the daemon' : 'reading';
  return ['', list ? styled('dim', `   ${emptyText(model)}`) : `   ${waiting}`];
}

function rowsOf(list: List, model: Model, height: number, sheet: Sheet): readonly Row[] {
  if (list.of === 'run') return runList(list, model, height, sheet);
  const { place } = model;
  const from = Math.max(0, place.top - list.offset);
  if (list.of === 'job') {
    const isBroken = ({ state }: { readonly state: string }): boolean => state === 'broken';
    const seen = list.rows.slice(from, from + height);
    return namedRows(seen, jobTable(list.rows, sheet), place, isBroken, sheet);
  }
  const isOver = ({ state }: { readonly state: string }): boolean =>
    state === 'stopped' || state === 'missing';
  const seen = list.rows.slice(from, from + height);
  return namedRows(seen, scheduleTable(list.rows, sheet), place, isOver, sheet);
}

type RunList = Extract<List, { of: 'run' }>;

function runList(list: RunList, model: Model, height: number, sheet: Sheet): readonly Row[] {
  const { place, marks } = model;
  const { theme } = sheet;
  const table = runTable(list.rows, sheet, model);
  const count = Math.min(height, list.total - place.top);
  const rows = Array.from({ length: count }, (_, i): Row => {
    const run = list.rows[place.top - list.offset + i];
    const isCursor = place.top + i === place.index;
    if (!run) return `${isCursor ? '>' : ' '}  ${theme.glyphs.more}`;
    const row = tableRow(table, run, theme, runFront(run, isCursor, marks.has(run.id)));
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return [titleRow(table, theme), ...rows];
}

function namedRows<Item>(
  seen: readonly Item[],
  table: readonly Column<Item>[],
  { top, index }: Model['place'],
  isBad: (item: Item) => boolean,
  sheet: Sheet,
): readonly Row[] {
  const { theme } = sheet;
  const rows = seen.map((item, i): Row => {
    const isCursor = top + i === index;
    const front = `${isCursor ? '>' : ' '}${isBad(item) ? '!' : ' '} `;
    const row = tableRow(table, item, theme, front);
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return [titleRow(table, theme), ...rows];
}

function emptyText({ filter, tab, list, status, asTyped }: Model): string {
  if (list?.complete === false) return 'searching; any key goes on';
  if (filter !== '') return 'nothing fits this filter; Esc shows all';
  if (tab === 'jobs') return asTyped('no jobs yet: make one with jobrun new <job>');
  if (tab === 'schedules')
    return asTyped('no schedules yet: jobrun schedule <job> --every 1h makes one');
  const waiting = status ? countOf(infoOf('scheduled'), status) : 0;
  if (tab === 'running' && waiting > 0)
    return `nothing runs; ${showCount(waiting)} ${waiting === 1 ? 'waits' : 'wait'}: press 2`;
  return tab === 'running' ? 'nothing runs; s schedules a run' : 'none';
}

/**
 * The main facts of the run, job or schedule under the cursor, and the end of its log. Under the list a rule comes
 * first.
 */
export function detailRows({ model, layout, sheet }: Scene): readonly Row[] {
  const { place, detail } = model;
  const isTall = layout.kind === 'tall';
  const { theme } = sheet;
  const own = { ...sheet, columns: layout.paneColumns };
  const room = layout.pane - (isTall ? 1 : 0);
  const ruled = (title: string, rows: readonly Row[], end = ''): readonly Row[] =>
    isTall ? [ruleRow(own.columns, theme, title, end), ...rows] : rows;
  if (!detail || idOf(detail) !== place.id) return ruled(place.id ?? '', []);
  if (detail.kind === 'job') {
    const rows = isTall ? fewJobRows(detail, own, room) : jobRows(detail, own);
    return ruled(tame(detail.job.name, theme), rows);
  }
  if (detail.kind === 'schedule') {
    const rows = (isTall ? fewScheduleRows : scheduleRows)(detail, own);
    return ruled(tame(detail.schedule.name, theme), rows);
  }
  const log = logOf(model);
  const rows = (isTall ? fewRunRows : manyRunRows)(detail, log, own, room);
  const end = log?.live && log.lines.length > 0 ? theme.glyphs.following : '';
  return ruled(`${detail.run.id} ${tame(detail.run.job, theme)}`, rows, end);
}
