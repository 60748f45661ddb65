// Rows that show one job: for the pane beside or under the list, and for the whole screen.

import { showSecond } from '../commands/shared/clock-texts.ts';
import { paramFields, paramHint } from '../commands/shared/param-fields.ts';
import { tookMs } from '../commands/shared/run-words.ts';
import { ruleText } from '../run/schedule.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { showCount } from '../support/text.ts';
import { headRow, noteRows, valueRows } from './detail-rows.ts';
import type { Detail } from './replies.ts';
import {
  cut,
  type Row,
  ruleRow,
  styled,
  tableRow,
  tame,
  textWidth,
  titleRow,
  wrap,
} from './rows.ts';
import { runTable } from './run-table.ts';
import { type Sheet, sparkline } from './theme.ts';

type JobDetail = Extract<Detail, { kind: 'job' }>;

export function jobRows(detail: JobDetail, sheet: Sheet): Row[] {
  const { theme, columns } = sheet;
  const { job, runs } = detail;
  return [
    headRow(job.name, job.state, sheet),
    ...noteRows(job.error, sheet),
    '',
    ...factRows(detail, sheet).flat(),
    ...paramRows(job.params, sheet),
    ...titledHistory(detail, sheet),
    '',
    ruleRow(columns, theme, `last runs (${runs.length})`),
    ...lastRuns(detail, sheet),
  ];
}

/** For a pane of a few rows: half of it for what the job is, and half for its last runs. */
export function fewJobRows(detail: JobDetail, sheet: Sheet, room: number): Row[] {
  const last = lastRuns(detail, sheet);
  const facts = factRows(detail, sheet).map(([first = '', ...more]) =>
    more.length > 0 ? cut(`${first} ${more.join('')}`, sheet.columns - 1, sheet.theme) : first,
  );
  const own = [...noteRows(detail.job.error, sheet), ...facts, ...historyRows(detail, sheet)];
  const shown = own.slice(0, room - Math.min(last.length, Math.floor(room / 2)));
  return [...shown, ...last.slice(0, room - shown.length)];
}

/** Bars that a sparkline has room for before its numbers have. */
const FEWEST = 12;

/** How long its last runs took, the newest on the right; those that failed or were aborted are red. */
function historyRows({ history }: JobDetail, { theme, columns }: Sheet): Row[] {
  const all = history.flatMap((run) => {
    const took = tookMs(run);
    return took === null ? [] : [{ took, isBad: run.state !== 'done' }];
  });
  const [last] = all;
  if (!last) return [];
  const middle = [...all].sort((a, b) => a.took - b.took)[Math.floor(all.length / 2)] ?? last;
  const most = Math.max(...all.map(({ took }) => took));
  const parts = [
    `last ${showDuration(last.took)}`,
    `median ${showDuration(middle.took)}`,
    `longest ${showDuration(most)}`,
  ];
  const room = (said: string): number => columns - LABEL - 4 - textWidth(said);
  while (parts.length > 1 && room(parts.join(', ')) < Math.min(all.length, FEWEST)) parts.pop();
  const said = parts.join(', ');
  const shown = all.slice(0, Math.max(1, room(said))).reverse();
  const marks = [
    ...sparkline(
      theme,
      shown.map(({ took }) => Math.max(1, took)),
    ),
  ];
  const bars = shown.map(({ isBad }, i) => styled(isBad ? 'red' : 'green', marks[i] ?? ''));
  return [[` ${'took'.padEnd(LABEL)}`, ...bars, `  ${said}`]];
}

function titledHistory(detail: JobDetail, sheet: Sheet): Row[] {
  const rows = historyRows(detail, sheet);
  return rows.length === 0 ? [] : ['', ...rows];
}

/** The hint of each param, as in the form. */
function paramRows(params: Json, sheet: Sheet): Row[] {
  const { theme, columns } = sheet;
  if (params === null) return [];
  const fields = paramFields(params);
  if (fields.some(({ kind }) => kind === 'json')) return valueRows('params', params, sheet);
  if (fields.length === 0) return [];
  const hints = fields.map(paramHint);
  const names = fields.map(({ name, required }) => `${tame(name, theme)}${required ? ' !' : ''}`);
  const longest = Math.min(24, Math.max(...names.map(textWidth)));
  const table = [
    { title: '', width: longest, cell: (i: number): Row => names[i] ?? '' },
    { title: '', width: columns, cell: (i: number): Row => tame(hints[i] ?? '', theme) },
  ];
  const needed = fields.some(({ required }) => required) ? '! is needed' : '';
  return [
    '',
    ruleRow(columns, theme, 'params', needed),
    ...fields.map((_, i) => tableRow(table, i, theme)),
  ];
}

const LABEL = 10;

/** The rows of each fact, the most important ones first. */
function factRows({ job }: JobDetail, { theme, columns, here }: Sheet): string[][] {
  const { schedule } = job;
  const rule = schedule && ruleText(schedule);
  const counts = Object.entries(job.counts).filter(([, n]) => n > 0);
  const facts: (readonly [string, string | null])[] = [
    ['what', job.description],
    ['schedule', rule && (schedule?.paused ? `${rule} (paused)` : rule)],
    ['next', schedule?.nextAt ? showSecond(Date.parse(schedule.nextAt), here) : null],
    ['group', job.group],
    ['file', job.file],
    ['runs', counts.map(([state, n]) => `${showCount(n)} ${state}`).join(', ') || 'none'],
  ];
  return facts.flatMap(([name, value]) =>
    value === null
      ? []
      : [
          wrap(value, columns - LABEL - 2, theme).map(
            (text, i) => ` ${(i === 0 ? name : '').padEnd(LABEL)}${text}`,
          ),
        ],
  );
}

function lastRuns({ runs }: JobDetail, sheet: Sheet): Row[] {
  if (runs.length === 0) return [];
  const table = runTable(runs, sheet);
  const mark = (state: string): string => (state === 'failed' ? ' ! ' : '   ');
  return [
    titleRow(table, sheet.theme),
    ...runs.map((run) => tableRow(table, run, sheet.theme, mark(run.state))),
  ];
}
