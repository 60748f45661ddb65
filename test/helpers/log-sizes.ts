// The bytes of each log of a project by its run, whichever engine keeps them.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { query } from './postgres.ts';
import type { Project } from './project.ts';

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
