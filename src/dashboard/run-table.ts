// The table of runs, in columns that fit the screen. If there is no room, these are dropped in turn: the text beside
// the bar, the duration (for a running run it then replaces the start time), the bar.

import { showAge, showMinute, showRunning, showUntil } from '../commands/shared/clock-texts.ts';
import { type Beat, lastAlive, sayOf, tookMs } from '../commands/shared/run-words.ts';
import { instantOf } from '../commands/shared/times.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { showDuration } from '../support/durations.ts';
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
function widthsFor(runs: readonly ShortRun[], total: number) {
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
  runs: readonly ShortRun[],
  { columns, theme, here }: Sheet,
  { marks, pending }: RunMarks = { marks: new Set(), pending: new Map() },
): readonly Column<ShortRun>[] {
  const { id, job, progress, took } = widthsFor(runs, columns);
  const named = (run: ShortRun, text: string): Row =>
    styled(marks.has(run.id) ? 'yellow' : 'plain', text);
  const told = (run: ShortRun, text: string): Row =>
    styled(run.state === 'failed' ? 'red' : 'plain', text);
  const stateOf = (run: ShortRun): Row => {
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
        isGoingOn(run, here)
          ? barRow(run, progress, theme)
          : told(run, tame(saidOf(run, here), theme)),
    },
    { title: 'WHEN', width: WHEN, cell: (run) => told(run, whenText(run, took > 0, here)) },
    { title: 'TOOK', width: took, side: 'right', cell: (run) => told(run, tookText(run, here)) },
  ];
}

export const runFront = (run: ShortRun, isCursor: boolean, isMarked: boolean): string =>
  `${isCursor ? '>' : ' '}${isMarked ? '*' : run.state === 'failed' ? '!' : ' '} `;

function barRow({ progress: { percent, text } }: ShortRun, columns: number, theme: Theme): Row {
  const { glyphs } = theme;
  const cells = Math.max(4, Math.min(12, columns - 6));
  const { full, empty } = barLengths(percent, cells);
  const share = percent > 0 ? `${Math.floor(percent)}%` : glyphs.more;
  // A cut text of one or two letters says nothing.
  const said = !text || columns < cells + 12 ? '' : `  ${tame(text, theme)}`;
  return [
    styled('full', glyphs.full.repeat(full)),
    styled('empty', glyphs.empty.repeat(empty)),
    ` ${share.padStart(4)}${said}`,
  ];
}

/** A run that was cut off with its daemon is shown as running, and does not go on. */
const isGoingOn = (run: ShortRun, here: Beat): boolean =>
  run.state === 'running' && lastAlive(run, here) === null;

function saidOf(run: ShortRun, here: Beat): string {
  const alive = lastAlive(run, here);
  return alive === null ? sayOf(run) : `last known alive ${showAge(here.now - instantOf(alive))}`;
}

function whenText(run: ShortRun, isTookShown: boolean, here: Sheet['here']): string {
  if (run.settledAt !== null) return showAge(here.now - instantOf(run.settledAt));
  if (run.state === 'running')
    return isTookShown
      ? showMinute(instantOf(run.startedAt ?? run.dueAt), here)
      : tookText(run, here);
  return showUntil(instantOf(run.dueAt) - here.now);
}

function tookText(run: ShortRun, here: Beat): string {
  const took = tookMs(run, isGoingOn(run, here) ? here.now : undefined);
  if (took === null) return '';
  return run.settledAt === null ? showRunning(took) : showDuration(took);
}

/** True if the row shows seconds that change. */
export function runTicks(run: ShortRun, here: Beat): boolean {
  const left = instantOf(run.dueAt) - here.now;
  return isGoingOn(run, here) || (run.settledAt === null && left > 0 && left < 61_000);
}
