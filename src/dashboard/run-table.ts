// The table of runs, in columns that fit the screen. Where there is no room, these are dropped in turn: the text beside
// the bar, the duration (for a running run it then replaces the start time), the bar.
import { type BoardRun, retryText } from '../commands/board-rows.ts';
import { showDuration } from '../support/durations.ts';
import type { Here } from '../support/typed-times.ts';
import { showAge, showMinute, showRunning, showUntil } from './clock-texts.ts';
import { type Column, type Row, styled, tableWidth, tame, textWidth } from './rows.ts';
import { barLengths, type Sheet, styleOfState, type Theme } from './theme.ts';

/** Runs that are marked, and runs with a request that is not answered yet (`aborting`). */
export interface RunMarks {
  readonly marks: ReadonlySet<string>;
  readonly pending: ReadonlyMap<string, string>;
}

const STATE = 9;
const WHEN = 11;
const TOOK = 8;
/** Blank columns at the end. */
const MARGIN = 2;
/** A bar with its percent, or the beginning of a message. */
const LEAST_PROGRESS = 16;

/** Ids and names get the width that they need, the progress gets the rest. */
function widthsFor(runs: readonly BoardRun[], total: number) {
  const id = Math.max(3, ...runs.map((run) => run.id.length));
  const longest = Math.max(8, ...runs.map((run) => textWidth(run.job)));
  const withTook = (took: number) => {
    const room = total - tableWidth(id, STATE, WHEN, took) - 2 - MARGIN;
    const job = Math.max(8, Math.min(longest, Math.max(15, Math.floor(room / 2)), 36));
    const progress = room - job - 2;
    return { id, job, progress: progress < 6 ? 0 : progress, took };
  };
  const all = withTook(TOOK);
  const isRoom = all.progress >= LEAST_PROGRESS && runs.some((run) => run.startedAt !== null);
  return isRoom ? all : withTook(0);
}

export function runTable(
  runs: readonly BoardRun[],
  { columns, theme, here }: Sheet,
  { marks, pending }: RunMarks = { marks: new Set(), pending: new Map() },
): readonly Column<BoardRun>[] {
  const { id, job, progress, took } = widthsFor(runs, columns);
  const named = (run: BoardRun, text: string): Row =>
    styled(marks.has(run.id) ? 'yellow' : 'plain', text);
  const told = (run: BoardRun, text: string): Row =>
    styled(run.state === 'failed' ? 'red' : 'plain', text);
  const stateOf = (run: BoardRun): Row => {
    const doing = pending.get(run.id);
    return doing ? styled('yellow', doing) : styled(styleOfState(run.state), run.state);
  };
  return [
    { title: 'ID', width: id, side: 'right', cell: (run) => named(run, run.id) },
    { title: 'JOB', width: job, cell: (run) => named(run, tame(run.job, theme)) },
    { title: 'STATE', width: STATE, cell: stateOf },
    {
      title: 'PROGRESS',
      width: progress,
      cell: (run) =>
        run.state === 'running' && !run.cutOff
          ? barRow(run, progress, theme)
          : told(run, tame(progressText(run), theme)),
    },
    { title: 'WHEN', width: WHEN, cell: (run) => told(run, whenText(run, took > 0, here)) },
    { title: 'TOOK', width: took, side: 'right', cell: (run) => told(run, tookText(run, here)) },
  ];
}

export const runFront = (run: BoardRun, isCursor: boolean, isMarked: boolean): string =>
  `${isCursor ? '>' : ' '}${isMarked ? '*' : run.state === 'failed' ? '!' : ' '} `;

function barRow({ percent, text }: BoardRun, columns: number, theme: Theme): Row {
  const { glyphs } = theme;
  const cells = Math.max(4, Math.min(12, columns - 6));
  const { full, empty } = barLengths(percent, cells);
  const share = percent > 0 ? `${Math.floor(percent)}%` : glyphs.more;
  // A cut text of one or two letters says nothing.
  const said = text === '' || columns < cells + 12 ? '' : `  ${tame(text, theme)}`;
  return [
    styled('full', glyphs.full.repeat(full)),
    styled('empty', glyphs.empty.repeat(empty)),
    ` ${share.padStart(4)}${said}`,
  ];
}

function progressText(run: BoardRun): string {
  switch (run.state) {
    case 'scheduled':
      return (
        [retryText(run, run.note !== ''), run.note].filter(Boolean).join(': ') ||
        (run.schedule ? `by ${run.schedule}` : '')
      );
    case 'queued':
      return run.note || 'waits for a worker';
    case 'done':
      return run.text;
    default:
      return run.note;
  }
}

function whenText(run: BoardRun, isTookShown: boolean, here: Here): string {
  if (run.settledAt !== null) return showAge(here.now - run.settledAt);
  if (run.state === 'running')
    return isTookShown ? showMinute(run.startedAt ?? run.dueAt, here) : tookText(run, here);
  return showUntil(run.dueAt - here.now);
}

function tookText({ startedAt, settledAt, state, cutOff }: BoardRun, { now }: Here): string {
  if (startedAt === null) return '';
  if (settledAt !== null) return showDuration(Math.max(0, settledAt - startedAt));
  return state === 'running' && !cutOff ? showRunning(Math.max(0, now - startedAt)) : '';
}

/** True if the row shows seconds that change. */
export const runTicks = (run: BoardRun, now: number): boolean =>
  (run.state === 'running' && !run.cutOff) ||
  (run.settledAt === null && run.dueAt > now && run.dueAt - now < 61_000);
