// An import that is killed at any moment is all there or not at all; then it can be made again, and where it is there
// already, it is part of what a repair can prove.
import { expect, test } from 'vitest';
import { importState } from '../../src/engine/json/import.ts';
import { openJsonEngine } from '../../src/engine/json/recovery.ts';
import { inspectState } from '../../src/engine/json/repair/inspect.ts';
import { repairState } from '../../src/engine/json/repair/repair.ts';
import { exportLines } from '../../src/engine/json/stream.ts';
import { systemClock } from '../../src/support/clock.ts';
import type { Disk } from '../../src/support/files.ts';
import { begin, work } from '../helpers/engine-history.ts';
import { all, DIR, handClock, untilCrash } from '../helpers/engine-session.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const clock = { ...handClock(), after: systemClock.after };

async function exported(): Promise<readonly string[]> {
  const { disk, open, first } = begin();
  const session = await open(first);
  await work(session);
  await session.engine.close();
  const lines: string[] = [];
  for await (const line of exportLines(disk.process(), DIR, clock, '1')) lines.push(line.trimEnd());
  return lines;
}

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

async function tale(disk: Disk): Promise<unknown> {
  const { engine, damage } = await openJsonEngine({ disk, dir: DIR, clock, readOnly: true });
  const { runs } = await all(engine);
  return { damage, runs, schedules: engine.schedules(), paused: engine.pauses() };
}

test('a killed import can be made again; one that is not folded survives the repair of another file', async () => {
  const lines = await exported();
  const whole = new SimulatedDisk(new Map([['/', null]]));
  await importState({ disk: whole.process(), dir: DIR, clock }, from(lines));
  const told = await tale(whole.process());
  let [unfolded, again] = [0, 0];
  for (let n = 0, finished = false; !finished; n++) {
    const disk = new SimulatedDisk(new Map([['/', null]]));
    const process = disk.process();
    process.killAfter(n);
    await untilCrash(async () => {
      await importState({ disk: process, dir: DIR, clock }, from(lines));
      finished = true;
    });
    process.kill();
    const { engine } = await openJsonEngine({
      disk: disk.process(),
      dir: DIR,
      clock,
      readOnly: true,
    });
    const isThere = (await all(engine)).total > 0;
    if (!isThere) {
      again++;
      await importState({ disk: disk.process(), dir: DIR, clock }, from(lines));
    } else {
      const files = new Map(disk.files());
      const manifest = JSON.parse(String(files.get(`${DIR}/manifest.json`)));
      if (manifest.pages.length === 0) unfolded++;
      files.set(`${DIR}/locks.json`, Buffer.from('rotten'));
      const rotten = new SimulatedDisk(files).process();
      const options = { disk: rotten, dir: DIR, clock };
      await repairState(options, await inspectState(rotten, DIR, clock));
      expect({ n, told: await tale(rotten) }).toEqual({ n, told });
    }
    expect({ n, told: await tale(disk.process()) }).toEqual({ n, told });
  }
  expect(unfolded).toBeGreaterThan(3);
  expect(again).toBeGreaterThan(3);
}, 60_000);
