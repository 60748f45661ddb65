// Waits that were asked for as a duration, while somebody sets the clock: engine and scheduler on a clock that the test
// moves.
import { describe, expect, it } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Draft, Run } from '../../src/run/run.ts';
import { update } from '../../src/run/transitions.ts';
import { waitOf } from '../../src/run/waits.ts';
import { DAY, HOUR, MAX_SLEEP_MS, MINUTE, SECOND } from '../../src/support/limits.ts';
import { type FakeJob, FREE, World } from '../helpers/core.ts';
import { draft, NOW, policy, retries } from '../helpers/runs.ts';

const JUMPS = [
  ['back by an hour', -HOUR],
  ['back by a year', -365 * DAY],
  ['forward by an hour', HOUR],
  ['forward by a year', 365 * DAY],
] as const;

const waiting = (ms: number): Draft => draft({ ...waitOf(NOW, ms) });

async function world(jobs: Readonly<Record<string, FakeJob>> = { mail: {} }) {
  const made = new World(NOW, jobs);
  const core = await made.boot();
  const stateOf = async (id: number): Promise<Run['state'] | undefined> =>
    (await core.engine.find(id))?.state;
  return { core, made, clock: made.clock, starts: made.starts, engine: core.engine, stateOf };
}

describe('a wait of ten minutes, for five of which the clock was as it is now', () => {
  it.each(JUMPS)(
    '%s: it ends after ten minutes, and shows an instant as far ahead as it is',
    async (_, jump) => {
      const { core, clock, starts, engine, stateOf } = await world();
      await engine.accept([waiting(10 * MINUTE)], NOW);
      await core.advance(5 * MINUTE);
      clock.set(clock.now() + jump);
      await core.advance(MAX_SLEEP_MS);
      expect((await stateOf(1))?.dueAt).toBe(NOW + 10 * MINUTE + jump);
      await core.advance(4 * MINUTE);
      expect(starts).toEqual([]);
      await core.advance(MINUTE);
      expect(starts).toHaveLength(1);
    },
  );

  it.each(JUMPS)('%s, and asked for after that: it is no other', async (_, jump) => {
    const { core, clock, starts, engine, stateOf } = await world();
    clock.set(clock.now() + jump);
    await engine.accept([draft(waitOf(clock.now(), 10 * MINUTE))], clock.now());
    await core.advance(9 * MINUTE);
    expect((await stateOf(1))?.dueAt).toBe(NOW + 10 * MINUTE + jump);
    expect(starts).toEqual([]);
    await core.advance(MINUTE);
    expect(starts).toHaveLength(1);
  });

  it('asleep for an hour: it is over', async () => {
    const { core, clock, starts, engine } = await world();
    await engine.accept([waiting(10 * MINUTE)], NOW);
    clock.sleep(HOUR);
    await core.advance(MAX_SLEEP_MS);
    expect(starts).toHaveLength(1);
  });

  it('that waits for another run meanwhile keeps its end', async () => {
    const { core, clock, starts, engine } = await world({
      mail: {},
      first: { lastsMs: 3 * MINUTE },
    });
    await engine.accept([draft({ job: 'first' })], NOW);
    await engine.accept([{ ...waiting(10 * MINUTE), origin: { after: [1] } }], NOW);
    await core.advance(MINUTE);
    clock.set(clock.now() - DAY);
    await core.advance(8 * MINUTE + 30 * SECOND);
    expect(starts.map(({ run }) => run)).toEqual([1]);
    await core.advance(MINUTE);
    expect(starts.map(({ run }) => run)).toEqual([1, 2]);
  });

  it('that is changed to an instant follows the wall clock, and back to a duration no longer', async () => {
    const { core, clock, starts, engine } = await world();
    await engine.accept([waiting(10 * MINUTE), waiting(10 * MINUTE)], NOW);
    await engine.change(1, (run) => update(run, { dueAt: NOW + HOUR }, NOW));
    await engine.change(2, (run) => update(run, waitOf(NOW, HOUR), NOW));
    clock.set(NOW + HOUR);
    await core.advance(MAX_SLEEP_MS);
    expect(starts.map(({ run }) => run)).toEqual([1]);
    await core.advance(HOUR);
    expect(starts.map(({ run }) => run)).toEqual([1, 2]);
  });
});

