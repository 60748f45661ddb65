// A message to another process and its answer, with nothing else around it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../site.mjs';
import { nowMs } from '../stats.mjs';
import { record } from './disk.mjs';

const PEER = fileURLToPath(new URL('./bare-peer.mjs', import.meta.url));

/** Round trips over a Unix socket, one at a time; with `durable` each line is synced to a file before the answer. */
export async function socketRoundTrips(count, { durable = false } = {}) {
  const folder = scratch('socket');
  const path = join(folder, 'socket');
  const args = durable ? ['durable', path, join(folder, 'file')] : ['socket', path];
  const peer = spawn(process.execPath, [PEER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(peer.stdout, 'data');
  const socket = connect(path);
  await once(socket, 'connect');
  const begin = nowMs();
  await trips(socket, count);
  const ms = nowMs() - begin;
  socket.end();
  await once(peer, 'exit');
  return (count / ms) * 1000;
}

/** Round trips to so many child processes at once, one message under way with each. */
export async function pipeRoundTrips(count, children) {
  const stdio = ['ignore', 'inherit', 'inherit', 'pipe'];
  const all = Array.from({ length: children }, () =>
    spawn(process.execPath, [PEER, 'pipe'], { stdio }),
  );
  await Promise.all(all.map((child) => trips(child.stdio[3], 20)));
  const begin = nowMs();
  await Promise.all(all.map((child) => trips(child.stdio[3], Math.ceil(count / children))));
  const ms = nowMs() - begin;
  for (const child of all) child.kill();
  return (count / ms) * 1000;
}

function trips(socket, count) {
  return new Promise((resolve) => {
    let left = count;
    const send = () => socket.write(`${JSON.stringify(record(left))}\n`);
    const got = (chunk) => {
      if (!chunk.includes(10)) return;
      JSON.parse(String(chunk).trim());
      if (--left > 0) return send();
      socket.off('data', got);
      resolve();
    };
    socket.on('data', got);
    send();
  });
}
