// A search through large runs on a store: as many are read at once as fit into the memory of a small daemon.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { draft, T0 } from '../../helpers/engine-values.ts';
import { freshStore } from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

test('a few large runs are looked into at once, and each of them is', async () => {
  const { engine, close } = await openStore(await freshStore());
  onTestFinished(close);
  const text = 'x'.repeat(900_000);
  for (let i = 0; i < 20; i++)
    await engine.accept([draft(i, null, { params: { text, n: i % 10 } })], T0);
  const searched: number[] = [];
  let found: readonly number[] = [];
  for await (const part of engine.search({ limit: 10, params: [{ path: 'n', value: '7' }] })) {
    if (!part.complete) searched.push(part.searched ?? 0);
    found = part.runs.map(({ id }) => id);
  }
  expect(found).toEqual([18, 8]);
  expect(searched).toEqual([5, 10, 15, 20]);
});
