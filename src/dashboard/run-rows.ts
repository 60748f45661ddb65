// A row for a run, in columns that fit the screen. What has no room goes in this order: the text beside the bar, the
// time it took (of a running one it then stands in place of its start), the bar itself.
import { type BoardRun, retryText } from '../commands/board-rows.ts';
import { showDuration } from '../support/durations.ts';
import { pad, padLeft, tame, width } from './cells.ts';
import { type Here, showAge, showMinute, showRunning, showUntil } from './clock-texts.ts';
import { bar, type Look, paint, styleOfState } from './look.ts';

export interface Columns {
  readonly total: number;
  readonly id: number;
  readonly job: number;
  readonly state: number;
  readonly progress: number;
  readonly when: number;
  readonly took: number;
}

export interface RowMarks {
  readonly cursor: boolean;
  readonly marked: boolean;
  /** What is being done to it, in place of its state. */
  readonly pending: string | null;
}

const STATE = 9;
const WHEN = 11;
const TOOK = 8;
/** A bar with its percent, or the beginning of a message. */
const LEAST_PROGRESS = 16;
const FRONT = 3;
const GAP = 2;

/** Columns for these rows in `total` columns; ids and names get what they need, the progress gets the rest. */
export function columnsFor(runs: readonly BoardRun[], total: number): Columns {
  const id = Math.max(3, ...runs.map((run) => run.id.length));
  const longest = Math.max(8, ...runs.map((run) => width(run.job)));
  const sizesWith = (took: number): Columns => {
    const fixed = FRONT + id + GAP + STATE + GAP + WHEN + GAP + (took > 0 ? took + GAP : 0);
    const room = total - fixed - GAP;
    const job = Math.max(8, Math.min(longest, Math.max(15, Math.floor(room / 2)), 36));
    const progress = room - job - GAP;
    return {
      total,
      id,
      job,
      state: STATE,
      progress: progress < 6 ? 0 : progress,
      when: WHEN,
      took,
    };
  };
  const all = sizesWith(TOOK);
  const isRoom = all.progress >= LEAST_PROGRESS && runs.some((run) => run.startedAt !== null);
  return isRoom ? all : sizesWith(0);
}

export function runTitles(columns: Columns, look: Look): string {
  const cells = ['JOB', 'STATE', 'PROGRESS', 'WHEN'];
  const sizes = [columns.job, columns.state, columns.progress, columns.when];
  const texts = cells.flatMap((cell, i) => (sizes[i] ? [pad(cell, sizes[i], look)] : []));
  const took = columns.took > 0 ? [padLeft('TOOK', columns.took, look)] : [];
  const line = `   ${[padLeft('ID', columns.id, look), ...texts, ...took].join('  ')}`;
  return paint(look, 'dim', pad(line, columns.total, look));
}

export function runRow(
  run: BoardRun,
  columns: Columns,
  marks: RowMarks,
  look: Look,
  here: Here,
): string {
  const bad = run.state === 'failed';
  const front = `${marks.cursor ? '>' : ' '}${marks.marked ? '*' : bad ? '!' : ' '} `;
  const state = pad(marks.pending ?? run.state, columns.state, look);
  const progress =
    columns.progress > 0
      ? [pad(progressText(run, columns.progress, look), columns.progress, look)]
      : [];
  const took = columns.took > 0 ? [padLeft(tookText(run, here), columns.took, look)] : [];
  const head = `${front}${padLeft(run.id, columns.id, look)}  ${pad(tame(run.job, look), columns.job, look)}  `;
  const tail = `  ${[...progress, pad(whenText(run, columns.took > 0, here), columns.when, look), ...took].join('  ')}`;
  const space = ' '.repeat(Math.max(0, columns.total - width(head) - width(state) - width(tail)));
  if (marks.cursor) {
    const line = pad(head + state + tail + space, columns.total, look);
    const from = head.length + state.length + GAP;
    return cursorRow(line, from, run.state === 'running' ? barCells(columns.progress) : 0, look);
  }
  const tone = marks.pending ? 'yellow' : styleOfState(run.state);
  const rest = bad
    ? paint(look, 'red', tail)
    : run.state === 'running'
      ? paintBar(tail, look)
      : tail;
  return `${marks.marked ? paint(look, 'yellow', head) : head}${paint(look, tone, state)}${rest}${space}`;
}

/** Turned around, but for its bar: of that the full part would look like a hole. */
function cursorRow(line: string, from: number, cells: number, look: Look): string {
  const end = from + cells;
  const turned = (part: string): string => paint(look, 'inverse', part);
  return (
    turned(line.slice(0, from)) + paintBar(line.slice(from, end), look) + turned(line.slice(end))
  );
}

const barCells = (columns: number): number =>
  columns === 0 ? 0 : Math.max(4, Math.min(12, columns - 6));

/** Only the full part of a bar has a colour. */
function paintBar(text: string, look: Look): string {
  const { full } = look.glyphs;
  const from = text.indexOf(full);
  if (from < 0 || !look.color) return text;
  let to = from;
  while (text.startsWith(full, to)) to += full.length;
  return text.slice(0, from) + paint(look, 'cyan', text.slice(from, to)) + text.slice(to);
}

function progressText(run: BoardRun, columns: number, look: Look): string {
  const { glyphs } = look;
  switch (run.state) {
    case 'running': {
      if (run.cutOff) return tame(run.note, look);
      const cells = barCells(columns);
      const percent = run.percent > 0 ? `${Math.floor(run.percent)}%` : glyphs.more;
      // A letter of it and a mark help nobody.
      const text = run.text === '' || columns < cells + 12 ? '' : `  ${tame(run.text, look)}`;
      return `${bar(look, run.percent, cells)} ${percent.padStart(4)}${text}`;
    }
    case 'scheduled': {
      const by = run.schedule ? `by ${tame(run.schedule, look)}` : '';
      return retryText(run, run.note !== '') || run.note || by;
    }
    case 'queued':
      return tame(run.note, look) || 'waits for a worker';
    case 'done':
      return tame(run.text, look);
    default:
      return tame(run.note, look);
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

/** True where the row shows seconds that go on. */
export const ticks = (run: BoardRun, now: number): boolean =>
  (run.state === 'running' && !run.cutOff) ||
  (run.settledAt === null && run.dueAt > now && run.dueAt - now < 61_000);
