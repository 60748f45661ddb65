// A throw-away project with the jobs of the bench, and a real daemon on it, started as a user starts it. A probe is
// loaded beside the daemon (never by it) and tells how long its loop stood still.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '../dist/index.js';
import { nowMs } from './stats.mjs';

export const BIN = fileURLToPath(new URL('../bin/jobrun.js', import.meta.url));
const PROBE = fileURLToPath(new URL('./probe.mjs', import.meta.url));

const JOBS = {
  'shared.mjs': `export default { isolation: 'shared', run: () => null };\n`,
  'single.mjs': `export default { run: () => null };\n`,
  'hold.mjs': `export default { run: (_, ctx) => ctx.sleep(60_000) };\n`,
  'stamp.mjs': `export default {
  run: () => ({ ns: String(process.hrtime.bigint()), wall: performance.timeOrigin + performance.now() }),
};\n`,
};

/** Every pause of every probed daemon: { workload, p99, max } in milliseconds. */
export const pauses = [];

const folders = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder below the system's temporary one that is gone when the process ends. */
export function scratch(name) {
  const folder = mkdtempSync(join(tmpdir(), `jobrun-bench-${name}-`));
  folders.push(folder);
  return folder;
}

/** Params of 150 bytes, as every contestant gets them. */
export const payload = (n) => ({ n, text: 'x'.repeat(130) });

export class Site {
  /** The project folder. */
  dir;
  #daemon = null;
  #probe = null;
  #client = null;

  /** `config` is what its config file says, where it has one. */
  constructor(name, config = null) {
    this.dir = scratch(name);
    if (config) writeFileSync(join(this.dir, 'jobrun.config.json'), JSON.stringify(config));
    mkdirSync(join(this.dir, 'jobs'));
    for (const [file, text] of Object.entries(JOBS))
      writeFileSync(join(this.dir, 'jobs', file), text);
    copyFileSync('/bin/true', join(this.dir, 'jobs', 'command'));
    chmodSync(join(this.dir, 'jobs', 'command'), 0o755);
  }

  /** Starts the daemon; resolves with the milliseconds until it answered. */
  async start({ workers = 4, probe = true } = {}) {
    const begin = nowMs();
    this.#probe = probe ? join(this.dir, `probe-${begin}.json`) : null;
    const watched = probe ? ['--import', PROBE] : [];
    const args = [...watched, BIN, '--dir', this.dir, 'daemon', '--workers', String(workers)];
    const env = { ...process.env, JOBRUN_BENCH_PROBE: this.#probe ?? '' };
    this.#daemon = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let said = '';
    this.#daemon.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-4000);
    });
    let ended = false;
    this.#daemon.once('exit', () => {
      ended = true;
    });
    for (;;) {
      if (ended) throw new Error(`the daemon ended at once:\n${said}`);
      // Without a daemon the library would open the files itself, and the daemon would wait for it.
      if (!existsSync(join(this.dir, 'state', 'jobrun.sock'))) {
        await sleep(2);
        continue;
      }
      const client = await connect({ dir: this.dir });
      if ((await client.status()).running) {
        this.#client = client;
        return nowMs() - begin;
      }
      await client.close();
      await sleep(5);
    }
  }

  get client() {
    return this.#client;
  }

  get pid() {
    return this.#daemon.pid;
  }

  /** Resident bytes of the daemon. */
  memory() {
    return (
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]) * 1024
    );
  }

  /** Accepts runs of a job as fast as it goes, a thousand a call. */
  async fill(job, count, options = {}) {
    const calls = Array.from({ length: Math.ceil(count / 1000) }, (_, i) => i);
    await inFlight(4, calls, (i) => {
      const size = Math.min(1000, count - i * 1000);
      return this.client.scheduleMany(
        Array.from({ length: size }, (_, n) => ({ job, params: payload(n), ...options })),
      );
    });
  }

  /** Resolves when that many runs are settled. */
  async settled(count) {
    for (;;) {
      const { counts } = await this.client.status();
      if (counts.done + counts.failed + counts.aborted >= count) return;
      await sleep(4);
    }
  }

  /** Resolves when nothing is left to do. */
  async allSettled() {
    for (;;) {
      const { queued, running, scheduled } = (await this.client.status()).counts;
      if (queued + running + scheduled === 0) return;
      await sleep(20);
    }
  }

  /** Stops the daemon; `workload` names what its loop had to bear. */
  async stop(workload = null) {
    const over = once(this.#daemon, 'exit');
    await this.#client.close();
    this.#daemon.kill('SIGTERM');
    const [code] = await over;
    if (code !== 0) throw new Error(`the daemon ended with ${code}`);
    if (this.#probe && workload) {
      pauses.push({ workload, ...JSON.parse(readFileSync(this.#probe, 'utf8')) });
    }
  }

  remove() {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Does `work` for each item, so many at once. */
export async function inFlight(most, items, work) {
  const all = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of all) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** A site with its daemon for the length of `work`. */
export async function withSite(name, work, options = {}) {
  const site = new Site(name);
  await site.start(options);
  try {
    return await work(site);
  } finally {
    await site.stop(name);
    site.remove();
  }
}
