// The whole picture as lines of text, each exactly as wide as the screen: a pure function of the model, the look and
// the time. Ink gets one text for each line and has nothing to lay out.
import { pad, tame } from './cells.ts';
import { type Here, showCount } from './clock-texts.ts';
import { boardOf, subjectOf } from './context.ts';
import { runLines } from './detail.ts';
import { footerLines } from './footer.ts';
import { meterLine, rule, tabLine, titleLine } from './header.ts';
import { jobLines } from './job-detail.ts';
import { jobColumnsFor, jobRow, jobTicks, jobTitles } from './job-rows.ts';
import { isFull, type Layout, LEAST, layoutFor, under } from './layout.ts';
import type { Sheet } from './look.ts';
import { type Look, paint } from './look.ts';
import type { Model } from './model.ts';
import { formLines, helpLines, logPage, pickLines } from './pages.ts';
import { paneLines } from './pane.ts';
import { columnsFor, runRow, runTitles, ticks } from './run-rows.ts';

export function frame(model: Model, look: Look, now: number): readonly string[] {
  const layout = layoutFor(model.size);
  const { columns, height } = layout;
  if (layout.kind === 'tiny') {
    const text = `jobrun needs ${LEAST.columns}x${LEAST.rows}, this is ${model.size.columns}x${model.size.rows}`;
    return [text.slice(0, Math.max(0, columns))];
  }
  const here: Here = { now, timezone: model.board?.timezone ?? 'UTC' };
  const full = isFull(model);
  const header =
    layout.kind === 'wide'
      ? [
          titleLine(model, look, columns, now),
          meterLine(model, look, columns),
          tabLine(model, look, columns),
        ]
      : [titleLine(model, look, columns, now), tabLine(model, look, columns)];
  const footer = footerLines(model, layout, look, here);
  const room = height - header.length - footer.length;
  const body = full
    ? fullBody(model, layout, look, here, room)
    : listBody(model, layout, look, here);
  const blank = pad('', columns, look);
  const middle = [...body, ...Array<string>(Math.max(0, room - body.length)).fill(blank)].slice(
    0,
    room,
  );
  return [...header, ...middle, ...footer];
}

function fullBody(model: Model, layout: Layout, look: Look, here: Here, height: number): string[] {
  const { columns } = layout;
  const screen = under(model.screen);
  const sheet: Sheet = { look, columns, here };
  switch (screen.kind) {
    case 'help':
      return windowOf([rule(look, columns), ...helpLines(look, columns)], screen.scroll, height);
    case 'pick':
      return pickLines(screen, look, columns, height);
    case 'form':
      return formLines(screen.form, look, columns, height, here);
    case 'log': {
      const job = subjectOf(model)?.job ?? '';
      const title = `log of ${model.place.id ?? ''} ${tame(job, look)}`;
      return logPage(model.log, screen.back, title, height, sheet);
    }
    case 'detail':
      return [
        rule(look, columns),
        ...windowOf(detailLines(model, sheet), screen.scroll, height - 1),
      ];
    default:
      return [];
  }
}

/** All lines of the detail that is open. */
export function detailLines(model: Model, sheet: Sheet): string[] {
  const detail = model.board?.detail ?? null;
  const id = detail?.kind === 'run' ? detail.run.id : detail?.job.name;
  if (!detail || id !== model.place.id) {
    const gone = model.board !== null && model.board.detail === null && model.place.id !== null;
    return [pad(gone ? ' reading, or gone' : ' reading', sheet.columns, sheet.look)];
  }
  if (detail.kind === 'job') return jobLines(detail, sheet);
  const log = model.log?.id === detail.run.id ? model.log : null;
  return runLines(detail, log?.lines ?? [], log?.live ?? false, sheet);
}

const windowOf = (lines: string[], scroll: number, height: number): string[] => {
  const top = Math.max(0, Math.min(scroll, lines.length - height));
  return lines.slice(top, top + height);
};

function listBody(model: Model, layout: Layout, look: Look, here: Here): string[] {
  const rows = listLines(model, layout, look, here);
  if (layout.kind === 'short') return [rule(look, layout.columns), ...rows];
  const blank = pad('', layout.listColumns, look);
  const all = [...rows, ...Array<string>(layout.list + 1).fill(blank)].slice(0, layout.list + 1);
  const pane = paneLines(model, layout, look, here);
  if (layout.kind === 'tall') return [rule(look, layout.columns), ...all, ...pane];
  const { glyphs } = look;
  const top =
    glyphs.rule.repeat(layout.listColumns) +
    glyphs.teeDown +
    glyphs.rule.repeat(layout.paneColumns);
  const wall = paint(look, 'dim', glyphs.wall);
  const empty = pad('', layout.paneColumns, look);
  return [paint(look, 'dim', top), ...all.map((row, i) => `${row}${wall}${pane[i] ?? empty}`)];
}

function listLines(model: Model, layout: Layout, look: Look, here: Here): string[] {
  const board = boardOf(model);
  const { listColumns: columns } = layout;
  const { place, marks, pending } = model;
  if (!board) {
    const text = model.link === 'silent' ? 'waiting for the daemon' : 'reading';
    return [pad('', columns, look), pad(`   ${text}`, columns, look)];
  }
  const { list } = board;
  if (list.total === 0)
    return [
      pad('', columns, look),
      paint(look, 'dim', pad(`   ${emptyText(model)}`, columns, look)),
    ];
  const from = place.top - list.offset;
  const isCursor = (i: number): boolean => place.top + i === place.index;
  if (model.tab === 'jobs') {
    const sizes = jobColumnsFor(list.jobs, columns);
    const jobs = list.jobs.slice(Math.max(0, from), from + layout.list);
    return [
      jobTitles(sizes, look),
      ...jobs.map((job, i) => jobRow(job, sizes, isCursor(i), look, here)),
    ];
  }
  const sizes = columnsFor(list.runs, columns);
  const runs = Array.from(
    { length: Math.min(layout.list, list.total - place.top) },
    (_, i) => list.runs[from + i],
  );
  const rows = runs.map((run, i) => {
    if (!run) return pad(`${isCursor(i) ? '>' : ' '}  ${look.glyphs.more}`, columns, look);
    const own = {
      cursor: isCursor(i),
      marked: marks.has(run.id),
      pending: pending.get(run.id) ?? null,
    };
    return runRow(run, sizes, own, look, here);
  });
  return [runTitles(sizes, look), ...rows];
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

/** When the picture looks different although nothing has changed: in a second, or at the next full minute. */
export function nextTickMs(model: Model, now: number): number {
  const list = boardOf(model)?.list;
  const { top } = model.place;
  const height = layoutFor(model.size).list;
  const seen = <Row>(rows: readonly Row[]): readonly Row[] =>
    rows.slice(Math.max(0, top - (list?.offset ?? 0)), top - (list?.offset ?? 0) + height);
  const detail = model.board?.detail;
  const busy =
    model.screen.kind === 'form' ||
    model.screen.kind === 'due' ||
    (detail?.kind === 'run' &&
      detail.run.state === 'running' &&
      detail.run.id === model.place.id) ||
    seen(list?.runs ?? []).some((run) => ticks(run, now)) ||
    seen(list?.jobs ?? []).some((job) => jobTicks(job, now));
  return busy ? 1000 - (now % 1000) : 60_000 - (now % 60_000);
}
