// Logs and result tables on real files, beside what the contract of engines says of all logs.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LogFollower } from '../../src/engine/files/log-follower.ts';
import { LogReads } from '../../src/engine/files/log-reads.ts';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import { RUN_LOG } from '../../src/engine/log-lines.ts';
import type { LogLine } from '../../src/run/view.ts';
import { LogWriter, readLog } from '../../src/store/log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { eventually } from '../helpers/project.ts';

function bench(): { readonly folder: string; readonly logs: RunLogFiles } {
  const folder = mkdtempSync(join(tmpdir(), 'jobrun-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const onError = (): void => undefined;
  const logs = new RunLogFiles({ folder, clock: systemClock, onError, makeRoom: async () => {} });
  return { folder, logs };
}

const line = (text: string, attempt = 1): LogLine => ({
  at: '2026-11-22T10:00:00.000Z',
  level: 'info',
  stream: 'log',
  attempt,
  text,
  fields: null,
});
const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);

test('a run that said nothing has no file, and neither has one that was removed', async () => {
  const { logs, folder } = bench();
  logs.append(7, line('first'));
  expect(texts(await logs.lines(7))).toEqual(['first']);
  expect(await logs.lines(8)).toEqual([]);
  expect(readdirSync(folder)).toEqual(['7.jsonl']);
  await logs.remove(7);
  expect(readdirSync(folder)).toEqual([]);
});

test('attempts of a run that says nothing make no file, and cut off the rows of the one before where there are any', async () => {
  const { logs, folder } = bench();
  for (let attempt = 2; attempt < 5; attempt++) {
    logs.begin(7, attempt, 0);
    await logs.flush(7, attempt % 2 === 0);
    await logs.close(7);
  }
  expect(readdirSync(folder)).toEqual([]);
  logs.row(8, 0, 'in vain');
  await logs.close(8);
  logs.begin(8, 2, 0);
  await logs.close(8);
  expect(await logs.rows(8)).toEqual([]);
});

test('rows that cannot be written are said and kept for the next try; lost lines are told of', async () => {
  const { logs, folder } = bench();
  mkdirSync(join(folder, '1.jsonl'));
  logs.append(1, line('lost'));
  logs.row(1, 0, 'kept');
  await expect(logs.flush(1, true)).rejects.toThrow();
  rmSync(join(folder, '1.jsonl'), { recursive: true });
  logs.append(1, line('after'));
  await logs.flush(1, true);
  expect(await logs.rows(1)).toEqual(['kept']);
  expect(texts(await logs.lines(1))).toEqual([
    '1 line before this one could not be written',
    'after',
  ]);
});

/** Everything that a follower is given, until it is stopped. */
function follow(logs: RunLogFiles, run: number, after = 0) {
  const seen: string[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const { n, line } of logs.follow(run, { after }, stop.signal))
      seen.push(`${n} ${line.text}`);
  })();
  const end = (): Promise<void> => {
    stop.abort();
    return ended;
  };
  return { seen, end };
}

const MISSING = '… 2 lines are missing: they were removed from the log …';

for (const what of ['the file', 'the folder', 'what is in the file'])
  test(`${what} of a log is removed: what is said later is kept with its number, and what is missing is told`, async () => {
    const { logs, folder } = bench();
    for (const text of ['one', 'two']) logs.append(1, line(text));
    const early = follow(logs, 1);
    await eventually(() => early.seen.length === 2);
    if (what === 'the file') rmSync(join(folder, '1.jsonl'));
    else if (what === 'the folder') rmSync(folder, { recursive: true });
    else writeFileSync(join(folder, '1.jsonl'), '');
    for (const text of ['three', 'four']) logs.append(1, line(text));
    await logs.flush(1, false);
    for (const text of ['five']) logs.append(1, line(text));
    await logs.flush(1, false);
    const late = follow(logs, 1);
    const resumed = follow(logs, 1, 3);
    await eventually(() => late.seen.length === 4 && resumed.seen.length === 2);
    for (const follower of [early, late, resumed]) await follower.end();
    expect(early.seen).toEqual(['1 one', '2 two', '3 three', '4 four', '5 five']);
    expect(late.seen).toEqual([`2 ${MISSING}`, '3 three', '4 four', '5 five']);
    expect(resumed.seen).toEqual(['4 four', '5 five']);
    expect(texts(await logs.lines(1))).toEqual([MISSING, 'three', 'four', 'five']);
  });

