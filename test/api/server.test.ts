// The socket under honest and hostile clients: real sockets, and a handler that the test holds in its hand.
import { setMaxListeners } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Client, connectDaemon } from '../../src/api/client.ts';
import { FrameReader, type Request } from '../../src/api/protocol.ts';
import { type Serving, serve } from '../../src/api/server.ts';
import { type Clock, delay, systemClock } from '../../src/support/clock.ts';
import { JobrunError } from '../../src/support/errors.ts';
import type { Json } from '../../src/support/json.ts';
import { MAX_CONNECTIONS } from '../../src/support/limits.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { encodeFrame } from '../helpers/frames.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

type Handle = (request: Request, signal: AbortSignal) => Promise<Json> | AsyncIterable<Json>;

type Durable = (command: string, isError: boolean) => Promise<void> | null;

const NEVER = new AbortController().signal;

const echo: Handle = async ({ args }) => args;

async function served(
  handle: Handle,
  more: { durable?: Durable; clock?: Clock; path?: string; rows?: (asked: Request) => number } = {},
): Promise<{ path: string; serving: Serving; errors: unknown[] }> {
  const path = more.path ?? join(mkdtempSync(join(tmpdir(), 'jobrun-test-')), 's.sock');
  const errors: unknown[] = [];
  const serving = await serve({
    path,
    prepare: () => void mkdirSync(dirname(path), { recursive: true }),
    onAnew: () => undefined,
    onLook: () => undefined,
    clock: more.clock ?? systemClock,
    handle,
    rows: more.rows ?? (() => 0),
    durable: more.durable ?? (async () => undefined),
    onError: (error) => errors.push(error),
  });
  open.push(serving);
  return { path, serving, errors };
}

async function client(path: string): Promise<Client> {
  const made = await connectDaemon(path);
  if (!made) throw new Error('nobody listens');
  open.push(made);
  return made;
}

/**
 * Both ends are in this process: what one has written the other has read some turns later, however busy the machine is.
 */
async function exchanged(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

/** A socket without manners, and what it was told until it was closed. */
async function raw(
  path: string,
): Promise<{ socket: Socket; told: readonly Json[]; closed: Promise<Json[]> }> {
  const socket = connect(path);
  open.push({ close: () => socket.destroy() });
  const reader = new FrameReader(2 ** 28);
  const told: Json[] = [];
  socket.on('data', (chunk: Buffer) => told.push(...reader.read(chunk)));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise<Json[]>((resolve) => socket.once('close', () => resolve(told)));
  return { socket, told, closed };
}

const frame = (id: number, more: object = {}): Buffer =>
  encodeFrame({ v: 1, id, command: 'echo', args: id, ...more }, 2 ** 28);

test('the socket is open to its user alone', async () => {
  const { path } = await served(echo);
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
});

test('a socket file that a dead daemon left is taken over', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'jobrun-test-')), 's.sock');
  writeFileSync(path, '');
  await served(echo, { path });
  expect(await (await client(path)).call('echo', 'hello')).toBe('hello');
});

const madeFile = (path: string): string => {
  writeFileSync(path, '');
  return path;
};

test.each([
  ['removed', (path: string) => unlinkSync(path)],
  ['replaced', (path: string) => renameSync(madeFile(`${path}.other`), path)],
  ['removed with its folder', (path: string) => rmSync(dirname(path), { recursive: true })],
])('a socket that is %s is made anew, and those who are connected stay', async (_, harm) => {
  const clock = new FakeClock(0);
  const { path, errors } = await served(echo, { clock });
  const before = await client(path);
  harm(path);
  const after = await vi.waitFor(async () => {
    await clock.advance(1000, async () => undefined);
    return await client(path);
  }, 10_000);
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  expect(await Promise.all([before.call('echo', 1), after.call('echo', 2)])).toEqual([1, 2]);
  expect(errors).toEqual([]);
});

