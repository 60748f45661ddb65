// Frames, however they are split on their way, and what is refused as none.
import { expect, test } from 'vitest';
import { expectedHeap } from '../../src/api/expected-heap.ts';
import { FrameReader, FrameWriter, readReply, readRequest } from '../../src/api/protocol.ts';
import type { Json } from '../../src/support/json.ts';
import { MAX_FRAME_BYTES } from '../../src/support/limits.ts';
import { weightOfValue } from '../../src/support/weight.ts';
import { encodeFrame } from '../helpers/frames.ts';

const values: Json[] = [{ text: 'grüße ✓ 🎉' }, [1, 2, 3], 'x', { deep: { er: [null, true] } }];
const writer = new FrameWriter(1000);
for (const value of values) writer.put(value);
const bytes = writer.take();
const readAll = (reader: FrameReader, chunks: readonly Buffer[]): Json[] =>
  chunks.flatMap((chunk) => [...reader.read(chunk)]);

test('frames split at any byte, inside a character too, come out whole', () => {
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new FrameReader(1000);
    expect(readAll(reader, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(values);
    expect(reader.unfinished).toBe(0);
  }
});

test('frames that come a byte at a time come out whole', () => {
  const reader = new FrameReader(1000);
  const single = Array.from(bytes, (byte) => Buffer.from([byte]));
  expect(readAll(reader, single)).toEqual(values);
});

test('a frame that is not complete is known to have begun', () => {
  const reader = new FrameReader(1000);
  expect(reader.unfinished).toBe(0);
  readAll(reader, [bytes.subarray(0, 3)]);
  expect(reader.unfinished).toBe(3);
});

test('what nobody needs so deep is refused, but a reply of our own daemon is taken as it is', () => {
  const deep = (levels: number): Buffer =>
    Buffer.from(`${'['.repeat(levels)}"${'x'.repeat(20_000)}"${']'.repeat(levels)}`);
  const frame = (body: Buffer): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    return Buffer.concat([head, body]);
  };
  const read = (levels: number, ours: boolean): Json[] =>
    readAll(new FrameReader(MAX_FRAME_BYTES, { ours }), [frame(deep(levels))]);
  expect(read(900, false)).toHaveLength(1);
  expect(() => read(1100, false)).toThrow('nested too deeply');
  expect(read(1100, true)).toHaveLength(1);
});

test.each<[string, Json]>([
  ['empty objects', {}],
  ['empty lists', []],
  ['lists of lists', [[[], []]]],
  ['records', { id: 7, name: 'Ada', tags: ['x', null, true] }],
  ['whole numbers', 1],
  ['fractions', 0.5],
  ['large numbers', 1e300],
  ['short texts', 'ab'],
  ['long texts', 'x'.repeat(500)],
  ['texts beyond Latin-1', '漢'.repeat(300)],
  ['texts with quotes, brackets and backslashes', '\\"[{,\\\\'.repeat(20)],
])(
  'the heap of %s is known from their bytes: no less than they take, and no more than some times that',
  (_, value) => {
    const list = Array(200).fill(value);
    const expected = expectedHeap(Buffer.from(JSON.stringify(list)));
    const weight = weightOfValue(list);
    expect(expected).toBeGreaterThan(0.9 * weight);
    expect(expected).toBeLessThan(3 * weight);
  },
);

test.each([
  ['a length beyond the limit', Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  ['another language', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['an empty frame', Buffer.from([0, 0, 0, 0])],
  ['a frame that is no JSON', Buffer.from([0, 0, 0, 1, 0x7b])],
  ['a frame that is no UTF-8', Buffer.from([0, 0, 0, 3, 0x22, 0xff, 0x22])],
])('%s is refused', (_, chunk) => {
  const reader = new FrameReader(MAX_FRAME_BYTES);
  expect(() => readAll(reader, [chunk])).toThrow(expect.objectContaining({ code: 'bad-request' }));
});

test('a message that the other side would refuse is not sent', () => {
  expect(() => encodeFrame('x'.repeat(100), 50)).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  );
});

test.each([
  ['nothing', null],
  ['a list', []],
  ['no id', { v: 1, command: 'list' }],
  ['an id that is no whole number', { v: 1, id: 1.5, command: 'list' }],
  ['another version', { v: 2, id: 1, command: 'list' }],
  ['no command', { v: 1, id: 1 }],
  ['a command as long as a book', { v: 1, id: 1, command: 'x'.repeat(1000) }],
])('%s is no request', (_, value) => {
  expect(() => readRequest(value)).toThrow(expect.objectContaining({ code: 'bad-request' }));
});

test.each<[Json, says: string]>([
  [{ v: 1, command: 'list' }, 'no request: id is missing'],
  [{ v: 2, id: 1, command: 'list' }, 'no request: v must be 1, not 2'],
  [{ v: 1, id: 1, command: 7 }, 'no request: command must be a text'],
])('%j is told what is wrong with it', (value, says) => {
  expect(() => readRequest(value)).toThrow(says);
});

test.each<[Json]>([
  [null],
  [[]],
  [{ id: 1 }],
  [{ id: 1, ok: true }],
  [{ id: null, reply: 1 }],
  [{ id: null, item: 1 }],
  [{ id: 'a', end: true }],
  [{ id: 1, end: false }],
  [{ id: 1, error: 'gone' }],
  [{ id: 1, error: { code: 'internal', message: 'x' } }],
])('%j is no reply: who waits for one is not left waiting', (value) => {
  expect(() => readReply(value)).toThrow('no reply');
});

test.each<[Json]>([
  [{ id: 1, ok: true, reply: null, end: true }],
  [{ id: null, ok: false, error: { code: 'internal', message: 'x', hint: '' } }],
  [{ id: 1, item: [] }],
  [{ id: null, end: true }],
])('%j is a reply', (value) => {
  expect(readReply(value)).toBe(value);
});

test('a request has what it leaves out', () => {
  expect(readRequest({ v: 1, id: 7, command: 'list' })).toEqual({
    v: 1,
    id: 7,
    command: 'list',
    args: null,
    request: null,
    stream: false,
  });
});
