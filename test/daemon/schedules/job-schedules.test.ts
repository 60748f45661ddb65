// Schedules that are written in job files: they follow the files, and say why where they make no runs. And jobs that
// name their next time themselves, whatever their function does.
import { describe, expect, it } from 'vitest';
import { scheduleView } from '../../../src/run/schedule.ts';
import { asked, type Core, cron, World } from '../../helpers/core.ts';
import { eventually } from '../../helpers/project.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOON = Date.parse('2026-11-22T12:00:00Z');
const later = (ms: number): number => NOON + ms;
const iso = (ms: number): string => new Date(later(ms)).toISOString();
const NEXT_RUN = { kind: 'nextRun' } as const;

describe('a job file', () => {
  it('that is changed moves its schedule at once, and a slot that was served makes no second run', async () => {
    const world = new World(NOON - MINUTE, { a: { rule: cron('0 * * * *') } });
    const core = await world.boot();
    await core.advance(90 * SECOND);
    expect(world.slotsOf('a')).toEqual([NOON]);
    world.clock.set(NOON - 10 * SECOND);
    world.jobs.set('a', { rule: cron('0,30 * * * *') });
    await core.follow();
    await core.advance(31 * MINUTE);
    expect(world.slotsOf('a')).toEqual([NOON, later(30 * MINUTE)]);
  });

  it('whose rule is removed has no schedule any more; one that is read again unchanged keeps it as it is', async () => {
    const world = new World(NOON, {
      a: { rule: cron('0 * * * *') },
      b: { rule: cron('0 * * * *') },
    });
    const core = await world.boot();
    const before = await core.schedule('b');
    world.jobs.set('a', {});
    world.jobs.set('b', { rule: cron('0 * * * *') });
    await core.follow();
    await core.advance(2 * HOUR);
    expect((await core.engine.schedules()).map(({ name }) => name)).toEqual(['b']);
    expect((await core.schedule('b')).createdAt).toBe(before.createdAt);
    expect(world.slotsOf('a')).toEqual([]);
    expect(world.slotsOf('b')).toHaveLength(2);
  });

  it('that is deleted leaves its schedule, silent; when it comes back one run makes up for the time', async () => {
    const world = new World(NOON, { a: { rule: cron('0 * * * *') } });
    const core = await world.boot();
    await core.advance(HOUR);
    const job = world.jobs.get('a');
    world.jobs.delete('a');
    await core.follow();
    await core.advance(5.5 * HOUR);
    expect(world.slotsOf('a')).toEqual([later(HOUR)]);
    const seen = scheduleView(await core.schedule('a'), { redact: [], missing: true });
    expect([seen.state, seen.note]).toEqual(['missing', 'no job named a']);
    world.jobs.set('a', job ?? {});
    await core.follow();
    await core.advance(SECOND);
    expect(world.slotsOf('a')).toEqual([later(HOUR), later(6 * HOUR)]);
    expect((await core.schedule('a')).skipped).toBe(4);
  });

  it('that is read later than others is not made up for in full: what passed before the start was missed', async () => {
    const world = new World(NOON, { a: { rule: cron('*/10 * * * *'), catchUp: 'skip' } });
    const first = await world.boot();
    await first.stop();
    world.clock.set(later(5.5 * HOUR));
    const core = await world.boot(false);
    await core.advance(30 * SECOND);
    expect(world.starts).toEqual([]);
    await core.follow();
    await core.advance(SECOND);
    expect(world.starts).toEqual([]);
    expect((await core.schedule('a')).skipped).toBe(33);
    await core.advance(10 * MINUTE);
    expect(world.starts).toHaveLength(1);
  });

  it('whose rule changed while no daemon ran does not fire by the old one', async () => {
    const world = new World(NOON, { a: { rule: cron('0 * * * *') } });
    const first = await world.boot();
    await first.stop();
    world.clock.set(later(HOUR));
    world.jobs.set('a', { rule: cron('30 * * * *') });
    const core = await world.boot(false);
    await core.advance(SECOND);
    await core.follow();
    await core.advance(HOUR);
    expect(world.slotsOf('a')).toEqual([later(1.5 * HOUR)]);
  });

  it('gives its schedule the params and the lock of the job; those that do not fit are told, and no run is made', async () => {
    const world = new World(NOON, {
      good: {
        rule: cron('0 * * * *'),
        check: () => ({ ok: true, params: { n: 3 }, lock: 'mine' }),
      },
      bad: { rule: cron('0 * * * *'), check: () => ({ ok: false, issues: ['to: is required'] }) },
    });
    const core = await world.boot();
    await core.advance(HOUR);
    const [run] = (await core.engine.list({ limit: 1, jobs: ['good'] })).runs;
    expect([run?.params, run?.origin?.lock]).toEqual([{ n: 3 }, 'mine']);
    expect(world.slotsOf('bad')).toEqual([]);
    const reason = 'it makes no runs: its job does not take empty params: to: is required';
    expect(world.warnings).toEqual([`bad: ${reason}`]);
    expect(scheduleView(await core.schedule('bad'))).toMatchObject({
      state: 'stopped',
      note: reason,
    });
    world.jobs.set('bad', { rule: cron('0 * * * *') });
    await core.follow();
    await core.advance(HOUR);
    expect(world.slotsOf('bad')).toEqual([later(HOUR), later(2 * HOUR)]);
    expect(scheduleView(await core.schedule('bad')).note).toBe(null);
  });

  it('with an interval below a second is told of the floor, once', async () => {
    const world = new World(NOON, { a: { rule: { kind: 'every', everyMs: 1 } } });
    const core = await world.boot();
    await core.follow();
    await core.advance(5 * SECOND + 500);
    expect(world.starts.length).toBeLessThanOrEqual(6);
    expect(world.starts.length).toBeGreaterThanOrEqual(5);
    expect(world.warnings).toEqual(['a: the shortest interval is 1.0s: it runs so often']);
  });

  it('does not take the name of a schedule that was made, and says so', async () => {
    const world = new World(NOON, { a: {} });
    const core = await world.boot();
    await core.make(asked('a', 'a', cron('30 * * * *')));
    world.jobs.set('a', { rule: cron('0 * * * *') });
    await core.follow();
    await core.advance(HOUR);
    expect(world.slotsOf('a')).toEqual([later(HOUR / 2)]);
    expect(world.warnings.join()).toContain('jobrun unschedule a');
  });
});