test('a log that was removed and not said anything in since tells what is missing, and what comes later has its number', async () => {
  const { logs, folder } = bench();
  for (const text of ['one', 'two']) logs.append(1, line(text));
  await logs.flush(1, false);
  rmSync(join(folder, '1.jsonl'));
  expect(texts(await logs.lines(1))).toEqual([MISSING]);
  const late = follow(logs, 1);
  await eventually(() => late.seen.length === 1);
  logs.append(1, line('three'));
  await eventually(() => late.seen.length === 2);
  await late.end();
  expect(late.seen).toEqual([`2 ${MISSING}`, '3 three']);
  expect(texts(await logs.lines(1))).toEqual([MISSING, 'three']);
});

test('lines that could not be written are not said to be removed', async () => {
  const { logs, folder } = bench();
  logs.append(1, line('one'));
  await logs.flush(1, false);
  renameSync(join(folder, '1.jsonl'), join(folder, 'kept'));
  mkdirSync(join(folder, '1.jsonl'));
  logs.append(1, line('two'));
  await logs.flush(1, false);
  rmSync(join(folder, '1.jsonl'), { recursive: true });
  renameSync(join(folder, 'kept'), join(folder, '1.jsonl'));
  expect(texts(await logs.lines(1))).toEqual(['one']);
  logs.append(1, line('three'));
  const lost = '1 line before this one could not be written';
  expect(texts(await logs.lines(1))).toEqual(['one', lost, 'three']);
});

test('readers of a log that is added to without end wait for two writes at most, however many they are', async () => {
  const { folder } = bench();
  let writes = 0;
  let isTelling = false;
  const told = (): void => {
    if (isTelling) return;
    isTelling = true;
    writes++;
    setImmediate(() => {
      isTelling = false;
    });
  };
  const onError = (error: unknown): void => expect(error).toBeUndefined();
  const log = new LogWriter({ kind: RUN_LOG, folder, id: 7, clock: systemClock, told, onError });
  let isOver = false;
  const talk = (): void => {
    if (isOver) return;
    log.push(line('on and on'));
    setImmediate(talk);
  };
  talk();
  log.push(line('asked for'));
  await Promise.all(Array.from({ length: 50 }, () => log.flush(false)));
  isOver = true;
  expect(writes).toBeLessThanOrEqual(2);
  expect(texts((await readLog(RUN_LOG, folder, 7)).lines.map((one) => one.line))).toContain(
    'asked for',
  );
  await log.flush(false);
});

test('a follower misses nothing if the log is removed between two attempts', async () => {
  const { logs, folder } = bench();
  for (const text of ['one', 'two']) logs.append(1, line(text));
  await logs.close(1);
  const follower = follow(logs, 1);
  await eventually(() => follower.seen.length === 2);
  rmSync(join(folder, '1.jsonl'));
  logs.begin(1, 2, 0);
  logs.append(1, line('three', 2));
  await logs.close(1);
  rmSync(join(folder, '1.jsonl'));
  logs.append(1, line('four', 2));
  await logs.close(1);
  await follower.end();
  expect(follower.seen).toEqual(['1 one', '2 two', '3 three', '4 four']);
});

test('the end of a long log is removed: the lines after it have their numbers, and the begin is kept', async () => {
  const { logs, folder } = bench();
  const filler = 'x'.repeat(60_000);
  for (let n = 1; n <= 100; n++) logs.append(1, line(`${n} ${filler}`));
  await logs.flush(1, false);
  const tails = readdirSync(folder).filter((name) => name.includes('tail'));
  expect(tails).toHaveLength(1);
  for (const name of tails) rmSync(join(folder, name));
  for (const text of ['last', 'very last']) logs.append(1, line(text));
  const follower = follow(logs, 1, 100);
  await eventually(() => follower.seen.length === 2);
  await follower.end();
  expect(follower.seen).toEqual(['101 last', '102 very last']);
  const all = texts(await logs.lines(1)).map((text) => text.replace(filler, '').trim());
  expect(all.slice(0, 2)).toEqual(['1', '2']);
  const kept = all.indexOf(all.find((text) => text.startsWith('…')) ?? '');
  expect(all[kept]).toContain(`… ${100 - kept} lines left out`);
  expect(all.slice(kept + 1)).toEqual(['last', 'very last']);
});