describe('an instant that was asked for', () => {
  it.each(JUMPS)('%s: it follows the wall clock', async (_, jump) => {
    const { core, clock, starts, engine, stateOf } = await world();
    await engine.accept([draft({ dueAt: NOW + 10 * MINUTE })], NOW);
    clock.set(clock.now() + jump);
    await core.advance(MAX_SLEEP_MS);
    expect((await stateOf(1))?.dueAt).toBe(NOW + 10 * MINUTE);
    expect(starts).toHaveLength(jump > 0 ? 1 : 0);
  });
});

describe('a retry', () => {
  it.each(JUMPS)('%s: it comes when its delay is over', async (_, jump) => {
    const twice = policy({ retries: retries(1, { delayMs: 10 * MINUTE, backoff: 'fixed' }) });
    const made = new World(NOW, { mail: { policy: twice, fails: true } });
    const core = await made.boot();
    await core.engine.accept([draft()], NOW);
    await core.advance(5 * MINUTE);
    made.clock.set(made.clock.now() + jump);
    await core.advance(4 * MINUTE + 55 * SECOND);
    expect(made.starts).toHaveLength(1);
    await core.advance(10 * SECOND);
    expect(made.starts).toHaveLength(2);
  });
});

describe('a rate', () => {
  it.each(JUMPS)('%s: no start more in its period, and none later', async (_, jump) => {
    const { core, clock, starts, engine } = await world();
    engine.configure(
      () => ({ ...FREE, rateLimit: { limit: 1, perMs: 10 * MINUTE } }),
      () => policy(),
    );
    await engine.accept([draft(), draft()], NOW);
    await core.advance(5 * MINUTE);
    expect(starts).toHaveLength(1);
    clock.set(clock.now() + jump);
    await core.advance(4 * MINUTE + 55 * SECOND);
    expect(starts).toHaveLength(1);
    await core.advance(10 * SECOND);
    expect(starts).toHaveLength(2);
  });
});

describe('after a restart, with the clock set while no daemon ran', () => {
  it.each([
    ['back by a year: a wait lasts its own length at most', -365 * DAY, 10 * MINUTE],
    ['forward by a minute: it ends by so much sooner', MINUTE, 4 * MINUTE],
    ['not at all: it ends when it would have', 0, 5 * MINUTE],
  ])('%s', async (_, jump, left) => {
    const { core, made, clock, starts } = await world();
    await core.engine.accept([waiting(10 * MINUTE)], NOW);
    await core.advance(5 * MINUTE);
    await core.stop();
    clock.set(clock.now() + jump);
    const again = await made.boot();
    expect((await again.engine.find(1))?.state.dueAt).toBe(clock.now() + left);
    await again.advance(left - SECOND);
    expect(starts).toEqual([]);
    await again.advance(2 * SECOND);
    expect(starts).toHaveLength(1);
    await again.stop();
  });

  it('a rate lets nothing start sooner, and its period is waited for once', async () => {
    const { core, made, clock } = await world();
    const rated = (engine: typeof core.engine): void =>
      engine.configure(
        () => ({ ...FREE, rateLimit: { limit: 1, perMs: HOUR } }),
        () => policy(),
      );
    rated(core.engine);
    await core.engine.accept([draft(), draft()], NOW);
    await core.advance(SECOND);
    await core.stop();
    clock.set(clock.now() - DAY);
    const { engine } = await openFileEngine({ disk: made.disk.process(), dir: '/state', clock });
    rated(engine);
    const want = { workerKind: 'dedicated', most: 1 } as const;
    expect(await engine.claim(want, () => ({ mark: 'w', pid: 1 }), clock.now())).toEqual([]);
    expect(await engine.advance(clock.now())).toBe(clock.now() + HOUR);
    await engine.close();
  });
});
