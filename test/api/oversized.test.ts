// A frame whose params or output are over the limit is refused by its bytes: no value of it is made.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { oversizedIn } from '../../src/api/oversized.ts';
import { FrameReader, FrameWriter } from '../../src/api/protocol.ts';
import type { Json } from '../../src/support/json.ts';
import { MAX_FRAME_BYTES, MAX_VALUE_BYTES } from '../../src/support/limits.ts';

const written = (args: Json, id = 7): string =>
  JSON.stringify({ v: 1, id, command: 'schedule', args, request: 'r', stream: false });
const look = (text: string) => oversizedIn(Buffer.from(text));
const fields = (many: number): { [key: string]: Json } =>
  Object.fromEntries(Array.from({ length: many }, (_, i) => [`k${i}`, i % 10]));
const sized = (bytes: number): Json => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Microseconds of a core, and bytes of heap that were not there before. */
function costOf(work: () => unknown): { readonly cpu: number; readonly heap: number } {
  collect();
  const { heapUsed } = process.memoryUsage();
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return { cpu: user + system, heap: process.memoryUsage().heapUsed - heapUsed };
}

test('params and outputs over 1 MB are found, wherever they stand, with the request that they are of', () => {
  const large = fields(150_000);
  expect(look(written({ job: 'a', params: large }))).toEqual({ id: 7, what: 'params' });
  const line = { line: 1, run: { job: 'a', params: sized(MAX_VALUE_BYTES + 10) } };
  expect(look(written({ lines: [{ line: 0, run: { job: 'a' } }, line] }, -3))).toEqual({
    id: -3,
    what: 'params',
  });
  expect(look(written({ id: 1, output: Array(600_000).fill(0) }))?.what).toBe('the output');
});

test('what is within the limit is not, up to the byte, however much stands beside it and however it is written', () => {
  const exact = sized(MAX_VALUE_BYTES);
  expect(look(written({ params: exact, more: 'y'.repeat(1_000_000) }))).toBe(null);
  expect(look(written({ lines: Array(3).fill({ run: { params: exact, key: 'k' } }) }))).toBe(null);
  expect(look(written({ params: 'params', text: 'z'.repeat(2_000_000) }))).toBe(null);
  expect(look(written({ params: [], list: Array(900_000).fill(0) }))).toBe(null);
  const spaces = ' '.repeat(2_000_000);
  expect(look(written({ params: 1 }).replace('"params":1', `"params":[${spaces}1]`))).toBe(null);
  const escaped = '\\u0061'.repeat(300_000);
  expect(look(written({ params: '?' }).replace('?', escaped))).toBe(null);
  const tails = Array.from({ length: 9 }, (_, i) => '\\'.repeat(i) + '"'.repeat(i % 3));
  expect(look(written({ params: tails, text: 'z'.repeat(2_000_000) }))).toBe(null);
});

test('the reader passes over such a frame, for less time and a small part of the memory that reading it would take, and goes on behind it', () => {
  const writer = new FrameWriter(MAX_FRAME_BYTES);
  const args = { job: 'a', params: fields(150_000) };
  const first = { v: 1, id: 1, command: 'schedule', args };
  writer.put(first);
  writer.put({ id: 2, ping: true });
  const text = JSON.stringify(first);
  const reader = new FrameReader(MAX_FRAME_BYTES);
  reader.add(writer.take());
  let read: unknown = null;
  const passing = costOf(() => expect(reader.nextOversized()).toEqual({ id: 1, what: 'params' }));
  const reading = costOf(() => {
    read = JSON.parse(text);
  });
  expect(read).toEqual(first);
  expect(passing.cpu).toBeLessThan(reading.cpu);
  expect(passing.heap).toBeLessThan(reading.heap / 10);
  expect(reader.nextOversized()).toBe(null);
  expect(reader.next()).toEqual({ id: 2, ping: true });
  expect(reader.unfinished).toBe(0);
}, 120_000);
