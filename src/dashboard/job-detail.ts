// All of one job as lines of text.
import type { BoardDetail } from '../commands/board-detail.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { ends, pad, tame, width, wrap } from './cells.ts';
import { showCount, showSecond } from './clock-texts.ts';
import { valueLines } from './detail.ts';
import { paramFields } from './form.ts';
import { titledRule } from './header.ts';
import type { Sheet } from './look.ts';
import { paint, styleOfState } from './look.ts';
import { columnsFor, runRow, runTitles } from './run-rows.ts';

type JobDetail = Extract<BoardDetail, { kind: 'job' }>;

export function jobLines(detail: JobDetail, sheet: Sheet): string[] {
  const { look, columns } = sheet;
  const { job, runs } = detail;
  const [left, right] = ends(` ${tame(job.name, look)}`, `${job.state} `, columns, look);
  const blank = pad('', columns, look);
  return [
    paint(look, 'bold', left) + paint(look, styleOfState(job.state), right),
    ...errorLines(detail, sheet),
    blank,
    ...factLines(detail, sheet).flat(),
    ...paramLines(job.params, sheet),
    blank,
    titledRule(look, columns, `last runs (${runs.length})`),
    ...lastRuns(detail, sheet),
  ];
}

/** What each param takes, as in the form. */
function paramLines(params: Json, sheet: Sheet): string[] {
  const { look, columns } = sheet;
  if (params === null) return [];
  const fields = paramFields(params);
  if (fields.some(({ kind }) => kind === 'json')) return valueLines('params', params, sheet);
  if (fields.length === 0) return [];
  const names = fields.map(({ name, required }) => `${tame(name, look)}${required ? ' !' : ''}`);
  const longest = Math.min(24, Math.max(...names.map(width)));
  return [
    pad('', columns, look),
    titledRule(
      look,
      columns,
      'params',
      names.some((name) => name.endsWith(' !')) ? '! is needed' : '',
    ),
    ...fields.map(({ hint }, i) =>
      pad(`   ${pad(names[i] ?? '', longest, look)}  ${tame(hint, look)}`, columns, look),
    ),
  ];
}

/** For a pane of a few lines: half of it for what the job is, and half for its last runs. */
export function fewJobLines(detail: JobDetail, sheet: Sheet, room: number): string[] {
  const last = lastRuns(detail, sheet);
  const facts = [...errorLines(detail, sheet), ...factLines(detail, sheet).map(([line]) => line)];
  const own = facts.flatMap((line) => line ?? []).slice(0, room - Math.min(last.length, room / 2));
  return [...own, ...last.slice(0, room - own.length)];
}

function errorLines({ job }: JobDetail, { look, columns }: Sheet): string[] {
  const error = job.error === null ? [] : wrap(job.error, columns - 4, look);
  return error.map((line) => paint(look, 'red', pad(` ! ${line}`, columns, look)));
}

/** The lines of each fact, those that matter most first. */
function factLines({ job }: JobDetail, { look, columns, here }: Sheet): string[][] {
  const { schedule } = job;
  const rule =
    schedule &&
    (schedule.cron ??
      (schedule.every === null ? 'its own times' : `every ${showDuration(schedule.every)}`));
  const counts = Object.entries(job.counts).filter(([, n]) => n > 0);
  const facts: (readonly [string, string | null])[] = [
    ['what', job.description],
    ['schedule', rule && (schedule?.paused ? `${rule} (paused)` : rule)],
    ['next', schedule?.nextAt ? showSecond(Date.parse(schedule.nextAt), here) : null],
    ['group', job.group],
    ['file', job.file],
    ['runs', counts.map(([state, n]) => `${showCount(n)} ${state}`).join(', ') || 'none'],
  ];
  return facts.flatMap(([name, value]) => {
    if (value === null) return [];
    const lines = wrap(value, columns - 12, look);
    return [
      lines.map((text, i) => pad(` ${(i === 0 ? name : '').padEnd(9)} ${text}`, columns, look)),
    ];
  });
}

function lastRuns({ runs }: JobDetail, { look, columns, here }: Sheet): string[] {
  if (runs.length === 0) return [];
  const row = columnsFor(runs, columns);
  const marks = { cursor: false, marked: false, pending: null };
  return [runTitles(row, look), ...runs.map((run) => runRow(run, row, marks, look, here))];
}
