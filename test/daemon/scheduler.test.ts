// The loop that hands out runs, on a disk that fails: it rests between two tries, and goes on when the disk does.
import { expect, test } from 'vitest';
import { isAtRest } from '../../src/daemon/scheduler.ts';
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
  const busy = { scheduler, recurring, attempts: { size: 0 }, pool: { busy: 0 } };
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
