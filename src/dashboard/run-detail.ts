// Rows that show one run: for the pane beside or under the list, and for the whole screen.

import { showRunning, showSecond } from '../commands/shared/clock-texts.ts';
import { lastAlive, leftMs, workerText } from '../commands/shared/run-words.ts';
import type { AttemptView, LogLine, RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { factRows, headRow, valueRows } from './detail-rows.ts';
import type { Log } from './model.ts';
import type { Detail } from './replies.ts';
import {
  type Column,
  type Row,
  ruleRow,
  styled,
  tableRow,
  tame,
  textWidth,
  titleRow,
  wrap,
} from './rows.ts';
import { bar, type Sheet, type Style } from './theme.ts';

type RunDetail = Extract<Detail, { kind: 'run' }>;

const ms = (iso: string): number => Date.parse(iso);

/** Everything, section by section, for the whole screen. */
export function runRows(detail: RunDetail, log: Log | null, sheet: Sheet): Row[] {
  const said = logRows(log, sheet);
  return [
    ...sections(detail, sheet, false),
    ...(said.length > 0 ? ['', logRule(log, sheet), ...said] : []),
  ];
}

/** The most important sections, for the pane beside the list. */
export const manyRunRows = (
  detail: RunDetail,
  log: Log | null,
  sheet: Sheet,
  room: number,
): Row[] => withLog(sections(detail, sheet, true), log, sheet, room, [logRule(log, sheet)]);

const logRule = (log: Log | null, { columns, theme }: Sheet): Row =>
  ruleRow(columns, theme, 'log', log?.live ? theme.glyphs.following : '');

/** All sections but the log. A pane shows less of each, without blank rows between them. */
function sections(detail: RunDetail, sheet: Sheet, isPane: boolean): Row[] {
  const { theme, columns } = sheet;
  const { run, attempts, results } = detail;
  const titled = (title: string, rows: readonly Row[]): Row[] =>
    rows.length === 0 ? [] : [...(isPane ? [] : ['']), ruleRow(columns, theme, title), ...rows];
  const value = (name: string, json: Json, most: number): Row[] =>
    json === null && name !== 'params' ? [] : valueRows(name, json, sheet, isPane ? most : 40);
  const errors = errorRows(run, sheet);
  const tried = isPane && attempts.length === 1 ? [] : attempts.slice(isPane ? -4 : 0);
  const rows = results?.results.slice(isPane ? -6 : 0) ?? [];
  return [
    ...headRows(detail, sheet),
    '',
    ...factRows(factsOf(detail.run, sheet), sheet),
    ...value('params', run.params, 6),
    ...value('checkpoint', run.checkpoint, 4),
    ...value('output', run.output, 4),
    ...(isPane ? errors.slice(0, 8) : titled('error', errors)),
    ...titled(`attempts (${attempts.length})`, tried.map(attemptRow(detail, sheet))),
    ...titled(`results (${results?.total ?? 0})`, resultRows(rows, sheet)),
  ];
}

/** For a pane of a few rows. */
export function fewRunRows(detail: RunDetail, log: Log | null, sheet: Sheet, room: number): Row[] {
  const rows = [
    ...factRows(factsOf(detail.run, sheet), sheet).slice(0, 2),
    ...valueRows('params', detail.run.params, sheet).slice(0, 1),
    ...errorRows(detail.run, sheet).slice(0, 1),
  ];
  return withLog(rows, log, sheet, room, []);
}

/** The log has what the rest leaves, and at least a third of the room. */
function withLog(top: Row[], log: Log | null, sheet: Sheet, room: number, title: Row[]): Row[] {
  const said = logRows(log && { ...log, lines: log.lines.slice(-room) }, sheet);
  if (said.length === 0) return top;
  const least = Math.min(said.length + title.length, Math.max(2, Math.floor(room / 3)));
  const head = top.slice(0, room - least);
  return [...head, ...title, ...said.slice(-(room - head.length - title.length))];
}

/** Name, state, bar. */
function headRows({ run }: RunDetail, sheet: Sheet): Row[] {
  const { theme, columns } = sheet;
  const head = headRow(`${run.id}  ${run.job}`, run.state, sheet);
  if (run.attempt === 0 || run.state === 'failed' || run.state === 'aborted') return [head];
  const { percent, text } = run.progress;
  const cells = bar(theme, percent, Math.max(4, Math.min(40, columns - 8)));
  const share = percent > 0 ? `${Math.floor(percent)}%` : theme.glyphs.more;
  const line = styled(run.state === 'done' ? 'green' : 'cyan', ` ${cells} ${share}`);
  const said = [tame(text ?? '', theme), leftText(run, sheet)].filter(Boolean);
  return said.length === 0 ? [head, line] : [head, line, ` ${said.join(` ${theme.glyphs.dot} `)}`];
}

function leftText(run: RunView, { here }: Sheet): string {
  const left = leftMs(run, here.now);
  return left === null ? '' : `about ${showRunning(left)} left`;
}

function factsOf(run: RunView, { here }: Sheet): (readonly [string, string])[] {
  const limit = run.maxAttempts === null ? '' : ` of ${run.maxAttempts}`;
  const isOver = run.settledAt !== null;
  const end = run.settledAt === null ? here.now : ms(run.settledAt);
  const spent = run.startedAt === null ? null : Math.max(0, end - ms(run.startedAt));
  const alive = lastAlive(run, here);
  const goesOn = run.state === 'running' && alive === null;
  const took =
    spent === null ? null : isOver ? showDuration(spent) : goesOn ? showRunning(spent) : null;
  const at = (iso: string | null): string | null => iso && showSecond(ms(iso), here);
  const all: (readonly [string, string | null])[] = [
    ['attempt', run.attempt > 0 ? `${run.attempt}${limit}` : null],
    ['took', took],
    ['started', at(run.startedAt)],
    [isOver ? 'ended' : 'due', at(isOver ? run.settledAt : run.dueAt)],
    ['accepted', at(run.createdAt)],
    ['alive', alive && `last known ${at(alive)}`],
    ['worker', run.worker && workerText(run.worker)],
    ['priority', run.priority === 1 ? null : String(run.priority)],
    ['key', run.key],
    ['schedule', run.schedule],
    ['parent', run.parent],
    ['after', run.after.join(', ') || null],
    [run.state === 'aborted' ? 'reason' : 'waits', run.reason],
  ];
  return all.filter((fact): fact is readonly [string, string] => fact[1] !== null);
}

function errorRows({ error }: RunView, { theme, columns }: Sheet): Row[] {
  if (!error) return [];
  const head = wrap(`${error.name}: ${error.message}`, columns - 3, theme).slice(0, 12);
  const stack = error.stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [
    ...head.map((line) => styled('red', ` ! ${line}`)),
    ...stack
      .slice(0, 12)
      .flatMap((line) => wrap(line.trim(), columns - 5, theme))
      .map((line) => styled('dim', `     ${line}`)),
  ];
}

/** An attempt without an end is still running, unless its daemon was killed. */
const attemptRow =
  ({ run }: RunDetail, { theme, here }: Sheet) =>
  (attempt: AttemptView): Row => {
    const { outcome, error, endedAt, startedAt, pid, signal, exitCode } = attempt;
    const lasted = (end: number): number => Math.max(0, end - ms(startedAt));
    const soFar = lastAlive(run, here) === null ? showRunning(lasted(here.now)) : '';
    const cells = [
      String(attempt.number).padStart(3),
      (outcome ?? 'running').padEnd(9),
      showSecond(ms(startedAt), here),
      (endedAt === null ? soFar : showDuration(lasted(ms(endedAt)))).padStart(7),
      pid === null ? '' : `pid ${pid}`,
      signal ?? (exitCode === null ? '' : `exit ${exitCode}`),
      tame(error?.message ?? '', theme),
    ];
    const isBad = outcome !== null && outcome !== 'returned';
    return styled(isBad ? 'yellow' : 'plain', ` ${cells.filter(Boolean).join('  ')}`);
  };

const MOST_RESULTS = 100;
const WIDEST = 40;

type ResultRow = Readonly<Record<string, Json>>;

const isObject = (row: Json): row is { [key: string]: Json } =>
  row !== null && typeof row === 'object' && !Array.isArray(row);

/** The result table, in columns if all rows are objects. Rows with an error are marked. */
function resultRows(rows: readonly Json[], { theme }: Sheet): Row[] {
  const last = rows.slice(-MOST_RESULTS);
  if (last.length === 0) return [];
  if (!last.every(isObject)) return last.map((row) => `   ${tame(JSON.stringify(row), theme)}`);
  const textOf = (value: Json | undefined): string =>
    tame(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), theme);
  const names = [...new Set(last.flatMap((row) => Object.keys(row)))];
  const table = names.map((name): Column<ResultRow> => {
    const title = tame(name.toUpperCase(), theme);
    const widths = [title, ...last.map((row) => textOf(row[name]))].map(textWidth);
    const cell = (row: ResultRow): Row =>
      styled('error' in row ? 'red' : 'plain', textOf(row[name]));
    return { title, width: Math.min(WIDEST, Math.max(1, ...widths)), cell };
  });
  const rowOf = (row: ResultRow): Row =>
    tableRow(table, row, theme, 'error' in row ? ' ! ' : undefined);
  return [titleRow(table, theme), ...last.map(rowOf)];
}

const LEVELS: Readonly<Record<LogLine['level'], Style>> = {
  debug: 'dim',
  info: 'plain',
  warn: 'yellow',
  error: 'red',
};

export function logRows(log: Pick<Log, 'lines'> | null, { theme, columns, here }: Sheet): Row[] {
  return (log?.lines ?? []).flatMap((line) => {
    const at = showSecond(ms(line.at), here);
    const level = line.level === 'warn' || line.level === 'error' ? `${line.level}: ` : '';
    const fields = line.fields === null ? '' : ` ${JSON.stringify(line.fields)}`;
    const room = Math.max(8, columns - at.length - 2);
    return wrap(`${level}${line.text}${fields}`, room, theme).map((text, i) => [
      i === 0 ? styled('dim', ` ${at} `) : ' '.repeat(at.length + 2),
      styled(LEVELS[line.level], text),
    ]);
  });
}
