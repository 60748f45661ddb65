// Clients that behave badly, by the hundred: while they are at it, others are answered within a second, and the
// daemon's memory stays bounded.

import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connectDaemon } from '../../src/api/client.ts';
import { FrameReader } from '../../src/api/protocol.ts';
import type { Json } from '../../src/support/json.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { encodeFrame } from '../helpers/frames.ts';
import { type Doc, Rig } from '../helpers/rig.ts';

const MB = 1024 * 1024;
/** Of a daemon with a million runs at rest; a client must not get it near the memory of the machine. */
const MOST_MB = 600;

export default {
  title: 'Clients that behave badly',
  run: async (size, log) => {
    const rig = new Rig({ 'jobs/mail.js': 'export default (params) => params;' });
    try {
      return await attacked(rig, size, log);
    } finally {
      await rig.close();
    }
  },
} satisfies Experiment;

interface Attack {
  readonly what: string;
  readonly clients: number;
  /** What one of them does, for as long as the signal lets it. */
  readonly behave: (path: string, signal: AbortSignal) => Promise<void>;
}

const ATTACKS: readonly Attack[] = [
  {
    what: 'connections that say nothing',
    clients: 1000,
    behave: (path, signal) => hold(path, signal, []),
  },
  {
    what: 'connections that begin a frame and stop',
    clients: 1000,
    behave: (path, signal) => hold(path, signal, [Buffer.from([0, 0, 1])]),
  },
  { what: 'connections that send one byte a second', clients: 1000, behave: trickle },
  { what: 'clients that ask for long lists and never read', clients: 100, behave: neverRead },
  {
    what: 'frames of 2 GB announced',
    clients: 200,
    behave: (path, signal) =>
      again(path, signal, Buffer.concat([length(2 ** 31), Buffer.alloc(MB, 0x20)])),
  },
  {
    what: 'frames of JSON nested a million deep',
    clients: 20,
    behave: (path, signal) =>
      again(path, signal, framed(Buffer.from('['.repeat(MB) + ']'.repeat(MB)))),
  },
  {
    what: 'frames of bytes that are no UTF-8',
    clients: 100,
    behave: (path, signal) => again(path, signal, framed(Buffer.from([0x22, 0xc3, 0x28, 0x22]))),
  },
];

async function attacked(rig: Rig, size: Size, log: (text: string) => void): Promise<Row[]> {
  const { daemon, client } = await rig.daemon('--workers', '1');
  await client.call('pause', {});
  await fill(client);
  const rows: Row[] = [];
  for (const attack of ATTACKS) {
    const part = size === 'full' ? attack.clients : Math.ceil(attack.clients / 4);
    rows.push(await underAttack(rig, daemon.pid, { ...attack, clients: part }, size, log));
  }
  rows.push(await splitFrames(rig, log));
  if (!daemon.alive()) throw new Error(`the daemon ended: ${daemon.said()}`);
  return rows;
}

/** Something to list: about 1 MB of it. */
async function fill(client: Client): Promise<void> {
  const lines = Array.from({ length: 1000 }, (_, i) => ({
    line: i + 1,
    run: { job: 'mail', params: { text: 'x'.repeat(500) } },
  }));
  await client.call('schedule', { lines });
}

async function underAttack(
  rig: Rig,
  pid: number,
  { what, clients, behave }: Attack,
  size: Size,
  log: (text: string) => void,
): Promise<Row> {
  const path = join(rig.state, 'jobrun.sock');
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const all = Array.from({ length: clients }, () => behave(path, stopping.signal));
  const patience = size === 'full' ? 1000 : 5000;
  const end = performance.now() + (size === 'full' ? 12_000 : 1300);
  let [answers, late, slowest, peak] = [0, 0, 0, 0];
  while (performance.now() < end) {
    const took = await askStatus(path);
    answers++;
    slowest = Math.max(slowest, took);
    peak = Math.max(peak, residentMb(pid));
    if (took > patience) late++;
    await sleep(50);
  }
  stopping.abort();
  await Promise.all(all);
  const tooMuch = peak > MOST_MB ? 1 : 0;
  if (late + tooMuch > 0)
    log(`WRONG: ${what}: ${late} late, ${Math.round(slowest)} ms, ${Math.round(peak)} MB`);
  const detail = `${answers} answers to others, the slowest in ${Math.round(slowest)} ms; daemon at most ${Math.round(peak)} MB`;
  return { what, times: clients, lost: late + tooMuch, detail };
}

