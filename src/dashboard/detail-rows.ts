// Rows that the details of runs, jobs and schedules are made of: the name with its state, what is wrong, facts, and
// values.
import type { Json } from '../support/json.ts';
import { ends, type Row, styled, tame, textWidth, wrap } from './rows.ts';
import { type Sheet, styleOfState } from './theme.ts';

/** Width of the longest name of a fact or a value. */
const LABEL = 'checkpoint'.length;
const INDENT = ' '.repeat(LABEL + 2);

/** Its name, and its state at the other end. */
export function headRow(name: string, state: string, { theme, columns }: Sheet): Row {
  const shown = styled('bold', ` ${tame(name, theme)}`);
  return ends(shown, styled(styleOfState(state), `${state} `), columns, theme);
}

/** The fault, if there is any. */
export const noteRows = (note: string | null, { theme, columns }: Sheet): Row[] =>
  note === null ? [] : wrap(note, columns - 4, theme).map((line) => styled('red', ` ! ${line}`));

/** Short facts, two beside each other where there is room. */
export function factRows(
  facts: readonly (readonly [string, string])[],
  { theme, columns }: Sheet,
): Row[] {
  const half = Math.floor(columns / 2);
  const rows: string[] = [];
  let isOpen = false;
  for (const [name, value] of facts) {
    const text = ` ${name.padEnd(LABEL)} ${tame(value, theme)}`;
    const isShort = textWidth(text) < half - 1;
    const last = rows.at(-1) ?? '';
    if (isShort && isOpen)
      rows.push(rows.pop() + ' '.repeat(half - textWidth(last)) + text.slice(1));
    else if (isShort) rows.push(text);
    else
      rows.push(
        ...wrap(value, columns - INDENT.length - 1, theme).map((line, i) =>
          i === 0 ? ` ${name.padEnd(LABEL)} ${line}` : INDENT + line,
        ),
      );
    isOpen = isShort && !isOpen;
  }
  return rows;
}

/** A JSON value behind its name: on one or two rows if it fits, else indented over many. */
export function valueRows(name: string, value: Json, sheet: Sheet, most = 40): Row[] {
  const { theme, columns } = sheet;
  const flat = tame(JSON.stringify(value), theme);
  const room = columns - INDENT.length - 1;
  const [first = '', second, ...rest] = wrap(flat, room, theme);
  const head = ` ${name.padEnd(LABEL)} ${first}`;
  if (second === undefined) return [head];
  if (rest.length === 0) return [head, INDENT + second];
  const lines = JSON.stringify(value, null, 2).split('\n');
  const shown = lines.slice(0, most).flatMap((line) => wrap(line, columns - 4, theme));
  const more =
    lines.length > most ? [`${theme.glyphs.more} ${lines.length - most} more lines`] : [];
  return [` ${name}`, ...[...shown, ...more].slice(0, most + 1).map((line) => `   ${line}`)];
}