test('what stands in the way of the socket is told once, and the socket is there when it has gone', async () => {
  const clock = new FakeClock(0);
  const { path, errors } = await served(echo, { clock });
  unlinkSync(path);
  mkdirSync(path);
  await vi.waitFor(async () => {
    await clock.advance(1000, async () => undefined);
    expect(errors).toMatchObject([{ code: 'state-unsafe' }]);
  }, 10_000);
  for (let i = 0; i < 5; i++) {
    await clock.advance(1000, async () => undefined);
    await new Promise(setImmediate);
  }
  expect(errors.length).toBe(1);
  rmdirSync(path);
  await vi.waitFor(async () => {
    await clock.advance(1000, async () => undefined);
    await client(path);
  }, 10_000);
});

test('where nobody listens there is no client', async () => {
  expect(await connectDaemon(join(tmpdir(), 'jobrun-not-there.sock'))).toBeNull();
  const { path, serving } = await served(echo);
  await serving.close();
  expect(await connectDaemon(path)).toBeNull();
});

test('hundreds of calls under way on one connection each get their own reply', async () => {
  const { path } = await served(async ({ args }) => {
    await delay(systemClock, Number(args) % 7);
    return args;
  });
  const one = await client(path);
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  expect(await Promise.all(numbers.map((n) => one.call('echo', n)))).toEqual(numbers);
});

test('an error keeps its code, its message and its hint', async () => {
  const { path, errors } = await served(async () => {
    throw new JobrunError('unknown-job', 'there is no job x', 'Did you mean y?');
  });
  const call = (await client(path)).call('echo', null);
  await expect(call).rejects.toMatchObject({ code: 'unknown-job', hint: 'Did you mean y?' });
  expect(errors).toEqual([]);
});

test('a defect of a handler is told to its client and to the daemon, which goes on', async () => {
  const { path, errors } = await served(async ({ args }) => {
    if (args === 'bad') throw new TypeError('x is not a function');
    return args;
  });
  const one = await client(path);
  await expect(one.call('echo', 'bad')).rejects.toMatchObject({ code: 'internal' });
  expect(errors).toHaveLength(1);
  expect(await one.call('echo', 'good')).toBe('good');
});

test('no reply goes out before what it tells is durable', async () => {
  let settle = (): void => undefined;
  const synced = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const { path } = await served(echo, { durable: () => synced });
  let answered = false;
  const call = (await client(path)).call('echo', 1).then(() => {
    answered = true;
  });
  await delay(systemClock, 50);
  expect(answered).toBe(false);
  settle();
  await call;
});

test('a reply whose command tells only what is durable waits for nothing else, its error does', async () => {
  let settle = (): void => undefined;
  const synced = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const handle: Handle = async ({ args }) => {
    if (args === 'bad') throw new JobrunError('refused', 'run 5 is done', 'See it.');
    return args;
  };
  const durable: Durable = (command, isError) => (command === 'own' && !isError ? null : synced);
  const { path } = await served(handle, { durable });
  const one = await client(path);
  expect(await one.call('own', 1)).toBe(1);
  let failed = false;
  const bad = one.call('own', 'bad').catch(() => {
    failed = true;
  });
  await delay(systemClock, 50);
  expect(failed).toBe(false);
  settle();
  await bad;
});

test('a reply is an error where what it tells could not be made durable', async () => {
  const { path } = await served(echo, {
    durable: () => Promise.reject(new JobrunError('disk-full', 'the disk is full', 'Make room.')),
  });
  await expect((await client(path)).call('echo', 1)).rejects.toMatchObject({ code: 'disk-full' });
});

test('requests split at every byte are answered', async () => {
  const { path } = await served(echo);
  const { socket, closed } = await raw(path);
  for (const byte of Buffer.concat([frame(1), frame(2)])) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await delay(systemClock, 50);
  socket.end();
  expect(await closed).toEqual([
    { id: 1, ok: true, reply: 1, end: true },
    { id: 2, ok: true, reply: 2, end: true },
  ]);
});

