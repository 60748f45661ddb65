// A search for words or params looks at the bytes of settled runs before it reads them: what it finds is the same.
import { expect, test } from 'vitest';
import type { Query } from '../../src/engine/engine.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { WordFilter } from '../../src/run/words.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, DONE, draft, finish, T0, THREW, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const TEXTS = [
  'Spring "Sale"',
  'a\\b/c',
  'ÜBER',
  'tab\there',
  'ΑΣ',
  'true',
  '42',
  'x:y',
  '😀',
  '\ud800',
  '',
];
const paramsOf = (i: number): object => ({
  name: `${TEXTS[i % TEXTS.length]}${i % 7 === 0 ? '' : i}`,
  deep: [{ n: i / 4, on: i % 2 === 0, none: null, Big: 1e21 }],
});

const QUERIES: readonly Partial<Query>[] = [
  ...[
    'spring',
    '"sale"',
    'sale"11',
    'a\\b/',
    'über',
    'ας',
    '1e+21',
    'rue',
    '77',
    '#77',
    'x:y',
    'Error:',
    'NO',
    'big',
    'nowhere',
  ].map((word) => ({ words: [word] })),
  { words: ['spring', 'mail', '99'], without: ['995'] },
  ...['Spring "Sale"', 'a\\b/c', 'ÜBER', 'tab\there', 'true', '😀', '\ud800', '', 'spring'].map(
    (value) => ({
      params: [{ path: 'name', value }],
    }),
  ),
  ...['12', '12.0', '12.5', '1e1', '-0', '0x10', ' 12', 'Infinity'].map((value) => ({
    params: [{ path: 'deep.0.n', value }],
  })),
  { params: [{ path: 'deep.0.on', value: 'true' }], words: ['11'] },
  { params: [{ path: 'deep.0.none', value: 'null' }], words: ['#1050'] },
  { params: [{ path: 'deep.0.Big', value: '1e21' }], words: ['50'], hidden: ['name'] },
];

test('finds the same in pages, in memory and after a change, and tells of a page that is damaged', async () => {
  const clock = handClock();
  const disk = new SimulatedDisk();
  const open = async () => (await openFileEngine({ disk: disk.process(), dir: DIR, clock })).engine;
  let engine = await open();
  const drafts = Array.from({ length: 1100 }, (_, i) =>
    draft(i, i % 5 === 0 ? { key: `Key-${i}` } : null, { params: paramsOf(i) as never }),
  );
  for (let at = 0; at < drafts.length; at += 500)
    await engine.accept(drafts.slice(at, at + 500), T0);
  engine.members.putWorker(worker(1));
  const want = { workerKind: 'dedicated', most: 1050 } as const;
  for (const { run, token } of await engine.claim(want, () => ({ mark: 'w1', pid: 1001 }), T0))
    await engine.changeHeld(run.id, token, (now) => finish(now, run.id % 3 ? DONE : THREW, T0));
  await engine.fold();
  const folded = new Map(disk.files());
  engine = await open();
  for (const change of [false, true]) {
    if (change)
      for (const id of [3, 6, 1020])
        await engine.change(id, (run) => ({ ...run, params: { name: 'nowhere else' } }));
    const { runs } = await all(engine);
    expect(runs).toHaveLength(1100);
    for (const query of QUERIES) {
      const filter = new WordFilter(query);
      const wanted = runs.filter((run) => filter.fits(run)).map(({ id }) => id);
      // Another engine has no page of the file in memory.
      const fresh = change ? engine : await open();
      const found = await fresh.list({ ...query, limit: 5000 });
      expect([query, found.runs.map(({ id }) => id)]).toEqual([query, wanted]);
    }
  }
  const path = `${DIR}/runs/000000.json`;
  const rotten = Buffer.from(folded.get(path) as Buffer);
  rotten[5000] = (rotten[5000] ?? 0) ^ 1;
  const bad = new SimulatedDisk(folded.set(path, rotten));
  const { engine: other } = await openFileEngine({ disk: bad.process(), dir: DIR, clock });
  const { damage } = await other.list({ words: ['nowhere'], limit: 5 });
  expect(damage?.map(({ code }) => code)).toEqual(['state-damaged']);
}, 60_000);
