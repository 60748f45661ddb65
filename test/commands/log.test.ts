// The log of a run as a client reads it that follows no stream: it asks again, behind the lines that it has seen.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { log } from '../../src/commands/log.ts';
import type { Context } from '../../src/commands/shared/command.ts';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0 } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const line = (text: string) => ({
  at: '2026-11-24T10:00:00.000Z',
  level: 'info' as const,
  stream: 'log' as const,
  attempt: 1,
  text,
  fields: null,
});

/** A run, and a log to which another line is added whenever a look at it is over. */
async function busyLog(): Promise<{ context: Context; say: (text: string) => void }> {
  const disk = new SimulatedDisk().process();
  const { engine } = await openFileEngine({ disk, dir: DIR, clock: handClock() });
  await engine.accept([draft(1, null)], T0);
  const folder = mkdtempSync(join(tmpdir(), 'jobrun-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const logs = new RunLogFiles({
    ...{ folder, clock: systemClock },
    onError: (error) => expect.unreachable(String(error)),
    makeRoom: async () => undefined,
  });
  const say = (text: string): void => logs.append(1, line(text));
  let looks = 0;
  const follow: RunLogFiles['follow'] = async function* (...asked) {
    yield* logs.follow(...asked);
    if (looks++ < 10) say(`behind look ${looks}`);
  };
  const read = { lines: logs.lines.bind(logs), rows: logs.rows.bind(logs), follow };
  return { context: { engine, logs: read } as unknown as Context, say };
}

test.each([0, 1, 2])(
  'a line that is printed while the log is read, after %i others, is in the next reply',
  async (before) => {
    const { context, say } = await busyLog();
    for (let i = 0; i < before; i++) say(`before ${i}`);
    const seen: string[] = [];
    for (let after = 0; seen.length < 8; ) {
      const { total, lines } = (await log.handle?.({ id: 1, after }, context)) ?? {
        total: 0,
        lines: [],
      };
      expect(total).toBe(after + lines.length);
      seen.push(...lines.map(({ text }) => text));
      after = total;
    }
    const others = Array.from({ length: before }, (_, i) => `before ${i}`);
    const behind = Array.from({ length: 8 }, (_, i) => `behind look ${i + 1}`);
    expect(seen.slice(0, 8)).toEqual([...others, ...behind].slice(0, 8));
  },
);
