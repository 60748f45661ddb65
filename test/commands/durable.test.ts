// What a look at the state may tell: nothing that the disk takes back, and something in any case.
import { expect, test } from 'vitest';
import { durably } from '../../src/commands/shared/waiting.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

async function begin() {
  const disk = new SimulatedDisk().process();
  const { engine } = await openFileEngine({ disk, dir: DIR, clock: handClock() });
  return { disk, engine };
}

test('a run whose acceptance the disk refuses is not told of by a list that saw it', async () => {
  const { disk, engine } = await begin();
  disk.fail([{ kind: 'write', n: 0, errno: 'EIO' }]);
  const refused = expect(engine.accept([draft(1)], T0)).rejects.toThrow('not accepted');
  await Promise.resolve();
  let looks = 0;
  const seen = await durably(engine, async () => {
    looks++;
    return (await engine.counts()).queued;
  });
  expect(seen).toBe(0);
  expect(looks).toBe(2);
  await refused;
});

test('reading goes on where the disk refuses again and again', async () => {
  const engine = { durable: () => Promise.reject(new Error('EIO')) };
  expect(await durably(engine, async () => 'what there is')).toBe('what there is');
});
