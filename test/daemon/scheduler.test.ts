// The loop that hands out runs, on a disk that fails: it rests between two tries, and goes on when the disk does.
import { expect, test } from 'vitest';
import { isAtRest } from '../../src/daemon/scheduler.ts';
import type { Runner } from '../../src/workers/runner.ts';
import { World } from '../helpers/core.ts';
import { draft } from '../helpers/engine-values.ts';
import { NOW } from '../helpers/runs.ts';

test('a claim that the disk refuses is tried once a second, not again and again; then the run starts', async () => {
  const world = new World(NOW, { mail: {} });
  const core = await world.boot();
  world.places = 0;
  await core.engine.accept([draft(1)], NOW);
  core.process.fail([{ kind: 'write', n: 0, errno: 'EIO', forever: true }]);
  world.places = 1;
  core.scheduler.wake();
  await core.advance(10_000);
  expect(world.starts).toEqual([]);
  const refused = world.errors.filter((error) => error.startsWith('tick'));
  expect(refused.length).toBeGreaterThan(5);
  expect(refused.length).toBeLessThan(13);
  const { scheduler, recurring } = core;
  const busy = {
    scheduler,
    recurring,
    attempts: { size: 0 },
    outside: { size: 0 },
    pool: { busy: 0 },
  };
  expect(isAtRest(busy), 'with a run that is queued').toBe(false);
  core.process.heal();
  await core.advance(1500);
  expect(world.starts.map(({ run }) => run)).toEqual([1]);
  await core.stop();
});

test('only what is due is waited for to the millisecond', async () => {
  const world = new World(NOW, { mail: {} });
  const core = await world.boot();
  expect(world.clock.sharp).toEqual([]);
  await core.engine.accept([{ ...draft(1), dueAt: NOW + 5000 }], NOW);
  await core.advance(1000);
  expect(world.clock.sharp).toContain(5000);
  await core.advance(10_000);
  expect(world.starts.map(({ at }) => at)).toEqual([NOW + 5000]);
  const before = world.clock.sharp.length;
  await core.advance(60_000);
  expect(world.clock.sharp.length, 'of the ticks at rest').toBe(before);
  await core.stop();
});

test('a worker that was asked for twice, as in a claim that was repeated, is given back', async () => {
  const world = new World(NOW, { mail: { lastsMs: 1000 } });
  const core = await world.boot();
  const { engine } = core;
  const claim = engine.claim.bind(engine);
  engine.claim = (want, workerFor, now) => {
    const repeated: typeof workerFor = (run) =>
      [workerFor(run), workerFor(run)][run.id % 2] as Runner;
    return claim(want, repeated, now);
  };
  await engine.accept([draft(1), draft(2), draft(3)], NOW);
  await core.advance(500);
  expect([world.starts.length, world.runners.size]).toEqual([3, 3]);
  await core.advance(1000);
  expect([world.runners.size, world.errors]).toEqual([0, []]);
  await core.stop();
});
