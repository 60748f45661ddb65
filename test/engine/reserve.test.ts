// Room held free for results: on a full disk what runs can still be settled, nothing new is taken in, and all goes on
// by itself when there is room. The disk is simulated, with a size, so that each byte of it can be spoken of.
import { expect, test } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { FREE } from '../helpers/core.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, finish, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const SIZE = 400_000;
const RESERVE = SIZE / 20;

async function begin() {
  const disk = new SimulatedDisk();
  disk.capacity = SIZE;
  const clock = handClock();
  const process = disk.process();
  const open = async (): Promise<FileEngine> => {
    const options = { disk: process, dir: DIR, clock, reserve: true };
    const { engine, damage } = await openFileEngine(options);
    if (damage[0]) throw damage[0];
    engine.configure(
      () => FREE,
      () => DEFAULT_POLICY,
    );
    return engine;
  };
  const engine = await open();
  engine.members.putWorker(worker(1));
  const claim = () =>
    engine.claim(
      { workerKind: 'dedicated', most: 1 },
      () => ({ mark: 'w1', pid: 1001 }),
      clock.now(),
    );
  return { disk, clock, process, open, engine, claim };
}

const reserveOf = (disk: SimulatedDisk): number | undefined =>
  disk.files().get(`${DIR}/reserve`)?.length;

/** Others take all that is left, but for so many bytes. */
function fill(disk: SimulatedDisk, left = 0): void {
  disk.taken += disk.free - left;
}

test('a daemon holds a twentieth of a small disk free, a command nothing', async () => {
  const { disk, process, clock, engine } = await begin();
  expect(reserveOf(disk)).toBe(RESERVE);
  await engine.close();
  const other = new SimulatedDisk();
  const options = { disk: other.process(), dir: DIR, clock };
  await openFileEngine(options);
  expect(reserveOf(other)).toBeUndefined();
  expect(process.dead).toBe(false);
});

test('on a full disk what runs is settled, durably, and nothing new is accepted, fired or started', async () => {
  const { disk, clock, engine, claim, open } = await begin();
  await engine.accept([draft(1), draft(2)], T0);
  const [one] = await claim();
  fill(disk);
  const done = await engine.changeHeld(one?.run.id ?? 0, one?.token ?? [0, 0], (run) =>
    finish(run, { kind: 'returned', output: 'x' }, T0),
  );
  expect(done?.state.name).toBe('done');
  expect(reserveOf(disk)).toBeUndefined();
  clock.move(5000);
  await expect(engine.accept([draft(3)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  await expect(engine.fire([], () => null, T0)).rejects.toMatchObject({ code: 'disk-full' });
  expect(await claim()).toEqual([]);
  const waiting = await engine.find(2);
  expect((await engine.why(waiting ? [waiting] : [], T0))[0]).toContain('the disk is full');
  await engine.close();
  const again = await open();
  expect((await again.find(1))?.state.name).toBe('done');
  expect(await again.find(3)).toBeNull();
});

test('when there is room again all goes on without a restart, with a reserve as before', async () => {
  const { disk, clock, engine, claim } = await begin();
  await engine.accept([draft(1)], T0);
  fill(disk);
  await expect(engine.accept([draft(2)], T0)).resolves.toHaveLength(1);
  clock.move(2000);
  await expect(engine.accept([draft(3)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  disk.taken = 0;
  // Looked at a moment ago: not again at once.
  await expect(engine.accept([draft(3)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  clock.move(1000);
  expect(await engine.accept([draft(3)], T0)).toHaveLength(1);
  expect(reserveOf(disk)).toBe(RESERVE);
  expect(await claim()).toHaveLength(1);
});

test('what a full disk held back may start as soon as anybody finds that there is room again', async () => {
  const { disk, clock, engine, claim } = await begin();
  await engine.accept([draft(1)], T0);
  fill(disk);
  await engine.accept([draft(2)], T0);
  clock.move(2000);
  expect(await claim()).toEqual([]);
  disk.taken = 0;
  clock.move(1000);
  let stirs = 0;
  engine.onStir(() => stirs++);
  await engine.accept([draft(3, { after: [1] })], T0);
  expect(stirs).toBe(1);
  expect(await claim()).toHaveLength(1);
});

test('room for the reserve alone is not room: the next line would need it back at once', async () => {
  const { disk, clock, engine } = await begin();
  fill(disk);
  await engine.accept([draft(1)], T0);
  disk.taken -= RESERVE;
  clock.move(2000);
  await expect(engine.accept([draft(2)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  expect(reserveOf(disk)).toBeUndefined();
});

test('a quota, and a disk without room for another name, are a full disk too', async () => {
  const quota = await begin();
  quota.process.fail([{ kind: 'write', n: 0, errno: 'EDQUOT' }]);
  await quota.engine.accept([draft(1)], T0);
  expect(reserveOf(quota.disk)).toBeUndefined();
  const names = await begin();
  names.disk.inodes = names.disk.names;
  // A sync that fails ends its segment: the next one needs a name.
  names.process.fail([{ kind: 'sync', n: 0, errno: 'EIO' }]);
  await names.engine.accept([draft(1)], T0);
  expect(reserveOf(names.disk)).toBeUndefined();
  expect(await names.engine.find(1)).not.toBeNull();
  names.clock.move(2000);
  await expect(names.engine.accept([draft(2)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  names.disk.inodes = Number.POSITIVE_INFINITY;
  names.clock.move(2000);
  expect(await names.engine.accept([draft(2)], T0)).toHaveLength(1);
});

test.each([0, 200, 400])(
  'a daemon starts on a disk with %i bytes left: on the room that its reserve gives up',
  async (left) => {
    const { disk, engine, open } = await begin();
    await engine.accept([draft(1)], T0);
    await engine.close();
    fill(disk, left);
    const again = await open();
    expect((await again.find(1))?.state.name).toBe('queued');
    await expect(again.accept([draft(2)], T0)).rejects.toMatchObject({ code: 'disk-full' });
  },
);

test('a request that was answered before the disk was full still gets its answer', async () => {
  const { disk, engine } = await begin();
  const [first] = await engine.accept([draft(1)], T0, { request: 'r1' });
  fill(disk);
  await engine.accept([draft(2)], T0);
  const [again] = await engine.accept([draft(1)], T0, { request: 'r1' });
  expect(again?.run.id).toBe(first?.run.id);
});
