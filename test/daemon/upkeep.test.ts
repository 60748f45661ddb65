// What upkeep looks at: a history of six pages on a real disk, whose reads are counted, and a clock that the test
// moves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Upkeep } from '../../src/daemon/upkeep.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import type { Run } from '../../src/run/run.ts';
import { type Disk, realDisk } from '../../src/support/files.ts';
import { HOUR, MINUTE, SECOND } from '../../src/support/limits.ts';
import { DONE, draft, finish, T0 } from '../helpers/engine-values.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { MANY_JOBS, settledRun, writeRuns } from '../helpers/many-runs.ts';

const MANY = 5999;
/** One run in five seconds; every 400th has failed, and is kept an hour longer. */
const settledAt = (id: number): number => T0 + id * 5 * SECOND;
const isFailed = (id: number): boolean => id % 400 === 0;
const policy = { ...DEFAULT_POLICY, keepDoneMs: 2 * HOUR, keepFailedMs: 3 * HOUR };
const NEWEST = 10;

/** Upkeep on such a state, so long after the last run settled. */
async function upkeep(after: number, keep: { readonly runs?: number } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-upkeep-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  await writeRuns(dir, MANY, (id) => settledRun(id, settledAt(id)));
  let read = 0;
  const disk: Disk = {
    ...realDisk,
    pieces: (path) => {
      if (path.includes('/runs/')) read++;
      return realDisk.pieces(path);
    },
  };
  const clock = new FakeClock(settledAt(MANY) + after);
  const { engine } = await openFileEngine({ disk, dir, clock });
  const { members } = engine;
  const logs = { remove: async () => undefined, size: async () => 0 };
  const file = { file: '', kind: 'module', state: 'ok' } as const;
  const find = (name: string) => ({ ...file, name, data: { policy, autostart: false } });
  const errors: unknown[] = [];
  const onError = (error: unknown): number => errors.push(error);
  const parts = { engine, members, logs, clock, config: { keep }, catalog: { find }, onError };
  const under = new Upkeep(parts as unknown as ConstructorParameters<typeof Upkeep>[0]);
  engine.onChange((change) => under.changed(change));
  under.start();
  onTestFinished(async () => {
    await under.stop();
    expect(errors).toEqual([]);
    await engine.close();
  });
  // It always waits for its clock, but while it works.
  const quiet = async (): Promise<void> => {
    do await sleep(1);
    while (clock.waiting === 0);
  };
  const left = async (): Promise<number[]> => {
    const { runs } = await engine.list({ order: 'oldest', limit: MANY + 100 });
    return runs.map(({ id }) => id);
  };
  return {
    ...{ engine, clock, left },
    pass: (ms: number) => clock.advance(ms, quiet),
    reads: async (ms: number): Promise<number> => {
      const before = read;
      await clock.advance(ms, quiet);
      return read - before;
    },
  };
}

/** Those that are not over by then, and the newest of each job. */
function kept(now: number, last = MANY): number[] {
  const ids = Array.from({ length: last }, (_, i) => i + 1);
  const newest = ids.slice(-NEWEST * MANY_JOBS.length);
  const isYoung = (id: number): boolean =>
    settledAt(id) + (isFailed(id) ? policy.keepFailedMs : policy.keepDoneMs) > now;
  return ids.filter((id) => isYoung(id) || newest.includes(id));
}

test('what is over goes, what has longer stays, and at rest no page is looked at again until something is due', async () => {
  const { clock, pass, reads, left } = await upkeep(0);
  const begin = clock.now();
  await pass(4 * SECOND);
  expect(await left()).toEqual(kept(begin));
  expect(await reads(10 * MINUTE), 'forty looks at one page or two').toBeLessThan(100);
  const ids = await left();
  expect(ids).toEqual(expect.arrayContaining(kept(clock.now())));
  expect(kept(clock.now() - MINUTE)).toEqual(expect.arrayContaining(ids));
  await pass(3 * HOUR);
  expect(await left()).toEqual(kept(clock.now()));
  expect(await reads(HOUR), 'the newest alone are left').toBe(0);
}, 60_000);

test('one that stays as one of the newest of its job goes when another one has settled, and only it', async () => {
  const { engine, clock, pass, left } = await upkeep(5 * HOUR);
  await pass(MINUTE);
  const before = kept(clock.now());
  expect(await left()).toEqual(before);
  const job = MANY_JOBS[0];
  const oldest = (await engine.list({ jobs: [job], order: 'oldest', limit: 1 })).runs[0];
  const [accepted] = await engine.accept([draft(1, null, { job })], clock.now());
  await engine.change(accepted?.run.id ?? 0, (run: Run) => finish(run, DONE, clock.now()));
  await pass(MINUTE);
  expect(await left()).toEqual([...before, MANY + 1].filter((id) => id !== oldest?.id));
}, 60_000);

test('over a bound those that settled first go, until it is met and no run more', async () => {
  const { pass, left } = await upkeep(-7 * HOUR, { runs: 2500 });
  await pass(MINUTE);
  const ids = await left();
  expect(ids).toEqual(Array.from({ length: 2500 }, (_, i) => MANY - 2499 + i));
}, 60_000);
