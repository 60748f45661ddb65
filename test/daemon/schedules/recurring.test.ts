// Schedules in a daemon whose clock is set, whose machine sleeps, which is killed and restored: which slots make a run,
// and that none makes two. Engine, scheduler and recurring jobs are the real ones, on a simulated disk.
import { describe, expect, it } from 'vitest';
import { newSchedule } from '../../../src/run/schedule.ts';
import { resumed, waitsForClock } from '../../../src/run/served.ts';
import { MAX_SLEEP_MS } from '../../../src/support/limits.ts';
import { asked, Core, cron, World } from '../../helpers/core.ts';
import { randomFrom } from '../../helpers/random.ts';
import { SimulatedDisk } from '../../helpers/simulated-disk.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.parse('2026-11-22T12:00:00Z');
const later = (ms: number): number => NOON + ms;
const EVERY_HOUR = { kind: 'every', everyMs: HOUR } as const;

/** Every slot of a clock made one run at most, whatever happened. */
async function expectOneRunPerSlot(core: Core): Promise<void> {
  const { runs } = await core.engine.list({ limit: 100_000 });
  const slots = runs.map((run) => `${run.origin?.schedule} ${run.state.dueAt}`);
  expect(slots.filter((slot, i) => slots.indexOf(slot) !== i)).toEqual([]);
}

describe('a slot on time', () => {
  it('makes a run that starts at it, and none starts early', async () => {
    const world = new World(NOON - 30 * MINUTE, { a: {} });
    const core = await world.boot();
    await core.make(asked('s', 'a', cron('0 * * * *')));
    await core.advance(30 * MINUTE - 1);
    expect(world.starts).toEqual([]);
    await core.advance(1);
    expect(world.starts).toMatchObject([{ schedule: 's', dueAt: NOON, at: NOON }]);
    await core.advance(HOUR);
    expect(world.slotsOf('s')).toEqual([NOON, later(HOUR)]);
  });

  it('needs no timer longer than 15 seconds, in 25 days, in 60, in the year 9999', async () => {
    const world = new World(NOON, { a: {} });
    const core = await world.boot();
    const draft = { job: 'a', params: {}, priority: 1, origin: null };
    const dates = [25 * DAY, 60 * DAY].map(later);
    dates.push(Date.UTC(9999, 11, 31));
    await core.engine.accept(
      dates.map((dueAt) => ({ ...draft, dueAt })),
      NOON,
    );
    await core.make(asked('s', 'a', cron('0 0 1 1 *')));
    for (const date of dates) {
      world.clock.set(date - 20 * SECOND);
      await core.advance(MAX_SLEEP_MS);
      expect(world.starts.some(({ dueAt }) => dueAt === date)).toBe(false);
      await core.advance(5 * SECOND);
      expect(world.starts.at(-1)).toMatchObject({ dueAt: date, at: date });
    }
    expect(world.clock.longest).toBeLessThanOrEqual(MAX_SLEEP_MS);
    await expectOneRunPerSlot(core);
  });
});

