// A project in a temporary folder, its command line, and its daemon as a real process: what end-to-end tests stand
// on. Everything started here is ended, and every folder removed, after the test that made it.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { socketPaths } from '../../src/api/address.ts';
import { connectDaemon } from '../../src/api/client.ts';
import type { Json } from '../../src/support/json.ts';
import { whenOver } from './shared.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'bin/jobrun.js');
const IN_TURN = join(ROOT, 'test/helpers/calls-in-turn.mjs');

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Exited {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface DaemonProcess {
  readonly pid: number;
  readonly log: () => string;
  readonly exited: Promise<Exited>;
  kill(signal: NodeJS.Signals): Promise<Exited>;
}

/** A command that goes on: what it has printed so far, and its end. */
export interface Going {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<Exited>;
  kill(signal: NodeJS.Signals): Promise<Exited>;
}

const SETTLED = ['done', 'failed', 'aborted'];

// biome-ignore lint/suspicious/noExplicitAny: the JSON of a command, whose shape is what the tests look at
export type Doc = any;

export class Project {
  readonly dir: string;
  readonly state: string;
  readonly env: Record<string, string>;
  /** The program that is run as jobrun. */
  #bin = BIN;

  constructor(files: Readonly<Record<string, string>> = {}) {
    const home = mkdtempSync(join(tmpdir(), 'jobrun-test-'));
    this.dir = join(home, 'project');
    this.state = join(this.dir, 'state');
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: home,
      TZ: 'UTC',
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      ...storeOfItsOwn(),
    };
    mkdirSync(join(this.dir, 'jobs'), { recursive: true });
    writeFileSync(join(this.dir, 'package.json'), '{ "type": "module", "private": true }\n');
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    whenOver(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  }

  write(name: string, text: string): string {
    const file = join(this.dir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
    return file;
  }

  /** Makes something from elsewhere a part of this project. */
  link(name: string, target: string): void {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }

  /** Takes a file or folder of the shipped project into this one. */
  copy(name: string): void {
    cpSync(join(ROOT, name), join(this.dir, name), { recursive: true });
  }

  /** Installs jobrun in the project, which from now on uses that copy. Gives its folder. */
  install({ without = [] }: { readonly without?: readonly string[] } = {}): string {
    const folder = 'node_modules/jobrun';
    for (const name of ['bin', 'dist', 'package.json'])
      cpSync(join(ROOT, name), join(this.dir, folder, name), { recursive: true });
    for (const name of readdirSync(join(ROOT, 'node_modules')))
      if (!without.includes(name))
        this.link(`${folder}/node_modules/${name}`, join(ROOT, 'node_modules', name));
    this.#bin = join(this.dir, folder, 'bin/jobrun.js');
    return join(this.dir, folder);
  }

  /** Lines that jobs appended to a file of the project, as JSON. */
  ledger(name = 'ledger.jsonl'): Doc[] {
    try {
      const lines = readFileSync(join(this.dir, name), 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line));
    } catch {
      return [];
    }
  }

  cli(args: readonly string[], input = ''): Promise<Result> {
    return run([process.execPath, this.#bin, ...args], this.dir, this.env, input);
  }

  /** The same, typed in another folder. */
  cliIn(folder: string, args: readonly string[]): Promise<Result> {
    return run([process.execPath, this.#bin, ...args], folder, this.env, '');
  }

  /** Commands one after the other in one process, for what does not depend on its start or its end. */
  async calls(all: readonly (readonly string[])[]): Promise<Result[]> {
    // In a file: the words of a program are bounded.
    const calls = join(this.dir, '../calls.json');
    writeFileSync(calls, JSON.stringify(all));
    const { stdout, stderr } = await this.node(IN_TURN, this.#bin, calls);
    if (stdout === '') throw new Error(`no call has ended: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A program of the project's. */
  node(...args: string[]): Promise<Result> {
    return run([process.execPath, ...args], this.dir, this.env, '');
  }

  /** A command that must succeed, with --json: its document. */
  async json(...args: string[]): Promise<Doc> {
    const result = await this.cli([...args, '--json']);
    if (result.code !== 0)
      throw new Error(`jobrun ${args.join(' ')}: exit ${result.code} ${result.stderr}`);
    return JSON.parse(result.stdout);
  }

  show(id: string): Promise<Doc> {
    return this.json('show', id);
  }

  async until(id: string, states = SETTLED, withinMs = 20_000): Promise<Doc> {
    if (states === SETTLED) await this.#settled(id, withinMs);
    return await eventually(async () => {
      const shown = (await this.ask('show', { id })) ?? (await this.show(id));
      return states.includes(shown.state) ? shown : null;
    }, withinMs);
  }

  /**
   * Waits for the daemon to say that it is over, where there is one: to ask again and again costs both of them more.
   */
  async #settled(id: string, withinMs: number): Promise<void> {
    const client = await connectDaemon(socketPaths(this.state, this.env)).catch(() => null);
    const signal = AbortSignal.timeout(withinMs);
    try {
      for await (const _ of client?.stream('wait', { ids: [id] }, signal) ?? []) break;
    } catch {
      // It has gone, or knows no such run: the looks that follow tell.
    } finally {
      client?.close();
    }
  }

  /** What the daemon answers, null without one: for what is looked at again and again, where a process is too dear. */
  async ask(command: string, args: Json = {}): Promise<Doc | null> {
    const client = await connectDaemon(socketPaths(this.state, this.env));
    try {
      return client && (await client.call(command, args));
    } finally {
      client?.close();
    }
  }

  /** Asks the daemon for a run, for what a test only begins with. Gives its id. */
  async accept(job: string, params: Json = {}): Promise<string> {
    return (await this.ask('schedule', { job, params })).run.id;
  }

  /** Starts a command and does not wait for its end. */
  start(...args: string[]): Going {
    const child = spawn(process.execPath, [this.#bin, ...args], {
      cwd: this.dir,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const exited = new Promise<Exited>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    const kill = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return await exited;
    };
    whenOver(async () => {
      await kill('SIGKILL');
    });
    return { pid: child.pid as number, stdout, stderr, exited, kill };
  }

  /** Starts a daemon and waits until it answers. */
  async daemon(...args: string[]): Promise<DaemonProcess> {
    const { pid, stderr, exited, kill } = this.start('daemon', ...args);
    let ended = false;
    exited.then(() => {
      ended = true;
    });
    await eventually(async () => {
      if (ended) throw new Error(`the daemon ended: ${stderr()}`);
      // The one before it may have been killed a moment ago, and go away with what it was asked.
      return (await this.ask('status').catch(() => null))?.pid === pid;
    }, 60_000);
    return { pid, log: stderr, exited, kill };
  }
}

let stores = 0;

/**
 * The tests may be run on a store instead of files (on-store.ts): then each project has a schema that nobody has used.
 */
function storeOfItsOwn(): Record<string, string> {
  const { JOBRUN_ENGINE: server } = process.env;
  if (!server) return {};
  const url = new URL(server);
  url.searchParams.set('schema', `project_${process.pid}_${++stores}`);
  // What a test does in its own process, without a daemon, it does in the project that it has made last.
  process.env.JOBRUN_ENGINE = String(url);
  return { JOBRUN_ENGINE: String(url) };
}

function run(
  argv: readonly string[],
  cwd: string,
  env: Record<string, string>,
  input: string,
): Promise<Result> {
  return new Promise((resolve) => {
    const begin = performance.now();
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { cwd, env });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('close', (code) => resolve({ code, stdout, stderr, ms: performance.now() - begin }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return () => text;
}

/** Looks until there is something true to see, and gives it back. */
export async function eventually<T>(
  look: () => Promise<T | null | false> | T | null | false,
  withinMs = 10_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen;
    if (performance.now() > until) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Live processes (no zombies) whose command line holds this text. */
export async function processesWith(text: string): Promise<string[]> {
  const { stdout } = await run(
    ['ps', '-eo', 'pid=,stat=,args='],
    '/',
    { PATH: process.env.PATH ?? '' },
    '',
  );
  return stdout.split('\n').filter((line) => line.includes(text) && !/^\s*\d+ Z/.test(line));
}

/** False for a zombie too: it is dead, and only not yet looked at by its parent. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZXx]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Pids of the live processes that work in this folder: a job's, and whatever it started. */
export function processesIn(dir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && linkOf(`/proc/${pid}/cwd`)?.startsWith(dir) && isAlive(pid));
}

/** Where a link leads that may have gone meanwhile. */
export function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** What a process was started as. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** It has this many connections besides its two pipes: what it asks is under way. */
export const connected = ({ pid }: Going, connections = 1): Promise<boolean> =>
  eventually(() => {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    return open.filter((link) => link?.startsWith('socket:')).length > 1 + connections;
  }, 20_000);