test.each([
  ['a huge length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['bytes of nothing', Buffer.from([0, 0, 0, 4, 1, 2, 3, 4])],
  ['a request of another version', encodeFrame({ v: 9, id: 1, command: 'list' }, 1000)],
])('%s is answered by an error and the end', async (_, bytes) => {
  const { path } = await served(echo);
  const { socket, closed } = await raw(path);
  socket.write(bytes);
  expect(await closed).toMatchObject([{ id: null, ok: false, error: { code: 'bad-request' } }]);
  expect(await (await client(path)).call('echo', 1)).toBe(1);
});

test('a frame that is begun and not finished ends its connection, not the others', async () => {
  const clock: Clock = {
    ...systemClock,
    after: (ms, fn, options) => systemClock.after(ms === 5000 ? 100 : ms, fn, options),
  };
  const { path } = await served(echo, { clock });
  const { socket, closed } = await raw(path);
  socket.write(frame(1).subarray(0, 9));
  const other = await client(path);
  expect(await other.call('echo', 2)).toBe(2);
  expect(await closed).toMatchObject([{ error: { code: 'bad-request' } }]);
  expect(await other.call('echo', 3)).toBe(3);
});

test('a large frame may take its time as long as it goes on, and no longer', async () => {
  const clock = new FakeClock(0);
  const { path } = await served(echo, { clock });
  const { socket, told, closed } = await raw(path);
  const whole = frame(1, { args: 'x'.repeat(500_000) });
  const send = async (from: number, to: number): Promise<void> => {
    socket.write(whole.subarray(from, to));
    await exchanged();
    await clock.advance(4000, exchanged);
  };
  for (let at = 0; at < whole.length; at += 70_000) await send(at, at + 70_000);
  await vi.waitFor(() => expect(told).toMatchObject([{ id: 1, ok: true }]));
  for (let at = 0; at < 9; at += 1) await send(at, at + 1);
  expect(await closed).toMatchObject([{ id: 1 }, { error: { code: 'bad-request' } }]);
});

test('a client that asks for much and reads nothing is cut off, and the others are answered', async () => {
  const clock: Clock = {
    ...systemClock,
    after: (ms, fn, options) => systemClock.after(ms === 5000 ? 150 : ms, fn, options),
  };
  const big = 'x'.repeat(24 * 1024 * 1024);
  const { path } = await served(async ({ args }) => (args === 'big' ? big : args), { clock });
  const { socket } = await raw(path);
  const cut = new Promise((resolve) => socket.once('close', resolve));
  socket.pause();
  socket.write(frame(1, { args: 'big' }));
  const other = await client(path);
  for (let i = 0; i < 10; i++) expect(await other.call('echo', i)).toBe(i);
  await delay(systemClock, 600);
  socket.resume();
  await cut;
});

test('large replies that are asked for at once are made one after the other, as they are read', async () => {
  let made = 0;
  const large = {
    toJSON: () => {
      made++;
      return 'x'.repeat(1_200_000);
    },
  };
  const { path } = await served(async () => large as unknown as Json);
  const { socket, told } = await raw(path);
  socket.pause();
  for (let id = 1; id <= 12; id++) socket.write(frame(id));
  await vi.waitFor(() => expect(made).toBeGreaterThan(0), 10_000);
  // The others are answered, and wait for it to be read.
  await (await client(path)).call('echo', 1);
  await delay(systemClock, 100);
  expect(made).toBeLessThan(5);
  socket.resume();
  await vi.waitFor(() => expect(told).toHaveLength(12), 20_000);
});

test('a client that reads slowly gets a large reply whole', async () => {
  const big = 'x'.repeat(20 * 1024 * 1024);
  const { path } = await served(async () => big);
  const { socket, closed } = await raw(path);
  socket.write(frame(1));
  for (let i = 0; i < 20; i++) {
    socket.pause();
    await delay(systemClock, 10);
    socket.resume();
    await delay(systemClock, 2);
  }
  const until = systemClock.monotonic() + 5000;
  while (socket.bytesRead < big.length && systemClock.monotonic() < until) {
    await delay(systemClock, 10);
  }
  socket.end();
  const [reply] = await closed;
  expect((reply as { reply: string }).reply.length).toBe(big.length);
});

test('when every place is taken by idle clients, a new one is answered all the same', async () => {
  const { path } = await served(echo);
  const idle = await Promise.all(Array.from({ length: MAX_CONNECTIONS + 44 }, () => raw(path)));
  expect(await (await client(path)).call('echo', 'here')).toBe('here');
  const open = (): number => idle.filter(({ socket }) => !socket.destroyed).length;
  // One of the places is the new one's.
  await vi.waitFor(() => expect(open()).toBe(MAX_CONNECTIONS - 1));
});

test('when every place is busy, a new client is told so', async () => {
  let begun = 0;
  const { path } = await served(() => {
    begun++;
    return new Promise(() => undefined);
  });
  const busy = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, () => raw(path)));
  for (const { socket } of busy) socket.write(frame(1));
  while (begun < MAX_CONNECTIONS) await delay(systemClock, 10);
  const { closed } = await raw(path);
  expect(await closed).toMatchObject([{ ok: false, error: { code: 'refused' } }]);
});

