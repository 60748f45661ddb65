// PostgreSQL servers for tests. One is shared by all test files of a run, each test with a schema of its own; a test
// that stops, kills or cuts off its server has one for itself. Each server stands below a shell, its keeper, which ends
// it and removes its folder when the process that it was started for has ended, however that ended.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { signal } from '../../src/workers/death.ts';
import { startTimeOf } from '../../src/workers/processes.ts';
import { needProgram, platform } from './platform.ts';
import { eventually } from './project.ts';
import { whenOver } from './shared.ts';

export interface ServerOptions {
  /**
   * Whether what is committed survives a crash of the server. Off it is faster, and jobrun refuses it where it opens by
   * a config.
   */
  readonly fsync?: boolean;
  /** Further settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
}

/** A role that has to give this password; `jobrun`, which owns everything, needs none. */
export const WITH_PASSWORD = { user: 'guarded', password: 'pa55-w%rd' } as const;

const OWNER = 'jobrun';
const START_MS = 60_000;

/** A schema that nobody has used, on a server that all tests of this run share: what `engine` in a config may be. */
export async function freshStore(options: Pick<ServerOptions, 'fsync'> = {}): Promise<string> {
  const port = await sharedPort(options.fsync === true);
  return storeUrl(port, freshSchema());
}

let schemas = 0;

export const freshSchema = (): string => `test_${process.pid}_${++schemas}`;

export const storeUrl = (port: number, schema: string): string =>
  `postgres://${OWNER}@127.0.0.1:${port}/postgres?schema=${schema}`;

/** Asks a store of `freshStore` as its owner, with the tables of its schema in reach. */
export async function query<Row extends pg.QueryResultRow>(
  store: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = await clientOf(store);
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** A session with such a store, as its owner; the caller ends it. */
export async function clientOf(store: string): Promise<pg.Client> {
  const url = new URL(store);
  const schema = url.searchParams.get('schema') ?? 'jobrun';
  url.searchParams.delete('schema');
  const client = new pg.Client({
    connectionString: String(url),
    options: `-c search_path=${schema}`,
  });
  // A server that dies is told of by the query that it leaves.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A server that belongs to one test, and ends with it at the latest. */
export class Server {
  readonly port: number;
  readonly #home: string;
  readonly #settings: readonly string[];
  #keeper: ChildProcess;

  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = await Server.open(options, copyCluster);
    whenOver(() => server.close());
    return server;
  }

  /** For who is no test, and closes it. */
  static async open(
    options: ServerOptions = {},
    make: (home: string) => void | Promise<void> = makeCluster,
  ): Promise<Server> {
    const home = mkdtempSync(join(tmpdir(), 'jobrun-postgres-'));
    const port = await freePort();
    await make(home);
    const files = options.tls ? placeKeys(home, options.tls) : {};
    const settings = settingsOf(home, port, {
      ...options,
      settings: { ...files, ...options.settings },
    });
    const server = new Server(home, port, settings);
    try {
      await server.#ready();
      await makeRole(port);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  private constructor(home: string, port: number, settings: readonly string[]) {
    this.#home = home;
    this.port = port;
    this.#settings = settings;
    this.#keeper = this.#keep();
  }

  store(schema = freshSchema()): string {
    return storeUrl(this.port, schema);
  }

  /** `fast` ends the sessions first; `immediate` is as a crash: what follows is a recovery. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.signal(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#exited();
  }

  /** kill -9 of the server's first process; its others end by themselves. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited();
  }

  async restart(): Promise<void> {
    await this.#exited();
    this.#keeper = this.#keep();
    await this.#ready();
  }

  /** SIGSTOP and SIGCONT reach all processes of the server: it holds its connections, and does not answer. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this;
    signal(pid, name);
    const isForAll = name === 'SIGSTOP' || name === 'SIGCONT';
    if (isForAll) for (const child of childrenOf(pid)) signal(child, name);
  }

  /** Where its cluster lies. */
  get data(): string {
    return join(this.#home, 'data');
  }

  get pid(): number {
    return pidIn(this.#home);
  }

  #keep(): ChildProcess {
    return keep(this.#home, this.#settings, process.pid, false);
  }

  #ready(): Promise<void> {
    return untilReady(this.#home, this.port, this.#keeper);
  }

  #exited(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#keeper.exitCode !== null) resolve();
      else this.#keeper.once('exit', () => resolve());
    });
  }

  async close(): Promise<void> {
    if (this.#keeper.exitCode === null) {
      for (const name of ['SIGCONT', 'SIGQUIT'] as const) this.signal(name);
      await this.#exited();
    }
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The port of the server that the tests of this run share: whoever is first starts it. */
async function sharedPort(fsync: boolean): Promise<number> {
  const run = process.ppid;
  const home = folderOfRun(fsync ? 'durable' : 'fast');
  const ready = join(home, 'port');
  if (isNew(home)) {
    const port = await freePort();
    await copyCluster(home);
    const keeper = keep(home, settingsOf(home, port, { fsync }), run, true);
    await untilReady(home, port, keeper);
    await makeRole(port);
    writeFileSync(`${ready}.new`, String(port));
    renameSync(`${ready}.new`, ready);
  }
  await eventually(() => existsSync(ready), START_MS);
  return Number(readFileSync(ready, 'utf8'));
}

/** What the test files of a run share, which are processes below the one of the run. */
const folderOfRun = (name: string): string =>
  join(tmpdir(), `jobrun-postgres-${process.ppid}-${startTimeOf(process.ppid)}-${name}`);

function isNew(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Ends the server with whom it serves. With `$4` its folder goes too, else it can be started again. */
const KEEPER = `home=$1 owner=$2 apart=$3; shift 3
trap '' HUP INT TERM
"$@" >>"$home/log" 2>&1 </dev/null &
server=$!
# A server of one test is awaited when it ends; the others are there as long as the run, and each look is a process.
[ "$apart" = no ] && pace=0.2 || pace=2
while kill -0 "$server" 2>/dev/null; do
  if ! kill -0 "$owner" 2>/dev/null; then
    kill -QUIT "$server"; wait "$server"; rm -rf "$home"; exit
  fi
  sleep "$pace"
done
wait "$server"
[ "$apart" = no ] || rm -rf "$home"`;

function keep(
  home: string,
  settings: readonly string[],
  owner: number,
  apart: boolean,
): ChildProcess {
  const server = [...asNobody(), binary('postgres'), '-D', join(home, 'data'), ...settings];
  const args = [home, String(owner), apart ? 'yes' : 'no', ...server];
  const child = spawn('/bin/sh', ['-c', KEEPER, 'keeper', ...args], {
    detached: true,
    stdio: 'ignore',
    cwd: home,
  });
  if (apart) child.unref();
  return child;
}

const REMOVER = 'while kill -0 "$1" 2>/dev/null; do sleep 2; done; rm -rf "$2"';

/** A cluster like one that was made once for this run: making each anew takes longer than most tests. */
async function copyCluster(home: string): Promise<void> {
  const first = folderOfRun('first');
  const ready = join(first, 'ready');
  if (isNew(first)) {
    const args = ['-c', REMOVER, 'remover', String(process.ppid), first];
    spawn('/bin/sh', args, { detached: true, stdio: 'ignore' }).unref();
    makeCluster(first);
    writeFileSync(ready, '');
  }
  await eventually(() => existsSync(ready), START_MS);
  chmodSync(home, 0o755);
  const [uid, gid] = nobody();
  if (uid !== null) chownSync(home, uid, gid);
  execFileSync('cp', ['-a', join(first, 'data'), home]);
}

function makeCluster(home: string): void {
  const data = join(home, 'data');
  mkdirSync(data);
  chmodSync(home, 0o755);
  const [uid, gid] = nobody();
  if (uid !== null) for (const folder of [home, data]) chownSync(folder, uid, gid);
  const [program = '', ...args] = [
    ...asNobody(),
    binary('initdb'),
    ...['-D', data, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
  ];
  execFileSync(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  const guarded = `host all ${WITH_PASSWORD.user} 127.0.0.1/32 scram-sha-256\n`;
  const rules = join(data, 'pg_hba.conf');
  writeFileSync(rules, `${guarded}${readFileSync(rules, 'utf8')}`);
}

/** The server reads a key that is its own and nobody else's to read. */
function placeKeys(home: string, { cert, key }: NonNullable<ServerOptions['tls']>) {
  const [uid, gid] = nobody();
  const files = { ssl_cert_file: join(home, 'server.crt'), ssl_key_file: join(home, 'server.key') };
  writeFileSync(files.ssl_cert_file, cert);
  writeFileSync(files.ssl_key_file, key, { mode: 0o600 });
  if (uid !== null) for (const file of Object.values(files)) chownSync(file, uid, gid);
  return { ssl: 'on', ...files };
}

function settingsOf(home: string, port: number, { fsync, settings }: ServerOptions): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: home,
    max_connections: '300',
    shared_buffers: '32MB',
    fsync: fsync ? 'on' : 'off',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function untilReady(home: string, port: number, keeper: ChildProcess): Promise<void> {
  let ended = false;
  keeper.once('exit', () => {
    ended = true;
  });
  await eventually(async () => {
    if (ended) throw new Error(`the server ended: ${readFileSync(join(home, 'log'), 'utf8')}`);
    return await query(storeUrl(port, 'public'), 'select').then(
      () => true,
      () => false,
    );
  }, START_MS);
}

async function makeRole(port: number): Promise<void> {
  const { user, password } = WITH_PASSWORD;
  await query(storeUrl(port, 'public'), `create role ${user} login password '${password}'`);
}

/** PostgreSQL does not run as root. */
function asNobody(): string[] {
  const [uid, gid] = nobody();
  return uid === null ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

let ids: readonly [uid: number | null, gid: number] | null = null;

function nobody(): readonly [uid: number | null, gid: number] {
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'nobody']));
  ids ??= platform.isRoot ? [idOf('-u'), idOf('-g')] : [null, 0];
  return ids;
}

/** Where Debian keeps the programs of each version, which are not in PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** The newest there is, or of the folder that `JOBRUN_TEST_POSTGRES` names. */
function binary(name: string): string {
  const { JOBRUN_TEST_POSTGRES: folder } = process.env;
  if (folder) return join(folder, name);
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
  const inDebian = versions
    .sort((a, b) => b - a)
    .map((version) => join(DEBIAN, String(version), 'bin', name))
    .find(existsSync);
  if (inDebian === undefined) needProgram('postgres');
  return inDebian ?? name;
}

const pidIn = (home: string): number =>
  Number(readFileSync(join(home, 'data/postmaster.pid'), 'utf8').split('\n')[0]);

function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
