// A project in a temporary folder and real daemons on it, for experiments: as test/helpers/project.ts, but without a
// test around it. What its jobs do they write to a ledger outside the state folder, which decides what was lost.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, connectDaemon } from '../../src/api/client.ts';

const BIN = fileURLToPath(new URL('../../bin/jobrun.js', import.meta.url));

export interface Exited {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Running {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly said: () => string;
  readonly exited: Promise<Exited>;
  readonly alive: () => boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of a reply, whose shape is what an experiment looks at
export type Doc = any;

export class Rig {
  readonly home = mkdtempSync(join(tmpdir(), 'jobrun-rig-'));
  readonly dir = join(this.home, 'project');
  readonly state = join(this.dir, 'state');
  readonly out: string;
  readonly env: Record<string, string>;
  readonly #running = new Set<Running>();

  /** `out`: where jobs write, if it is a folder that several have in common. */
  constructor(files: Readonly<Record<string, string>>, out?: string) {
    this.out = out ?? join(this.home, 'out');
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: this.home,
      TZ: 'UTC',
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      LEDGER_DIR: this.out,
    };
    mkdirSync(join(this.dir, 'jobs'), { recursive: true });
    mkdirSync(join(this.out, 'owners'), { recursive: true });
    this.write('package.json', '{ "type": "module", "private": true }\n');
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const file = join(this.dir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }

  /** Starts a command and does not wait for anything. */
  start(
    args: readonly string[],
    options: { readonly flags?: readonly string[]; readonly env?: Record<string, string> } = {},
  ): Running {
    const child = spawn(process.execPath, [...(options.flags ?? []), BIN, ...args], {
      cwd: this.dir,
      env: { ...this.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => {
        text = (text + chunk).slice(-1_000_000);
      });
    let ended = false;
    const running: Running = {
      process: child,
      pid: child.pid ?? 0,
      said: () => text,
      alive: () => !ended,
      exited: new Promise((resolve) => {
        child.on('close', (code, signal) => {
          ended = true;
          this.#running.delete(running);
          resolve({ code, signal });
        });
      }),
    };
    this.#running.add(running);
    return running;
  }

  /** A command to its end. */
  async cli(...args: string[]): Promise<Exited & { readonly said: string; readonly ms: number }> {
    const begin = performance.now();
    const running = this.start(args);
    const exited = await running.exited;
    return { ...exited, said: running.said(), ms: performance.now() - begin };
  }

  /** A client of the daemon; null where it ended before it listened. */
  async connect(daemon: Running, withinMs = 20_000): Promise<Client | null> {
    const until = performance.now() + withinMs;
    while (daemon.alive() && performance.now() < until) {
      const client = await connectDaemon(join(this.state, 'jobrun.sock')).catch(() => null);
      if (client) return client;
      await sleep(10);
    }
    if (daemon.alive()) throw new Error(`no daemon listens after ${withinMs} ms: ${daemon.said()}`);
    return null;
  }

  /** Starts a daemon that must come up. */
  async daemon(...args: string[]): Promise<{ readonly daemon: Running; readonly client: Client }> {
    const daemon = this.start(['daemon', ...args]);
    const client = await this.connect(daemon);
    if (!client) throw new Error(`the daemon ended: ${daemon.said()}`);
    return { daemon, client };
  }

  /** Lines that jobs wrote. */
  ledger(): Doc[] {
    return this.read('ledger.jsonl').map((line) => JSON.parse(line));
  }

  read(name: string): string[] {
    try {
      return readFileSync(join(this.out, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  }

  /** Ends what was started here and removes the folder. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const one of running) one.process.kill('SIGKILL');
    await Promise.all(running.map((one) => one.exited));
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Looks until there is something true to see. */
export async function until(
  look: () => Promise<boolean> | boolean,
  what: string,
  ms = 30_000,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(25);
  }
}