describe('a crowd that asks for long lists', () => {
  const CROWD = 200;

  /** A list waits for its page, as a real one does, and is made then. */
  function lists(reply: Json = 'list') {
    const seen = { made: 0 };
    const handle: Handle = async ({ command, args }) => {
      if (command !== 'list') return args;
      await new Promise(setImmediate);
      seen.made++;
      return reply;
    };
    const rows = ({ command }: Request): number => (command === 'list' ? 1000 : 0);
    return { seen, handle, rows };
  }

  const asksForList = (path: string): Socket => {
    const socket = connect(path);
    open.push({ close: () => socket.destroy() });
    socket.on('error', () => undefined);
    socket.on('connect', () => socket.write(frame(1, { command: 'list' })));
    return socket.pause();
  };

  test('keeps no newcomer with a small request waiting, whether all are let in already or stand before it', async () => {
    const { seen, handle, rows } = lists();
    const { path } = await served(handle, { rows });
    for (let i = 0; i < CROWD; i++) asksForList(path);
    expect(await (await client(path)).call('echo', 'here')).toBe('here');
    expect(seen.made).toBeLessThan(CROWD / 10);
    const before = seen.made;
    expect(await (await client(path)).call('echo', 'here')).toBe('here');
    expect(seen.made - before).toBeLessThan(CROWD / 10);
    await vi.waitFor(() => expect(seen.made).toBe(CROWD), 20_000);
  });

  test('and reads none of them fills no memory: they are made as far as there is room, and the rest when such clients are cut off', async () => {
    const clock = new FakeClock(0);
    const size = 4 * 1024 * 1024;
    const { seen, handle, rows } = lists('x'.repeat(size));
    const { path } = await served(handle, { rows, clock });
    for (let i = 0; i < 40; i++) asksForList(path);
    const room = (64 * 1024 * 1024) / size;
    await vi.waitFor(() => expect(seen.made).toBeGreaterThanOrEqual(room), 20_000);
    for (let i = 0; i < 5; i++) await (await client(path)).call('echo', i);
    expect(seen.made).toBeLessThan(room + 5);
    await vi.waitFor(async () => {
      await clock.advance(5000, exchanged);
      expect(seen.made).toBe(40);
    }, 20_000);
  });

  test('and takes every place makes room for a newcomer', async () => {
    const { path } = await served(
      ({ command, args }) =>
        command === 'list' ? new Promise(() => undefined) : Promise.resolve(args),
      { rows: ({ command }) => (command === 'list' ? 1000 : 0) },
    );
    const busy = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, () => raw(path)));
    for (const { socket } of busy) {
      socket.write(frame(1, { command: 'list' }));
      socket.write(encodeFrame({ id: 2, ping: true }, 1000));
    }
    const told = (): readonly Json[] => busy.flatMap((one) => one.told);
    await vi.waitFor(() => expect(told()).toHaveLength(MAX_CONNECTIONS), 20_000);
    expect(await (await client(path)).call('echo', 'here')).toBe('here');
    await vi.waitFor(() => expect(told()).toHaveLength(MAX_CONNECTIONS + 1));
    expect(told().flatMap((one) => (one as { error?: Json }).error ?? [])).toMatchObject([
      { code: 'refused' },
    ]);
  });
});

