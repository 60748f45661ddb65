// A row for a job: what waits, runs and went wrong, when it is due next, and what it is.
import type { BoardJob } from '../commands/board-rows.ts';
import { pad, padLeft, tame, width } from './cells.ts';
import { type Here, showShortCount, showUntil } from './clock-texts.ts';
import { type Look, paint, styleOfState } from './look.ts';

const NUMBERS = ['WAIT', 'RUN', 'DONE', 'ERR'] as const;
const NUMBER = 6;
const STATE = 7;
const RULE = 13;
const NEXT = 11;

interface JobColumns {
  readonly total: number;
  readonly name: number;
  readonly rule: number;
  readonly next: number;
  readonly text: number;
}

export function jobColumnsFor(jobs: readonly BoardJob[], total: number): JobColumns {
  const longest = Math.max(12, ...jobs.map(({ name }) => width(name)));
  const fixed = 3 + 2 + STATE + NUMBERS.length * NUMBER;
  const next = total >= 66 ? NEXT + 2 : 0;
  const rule = total >= 80 ? RULE + 2 : 0;
  const room = total - fixed - next - rule;
  const name = Math.max(8, Math.min(longest, 32, room));
  const text = Math.max(0, room - name - 2);
  return { total, name, rule, next, text: text < 8 ? 0 : text };
}

export function jobTitles(columns: JobColumns, look: Look): string {
  const numbers = NUMBERS.map((title) => padLeft(title, NUMBER, look)).join('');
  const cells = [pad('JOB', columns.name, look), '  ', pad('STATE', STATE, look), numbers];
  if (columns.rule > 0) cells.push(`  ${pad('SCHEDULE', RULE, look)}`);
  if (columns.next > 0) cells.push(`  ${pad('NEXT', NEXT, look)}`);
  if (columns.text > 0) cells.push(`  ${pad('WHAT', columns.text, look)}`);
  return paint(look, 'dim', pad(`   ${cells.join('')}`, columns.total, look));
}

export function jobRow(
  job: BoardJob,
  columns: JobColumns,
  cursor: boolean,
  look: Look,
  here: Here,
): string {
  const { scheduled, waiting, queued, running, done, failed, aborted } = job.counts;
  const numbers = [scheduled + waiting + queued, running, done, failed + aborted]
    .map((n) => padLeft(n === 0 ? look.glyphs.dot : showShortCount(n), NUMBER, look))
    .join('');
  const head = `${cursor ? '>' : ' '}${job.state === 'broken' ? '!' : ' '} ${pad(tame(job.name, look), columns.name, look)}  `;
  const state = pad(job.state, STATE, look);
  const next = job.nextAt === null ? '' : showUntil(job.nextAt - here.now);
  const tail = [
    numbers,
    columns.rule > 0 ? `  ${pad(tame(job.rule, look), RULE, look)}` : '',
    columns.next > 0 ? `  ${pad(next, NEXT, look)}` : '',
    columns.text > 0 ? `  ${pad(tame(job.text, look), columns.text, look)}` : '',
  ].join('');
  const rest = pad(tail, columns.total - width(head) - STATE, look);
  if (cursor) return paint(look, 'inverse', head + state + rest);
  return head + paint(look, styleOfState(job.state), state) + rest;
}

export const jobTicks = ({ nextAt }: BoardJob, now: number): boolean =>
  nextAt !== null && nextAt > now && nextAt - now < 61_000;