describe('a clock that is set', () => {
  it.each([
    ['an hour', HOUR],
    ['a day', DAY],
  ])(
    'back by %s: what was served is not served again, and it goes on when it is time',
    async (_, jump) => {
      const world = new World(NOON - MINUTE, { a: {} });
      const core = await world.boot();
      await core.make(asked('s', 'a', cron('*/30 * * * *')));
      await core.advance(HOUR + 2 * MINUTE);
      expect(world.slotsOf('s')).toEqual([NOON, later(HOUR / 2), later(HOUR)]);
      world.clock.set(world.clock.now() - jump);
      await core.advance(jump);
      expect(world.slotsOf('s')).toHaveLength(3);
      await core.advance(30 * MINUTE);
      expect(world.slotsOf('s').at(-1)).toBe(later(1.5 * HOUR));
      await expectOneRunPerSlot(core);
    },
  );

  it('forward by a year, and back: slots that never came are served, and none that made a run again', async () => {
    const world = new World(NOON - MINUTE, { a: {} });
    const core = await world.boot();
    await core.make(asked('s', 'a', cron('*/30 * * * *')));
    await core.advance(2 * MINUTE);
    world.clock.set(world.clock.now() + 365 * DAY);
    await core.advance(HOUR);
    const ahead = [0, 0.5, 1].map((hours) => later(365 * DAY + hours * HOUR));
    expect(world.slotsOf('s')).toEqual([NOON, ...ahead]);
    world.clock.set(world.clock.now() - 365 * DAY);
    await core.advance(HOUR);
    expect(world.slotsOf('s').slice(4)).toEqual([later(1.5 * HOUR), later(2 * HOUR)]);
    expect((await core.schedule('s')).ahead).toEqual({ from: ahead[0], to: ahead[2] });
    world.clock.set(later(365 * DAY - 10 * MINUTE));
    await core.advance(2 * HOUR);
    expect(world.slotsOf('s').slice(6)).toEqual([
      later(365 * DAY - HOUR / 2),
      later(365 * DAY + 1.5 * HOUR),
    ]);
    expect((await core.schedule('s')).ahead).toBeUndefined();
    await expectOneRunPerSlot(core);
  });

  it('back over slots that made their runs: told as right, it goes on from now', async () => {
    const world = new World(NOON - MINUTE, { a: {} });
    const core = await world.boot();
    await core.make(asked('s', 'a', cron('*/30 * * * *')));
    await core.advance(HOUR + 2 * MINUTE);
    world.clock.set(later(-HOUR));
    await core.advance(MINUTE);
    expect(waitsForClock(await core.schedule('s'), world.clock.now())).toBe(true);
    await core.put(resumed(await core.schedule('s'), world.clock.now()));
    await core.advance(HOUR);
    expect(world.slotsOf('s').slice(3)).toEqual([later(-HOUR / 2), NOON]);
    expect(waitsForClock(await core.schedule('s'), world.clock.now())).toBe(false);
    const sound = await core.schedule('s');
    expect(resumed(sound, world.clock.now())).toBe(sound);
  });

  it.each([
    ['an hour', HOUR, 5],
    ['a day', DAY, 143],
    ['400 days', 400 * DAY, 400 * 144 - 1],
  ])('forward by %s: one run, and what was left out is counted', async (_, jump, left) => {
    const world = new World(NOON, { a: {} });
    const core = await world.boot();
    await core.make(asked('s', 'a', cron('*/10 * * * *')));
    await core.advance(5 * SECOND);
    world.clock.set(world.clock.now() + jump);
    await core.advance(MAX_SLEEP_MS);
    expect(world.slotsOf('s')).toEqual([later(jump)]);
    expect((await core.schedule('s')).skipped).toBe(left);
  });

  it('forward by 400 days: skip makes none, all makes a thousand and no more, in one commit', async () => {
    const world = new World(NOON, { a: { lastsMs: DAY } });
    const core = await world.boot();
    await core.make(
      asked('skip', 'a', cron('* * * * *'), { catchUp: 'skip' }),
      asked('all', 'a', cron('* * * * *'), { catchUp: 'all', overlap: 'allow' }),
    );
    await core.advance(5 * SECOND);
    const before = world.disk.operations.length;
    world.clock.set(world.clock.now() + 400 * DAY);
    await core.advance(MAX_SLEEP_MS);
    expect(world.slotsOf('skip')).toEqual([]);
    expect(world.slotsOf('all')).toHaveLength(1000);
    expect((await core.schedule('skip')).skipped).toBe(400 * 1440);
    expect((await core.schedule('all')).skipped).toBe(400 * 1440 - 1000);
    const writes = world.disk.operations.slice(before).filter(({ kind }) => kind === 'write');
    expect(writes.length).toBeLessThan(10);
    await expectOneRunPerSlot(core);
  });

  it.each([
    ['back by a day', -DAY],
    ['back by ten minutes', -10 * MINUTE],
    ['forward by ten minutes', 10 * MINUTE],
    ['forward by a year', 365 * DAY],
  ])('%s: `every` goes on after its interval, neither sooner nor later', async (_, jump) => {
    const world = new World(NOON, { a: { lastsMs: MINUTE } });
    const core = await world.boot();
    await core.make(asked('s', 'a', EVERY_HOUR));
    await core.advance(2 * MINUTE);
    world.clock.set(world.clock.now() + jump);
    await core.advance(58 * MINUTE);
    expect(world.slotsOf('s')).toHaveLength(1);
    expect((await core.schedule('s')).nextAt).toBe(later(HOUR + MINUTE) + jump);
    await core.advance(2 * MINUTE);
    expect(world.slotsOf('s')).toHaveLength(2);
    await core.advance(MINUTE);
    expect((await core.schedule('s')).nextAt).toBe(later(2 * HOUR + 2 * MINUTE) + jump);
  });

  it('back by a year while no daemon ran: `every` waits no longer than its interval', async () => {
    const world = new World(NOON, { a: {} });
    const first = await world.boot();
    await first.make(asked('s', 'a', EVERY_HOUR));
    await first.advance(MINUTE);
    await first.stop();
    world.clock.set(NOON - 365 * DAY);
    const core = await world.boot();
    await core.advance(HOUR + SECOND);
    expect(world.slotsOf('s')).toHaveLength(2);
  });
});

