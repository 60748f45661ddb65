// The result table of a run: its rows in columns, where they are objects, the ones with an error marked.
import type { Json } from '../support/json.ts';
import { pad, tame, width } from './cells.ts';
import type { Sheet } from './look.ts';
import { paint } from './look.ts';

const MAX_SHOWN = 100;
const WIDEST = 40;

type Row = Readonly<Record<string, Json>>;

const isObject = (row: Json): row is { [key: string]: Json } =>
  row !== null && typeof row === 'object' && !Array.isArray(row);

export function resultLines(rows: readonly Json[], { look, columns }: Sheet): string[] {
  const last = rows.slice(-MAX_SHOWN);
  if (last.length === 0) return [];
  if (!last.every(isObject)) {
    return last.map((row) => pad(`   ${tame(JSON.stringify(row), look)}`, columns, look));
  }
  const names = [...new Set(last.flatMap((row) => Object.keys(row)))];
  const texts = last.map((row) => names.map((name) => tame(textOf(row, name), look)));
  const sizes = names.map((name, i) =>
    Math.min(WIDEST, Math.max(width(name), ...texts.map((row) => width(row[i] ?? '')))),
  );
  const line = (cells: readonly string[], front: string): string =>
    pad(
      `${front}${cells.map((cell, i) => pad(cell, sizes[i] ?? 0, look)).join('  ')}`,
      columns,
      look,
    );
  const title = line(
    names.map((name) => tame(name.toUpperCase(), look)),
    '   ',
  );
  return [
    paint(look, 'dim', title),
    ...last.map((row, i) =>
      'error' in row
        ? paint(look, 'red', line(texts[i] ?? [], ' ! '))
        : line(texts[i] ?? [], '   '),
    ),
  ];
}

function textOf(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