describe('a client that sends no more and still reads', () => {
  /** It sends this, closes its sending side, and reads until the end. */
  async function halfClosed(path: string, ...frames: readonly Buffer[]): Promise<readonly Json[]> {
    const socket = connect({ path, allowHalfOpen: true });
    open.push({ close: () => socket.destroy() });
    const reader = new FrameReader(2 ** 28);
    const told: Json[] = [];
    socket.on('data', (chunk: Buffer) => told.push(...reader.read(chunk)));
    socket.end(Buffer.concat(frames));
    await new Promise((resolve) => socket.once('end', resolve));
    socket.destroy();
    return told.filter((one) => (one as { id: unknown }).id !== null);
  }

  const slow: Handle = async ({ args }) => {
    await exchanged();
    return args;
  };

  test('gets its replies, and then the end', async () => {
    const { path } = await served(slow);
    expect(await halfClosed(path, frame(1), frame(2))).toMatchObject([
      { id: 1, reply: 1 },
      { id: 2, reply: 2 },
    ]);
    expect(await halfClosed(path, frame(3, { args: 'x'.repeat(500_000) }))).toMatchObject([
      { id: 3, ok: true },
    ]);
    expect(await halfClosed(path)).toEqual([]);
    expect(await halfClosed(path, frame(1).subarray(0, 9))).toEqual([]);
  });

  test('gets a stream to its end; one that has gone holds none', async () => {
    let held = 0;
    const { path } = await served(async function* ({ args }, signal) {
      held++;
      try {
        for (let i = 0; i < 3; i++) {
          yield i;
          await exchanged();
        }
        if (args === 'follow') await delay(systemClock, 60_000, signal);
      } finally {
        held--;
      }
    });
    const items = await halfClosed(path, frame(1, { stream: true }));
    expect(items).toMatchObject([{ item: 0 }, { item: 1 }, { item: 2 }, { end: true }]);
    const { socket } = await raw(path);
    socket.write(frame(2, { stream: true, args: 'follow' }));
    await vi.waitFor(() => expect(held).toBe(1));
    socket.destroy();
    await vi.waitFor(() => expect(held).toBe(0), 10_000);
  });
});

test('a stream comes item by item, ends, and leaves room for calls beside it', async () => {
  const { path } = await served((request) =>
    request.stream
      ? (async function* () {
          for (let i = 0; i < 5000; i++) yield i;
        })()
      : Promise.resolve('beside'),
  );
  const one = await client(path);
  const items: unknown[] = [];
  for await (const item of one.stream('count', null, new AbortController().signal)) {
    items.push(item);
  }
  expect(items).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  expect(await one.call('echo', null)).toBe('beside');
});

test('an error within a stream reaches its reader', async () => {
  const { path } = await served(async function* () {
    yield 1;
    throw new JobrunError('timed-out', 'too late', 'Wait longer.');
  });
  const stream = (await client(path)).stream('x', null, new AbortController().signal);
  await expect(
    (async () => {
      for await (const item of stream) expect(item).toBe(1);
    })(),
  ).rejects.toMatchObject({ code: 'timed-out' });
});

test('streams beyond the most that a connection may have are refused, and leave the others their end', async () => {
  const { path } = await served((request, signal) =>
    request.stream
      ? (async function* () {
          yield 'begun';
          await delay(systemClock, 60_000, signal);
        })()
      : Promise.resolve('beside'),
  );
  const one = await client(path);
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  let begun = 0;
  const read = async (): Promise<void> => {
    for await (const _ of one.stream('x', null, ending.signal, { single: true })) begun++;
  };
  const all = Array.from({ length: 10_001 }, read);
  await expect(Promise.race(all)).rejects.toMatchObject({ code: 'refused' });
  while (begun < 10_000) await delay(systemClock, 10);
  ending.abort();
  await Promise.allSettled(all);
  expect(await one.call('echo', null)).toBe('beside');
  for await (const item of one.stream('x', null, NEVER, { single: true })) {
    expect(item).toBe('begun');
    break;
  }
}, 30_000);