describe('a machine that sleeps', () => {
  it('is the same as downtime: catchUp decides, no slot twice', async () => {
    const jobs = { a: { lastsMs: SECOND } };
    const slots: number[][] = [];
    for (const asleep of [true, false]) {
      const world = new World(NOON + MINUTE, jobs);
      let core = await world.boot();
      await core.make(asked('s', 'a', cron('0 * * * *')));
      await core.advance(HOUR);
      if (!asleep) await core.stop();
      world.clock.sleep(8 * HOUR);
      if (!asleep) core = await world.boot();
      await core.advance(HOUR);
      slots.push(world.slotsOf('s'));
      expect((await core.schedule('s')).skipped).toBe(7);
    }
    expect(slots[0]).toEqual([later(HOUR), later(9 * HOUR), later(10 * HOUR)]);
    expect(slots[1]).toEqual(slots[0]);
  });

  it('`every` that became due meanwhile is due at once, and only once', async () => {
    const world = new World(NOON, { a: {} });
    const core = await world.boot();
    await core.make(asked('s', 'a', EVERY_HOUR));
    await core.advance(MINUTE);
    world.clock.sleep(10 * HOUR - MINUTE);
    await core.advance(MAX_SLEEP_MS);
    expect(world.starts).toHaveLength(2);
    expect(world.starts[1]).toMatchObject({ dueAt: later(HOUR) });
  });
});

describe('a daemon that ends', () => {
  it('between firing and starting, at any write: the slot makes one run', async () => {
    let crashes = 0;
    for (let at = 0; at < 40; at++) {
      const world = new World(NOON - MINUTE, { a: {} });
      let core = await world.boot();
      await core.make(asked('s', 'a', cron('0 * * * *')));
      core.process.killAfter(at);
      await core.advance(2 * MINUTE);
      crashes += core.process.dead ? 1 : 0;
      core.kill();
      core = await world.boot();
      await core.advance(MINUTE);
      const { runs } = await core.engine.list({ limit: 10 });
      expect(
        runs.map((run) => run.state),
        `killed before write ${at}`,
      ).toMatchObject([{ name: 'done', dueAt: NOON }]);
    }
    expect(crashes).toBeGreaterThan(5);
  });

  it('two starts, one right after the other, fire nothing twice', async () => {
    const world = new World(NOON - MINUTE, { a: {}, b: { rule: cron('0 * * * *') } });
    let core = await world.boot();
    await core.make(asked('s', 'a', cron('0 * * * *')), asked('e', 'a', EVERY_HOUR));
    await core.advance(MINUTE);
    for (let n = 0; n < 2; n++) {
      await core.stop();
      core = await world.boot();
      await core.advance(SECOND);
    }
    expect(world.slotsOf('s')).toEqual([NOON]);
    expect(world.slotsOf('b')).toEqual([NOON]);
    expect(world.slotsOf('e')).toEqual([NOON - MINUTE]);
    await expectOneRunPerSlot(core);
  });

  it('and is restored from an old copy: one run makes up for what the copy does not know', async () => {
    const world = new World(NOON, { a: {} });
    let core = await world.boot();
    await core.make(asked('s', 'a', cron('0 * * * *')));
    await core.advance(HOUR);
    await core.stop();
    const copy = world.disk.files();
    core = await world.boot();
    await core.advance(5.5 * HOUR);
    await core.stop();
    world.disk = new SimulatedDisk(copy);
    world.starts.length = 0;
    core = await world.boot();
    await core.advance(HOUR);
    expect(world.slotsOf('s')).toEqual([later(6 * HOUR), later(7 * HOUR)]);
    expect((await core.schedule('s')).skipped).toBe(4);
    await expectOneRunPerSlot(core);
  });

  it('keeps the rhythm of `every`: what a command settled meanwhile counts from there', async () => {
    const world = new World(NOON, { a: { lastsMs: DAY } });
    let core = await world.boot();
    await core.make(asked('s', 'a', EVERY_HOUR));
    await core.advance(MINUTE);
    core.kill();
    const offline = await Core.open(world);
    const [run] = await offline.engine.unsettledOf('s');
    expect(run?.state.name).toBe('queued');
    await offline.engine.change(run?.id ?? 0, (queued) => ({
      ...queued,
      state: { name: 'aborted', dueAt: NOON, settledAt: later(MINUTE), reason: 'asked for' },
    }));
    offline.kill();
    world.clock.set(later(30 * MINUTE));
    core = await world.boot();
    await core.advance(MAX_SLEEP_MS);
    expect((await core.schedule('s')).nextAt).toBe(later(HOUR + MINUTE));
  });
});

