// The table of `docs/performance.md`, between its two marks: what the last full run on this machine measured.
import { readFileSync, writeFileSync } from 'node:fs';
import { cells } from './rows.mjs';

const PAGE = new URL('../docs/performance.md', import.meta.url);
const [BEGIN, END] = ['<!-- bench -->', '<!-- /bench -->'];

export function writePage(rows, machine) {
  const text = readFileSync(PAGE, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const [, after] = rest.split(END);
  const lines = [['what', 'figure', 'limit', 'ratio', 'target', 'reached'], ...rows.map(cells)];
  const table = lines.map((line) => `| ${line.join(' | ')} |`);
  table.splice(1, 0, '|---|---|---|---|---|---|');
  const when = new Date().toISOString().slice(0, 10);
  writeFileSync(
    PAGE,
    `${before}${BEGIN}\nMeasured ${when} on ${machine}.\n\n${table.join('\n')}\n${END}${after}`,
  );
}
