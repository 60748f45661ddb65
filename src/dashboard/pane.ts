// The detail beside or under the list: what matters most of the run or job under the cursor, and the end of its log.
import type { BoardDetail } from '../commands/board-detail.ts';
import { pad, tame } from './cells.ts';
import type { Here } from './clock-texts.ts';
import { boardOf, logOf } from './context.ts';
import { attemptLines, errorLines, factLines, headLines, logLines, valueLines } from './detail.ts';
import { rule, titledRule } from './header.ts';
import { fewJobLines, jobLines } from './job-detail.ts';
import type { Layout } from './layout.ts';
import type { Look, Sheet } from './look.ts';
import type { Log, Model } from './model.ts';
import { resultLines } from './result-table.ts';

interface Pane {
  readonly title: string;
  readonly end: string;
  readonly lines: readonly string[];
}

export function paneLines(model: Model, layout: Layout, look: Look, here: Here): string[] {
  const columns = layout.paneColumns;
  const isTall = layout.kind === 'tall';
  const room = layout.pane - (isTall ? 1 : 0);
  const { title, end, lines } = paneOf(model, { look, columns, here }, isTall, room);
  const blank = Array<string>(room).fill(pad('', columns, look));
  const filled = [...lines, ...blank].slice(0, room);
  if (!isTall) return filled;
  return [title === '' ? rule(look, columns) : titledRule(look, columns, title, end), ...filled];
}

function paneOf(model: Model, sheet: Sheet, isTall: boolean, room: number): Pane {
  const { place } = model;
  const detail = boardOf(model)?.detail ?? null;
  const name = detail?.kind === 'run' ? detail.run.id : detail?.job.name;
  if (!detail || name !== place.id) return { title: place.id ?? '', end: '', lines: [] };
  if (detail.kind === 'job') {
    const lines = isTall ? fewJobLines(detail, sheet, room) : jobLines(detail, sheet);
    return { title: tame(name, sheet.look), end: '', lines };
  }
  const log = logOf(model);
  const live = log?.live ? sheet.look.glyphs.following : '';
  return {
    title: `${detail.run.id} ${tame(detail.run.job, sheet.look)}`,
    end: log && log.lines.length > 0 ? live : '',
    lines: isTall
      ? withLog(fewLines(detail, sheet), log, sheet, room, [])
      : withLog(manyLines(detail, sheet), log, sheet, room, [
          titledRule(sheet.look, sheet.columns, 'log', live),
        ]),
  };
}

type RunDetail = Extract<BoardDetail, { kind: 'run' }>;

/** For a pane of a few lines. */
const fewLines = (detail: RunDetail, sheet: Sheet): string[] => [
  ...factLines(detail, sheet).slice(0, 2),
  ...valueLines('params', detail.run.params, sheet).slice(0, 1),
  ...errorLines(detail.run, sheet).slice(0, 1),
];

function manyLines(detail: RunDetail, sheet: Sheet): string[] {
  const { look, columns } = sheet;
  const { run, results, attempts } = detail;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [titledRule(look, columns, title), ...lines];
  return [
    ...headLines(detail, sheet),
    pad('', columns, look),
    ...factLines(detail, sheet),
    ...valueLines('params', run.params, sheet, 6),
    ...(run.checkpoint === null ? [] : valueLines('checkpoint', run.checkpoint, sheet, 4)),
    ...(run.output === null ? [] : valueLines('output', run.output, sheet, 4)),
    ...errorLines(run, sheet).slice(0, 8),
    ...(attempts.length > 1
      ? section(
          `attempts (${attempts.length})`,
          attemptLines(attempts.slice(-4), run.reason === null, sheet),
        )
      : []),
    ...section(
      `results (${results?.total ?? 0})`,
      resultLines(results?.rows.slice(-6) ?? [], sheet),
    ),
  ];
}

/** The log has what the rest leaves, and at least a third of the room. */
function withLog(
  top: string[],
  log: Log | null,
  sheet: Sheet,
  room: number,
  title: string[],
): string[] {
  const said = (log?.lines ?? []).slice(-room).flatMap((line) => logLines(line, sheet));
  if (said.length === 0) return top;
  const least = Math.min(said.length + title.length, Math.max(2, Math.floor(room / 3)));
  const head = top.slice(0, room - least);
  return [...head, ...title, ...said.slice(-(room - head.length - title.length))];
}
