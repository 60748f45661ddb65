// Thousands who are woken by one change: they go on in parts, and between the parts others are served.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Feed } from '../../src/api/feed.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { untilSettled } from '../../src/commands/shared/waiting.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import { abortIdle } from '../../src/run/transitions.ts';
import { systemClock } from '../../src/support/clock.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const FOLLOWERS = 200;
const SPIN_MS = 1;
const never = new AbortController().signal;

/** How many went on in one turn of the loop at most, where each of them works for a millisecond. */
class Turns {
  #turn = 0;
  #most = 0;
  total = 0;

  goOn(): void {
    if (this.#turn++ === 0) setImmediate(() => (this.#turn = 0));
    this.#most = Math.max(this.#most, this.#turn);
    this.total++;
    for (const since = performance.now(); performance.now() - since < SPIN_MS; );
  }

  get most(): number {
    return this.#most;
  }
}

async function engineWithRun() {
  const disk = new SimulatedDisk().process();
  const { engine } = await openFileEngine({ disk, dir: DIR, clock: handClock() });
  await engine.accept([draft(1, null, { dueAt: T0 + 60_000 })], T0);
  const abort = () => engine.change(1, (run) => abortIdle(run, 'over', T0));
  return { context: { engine, daemon: {} } as unknown as Context, abort };
}

/** Begins followers; gives what wakes all of them, and what they have waited for. */
type Follow = (turns: Turns) => Promise<{
  readonly wake: () => unknown;
  readonly ends: readonly Promise<unknown>[];
}>;

const times = <T>(make: () => T): T[] => Array.from({ length: FOLLOWERS }, make);

async function firstOf(items: AsyncIterable<unknown>, turns: Turns): Promise<void> {
  for await (const _ of items) return turns.goOn();
}

const kinds: Record<string, Follow> = {
  async 'events of all runs'(turns) {
    const feed = new Feed<{ readonly n: number }>(() => 10, 0);
    const ends = times(() => firstOf(feed.read(null, never), turns));
    return { ends, wake: () => feed.publish({ n: 1 }) };
  },
  async 'the end of one run'(turns) {
    const { context, abort } = await engineWithRun();
    const wait = () => untilSettled([1], false, context, never).then(() => turns.goOn());
    return { ends: times(wait), wake: abort };
  },
  async 'the log of one run'(turns) {
    const folder = mkdtempSync(join(tmpdir(), 'jobrun-logs-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    const onError = (): void => undefined;
    const logs = new RunLogFiles({ folder, clock: systemClock, onError, makeRoom: async () => {} });
    const ends = times(() => firstOf(logs.follow(7, {}, never), turns));
    const at = '2026-11-22T10:00:00.000Z';
    const line = { at, level: 'info', stream: 'log', attempt: 1, text: 'x', fields: null } as const;
    return { ends, wake: () => logs.append(7, line) };
  },
};

test.for(Object.entries(kinds))(
  'many who follow %s leave the loop its turns',
  async ([, follow]) => {
    const turns = new Turns();
    const { wake, ends } = await follow(turns);
    // All of them sleep.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(turns.total).toBe(0);
    await wake();
    await Promise.all(ends);
    expect(turns.total).toBe(FOLLOWERS);
    expect(turns.most).toBeLessThan(FOLLOWERS / 4);
  },
);
