// The history under a clock that jumps ahead: a real engine on a real folder, the upkeep of one daemon after the other,
// and a clock that the test moves. Beside it runs the time that has really passed, by which no run may go over a day
// early before the new clock has stood for a day.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Upkeep } from '../../src/daemon/upkeep.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { trusting } from '../../src/run/keep-clock.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { realDisk } from '../../src/support/files.ts';
import { DAY, HOUR, MINUTE, NEWEST_KEPT } from '../../src/support/limits.ts';
import { DONE, draft, finish, T0, THREW } from '../helpers/engine-values.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const YEAR = 365 * DAY;
const POLICIES = {
  hours: { ...DEFAULT_POLICY, keepDoneMs: 2 * HOUR, keepFailedMs: 30 * HOUR },
  days: { ...DEFAULT_POLICY, keepDoneMs: 2 * DAY, keepFailedMs: 3 * DAY },
  plain: DEFAULT_POLICY,
};
type Job = keyof typeof POLICIES;
const JOBS: readonly Job[] = ['hours', 'days', 'plain'];

interface Told {
  readonly keepMs: number;
  /** In the time that has really passed. */
  readonly settledAt: number;
}

class Life {
  readonly clock = new FakeClock(T0);
  readonly told = new Map<number, Told>();
  readonly leaps: number[] = [];
  readonly #dir = mkdtempSync(join(tmpdir(), 'jobrun-leaps-'));
  #end = async (): Promise<void> => undefined;
  engine!: Awaited<ReturnType<typeof openFileEngine>>['engine'];

