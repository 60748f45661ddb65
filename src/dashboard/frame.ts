// The whole picture as lines of text, each exactly as wide as the screen: a pure function of the model, the look and
// the time. Ink gets one text for each line and has nothing to lay out.
import { pad, tame } from './cells.ts';
import { type Here, showCount } from './clock-texts.ts';
import { boardOf, logOf, subjectOf } from './context.ts';
import { runLines } from './detail.ts';
import { footerLines } from './footer.ts';
import { meterLine, rule, tabLine, titleLine } from './header.ts';
import { jobLines } from './job-detail.ts';
import { jobColumnsFor, jobRow, jobTicks, jobTitles } from './job-rows.ts';
import { FOOTER, isFull, type Layout, LEAST, layoutFor, under } from './layout.ts';
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
  const here: Here = { now, timezone: model.timezone };
  const full = isFull(model);
  const header =
    layout.kind === 'wide'
      ? [
          titleLine(model, look, columns, now),
          meterLine(model, look, columns),
          tabLine(model, look, columns),
        ]
      : [titleLine(model, look, columns, now), tabLine(model, look, columns)];
  const room = height - header.length - FOOTER;
  const { lines: body, where } = full
    ? fullBody(model, layout, look, here, room)
    : { lines: listBody(model, layout, look, here), where: '' };
  const footer = footerLines(model, layout, look, here, where);
  const blank = pad('', columns, look);
  const middle = [...body, ...Array<string>(Math.max(0, room - body.length)).fill(blank)].slice(
    0,
    room,
  );
  return [...header, ...middle, ...footer];
}

interface Body {
  readonly lines: readonly string[];
  /** Which part of it is on the screen, where that is not all. */
  readonly where: string;
}

const allOf = (lines: readonly string[]): Body => ({ lines, where: '' });

function fullBody(model: Model, layout: Layout, look: Look, here: Here, height: number): Body {
  const { columns } = layout;
  const screen = under(model.screen);
  const sheet: Sheet = { look, columns, here };
  switch (screen.kind) {
    case 'help':
      return windowOf(helpLines(look, columns), screen.scroll, height - 1, sheet);
    case 'pick':
      return allOf(pickLines(screen, look, columns, height));
    case 'form':
      return allOf(formLines(screen.form, look, columns, height, here));
    case 'log': {
      const job = subjectOf(model)?.job ?? '';
      const title = `log of ${model.place.id ?? ''} ${tame(job, look)}`;
      return allOf(logPage(logOf(model), screen.back, title, height, sheet));
    }
    case 'detail':
      return windowOf(detailLines(model, sheet), screen.scroll, height - 1, sheet);
    default:
      return allOf([]);
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
  const log = logOf(model);
  return runLines(detail, log?.lines ?? [], log?.live ?? false, sheet);
}

/** As many of the lines as there is room for, under a rule. */
function windowOf(
  lines: readonly string[],
  scroll: number,
  height: number,
  { look, columns }: Sheet,
): Body {
  const top = Math.max(0, Math.min(scroll, lines.length - height));
  const seen = lines.slice(top, top + height);
  const isAll = seen.length === lines.length;
  const where = isAll ? '' : `lines ${top + 1}-${top + seen.length} of ${lines.length}`;
  return { lines: [rule(look, columns), ...seen], where };
}

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
