// A line of the journal is lost, and later ones are not. What a later line keeps of a run may be what the lost one had
// changed: such a run is not taken for known.
import { expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import type { Run } from '../../src/run/run.ts';
import { type Saved, save } from '../../src/run/transitions.ts';
import { systemClock } from '../../src/support/clock.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const clock = { ...handClock(), after: systemClock.after };

/** A running run that has saved each of these, in a line each; then a repair where the line of one is lost. */
async function repairedWithout(lost: number, saves: readonly Saved[]): Promise<Run | null> {
  const disk = new SimulatedDisk(new Map([['/', null]]));
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  engine.members.putWorker(worker(1));
  await engine.accept([draft(1)], T0);
  const [claimed] = await engine.claim(
    { workerKind: 'dedicated', most: 1 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  if (!claimed) throw new Error('nothing was claimed');
  const { run, token } = claimed;
  for (const saved of saves) await engine.changeHeld(run.id, token, (held) => save(held, saved));
  const files = new Map(disk.files());
  const [journal = ''] = [...files.keys()].filter((path) => path.startsWith(`${DIR}/journal/`));
  const lines = String(files.get(journal)).split('\n');
  // The last ones are the saves, and an empty rest.
  lines.splice(lines.length - 1 - saves.length + lost, 1);
  files.set(journal, Buffer.from(lines.join('\n')));
  const damaged = new SimulatedDisk(files).process();
  await repairState({ disk: damaged, dir: DIR, clock }, await inspectState(damaged, DIR, clock));
  const again = await openFileEngine({ disk: damaged, dir: DIR, clock, readOnly: true });
  expect(again.damage).toEqual([]);
  return again.engine.find(run.id);
}

const one = { name: 'one', value: 1 };
const two = { name: 'two', value: 2 };

test.each<[string, readonly Saved[]]>([
  ['checkpoint', [{ checkpoint: 1 }, { checkpoint: 2 }, { rows: 1 }]],
  ['first checkpoint', [{ rows: 1 }, { checkpoint: 2 }, { step: one }, { step: two }]],
  ['step', [{ step: one }, { step: two }, { checkpoint: 1 }]],
])('a run whose lost line saved a %s is not started again as it was before', async (_, saves) => {
  const run = await repairedWithout(1, saves);
  expect(run?.state).toMatchObject({ name: 'failed', error: { name: 'StateDamaged' } });
});

test.each<[string, readonly Saved[]]>([
  ['has no more saved than a later line says', [{ rows: 1 }, { rows: 2 }, { rows: 3 }]],
  ['has its checkpoint in a later line', [{ rows: 1 }, { rows: 2 }, { checkpoint: 3 }]],
])('a run that %s goes on', async (_, saves) => {
  const run = await repairedWithout(1, saves);
  expect(run?.state.name).toBe('running');
  expect(run?.life).toMatchObject(saves[2] ?? {});
});
