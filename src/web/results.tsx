// The result table of a run: its last rows, those with an error marked.

import type { Results as Reply } from '../commands/results.ts';
import type { Json } from '../support/json.ts';
import { count, showCount } from '../support/text.ts';
import { pathOf, withQuery } from './api.ts';
import { useLoaded } from './loaded.ts';
import { Panel } from './parts.tsx';
import { asText } from './text.tsx';

/** More are no table to look at: `jobrun show` has all of them. */
const MOST_ROWS = 1000;
const EVERY_MS = 2000;

type Row = Readonly<Record<string, Json>>;

const isRow = (row: Json): row is { [name: string]: Json } =>
  row !== null && typeof row === 'object' && !Array.isArray(row);

const asRow = (row: Json): Row => (isRow(row) ? row : { value: row });

const textOf = (value: Json | undefined): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);

export function Results({ id, isRunning }: { readonly id: string; readonly isRunning: boolean }) {
  const path = withQuery(pathOf('runs', id, 'results'), { last: MOST_ROWS });
  const { data } = useLoaded<Reply>(path, () => (isRunning ? EVERY_MS : null));
  if (!data || data.total === 0) return null;
  const rows = data.results.map(asRow);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const bad = rows.filter((row) => 'error' in row).length;
  const first = data.total - rows.length;
  return (
    <Panel
      title={
        <>
          Results{' '}
          <span class="muted">
            {first > 0 ? `the last ${showCount(rows.length)} of ` : ''}
            {count(data.total, 'row')}, {bad} with errors
          </span>
        </>
      }
    >
      <div class="rows" tabIndex={0} role="region" aria-label="Results">
        <table>
          <thead>
            <tr>
              {names.map((name) => (
                <th scope="col">{asText(name)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={first + i} class={'error' in row ? 'bad' : ''}>
                {names.map((name) => (
                  <td>{asText(textOf(row[name]))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
