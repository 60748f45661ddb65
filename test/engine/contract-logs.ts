// Part of the engine contract: the logs and result tables of runs, which are kept alike wherever that is.
import { expect, test } from 'vitest';
import type { Claimed } from '../../src/engine/engine.ts';
import type { NumberedLine } from '../../src/engine/logs.ts';
import type { LogLine } from '../../src/run/view.ts';
import { MAX_LOG_BYTES, MB } from '../../src/support/limits.ts';
import { DONE, draft, finish, T0 } from '../helpers/engine-values.ts';
import type { Bench } from './contract.ts';

export const line = (text: string, attempt = 1): LogLine => ({
  at: '2026-11-22T10:00:00.000Z',
  level: 'info',
  stream: 'log',
  attempt,
  text,
  fields: null,
});

export const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);

export function logsContract(bench: Bench): void {
  const claim = async (): Promise<Claimed> => {
    const want = { workerKind: 'dedicated', most: 1 } as const;
    const [claimed] = await bench.engine.claim(want, () => ({ mark: 'w1', pid: 1001 }), T0);
    if (!claimed) throw new Error('nothing was claimed');
    return claimed;
  };
  /** A run under way, whose attempt has begun. */
  const begin = async (attempt = 1, rows = 0): Promise<Claimed> => {
    if (attempt === 1) await bench.engine.accept([draft(1)], T0);
    const claimed = await claim();
    bench.logs.begin(claimed.run.id, attempt, rows, claimed.token);
    return claimed;
  };
  /** Its attempt is lost, and the next one begins with so many rows. */
  const again = async (
    { run, token }: Claimed,
    attempt: number,
    rows: number,
  ): Promise<Claimed> => {
    await bench.engine.changeHeld(run.id, token, (held) =>
      finish(held, { kind: 'lost', handedOn: true }, T0),
    );
    return begin(attempt, rows);
  };
  const lines = async (...asked: Parameters<typeof bench.logs.lines>): Promise<string[]> =>
    texts(await bench.logs.lines(...asked));

  test('lines come back in order, by attempt and from the end, also after a reopening; a run that said nothing has none', async () => {
    const first = await begin();
    for (const n of [1, 2, 3]) bench.logs.append(1, line(`first ${n}`));
    await bench.logs.flush(1, false);
    await again(first, 2, 0);
    bench.logs.append(1, line('second \0 \\ ü', 2));
    for (let i = 0; i < 2; i++) {
      expect(await lines(1)).toEqual(['first 1', 'first 2', 'first 3', 'second \0 \\ ü']);
      expect(await lines(1, { attempt: 1, last: 2 })).toEqual(['first 2', 'first 3']);
      expect(await lines(1, { last: 2 })).toEqual(['first 3', 'second \0 \\ ü']);
      expect(await lines(1, { last: 0 })).toEqual([]);
      expect(await lines(2)).toEqual([]);
      expect(await bench.logs.size(2)).toBe(0);
      await bench.reopen();
    }
  });

  test('a flood keeps its begin and its end and counts what is between; no row of the table goes with it', async () => {
    await begin();
    const filler = 'x'.repeat(10_000);
    for (let n = 0; n < 4_000; n++) {
      bench.logs.append(1, line(`${n} ${filler}`));
      if (n % 100 === 0) bench.logs.row(1, n / 100, { n });
      if (n % 150 === 0) await bench.logs.flush(1, false);
    }
    for (let i = 0; i < 2; i++) {
      const all = await lines(1);
      expect(all[0]).toBe(`0 ${filler}`);
      expect(all.at(-1)).toBe(`3999 ${filler}`);
      const gap = all.findIndex((text) => text.startsWith('…'));
      const missing = Number(/… (\d+) lines left out/.exec(all[gap] ?? '')?.[1]);
      expect(all.length - 1 + missing).toBe(4_000);
      expect(await lines(1, { last: 3 })).toEqual(all.slice(-3));
      const rows = Array.from({ length: 40 }, (_, n) => ({ n: n * 100 }));
      expect(await bench.logs.rows(1)).toEqual(rows);
      const size = await bench.logs.size(1);
      expect(size).toBeLessThan(MAX_LOG_BYTES * 1.1);
      expect(size).toBeGreaterThan(MAX_LOG_BYTES / 2);
      expect(await bench.engine.size()).toBeGreaterThanOrEqual(size);
      await bench.reopen();
    }
  }, 60_000);

  test('attempts without end that each add a table in vain do not fill the disk; lines and valid rows stay', async () => {
    const row = 'x'.repeat(MB - 10);
    let claimed = await begin();
    bench.logs.append(1, line('first'));
    for (let n = 0; n < 3; n++) bench.logs.row(1, n, n);
    await bench.logs.flush(1, true);
    for (let attempt = 2; attempt <= 6; attempt++) {
      claimed = await again(claimed, attempt, 3);
      for (let n = 0; n < 20; n++) bench.logs.row(1, 3 + n, row);
      await bench.logs.flush(1, true);
    }
    await again(claimed, 7, 3);
    bench.logs.append(1, line('last', 7));
    bench.logs.row(1, 3, 'three');
    expect(await bench.logs.rows(1)).toEqual([0, 1, 2, 'three']);
    expect(await lines(1)).toEqual(['first', 'last']);
    expect(await bench.logs.size(1)).toBeLessThan(70 * MB);
  }, 60_000);

  test('the next attempt goes on after the rows of its checkpoint: those after it are not there twice', async () => {
    const first = await begin();
    for (const n of [0, 1, 2]) bench.logs.row(1, n, `first ${n}`);
    await bench.logs.flush(1, true);
    await bench.reopen();
    await again(first, 2, 1);
    bench.logs.row(1, 1, 'second 1');
    expect(await bench.logs.rows(1)).toEqual(['first 0', 'second 1']);
  });

  test('who follows gets each line once, what was there and what comes, over the moment between', async () => {
    await begin();
    const over = new AbortController();
    const seen: NumberedLine[] = [];
    for (let n = 0; n < 50; n++) bench.logs.append(1, line(`${n}`));
    const following = (async () => {
      for await (const one of bench.logs.follow(1, {}, over.signal)) {
        seen.push(one);
        if (one.line.text === '199') over.abort();
      }
    })();
    for (let n = 50; n < 200; n++) {
      bench.logs.append(1, line(`${n}`));
      if (n % 10 === 0) await bench.logs.flush(1, false);
    }
    await following;
    expect(texts(seen.map((one) => one.line))).toEqual(
      Array.from({ length: 200 }, (_, n) => `${n}`),
    );
    expect(seen.map(({ n }) => n)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    const rest: number[] = [];
    const soon = new AbortController();
    for await (const { n } of bench.logs.follow(1, { after: 197 }, soon.signal)) {
      rest.push(n);
      if (n === 200) soon.abort();
    }
    expect(rest).toEqual([198, 199, 200]);
  });

  test('the line of a settled run is kept, and goes with the run when it is removed', async () => {
    const { run, token } = await begin();
    bench.logs.append(1, line('at work'));
    bench.logs.row(1, 0, 'row');
    await bench.logs.flush(1, true);
    await bench.engine.changeHeld(run.id, token, (held) => finish(held, DONE, T0));
    bench.logs.append(1, line('afterwards'));
    await bench.logs.close(1);
    bench.logs.append(1, line('of a hook'));
    expect(await lines(1)).toEqual(['at work', 'afterwards', 'of a hook']);
    expect(await bench.logs.rows(1)).toEqual(['row']);
    const before = await bench.engine.size();
    await bench.logs.remove(1);
    await bench.engine.remove([1]);
    expect([await lines(1), await bench.logs.rows(1), await bench.logs.size(1)]).toEqual([
      [],
      [],
      0,
    ]);
    expect(await bench.engine.size()).toBeLessThan(before);
  });
}