describe('nextRun', () => {
  it('names the next time; null is for good, over a restart and the edits of other files, until its own changes', async () => {
    const asks: unknown[] = [];
    const answers = [iso(MINUTE), iso(HOUR), null, iso(3 * HOUR)];
    const nextRun = (last: unknown): string | null => {
      asks.push((last as { dueAt: string } | null)?.dueAt ?? null);
      return answers.shift() ?? null;
    };
    const world = new World(NOON, { a: { rule: NEXT_RUN, nextRun } });
    let core = await world.boot();
    await core.advance(90 * MINUTE);
    expect(world.slotsOf('a')).toEqual([later(MINUTE), later(HOUR)]);
    expect(asks).toEqual([null, iso(MINUTE), iso(HOUR)]);
    expect(scheduleView(await core.schedule('a'))).toMatchObject({
      state: 'stopped',
      nextAt: null,
    });
    world.jobs.set('b', {});
    await core.follow();
    await core.stop();
    core = await world.boot();
    await core.advance(10 * MINUTE);
    expect(asks).toHaveLength(3);
    world.jobs.set('a', { rule: NEXT_RUN, nextRun, text: 'edited' });
    await core.follow();
    await core.advance(2 * HOUR);
    expect(asks.length).toBeGreaterThan(3);
    expect(world.slotsOf('a')).toHaveLength(3);
  });

  it('that names the past for ever makes one run a second, not a thousand', async () => {
    const world = new World(NOON, { a: { rule: NEXT_RUN, nextRun: () => iso(-HOUR) } });
    const core = await world.boot();
    await core.advance(10 * SECOND);
    expect(world.starts.length).toBeGreaterThanOrEqual(9);
    expect(world.starts.length).toBeLessThanOrEqual(11);
    expect(new Set(world.slotsOf('a')).size).toBe(world.starts.length);
  });

  it('that names one past day after the other keeps their time of day', async () => {
    const nextRun = (last: unknown): string => {
      const { dueAt } = (last ?? { dueAt: iso(-5 * HOUR) }) as { dueAt: string };
      return new Date(Date.parse(dueAt) + HOUR).toISOString();
    };
    const world = new World(NOON + MINUTE, { a: { rule: NEXT_RUN, nextRun } });
    const core = await world.boot();
    await core.advance(MINUTE);
    expect(world.slotsOf('a')).toEqual([-4, -3, -2, -1, 0].map((h) => later(h * HOUR)));
  });

  it('that throws just when the job files are read anew is asked again all the same', async () => {
    for (let turns = 0; turns <= 40; turns++) {
      let core: Core | null = null;
      let asks = 0;
      const nextRun = (): string => {
        asks++;
        if (asks > 1) return new Date(world.clock.now() + MINUTE).toISOString();
        (async () => {
          for (let i = 0; i < turns; i++) await null;
          await core?.follow();
        })();
        throw new Error('no calendar');
      };
      const world = new World(NOON, { a: { rule: NEXT_RUN, nextRun } });
      core = await world.boot(false);
      await core.follow();
      await core.advance(10 * MINUTE);
      expect(world.slotsOf('a').length, `read after ${turns} turns`).toBeGreaterThan(1);
    }
  });

  it('that throws is told, shown, and asked again later; others go on', async () => {
    let broken = true;
    const nextRun = (): string => {
      if (broken) throw new Error('no calendar');
      return new Date(world.clock.now() + MINUTE).toISOString();
    };
    const world = new World(NOON, {
      a: { rule: NEXT_RUN, nextRun },
      b: { rule: { kind: 'every', everyMs: MINUTE } },
    });
    const core = await world.boot();
    await core.advance(10 * MINUTE);
    // At 0, 1, 3 and 7 minutes; once more where the first one fails before all files are read.
    const told = world.errors.filter((text) => text.includes('no calendar')).length;
    expect([4, 5]).toContain(told);
    expect(scheduleView(await core.schedule('a')).note).toContain('no calendar');
    expect(world.slotsOf('b').length).toBeGreaterThanOrEqual(9);
    broken = false;
    await core.advance(20 * MINUTE);
    expect(world.slotsOf('a').length).toBeGreaterThan(1);
    expect(scheduleView(await core.schedule('a')).note).toBe(null);
  });

  it('that throws is asked no sooner because other files are read again', async () => {
    const nextRun = (): string => {
      throw new Error('no calendar');
    };
    const world = new World(NOON, { a: { rule: NEXT_RUN, nextRun } });
    const core = await world.boot();
    await core.advance(MINUTE + 1);
    const told = (): number => world.errors.filter((text) => text.includes('no calendar')).length;
    const before = told();
    for (let i = 0; i < 5; i++) {
      await core.follow();
      await core.advance(1000);
    }
    expect(told()).toBe(before);
  });

  it('that never answers is asked once, and holds nobody up', async () => {
    let asks = 0;
    const never = (): Promise<string> => {
      asks++;
      return new Promise(() => undefined);
    };
    const world = new World(NOON, {
      a: { rule: NEXT_RUN, nextRun: () => never() },
      b: { rule: { kind: 'every', everyMs: MINUTE } },
    });
    const core = await world.boot(false);
    void core.follow();
    await world.clock.advance(10 * MINUTE, async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    });
    await eventually(() => asks > 0);
    expect(asks).toBe(1);
    expect(world.slotsOf('b').length).toBeGreaterThanOrEqual(9);
  });
});