  constructor() {
    onTestFinished(async () => {
      await this.#end();
      rmSync(this.#dir, { recursive: true, force: true });
    });
  }

  /** The next daemon; without a mark it has only the heartbeat of the one before. */
  async start({ hasMark = true } = {}): Promise<void> {
    if (!hasMark) rmSync(join(this.#dir, 'clock'), { force: true });
    const { clock } = this;
    const { engine } = await openFileEngine({ disk: realDisk, dir: this.#dir, clock });
    this.engine = engine;
    const errors: unknown[] = [];
    const find = (name: Job) => ({
      ...{ name, file: '', kind: 'module', state: 'ok' },
      data: { policy: POLICIES[name], autostart: false },
    });
    const upkeep = new Upkeep({
      ...{ engine, members: engine.members, clock, config: { keep: {} }, catalog: { find } },
      logs: { remove: async () => undefined, size: async () => 0 },
      onError: (error: unknown) => errors.push(error),
      onLeap: (ms: number) => this.leaps.push(ms),
      // The parts of a catalog and a config that upkeep looks at.
    } as unknown as ConstructorParameters<typeof Upkeep>[0]);
    engine.onChange((change) => upkeep.changed(change));
    upkeep.start();
    this.#end = async () => {
      this.#end = async () => undefined;
      await upkeep.stop();
      engine.members.beat(clock.now());
      await engine.close();
      expect(errors).toEqual([]);
    };
    await this.pass(MINUTE);
  }

  stop = (): Promise<void> => this.#end();

  jump = (ms: number): void => this.clock.set(this.clock.now() + ms);

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms, async () => {
      do await sleep(0);
      while (this.clock.waiting === 0);
    });
  }

  /** Fifteen runs of each job settle, each second one badly, at so many hours before now. */
  async settle(hoursAgo = 0): Promise<void> {
    const { engine, clock } = this;
    for (const job of JOBS)
      for (let i = 0; i < NEWEST_KEPT + 5; i++) {
        const isDone = i % 2 === 0;
        const at = clock.now() - hoursAgo * HOUR;
        const [accepted] = await engine.accept([draft(i, null, { job })], at);
        const id = accepted?.run.id ?? 0;
        const { keepDoneMs, keepFailedMs } = POLICIES[job];
        const settledAt = clock.elapsed() - hoursAgo * HOUR;
        this.told.set(id, { keepMs: isDone ? keepDoneMs : keepFailedMs, settledAt });
        await engine.change(id, (run) => finish(run, isDone ? DONE : THREW, at));
      }
  }

  async gone(): Promise<number[]> {
    const { runs } = await this.engine.list({ limit: 10_000 });
    const left = new Set(runs.map(({ id }) => id));
    return [...this.told.keys()].filter((id) => !left.has(id));
  }

  /** Runs that are gone though a clock a day ahead of the true time would have kept them. */
  async lost(): Promise<number[]> {
    const ahead = this.clock.elapsed() + DAY;
    return (await this.gone()).filter((id) => {
      const { keepMs = 0, settledAt = 0 } = this.told.get(id) ?? {};
      return settledAt + keepMs > ahead;
    });
  }
}

type Step = (life: Life) => Promise<void> | void;
const jump =
  (ms: number): Step =>
  (life) =>
    life.jump(ms);
const pass =
  (ms: number): Step =>
  (life) =>
    life.pass(ms);
const settle: Step = (life) => life.settle();
const stop: Step = (life) => life.stop();
const start: Step = (life) => life.start();
const times = (n: number, ...steps: Step[]): Step[] =>
  Array.from({ length: n }, () => steps).flat();

const JUMPS: readonly (readonly [string, readonly Step[]])[] = [
  ['a year, and settled runs meanwhile', [jump(YEAR), settle, pass(HOUR)]],
  ['a year, then a day', [jump(YEAR), pass(MINUTE), settle, jump(DAY), pass(MINUTE)]],
  ['a day, then a year', [jump(DAY), settle, pass(MINUTE), jump(YEAR), pass(MINUTE)]],
  [
    'a year, then 20 hours ten times',
    [jump(YEAR), ...times(10, pass(MINUTE), jump(20 * HOUR)), pass(MINUTE)],
  ],
  ['a day, eight times', times(8, jump(DAY), settle, pass(MINUTE))],
  ['20 hours, ten times in an hour', times(10, jump(20 * HOUR), pass(6 * MINUTE))],
  ['an hour, 200 times', times(200, jump(HOUR), pass(MINUTE))],
  ['a year, again and again', times(4, jump(YEAR), settle, pass(10 * MINUTE))],
  [
    'a year ahead and back, then 20 hours',
    times(8, jump(YEAR), pass(MINUTE), jump(-YEAR), pass(MINUTE), jump(20 * HOUR)),
  ],
  ['a year while no daemon runs', [stop, jump(YEAR), start, settle, pass(HOUR)]],
  ['a year while no daemon runs, then a day', [stop, jump(YEAR), start, jump(DAY), pass(MINUTE)]],
  [
    'a year, then a day while no daemon runs, and another one',
    [jump(YEAR), pass(MINUTE), stop, jump(23 * HOUR), start, pass(MINUTE)],
  ],
  [
    'a year before the first mark of the clock',
    [stop, jump(YEAR), (life) => life.start({ hasMark: false }), pass(HOUR)],
  ],
];

describe('a clock that jumps ahead by', () => {
  it.each(JUMPS)(
    '%s: nothing goes over a day early',
    async (_, steps) => {
      const life = new Life();
      await life.start();
      // Two days are over for some, the newest of their jobs settled later.
      for (const hoursAgo of [30 * 24, 6 * 24, 20, 0]) await life.settle(hoursAgo);
      await life.pass(MINUTE);
      const before = await life.gone();
      expect(before.length, 'a month ago is over').toBeGreaterThan(0);
      for (const step of steps) {
        await step(life);
        expect(await life.lost()).toEqual([]);
      }
    },
    60_000,
  );
});

describe('restarts in one life of the machine', () => {
  const begun = async (): Promise<Life> => {
    const life = new Life();
    life.clock.uptime = life.clock.elapsed;
    await life.start();
    for (const hoursAgo of [30 * 24, 6 * 24, 20, 0]) await life.settle(hoursAgo);
    await life.pass(MINUTE);
    return life;
  };
  const again = async (life: Life, ...steps: readonly Step[]): Promise<void> => {
    for (const step of [stop, ...steps, start, pass(MINUTE)]) await step(life);
  };

  it('each with a jump of less than a day remove nothing early, however many they are', async () => {
    const life = await begun();
    for (let i = 0; i < 12; i++) {
      await again(life, jump(20 * HOUR));
      expect(await life.lost()).toEqual([]);
    }
    expect(life.leaps.length).toBeGreaterThan(0);
  }, 60_000);

  it('after nights in which time has passed remove what is over by then', async () => {
    const life = await begun();
    await again(life, (one) => one.clock.stall(20 * HOUR));
    await again(life, (one) => one.clock.sleep(3 * DAY));
    // Without the time that the machine was up this would have to stand for a day.
    expect(life.leaps).toEqual([]);
    const over = [...life.told.values()].filter(
      ({ settledAt, keepMs }) => settledAt + keepMs < life.clock.elapsed(),
    );
    expect((await life.gone()).length).toBeGreaterThanOrEqual(
      over.length - JOBS.length * NEWEST_KEPT,
    );
    expect(await life.lost()).toEqual([]);
  }, 60_000);
});

it('a jump that has stood for a day is believed, and so is a clock that is said to be right', async () => {
  for (const confirm of [
    async (life: Life) => life.clock.stall(DAY),
    async (life: Life) => life.engine.putClockMark(trusting(life.clock.now())),
  ]) {
    const life = new Life();
    await life.start();
    await life.settle();
    await life.settle();
    life.jump(YEAR);
    await life.pass(HOUR);
    expect(life.leaps).toEqual([YEAR]);
    expect(await life.lost()).toEqual([]);
    await confirm(life);
    await life.pass(MINUTE);
    expect((await life.gone()).length).toBe(life.told.size - JOBS.length * NEWEST_KEPT);
  }
}, 60_000);
