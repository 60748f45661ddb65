// Redis and PostgreSQL for the peers, each in a folder of its own, with every commit synced before it is acknowledged.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../site.mjs';

const DEBIAN = '/usr/lib/postgresql';

/** The path of a program, or null where it is not installed. */
export function find(program) {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((v) => join(DEBIAN, v, 'bin')) : [];
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...versions]) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

async function untilListens(path, server) {
  for (let tries = 0; tries < 600; tries++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const socket = connect(path);
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on ${path}`);
}

const stopper = (server, signal) => async () => {
  const over = once(server, 'exit');
  server.kill(signal);
  await over;
};

/** Null where there is no redis-server. */
export async function startRedis() {
  const program = find('redis-server');
  if (!program) return null;
  const dir = scratch('redis');
  const path = join(dir, 'redis.sock');
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const args = ['--port', '0', '--unixsocket', path, '--dir', dir, ...durable];
  const server = spawn(program, args, { stdio: 'ignore' });
  await untilListens(path, server);
  return { connection: { path }, stop: stopper(server, 'SIGTERM') };
}

/** PostgreSQL does not run as root: then the user of its package does it. */
function owner() {
  if (process.getuid() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => /^(postgres|nobody):/.test(entry));
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Null where there is no PostgreSQL. */
export async function startPostgres() {
  const [initdb, postgres] = [find('initdb'), find('postgres')];
  if (!initdb || !postgres) return null;
  const dir = scratch('postgres');
  const user = owner();
  if (user.uid !== undefined) chownSync(dir, user.uid, user.gid);
  chmodSync(dir, 0o700);
  const data = join(dir, 'data');
  execFileSync(initdb, ['-D', data, '-U', 'bench', '-A', 'trust', '--no-sync'], {
    stdio: 'ignore',
    ...user,
  });
  const settings = [
    'fsync=on',
    'synchronous_commit=on',
    'max_connections=120',
    'listen_addresses=',
  ];
  const args = ['-D', data, '-k', dir, ...settings.flatMap((setting) => ['-c', setting])];
  const server = spawn(postgres, args, { stdio: 'ignore', ...user });
  await untilListens(join(dir, '.s.PGSQL.5432'), server);
  await sleep(500);
  const connection = `postgresql://bench@localhost/postgres?host=${encodeURIComponent(dir)}`;
  return { connection, pid: server.pid, stop: stopper(server, 'SIGINT') };
}