/** How long a new client of ours waits for an answer; a minute where it gets none. */
async function askStatus(path: string): Promise<number> {
  const begin = performance.now();
  try {
    const client = await connectDaemon(path);
    await client?.call('status', {});
    client?.close();
    return client ? performance.now() - begin : 60_000;
  } catch {
    return 60_000;
  }
}

const request = (command: string, args: Json, id = 1): Buffer =>
  encodeFrame({ v: 1, id, command, args }, 4 * MB);

function length(bytes: number): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(bytes, 0);
  return header;
}

const framed = (bytes: Buffer): Buffer => Buffer.concat([length(bytes.length), bytes]);

/** A connection, and its end by whichever side. */
function open(
  path: string,
  signal: AbortSignal,
): { readonly socket: Socket; readonly over: Promise<void> } {
  const socket = connect(path);
  socket.on('error', () => undefined);
  const end = (): void => void socket.destroy();
  signal.addEventListener('abort', end, { once: true });
  const over = new Promise<void>((resolve) => {
    socket.on('close', () => {
      signal.removeEventListener('abort', end);
      resolve();
    });
  });
  return { socket, over };
}

async function hold(path: string, signal: AbortSignal, bytes: readonly Buffer[]): Promise<void> {
  while (!signal.aborted) {
    const { socket, over } = open(path, signal);
    socket.resume();
    for (const part of bytes) socket.write(part);
    await over;
    await sleep(1000);
  }
}

async function trickle(path: string, signal: AbortSignal): Promise<void> {
  const frame = request('status', {});
  while (!signal.aborted) {
    const { socket, over } = open(path, signal);
    socket.resume();
    let at = 0;
    const timer = setInterval(() => socket.write(frame.subarray(at, ++at)), 1000);
    await over;
    clearInterval(timer);
    await sleep(1000);
  }
}

async function neverRead(path: string, signal: AbortSignal): Promise<void> {
  const asked = Buffer.concat(
    Array.from({ length: 50 }, (_, i) => request('list', { limit: 1000 }, i + 1)),
  );
  while (!signal.aborted) {
    const { socket, over } = open(path, signal);
    socket.pause();
    socket.write(asked);
    await over;
  }
}

async function again(path: string, signal: AbortSignal, bytes: Buffer): Promise<void> {
  while (!signal.aborted) {
    const { socket, over } = open(path, signal);
    socket.resume();
    socket.write(bytes);
    await over;
    await sleep(20);
  }
}

/** A request that arrives a byte at a time, its letters cut in the middle, is one request. */
async function splitFrames(rig: Rig, log: (text: string) => void): Promise<Row> {
  const text = 'ä€😀'.repeat(20);
  const run = { job: 'mail', params: { text } };
  const frame = request('schedule', run);
  const socket = connect(join(rig.state, 'jobrun.sock'));
  const reader = new FrameReader(MB);
  const reply = new Promise<Doc>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const one of reader.read(chunk)) resolve(one);
    });
  });
  for (const byte of frame) await new Promise((sent) => socket.write(Buffer.from([byte]), sent));
  const { reply: accepted } = await reply;
  socket.destroy();
  const same = accepted?.run?.params?.text === text;
  if (!same) log(`WRONG: ${JSON.stringify(accepted)}`);
  return {
    what: 'requests that arrive byte by byte, letters cut in two',
    times: 1,
    lost: same ? 0 : 1,
  };
}

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
