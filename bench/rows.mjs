// The lines of the table: a figure, the limit it was measured beside, and whether the target is met. A target is a
// bound on the ratio of both (`atLeast`, `atMost`) or on the figure itself (`least`, `most`); every one given counts.
import { show } from './stats.mjs';

/**
 * @param {{ id: string, what: string, figure: number, unit: string, limit?: number, limitName?: string,
 *   target?: { atLeast?: number, atMost?: number, least?: number, most?: number }, judged?: boolean }} line
 */
export function row(line) {
  const { figure, limit, target = {}, judged = true } = line;
  const ratio = limit === undefined ? null : figure / limit;
  const met =
    (target.atLeast === undefined || ratio >= target.atLeast) &&
    (target.atMost === undefined || ratio <= target.atMost) &&
    (target.least === undefined || figure >= target.least) &&
    (target.most === undefined || figure <= target.most);
  const reached = Object.keys(target).length > 0 && judged ? met : null;
  return { ...line, limit: limit ?? null, ratio, target, reached };
}

function targetText({ target, unit }) {
  const parts = [];
  if (target.atLeast !== undefined) parts.push(`ratio ≥ ${target.atLeast}`);
  if (target.atMost !== undefined) parts.push(`ratio ≤ ${target.atMost}`);
  if (target.least !== undefined) parts.push(`≥ ${show(target.least, unit)}`);
  if (target.most !== undefined) parts.push(`≤ ${show(target.most, unit)}`);
  return parts.join(', ');
}

const REACHED = new Map([
  [true, 'yes'],
  [false, 'NO'],
  [null, ''],
]);

/** A line of the table as texts. */
export const cells = (line) => [
  line.what,
  show(line.figure, line.unit),
  line.limit === null ? '' : `${show(line.limit, line.unit)} (${line.limitName})`,
  line.ratio === null ? '' : show(line.ratio),
  targetText(line),
  REACHED.get(line.reached),
];

/** The table as text: a column is as wide as its widest cell. */
export function table(rows) {
  const head = ['what', 'figure', 'limit', 'ratio', 'target', 'reached'];
  const lines = rows.map(cells);
  const widths = head.map((name, i) =>
    Math.max(name.length, ...lines.map((line) => line[i].length)),
  );
  const text = (cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  return [text(head), text(widths.map((width) => '-'.repeat(width))), ...lines.map(text)].join(
    '\n',
  );
}