describe('many schedules', () => {
  it('ten thousand cost nothing while idle, and a thousand in one minute are one group of commits', async () => {
    const world = new World(NOON + SECOND, { a: { lastsMs: 10 * HOUR } });
    world.places = 10;
    const core = await world.boot();
    const hourly = Array.from({ length: 1000 }, (_, i) => asked(`h${i}`, 'a', cron('30 * * * *')));
    const yearly = Array.from({ length: 9000 }, (_, i) => asked(`y${i}`, 'a', cron('0 0 1 1 *')));
    await core.make(...hourly, ...yearly);
    await core.quiet();
    const ticks = (29 * MINUTE) / (15 * SECOND);
    const cpu = process.cpuUsage();
    const [operations] = [world.disk.operations.length];
    await core.advance(29 * MINUTE);
    const { user, system } = process.cpuUsage(cpu);
    expect(world.disk.operations.length).toBe(operations);
    expect((user + system) / 1000 / ticks, 'ms for a tick').toBeLessThan(5);
    await core.advance(MINUTE);
    await core.quiet();
    const since = world.disk.operations.slice(operations);
    expect((await core.engine.list({ limit: 1 })).total).toBe(1000);
    expect(since.filter(({ kind }) => kind === 'sync').length).toBeLessThan(10);
    expect((await core.schedule('h999')).nextAt).toBe(later(1.5 * HOUR));
  }, 60_000);

  it('a thousand runs due in one second start by priority, then due time; none early, none lost', async () => {
    const world = new World(NOON, { a: { lastsMs: 100 } });
    world.places = 20;
    const core = await world.boot();
    const drafts = Array.from({ length: 1000 }, (_, i) => ({
      job: 'a',
      params: {},
      priority: i % 5,
      dueAt: later(MINUTE + ((i * 7919) % 1000)),
      origin: null,
    }));
    await core.engine.accept(drafts, NOON);
    world.places = 0;
    await core.advance(MINUTE + SECOND);
    world.places = 20;
    await core.advance(2 * MINUTE);
    expect(world.starts).toHaveLength(1000);
    expect(new Set(world.starts.map(({ run }) => run)).size).toBe(1000);
    const order = world.starts.map(({ priority, dueAt, run }) => [-priority, dueAt, run]);
    const sorted = order.toSorted(
      ([a = 0, b = 0, c = 0], [x = 0, y = 0, z = 0]) => a - x || b - y || c - z,
    );
    expect(order).toEqual(sorted);
    expect(world.starts.every(({ at, dueAt }) => at >= dueAt)).toBe(true);
  });
});
