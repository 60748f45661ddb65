// An import that is killed at any moment is all there or not at all; then it can be made again, and where it is there
// already, it is part of what a repair can prove.
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import {
  exportLines,
  importState,
  inspectState,
  repairState,
} from '../../src/engine/files/whole-state.ts';
import { systemClock } from '../../src/support/clock.ts';
import type { Disk } from '../../src/support/files.ts';
import { begin, work } from '../helpers/engine-history.ts';
import { DIR, handClock, untilCrash } from '../helpers/engine-session.ts';
import { all } from '../helpers/engine-values.ts';
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
  const { engine, damage } = await openFileEngine({ disk, dir: DIR, clock, readOnly: true });
  const { runs } = await all(engine);
  return { damage, runs, schedules: await engine.schedules(), paused: await engine.pauses() };
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
    const { engine } = await openFileEngine({
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

/** A stream whose counts and checksum are right, whatever its lines say. */
function sealed(...values: readonly object[]): readonly string[] {
  const header = { jobrun: 'export', format: 1, version: '1', at: '', nextId: 1, changes: 0 };
  const lines = [header, ...values].map((value) => JSON.stringify(value));
  const has = (kind: string): number => values.filter((value) => kind in value).length;
  const counts = { runs: has('run'), schedules: has('schedule'), logs: has('log') };
  const sum = crc32(lines.map((line) => `${line}\n`).join(''));
  const end = { end: true, ...counts, sum: sum.toString(16).padStart(8, '0') };
  return [...lines, JSON.stringify(end)];
}

const SCHEDULE = {
  name: 'w',
  job: 'w',
  source: 'made',
  rule: { kind: 'every', everyMs: 3_600_000 },
  params: {},
  priority: null,
  catchUp: 'once',
  overlap: 'skip',
  paused: false,
  createdAt: 0,
  nextAt: null,
  lastAt: null,
  lastRun: null,
  skipped: 0,
};
const OUTSIDE = '../../precious';

test.each([
  ['a log named after a file outside the state', [{ log: [OUTSIDE, 'x'] }]],
  ['a schedule that is also such a log', [{ schedule: SCHEDULE, log: [OUTSIDE, 'x'] }]],
  ['such a log that is also a schedule', [{ log: [OUTSIDE, 'x'], schedule: SCHEDULE }]],
  [
    'a log that comes in two places',
    ['1.jsonl', '2.jsonl', '1.jsonl'].map((n) => ({ log: [n, ''] })),
  ],
  ['a field that every object has', [{ toString: 'x' }]],
  ['such a log before a line that is refused', [{ schedule: SCHEDULE, log: [OUTSIDE, 'x'] }, {}]],
])('an import refuses %s, and touches no other file', async (_, values) => {
  const precious = '/precious';
  const disk = new SimulatedDisk(
    new Map([
      ['/', null],
      [precious, Buffer.from('kept')],
    ]),
  );
  const options = { disk: disk.process(), dir: DIR, clock };
  const imported = importState(options, from(sealed(...values)));
  await expect(imported).rejects.toMatchObject({ code: 'state-damaged' });
  expect(String(disk.files().get(precious))).toBe('kept');
  expect((await tale(disk.process())) as object).toMatchObject({ damage: [], schedules: [] });
});

test('an import takes a schedule alone', async () => {
  const disk = new SimulatedDisk(new Map([['/', null]]));
  const options = { disk: disk.process(), dir: DIR, clock };
  await importState(options, from(sealed({ schedule: SCHEDULE })));
  expect(await tale(disk.process())).toMatchObject({ schedules: [{ name: 'w' }] });
});

test.each([0, 1, 2, 3])(
  'a long log of emoji comes back byte for byte, begun %d letters on',
  async (shift) => {
    const text = 'a'.repeat(shift) + '😀'.repeat(300_000);
    const disk = new SimulatedDisk(new Map([['/', null]]));
    await importState({ disk: disk.process(), dir: DIR, clock }, from(sealed()));
    const files = new Map(disk.files());
    files.set(`${DIR}/logs/1.jsonl`, Buffer.from(text));
    const lines: string[] = [];
    const source = new SimulatedDisk(files).process();
    for await (const line of exportLines(source, DIR, clock, '1')) lines.push(line.trimEnd());
    expect(lines.filter((line) => line.startsWith('{"log"')).length).toBeGreaterThan(2);
    const copy = new SimulatedDisk(new Map([['/', null]]));
    await importState({ disk: copy.process(), dir: DIR, clock }, from(lines));
    expect(copy.files().get(`${DIR}/logs/1.jsonl`)?.equals(Buffer.from(text))).toBe(true);
  },
);

test('an export shown on a terminal holds nothing that a job could move the cursor or turn the writing with', async () => {
  const hostile = ['\u009b2J', '\u009d0;t\u009c', '\u007f', '\u202e', '\u2066', '\u061c'].join('x');
  const disk = new SimulatedDisk(new Map([['/', null]]));
  const hidden = { schedule: { ...SCHEDULE, params: { hostile } } };
  await importState({ disk: disk.process(), dir: DIR, clock }, from(sealed(hidden)));
  const lines: string[] = [];
  for await (const line of exportLines(disk.process(), DIR, clock, '1')) lines.push(line.trimEnd());
  expect(lines.join('')).toMatch(/^[\x20-\x7e]+$/);
  const copy = new SimulatedDisk(new Map([['/', null]]));
  await importState({ disk: copy.process(), dir: DIR, clock }, from(lines));
  expect(await tale(copy.process())).toMatchObject({ schedules: [{ params: { hostile } }] });
});