describe('whatever happens', () => {
  it('no slot makes two runs, none starts early, none is lost', async () => {
    const seed = Number(process.env.JOBRUN_SEED ?? 20_261_122);
    const random = randomFrom(seed);
    const overlaps = ['skip', 'queue', 'replace', 'allow'] as const;
    const catchUps = ['skip', 'once', 'all'] as const;
    for (let round = 0; round < (process.env.JOBRUN_LONG ? 60 : 6); round++) {
      const isSet = random.chance(0.5);
      const world = new World(NOON + random.whole(0, DAY), {
        a: { lastsMs: random.of([0, SECOND, 20 * MINUTE]) },
      });
      let core = await world.boot();
      await core.make(
        ...overlaps.flatMap((overlap) =>
          catchUps.map((catchUp) =>
            asked(`${overlap}-${catchUp}`, 'a', cron('*/20 * * * *', 'Europe/Berlin'), {
              overlap,
              catchUp,
            }),
          ),
        ),
      );
      for (let step = 0; step < 25; step++) {
        const what = random.whole(0, 5);
        if (what === 0 && isSet) world.clock.set(world.clock.now() + random.whole(-DAY, DAY));
        if (what === 1) {
          core.process.killAfter(random.whole(0, 10));
          await core.advance(random.whole(0, HOUR));
          core.kill();
          core = await world.boot();
        }
        await core.advance(random.whole(0, HOUR));
      }
      await expectOneRunPerSlot(core);
      // Whoever sets the clock back makes what had come due look early.
      const early = world.starts.filter(({ at, dueAt }) => at < dueAt);
      if (!isSet) expect(early, `seed ${seed}`).toEqual([]);
      const { runs } = await core.engine.list({ limit: 100_000 });
      for (const overlap of overlaps)
        expect(runs.some((run) => run.origin?.schedule === `${overlap}-once`)).toBe(true);
    }
  }, 120_000);
});

it('a schedule whose rule fails at its slot is stopped with the reason; the daemon and all others go on', async () => {
  const world = new World(NOON, { a: { rule: cron('* * * * *') }, b: {} });
  const core = await world.boot();
  // As a cron reader of another version would have taken it.
  const odd = newSchedule(asked('odd', 'b', cron('* * * * *')), NOON);
  await core.put({ ...odd, rule: cron('61 * * * *') });
  await core.advance(3 * MINUTE);
  expect(world.slotsOf('a')).toHaveLength(3);
  expect(world.slotsOf('odd')).toEqual([]);
  expect(await core.schedule('odd')).toMatchObject({ nextAt: null, trouble: { kind: 'aside' } });
  expect(world.errors).toHaveLength(1);
});
