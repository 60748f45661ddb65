// The logs of a project as they are kept, whichever engine keeps them.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { partOf } from '../../src/engine/postgres/log-table.ts';
import { query } from './postgres.ts';
import type { Project } from './project.ts';

/** The bytes of each log by its run. */
export async function logSizes({ env, state }: Project): Promise<ReadonlyMap<string, number>> {
  const { JOBRUN_ENGINE: store } = env;
  if (store) {
    const text = 'select run::text, sum(bytes)::float8 as bytes from log group by run';
    const rows = await query<{ run: string; bytes: number }>(store, text);
    return new Map(rows.map(({ run, bytes }) => [run, bytes]));
  }
  const logs = join(state, 'logs');
  const names = readdirSync(logs);
  return new Map(
    names.map((name) => [name.replace('.jsonl', ''), statSync(join(logs, name)).size]),
  );
}

/** The log of a run as it lies on the disk of its engine. */
export async function logText({ env, state }: Project, run: string): Promise<string> {
  const { JOBRUN_ENGINE: store } = env;
  if (!store) return readFileSync(join(state, 'logs', `${run}.jsonl`), 'utf8');
  const text = 'select body from log where run = $1::bigint order by n';
  const rows = await query<{ body: string }>(store, text, [run]);
  return rows.map(({ body }) => body).join('');
}

/** True where a log is so long that its middle is left out. */
export async function isLogCut({ env, state }: Project, run: string): Promise<boolean> {
  const { JOBRUN_ENGINE: store } = env;
  if (!store) return existsSync(join(state, 'logs', `${run}.tail-2.jsonl`));
  const text = 'select exists (select from log where run = $1::bigint and part = $2) as is';
  const [row] = await query<{ is: boolean }>(store, text, [run, partOf(1)]);
  return row?.is ?? false;
}