test('leaving a stream ends it on the side of the daemon', async () => {
  let ended = false;
  const { path } = await served(async function* (_request, signal) {
    signal.addEventListener('abort', () => {
      ended = true;
    });
    for (let i = 0; !signal.aborted; i++) {
      yield i;
      await delay(systemClock, 5, signal);
    }
  });
  const one = await client(path);
  for await (const item of one.stream('x', null, new AbortController().signal)) {
    if (item === 3) break;
  }
  await delay(systemClock, 100);
  expect(ended).toBe(true);
});

test('a call whose connection is cut is asked again under the same request', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'jobrun-test-')), 's.sock');
  const seen: (string | null)[] = [];
  const first = await served(
    ({ request }) => {
      seen.push(request);
      return new Promise(() => undefined);
    },
    { path },
  );
  const one = await client(path);
  const call = one.call('schedule', {}, { request: 'mine' });
  await delay(systemClock, 50);
  await first.serving.close();
  await served(
    async ({ request }) => {
      seen.push(request);
      return 'done';
    },
    { path },
  );
  expect(await call).toBe('done');
  expect(seen).toEqual(['mine', 'mine']);
});

test('a call to a daemon that stays away ends with an error', async () => {
  const { path, serving } = await served(() => new Promise(() => undefined));
  const call = (await client(path)).call('x', null);
  const ended = expect(call).rejects.toMatchObject({ code: 'no-daemon' });
  await delay(systemClock, 20);
  await serving.close();
  await ended;
});

test('a call may have a limit', async () => {
  const { path } = await served(() => new Promise(() => undefined));
  const call = (await client(path)).call('x', null, { timeoutMs: 50 });
  await expect(call).rejects.toMatchObject({ code: 'no-daemon' });
});

test('a call that takes long does not keep the others from being read, however much they brought', async () => {
  const { path } = await served(({ args }) =>
    args === 'long' ? new Promise(() => undefined) : Promise.resolve('here'),
  );
  const one = await client(path);
  one.call('echo', 'long').catch(() => undefined);
  const large = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 12; i++) expect(await one.call('echo', large)).toBe('here');
});

/** Nearly the largest frame that there is. */
const LARGE = 'x'.repeat(4 * 1024 * 1024 - 200);

/** Many clients at once, and a handler that holds what is large until it is released. */
async function crowd(size: number, isLarge = (args: Json): boolean => args === LARGE) {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const seen = { large: 0 };
  const { path } = await served(async ({ args }) => {
    if (!isLarge(args)) return args;
    seen.large++;
    await released;
    return 'done';
  });
  const clients = await Promise.all(Array.from({ length: size }, () => raw(path)));
  return { path, clients, release, seen };
}

async function answeredAtOnce(path: string): Promise<void> {
  const other = await client(path);
  for (let i = 0; i < 20; i++) expect(await other.call('echo', i)).toBe(i);
}

/** Each is answered; who is not read meanwhile gets signs of life. */
const allDone = (clients: readonly { readonly told: readonly Json[] }[]): Promise<void> =>
  vi.waitFor(() => {
    for (const { told } of clients) expect(told.at(-1)).toMatchObject({ id: 1, reply: 'done' });
  }, 30_000);

test('large requests of many clients are read as far as there is room for them, and small ones at once', async () => {
  const { path, clients, release, seen } = await crowd(40);
  for (const { socket } of clients) socket.write(frame(1, { args: LARGE }));
  await vi.waitFor(() => expect(seen.large).toBeGreaterThan(12), 30_000);
  await delay(systemClock, 500);
  await answeredAtOnce(path);
  expect(seen.large).toBeLessThan(24);
  release();
  await allDone(clients);
}, 60_000);

test('they are weighed as values before they are parsed: many small objects take twenty times their bytes', async () => {
  const { path, clients, release, seen } = await crowd(6, Array.isArray);
  const whole = frame(1, { args: Array(330_000).fill({}) });
  for (const { socket } of clients) socket.write(whole);
  await vi.waitFor(() => expect(seen.large).toBeGreaterThan(0), 20_000);
  await delay(systemClock, 300);
  await answeredAtOnce(path);
  expect(seen.large).toBeLessThan(4);
  release();
  await allDone(clients);
}, 60_000);

