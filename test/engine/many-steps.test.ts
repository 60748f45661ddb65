// A run with thousands of steps: one more costs what it saves, when it is saved and when a start reads its line.
import { expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { save } from '../../src/run/transitions.ts';
import type { Json } from '../../src/support/json.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

type Step = (name: string, value: Json) => Promise<void>;

async function started(disk: SimulatedDisk): Promise<{ engine: FileEngine; step: Step }> {
  const options = { disk: disk.process(), dir: DIR, clock: handClock() };
  const { engine } = await openFileEngine(options);
  await engine.accept([draft(1)], T0);
  await engine.members.putWorker(worker(1));
  const ref = () => ({ mark: 'w1', pid: 1001 });
  const [claimed] = await engine.claim({ workerKind: 'dedicated', most: 1 }, ref, T0);
  if (!claimed) throw new Error('nothing was claimed');
  const step: Step = async (name, value) => {
    await engine.changeHeld(1, claimed.token, (run) => save(run, { step: { name, value } }));
  };
  return { engine, step };
}

/** Steps that go into one line, as far as it takes them. */
const many = (step: Step, count: number): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, i) => step(`step ${i}`, { i })));

test('what a run has saved before is not looked at again when it saves one more step', async () => {
  const { step } = await started(new SimulatedDisk());
  let looks = 0;
  const ownKeys = (of: { a: number }): ArrayLike<string | symbol> => {
    looks++;
    return Reflect.ownKeys(of);
  };
  await step('first', new Proxy({ a: 1 }, { ownKeys }));
  const own = looks;
  expect(own).toBeGreaterThan(0);
  await many(step, 100);
  expect(looks).toBe(own);
});

/** A start after a kill: seconds of work in it. */
async function replay(steps: number): Promise<number> {
  const disk = new SimulatedDisk();
  const { step } = await started(disk);
  await many(step, steps);
  const before = process.cpuUsage();
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock: handClock() });
  const { user, system } = process.cpuUsage(before);
  const { life } = JSON.parse(JSON.stringify(await engine.find(1)));
  const { steps: saved } = life;
  expect(Object.keys(saved)).toHaveLength(steps);
  expect(saved[`step ${steps - 1}`]).toEqual({ i: steps - 1 });
  return user + system;
}

test('a start reads ten times as many steps in about ten times the time, not in a hundred', async () => {
  await replay(1000);
  const few = await replay(1000);
  const lots = await replay(10_000);
  expect(lots / few).toBeLessThan(35);
}, 120_000);
