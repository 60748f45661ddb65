// The list that is open, and beside or under it the detail of the run or job under its cursor.
import { Box } from 'ink';
import type { Board } from '../commands/board.ts';
import { showCount } from './clock-texts.ts';
import { boardOf, logOf } from './context.ts';
import { fewJobRows, jobRows } from './job-detail.ts';
import { jobTable } from './job-table.ts';
import type { Model } from './model.ts';
import { cursorRow, type Row, ruleRow, styled, tableRow, tame, titleRow } from './rows.ts';
import { fewRunRows, manyRunRows } from './run-detail.ts';
import { runFront, runTable } from './run-table.ts';
import { TextRow, TextRows, type ViewProps } from './text-rows.tsx';
import type { Sheet } from './theme.ts';

export function ListView(view: ViewProps) {
  const { layout, sheet } = view;
  const { theme, columns } = sheet;
  if (layout.kind !== 'wide') {
    return (
      <Box flexDirection="column" flexShrink={0}>
        <TextRow row={ruleRow(columns, theme)} width={columns} />
        <List {...view} />
        {layout.kind === 'tall' && <Detail {...view} />}
      </Box>
    );
  }
  const { rule, teeDown, border } = theme.glyphs;
  const top = rule.repeat(layout.listColumns) + teeDown + rule.repeat(layout.paneColumns);
  return (
    <Box flexDirection="column" flexShrink={0}>
      <TextRow row={styled('dim', top)} width={columns} />
      <Box>
        <List {...view} />
        <Box
          borderStyle={border}
          borderDimColor={theme.color}
          borderTop={false}
          borderRight={false}
          borderBottom={false}
        >
          <Detail {...view} />
        </Box>
      </Box>
    </Box>
  );
}

function List({ model, layout, sheet }: ViewProps) {
  const board = boardOf(model);
  const own = { ...sheet, columns: layout.listColumns };
  if (board && board.list.total > 0) {
    const Rows = model.tab === 'jobs' ? JobList : RunList;
    return <Rows list={board.list} model={model} height={layout.list} sheet={own} />;
  }
  const waiting = model.link === 'silent' ? 'waiting for the daemon' : 'reading';
  const text = board ? styled('dim', `   ${emptyText(model)}`) : `   ${waiting}`;
  return <TextRows rows={['', text]} width={own.columns} height={layout.list + 1} />;
}

interface ListProps {
  readonly list: Board['list'];
  readonly model: Model;
  /** Rows on the screen, without the titles. */
  readonly height: number;
  readonly sheet: Sheet;
}

function RunList({ list, model, height, sheet }: ListProps) {
  const { place, marks } = model;
  const { theme, columns } = sheet;
  const table = runTable(list.runs, sheet, model);
  const count = Math.min(height, list.total - place.top);
  const rows = Array.from({ length: count }, (_, i): Row => {
    const run = list.runs[place.top - list.offset + i];
    const isCursor = place.top + i === place.index;
    if (!run) return `${isCursor ? '>' : ' '}  ${theme.glyphs.more}`;
    const row = tableRow(table, run, theme, runFront(run, isCursor, marks.has(run.id)));
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return <TextRows rows={[titleRow(table, theme), ...rows]} width={columns} height={height + 1} />;
}

function JobList({ list, model, height, sheet }: ListProps) {
  const { place } = model;
  const { theme, columns } = sheet;
  const table = jobTable(list.jobs, sheet);
  const from = Math.max(0, place.top - list.offset);
  const rows = list.jobs.slice(from, from + height).map((job, i): Row => {
    const isCursor = place.top + i === place.index;
    const front = `${isCursor ? '>' : ' '}${job.state === 'broken' ? '!' : ' '} `;
    const row = tableRow(table, job, theme, front);
    return isCursor ? cursorRow(row, sheet) : row;
  });
  return <TextRows rows={[titleRow(table, theme), ...rows]} width={columns} height={height + 1} />;
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

/** What matters most of the run or job under the cursor, and the end of its log. */
function Detail({ model, layout, sheet }: ViewProps) {
  const isTall = layout.kind === 'tall';
  const own = { ...sheet, columns: layout.paneColumns };
  const { title, end, rows } = detailOf(model, own, isTall, layout.pane - (isTall ? 1 : 0));
  const all = isTall ? [ruleRow(own.columns, own.theme, title, end), ...rows] : rows;
  return <TextRows rows={all} width={own.columns} height={layout.pane} />;
}

interface DetailRows {
  readonly title: string;
  readonly end: string;
  readonly rows: readonly Row[];
}

function detailOf(model: Model, sheet: Sheet, isTall: boolean, room: number): DetailRows {
  const { place } = model;
  const detail = boardOf(model)?.detail ?? null;
  const name = detail?.kind === 'run' ? detail.run.id : detail?.job.name;
  if (!detail || name !== place.id) return { title: place.id ?? '', end: '', rows: [] };
  if (detail.kind === 'job') {
    const rows = isTall ? fewJobRows(detail, sheet, room) : jobRows(detail, sheet);
    return { title: tame(detail.job.name, sheet.theme), end: '', rows };
  }
  const log = logOf(model);
  return {
    title: `${detail.run.id} ${tame(detail.run.job, sheet.theme)}`,
    end: log?.live && log.lines.length > 0 ? sheet.theme.glyphs.following : '',
    rows: (isTall ? fewRunRows : manyRunRows)(detail, log, sheet, room),
  };
}
