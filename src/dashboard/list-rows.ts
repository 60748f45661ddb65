// Rows of the open list, and of the detail pane for the run or job under its cursor.
import type { Board } from '../commands/board.ts';
import { showCount } from './clock-texts.ts';
import { boardOf, logOf } from './context.ts';
import { fewJobRows, jobRows } from './job-detail.ts';
import { jobTable } from './job-table.ts';
import type { Model } from './model.ts';
import { cursorRow, type Row, ruleRow, styled, tableRow, tame, titleRow } from './rows.ts';
import { fewRunRows, manyRunRows } from './run-detail.ts';
import { runFront, runTable } from './run-table.ts';
import type { Scene } from './scene.ts';
import type { Sheet } from './theme.ts';

/** The titles and rows of the list, or the reason why it is empty. */
export function listRows({ model, layout, sheet }: Scene): readonly Row[] {
  const board = boardOf(model);
  const own = { ...sheet, columns: layout.listColumns };
  if (board && board.list.total > 0)
    return (model.tab === 'jobs' ? jobList : runList)(board.list, model, layout.list, own);
  const waiting = model.link === 'silent' ? 'waiting for the daemon' : 'reading';
  return ['', board ? styled('dim', `   ${emptyText(model)}`) : `   ${waiting}`];
}

type List = Board['list'];

function runList(list: List, model: Model, height: number, sheet: Sheet): readonly Row[] {
  const { place, marks } = model;
  const { theme } = sheet;
  const table = runTable(list.runs, sheet, model);
  const count = Math.min(height, list.total - place.top);
  const rows = Array.from({ length: count }, (_, i): Row => {
    const run = list.runs[place.top - list.offset + i];
    const isCursor = place.top + i === place.index;
    if (!run) return `${isCursor ? '>' : ' '}  ${theme.glyphs.more}`;
    const row = tableRow(table, run, theme, runFront(run, isCursor, marks.has(run.id)));
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return [titleRow(table, theme), ...rows];
}

function jobList(list: List, { place }: Model, height: number, sheet: Sheet): readonly Row[] {
  const { theme } = sheet;
  const table = jobTable(list.jobs, sheet);
  const from = Math.max(0, place.top - list.offset);
  const rows = list.jobs.slice(from, from + height).map((job, i): Row => {
    const isCursor = place.top + i === place.index;
    const front = `${isCursor ? '>' : ' '}${job.state === 'broken' ? '!' : ' '} `;
    const row = tableRow(table, job, theme, front);
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return [titleRow(table, theme), ...rows];
}

function emptyText({ filter, tab, board }: Model): string {
  if (board?.list.complete === false) return 'searching; any key goes on';
  if (filter !== '') return 'nothing fits this filter; Esc shows all';
  if (tab === 'jobs') return 'no jobs yet: make one with jobrun new <job>';
  const waiting = board ? board.counts.scheduled + board.counts.waiting + board.counts.queued : 0;
  if (tab === 'running' && waiting > 0)
    return `nothing runs; ${showCount(waiting)} ${waiting === 1 ? 'waits' : 'wait'}: press 2`;
  return tab === 'running' ? 'nothing runs; s schedules a run' : 'none';
}

/** The most important facts of the run or job under the cursor, and the end of its log. Under the list a rule separates it. */
export function detailRows({ model, layout, sheet }: Scene): readonly Row[] {
  const { place } = model;
  const isTall = layout.kind === 'tall';
  const { theme } = sheet;
  const own = { ...sheet, columns: layout.paneColumns };
  const room = layout.pane - (isTall ? 1 : 0);
  const ruled = (title: string, rows: readonly Row[], end = ''): readonly Row[] =>
    isTall ? [ruleRow(own.columns, theme, title, end), ...rows] : rows;
  const detail = boardOf(model)?.detail ?? null;
  const name = detail?.kind === 'run' ? detail.run.id : detail?.job.name;
  if (!detail || name !== place.id) return ruled(place.id ?? '', []);
  if (detail.kind === 'job') {
    const rows = isTall ? fewJobRows(detail, own, room) : jobRows(detail, own);
    return ruled(tame(detail.job.name, theme), rows);
  }
  const log = logOf(model);
  const rows = (isTall ? fewRunRows : manyRunRows)(detail, log, own, room);
  const end = log?.live && log.lines.length > 0 ? theme.glyphs.following : '';
  return ruled(`${detail.run.id} ${tame(detail.run.job, theme)}`, rows, end);
}