test('rows that were not durable yet are written again if the log is removed; those before are marked as lost', async () => {
  for (const moment of ['before a row', 'before the sync']) {
    const { logs, folder } = bench();
    logs.row(1, 0, 'removed');
    await logs.flush(1, true);
    logs.row(1, 1, 'kept');
    await logs.flush(1, false);
    rmSync(join(folder, '1.jsonl'));
    if (moment === 'before a row') logs.row(1, 2, 'later');
    await logs.flush(1, true);
    logs.append(1, line('said'));
    logs.row(1, 2, 'later');
    await logs.flush(1, true);
    const lost = { error: 'this row is lost' };
    expect(await logs.rows(1)).toEqual([lost, 'kept', 'later']);
    expect(texts(await logs.lines(1))).toEqual(['said']);
    // And nothing is written twice without need.
    const text = readFileSync(join(folder, '1.jsonl'), 'utf8');
    expect(text.match(/"kept"/g)).toHaveLength(1);
  }
});

test('the begin of a log that is removed while its end is written makes no second begin', async () => {
  const { logs, folder } = bench();
  const filler = 'x'.repeat(60_000);
  for (let n = 1; n <= 100; n++) logs.append(1, line(`${n} ${filler}`));
  await logs.close(1);
  rmSync(join(folder, '1.jsonl'));
  logs.append(1, line('last'));
  const all = texts(await logs.lines(1));
  expect(all[0]).toMatch(/^… \d+ lines are missing/);
  expect(all.at(-1)).toBe('last');
  expect(all.at(-2)).toBe(`100 ${filler}`);
  expect(existsSync(join(folder, '1.jsonl'))).toBe(false);
});

test('a follower that takes nothing does not gather what a job says without end, and then misses nothing', async () => {
  const { logs } = bench();
  logs.append(1, line('1'));
  const stop = new AbortController();
  const following = logs.follow(1, {}, stop.signal)[Symbol.asyncIterator]();
  expect((await following.next()).value.line.text).toBe('1');
  const put = vi.spyOn(LogFollower.prototype, 'put');
  onTestFinished(() => put.mockRestore());
  const filler = 'x'.repeat(1000);
  for (let n = 2; n <= 3000; n++) logs.append(1, line(`${n} ${filler}`));
  await logs.flush(1, false);
  const follower = put.mock.contexts[0] as LogFollower;
  expect(put).toHaveBeenCalledTimes(2999);
  expect(follower.isBehind).toBe(true);
  const seen: number[] = [];
  for (let n = 2; n <= 3000; n++) seen.push(((await following.next()).value as { n: number }).n);
  expect(seen).toEqual(Array.from({ length: 2999 }, (_, i) => i + 2));
  logs.append(1, line('3001'));
  expect((await following.next()).value).toMatchObject({ n: 3001, line: { text: '3001' } });
  stop.abort();
  expect((await following.next()).done).toBe(true);
});

test('what a follower leaves lying is let go, and read again when it goes on', () => {
  const follower = new LogFollower(undefined);
  const read = [1, 2, 3].map((n) => ({ n, line: line(String(n)) }));
  follower.beginReading();
  follower.add(read, 3);
  expect(follower.take()?.n).toBe(1);
  follower.look();
  expect(follower.take()?.n).toBe(2);
  follower.look();
  expect(follower.isBehind).toBe(false);
  follower.look();
  expect(follower.isBehind).toBe(true);
  expect(follower.take()).toBeNull();
  follower.beginReading();
  follower.add(read, 3);
  expect(follower.take()?.n).toBe(3);
  expect(follower.take()).toBeNull();
});

test('a long log is read once while its files stay as they are, and anew when a line was added', async () => {
  const { logs, folder } = bench();
  for (let i = 0; i < 3000; i++) logs.append(7, line(`${i} ${'x'.repeat(80)}`));
  await logs.flush(7, false);
  const reads = new LogReads(folder);
  const first = await reads.read(7);
  expect(first.count).toBe(3000);
  expect(await reads.read(7)).toBe(first);
  logs.append(7, line('one more'));
  await logs.flush(7, false);
  expect([(await reads.read(7)).count, first.count]).toEqual([3001, 3000]);
  await logs.remove(7);
  expect((await reads.read(7)).count).toBe(0);
});

test('many who ask for a long log at once share its reading; short ones wait for nobody', async () => {
  const { logs, folder } = bench();
  const filler = 'x'.repeat(60_000);
  for (let n = 1; n <= 20; n++) logs.append(1, line(`${n} ${filler}`));
  logs.append(2, line('short'));
  for (const id of [1, 2]) await logs.close(id);
  const read = vi.spyOn(realDisk, 'read');
  onTestFinished(() => read.mockRestore());
  const many = Array.from({ length: 30 }, () => logs.lines(1));
  expect(texts(await logs.lines(2))).toEqual(['short']);
  for (const lines of await Promise.all(many)) expect(lines).toHaveLength(20);
  const times = read.mock.calls.filter(([path]) => path === join(folder, '1.jsonl')).length;
  expect(times).toBeLessThan(5);
});