test('so are the beginnings of large requests, and each is answered when it is complete', async () => {
  const { path, clients, release } = await crowd(40);
  const whole = frame(1, { args: LARGE });
  for (const { socket } of clients) socket.write(whole.subarray(0, -1));
  const taken = (): number => clients.filter(({ socket }) => socket.writableLength === 0).length;
  await vi.waitFor(() => expect(taken()).toBeGreaterThan(0), 20_000);
  await delay(systemClock, 500);
  await answeredAtOnce(path);
  expect(taken()).toBeLessThan(24);
  release();
  for (const { socket } of clients) socket.write(whole.subarray(-1));
  await allDone(clients);
}, 60_000);

test('clients that leave before their requests have begun leave their room to others', async () => {
  const { path } = await served(async ({ args }) =>
    args === 'much' ? 'x'.repeat(800_000) : 'done',
  );
  // Of values that take many times their bytes.
  const dear = (id: number): Buffer => frame(id, { args: Array(5000).fill({}) });
  for (let round = 0; round < 12; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => raw(path)));
    for (const { socket } of clients) {
      socket.pause();
      socket.write(frame(1, { args: 'much' }));
    }
    await delay(systemClock, 100);
    // Who does not take the reply to the first has to wait with the next ones.
    for (const { socket } of clients) socket.write(Buffer.concat([dear(2), dear(3), dear(4)]));
    await delay(systemClock, 200);
    for (const { socket } of clients) socket.destroy();
  }
  const other = await raw(path);
  other.socket.write(frame(1, { args: LARGE }));
  await allDone([other]);
}, 60_000);

test('of large requests that are complete at once one is read in a turn', async () => {
  const { path } = await served(async () => 'done');
  const clients = await Promise.all(Array.from({ length: 20 }, () => raw(path)));
  const whole = frame(1, { args: 'x'.repeat(1024 * 1024) });
  for (const { socket } of clients) socket.write(whole.subarray(0, -1));
  await vi.waitFor(() => expect(clients.every((it) => it.socket.writableLength === 0)).toBe(true));
  await delay(systemClock, 200);
  const parse = vi.spyOn(JSON, 'parse');
  open.push({ close: () => parse.mockRestore() });
  const read = (): number => parse.mock.calls.filter(([text]) => text.length > 1024 * 1024).length;
  const inTurns: number[] = [];
  const look = (): void => {
    inTurns.push(read());
    if (read() < clients.length) setImmediate(look);
  };
  for (const { socket } of clients) socket.write(whole.subarray(-1));
  setImmediate(look);
  await allDone(clients);
  const most = Math.max(...inTurns.map((count, i) => count - (inTurns[i - 1] ?? 0)));
  expect(most).toBeLessThanOrEqual(2);
}, 60_000);

test('a daemon that reads no more of a client until it has answered is not taken for a dead one', async () => {
  const clock = new FakeClock(0);
  let begun = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handle: Handle = async ({ args }) => {
    begun++;
    await released;
    return args;
  };
  const { path } = await served(handle, { clock });
  const made = await connectDaemon(path, clock);
  if (!made) throw new Error('nobody listens');
  open.push(made);
  const calls = Promise.all(Array.from({ length: 2000 }, (_, i) => made.call('echo', i)));
  calls.catch(() => undefined);
  for (let last = -1; begun === 0 || last < begun; await exchanged()) last = begun;
  await clock.advance(40_000, exchanged);
  expect(begun).toBeLessThan(2000);
  release();
  expect(await calls).toHaveLength(2000);
});

test('a long wait outlasts every look for silence, on a machine where timers come late too', async () => {
  const { path } = await served((_, signal) => delay(systemClock, 600, signal).then(() => 'over'));
  // Time runs a hundred times as fast, and each timer comes a while after its time.
  const late: Clock = {
    now: systemClock.now,
    monotonic: () => systemClock.monotonic() * 100,
    after: (ms, fn) => systemClock.after(ms / 100 + 20, fn),
  };
  const made = await connectDaemon(path, late);
  if (!made) throw new Error('nobody listens');
  open.push(made);
  expect(await made.call('echo', 1)).toBe('over');
});
