// A member that the others have given up: what it would begin, others may have begun already.
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/support/clock.ts';
import { draft } from '../../helpers/engine-values.ts';
import { freshStore, query } from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';

test('a member that was given up claims nothing, until it has joined anew', async () => {
  const url = await freshStore();
  const { engine, members, close } = await openStore(url);
  onTestFinished(close);
  const now = systemClock.now();
  await engine.accept([draft(1), draft(2), draft(3)], now);
  const claim = (most: number, only?: number) =>
    engine.claim({ workerKind: 'dedicated', most, only }, () => ({ mark: 'w1', pid: 7 }), now);
  expect((await claim(1)).map(({ run }) => run.id)).toEqual([1]);
  const { id } = members.self;
  const [{ beats = null } = {}] = await query<{ beats: string }>(url, 'select beats from member');
  expect(await members.giveUp(id, Number(beats))).toBe(true);
  expect(await claim(9)).toEqual([]);
  expect(await claim(1, 3)).toEqual([]);
  expect((await members.abandoned()).map(({ run }) => run)).toEqual([1]);
  await members.rejoin({ version: '', workers: { busy: 0, total: 1 }, jobs: [], progress: [] });
  expect((await claim(1, 3)).map(({ run }) => run.id)).toEqual([3]);
  expect((await claim(9)).map(({ run }) => run.id)).toEqual([2]);
}, 120_000);
