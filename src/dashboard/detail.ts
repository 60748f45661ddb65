// All of one run as lines of text: for the pane beside the list, and for the whole screen.
import type { BoardDetail } from '../commands/board-detail.ts';
import type { AttemptView, LogLine, RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { cut, ends, pad, tame, width, wrap } from './cells.ts';
import { showRunning, showSecond } from './clock-texts.ts';
import { titledRule } from './header.ts';
import { bar, paint, type Sheet, type Style, styleOfState } from './look.ts';
import { resultLines } from './result-table.ts';

type RunDetail = Extract<BoardDetail, { kind: 'run' }>;

/** As wide as the longest name of a fact or a value. */
const LABEL = 'checkpoint'.length;
const INDENT = ' '.repeat(LABEL + 1);

const ms = (iso: string): number => Date.parse(iso);

/** Name, state, bar. */
export function headLines({ run }: RunDetail, sheet: Sheet): string[] {
  const { look, columns } = sheet;
  const [left, right] = ends(` ${run.id}  ${tame(run.job, look)}`, `${run.state} `, columns, look);
  const head = paint(look, 'bold', left) + paint(look, styleOfState(run.state), right);
  if (run.attempt === 0 || run.state === 'failed' || run.state === 'aborted') return [head];
  const cells = Math.max(4, Math.min(40, columns - 8));
  const { percent, text } = run.progress;
  const share = ` ${bar(look, percent, cells)} ${percent > 0 ? `${Math.floor(percent)}%` : look.glyphs.more}`;
  const said = [tame(text ?? '', look), leftText(run, sheet)].filter(Boolean);
  const line = pad(share, columns, look);
  const painted = paint(look, run.state === 'done' ? 'green' : 'cyan', line);
  return said.length === 0
    ? [head, painted]
    : [head, painted, pad(` ${said.join(` ${look.glyphs.dot} `)}`, columns, look)];
}

/** A guess only after 10 % and 10 seconds: before, it would jump about. */
function leftText({ state, progress, startedAt, attempt }: RunView, { here }: Sheet): string {
  const spent = startedAt === null ? 0 : here.now - ms(startedAt);
  if (state !== 'running' || attempt > 1 || progress.percent < 10 || spent < 10_000) return '';
  const left = (spent * (100 - progress.percent)) / progress.percent;
  return `about ${showRunning(left)} left`;
}

/** Short facts, two beside each other where there is room. */
export function factLines(detail: RunDetail, sheet: Sheet): string[] {
  const { look, columns } = sheet;
  const facts = factsOf(detail.run, sheet);
  const half = Math.floor(columns / 2);
  const cell = ([name, value]: readonly [string, string]): string =>
    `${name.padEnd(LABEL)} ${tame(value, look)}`;
  const lines: string[] = [];
  let before = '';
  for (const fact of facts) {
    const text = cell(fact);
    const isShort = width(text) < half - 2;
    if (before !== '' && isShort) {
      lines.push(pad(` ${pad(before, half - 1, look)}${text}`, columns, look));
      before = '';
      continue;
    }
    if (before !== '') lines.push(pad(` ${before}`, columns, look));
    before = isShort ? text : '';
    if (!isShort)
      lines.push(
        ...wrap(text, columns - 2, look).map((one, i) =>
          pad(` ${i > 0 ? INDENT : ''}${one}`, columns, look),
        ),
      );
  }
  return before === '' ? lines : [...lines, pad(` ${before}`, columns, look)];
}

function factsOf(run: RunView, { here }: Sheet): (readonly [string, string])[] {
  const limit = run.maxAttempts === null ? '' : ` of ${run.maxAttempts}`;
  const end = run.settledAt === null ? here.now : ms(run.settledAt);
  const spent = run.startedAt === null ? null : Math.max(0, end - ms(run.startedAt));
  const at = (iso: string | null): string | null =>
    iso === null ? null : showSecond(ms(iso), here);
  const isOver = run.settledAt !== null;
  const all: (readonly [string, string | null])[] = [
    ['attempt', run.attempt > 0 ? `${run.attempt}${limit}` : null],
    [
      'took',
      spent === null
        ? null
        : isOver
          ? showDuration(spent)
          : run.state === 'running' && run.reason === null
            ? showRunning(spent)
            : null,
    ],
    ['started', at(run.startedAt)],
    [isOver ? 'ended' : 'due', at(isOver ? run.settledAt : run.dueAt)],
    ['accepted', at(run.createdAt)],
    ['worker', run.worker && `pid ${run.worker.pid}`],
    ['priority', run.priority === 1 ? null : String(run.priority)],
    ['key', run.key],
    ['schedule', run.schedule],
    ['parent', run.parent],
    ['after', run.after.join(', ') || null],
    [['aborted', 'running'].includes(run.state) ? 'reason' : 'waits', run.reason],
  ];
  return all.filter((fact): fact is readonly [string, string] => fact[1] !== null);
}

/** A JSON value behind its name: on one line where it fits, else as it is best read. */
export function valueLines(name: string, value: Json, sheet: Sheet, most = 40): string[] {
  const { look, columns } = sheet;
  const flat = `${name.padEnd(LABEL)} ${tame(JSON.stringify(value), look)}`;
  if (width(flat) <= columns - 2) return [pad(` ${flat}`, columns, look)];
  const [first = '', second = '', ...rest] = wrap(
    flat.slice(INDENT.length),
    columns - INDENT.length - 2,
    look,
  );
  if (rest.length === 0)
    return [flat.slice(0, INDENT.length) + first, INDENT + second].map((line) =>
      pad(` ${line}`, columns, look),
    );
  const lines = JSON.stringify(value, null, 2).split('\n');
  const shown = lines.slice(0, most).flatMap((line) => wrap(line, columns - 4, look));
  const more = lines.length > most ? [`${look.glyphs.more} ${lines.length - most} more lines`] : [];
  return [` ${name}`, ...[...shown, ...more].slice(0, most + 1).map((line) => `   ${line}`)].map(
    (line) => pad(line, columns, look),
  );
}

export function errorLines({ error }: RunView, sheet: Sheet): string[] {
  if (!error) return [];
  const { look, columns } = sheet;
  const head = wrap(`${error.name}: ${error.message}`, columns - 3, look);
  const stack = error.stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [
    ...head.slice(0, 12).map((line) => paint(look, 'red', pad(` ! ${line}`, columns, look))),
    ...stack
      .slice(0, 12)
      .flatMap((line) => wrap(line.trim(), columns - 5, look))
      .map((line) => paint(look, 'dim', pad(`     ${line}`, columns, look))),
  ];
}

/** `goesOn`: one that has not ended is running, and not what a daemon that was cut off has left. */
export function attemptLines(
  attempts: readonly AttemptView[],
  goesOn: boolean,
  sheet: Sheet,
): string[] {
  const { look, columns, here } = sheet;
  return attempts.map((attempt) => {
    const { outcome, error, endedAt, startedAt, pid } = attempt;
    const lasted = (end: number): number => Math.max(0, end - ms(startedAt));
    const soFar = goesOn ? showRunning(lasted(here.now)) : '';
    const took = endedAt === null ? soFar : showDuration(lasted(ms(endedAt)));
    const exit = attempt.signal ?? (attempt.exitCode === null ? '' : `exit ${attempt.exitCode}`);
    const cells = [
      String(attempt.number).padStart(3),
      (outcome ?? 'running').padEnd(9),
      showSecond(ms(startedAt), here),
      took.padStart(7),
      pid === null ? '' : `pid ${pid}`,
      exit,
      tame(error?.message ?? '', look),
    ];
    const line = pad(` ${cells.filter(Boolean).join('  ')}`, columns, look);
    return outcome && outcome !== 'returned' ? paint(look, 'yellow', line) : line;
  });
}

/** Everything, section by section, for the whole screen. */
export function runLines(
  detail: RunDetail,
  log: readonly LogLine[],
  live: boolean,
  sheet: Sheet,
): string[] {
  const { look, columns } = sheet;
  const { run, attempts, results } = detail;
  const section = (title: string, lines: readonly string[], end = ''): string[] =>
    lines.length === 0 ? [] : ['', titledRule(look, columns, title, end), ...lines];
  return [
    ...headLines(detail, sheet),
    '',
    ...factLines(detail, sheet),
    ...valueLines('params', run.params, sheet),
    ...(run.checkpoint === null ? [] : valueLines('checkpoint', run.checkpoint, sheet)),
    ...(run.output === null ? [] : valueLines('output', run.output, sheet)),
    ...section('error', errorLines(run, sheet)),
    ...section(`attempts (${attempts.length})`, attemptLines(attempts, run.reason === null, sheet)),
    ...section(`results (${results?.total ?? 0})`, resultLines(results?.rows ?? [], sheet)),
    ...section(
      'log',
      log.flatMap((line) => logLines(line, sheet)),
      live ? look.glyphs.following : '',
    ),
  ].map((line) => (line === '' ? pad('', columns, look) : line));
}

const LEVELS: Readonly<Record<LogLine['level'], Style | null>> = {
  debug: 'dim',
  info: null,
  warn: 'yellow',
  error: 'red',
};

export function logLines(line: LogLine, { look, columns, here }: Sheet): string[] {
  const at = showSecond(ms(line.at), here);
  const level = line.level === 'warn' || line.level === 'error' ? `${line.level}: ` : '';
  const fields = line.fields === null ? '' : ` ${JSON.stringify(line.fields)}`;
  const room = Math.max(8, columns - at.length - 2);
  const style = LEVELS[line.level];
  return wrap(`${level}${line.text}${fields}`, room, look).map((text, i) => {
    const front = i === 0 ? paint(look, 'dim', at) : ' '.repeat(at.length);
    return ` ${front} ${paint(look, style, pad(cut(text, room, look), room, look))}`;
  });
}
