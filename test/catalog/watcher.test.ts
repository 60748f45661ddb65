// The watcher on real folders: what it tells, and that it stays on what the path leads to.
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { watchJobs } from '../../src/catalog/watcher.ts';
import { type Clock, delay, systemClock } from '../../src/support/clock.ts';
import { eventually } from '../helpers/project.ts';

function home(): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-watcher-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

function write(folder: string, name: string, text = ''): void {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
}

class Watched {
  readonly folder: string;
  readonly #watcher;
  #told: string[] = [];
  calls = 0;

  constructor(folder: string, clock = systemClock) {
    this.folder = folder;
    this.#watcher = watchJobs({
      folder,
      clock,
      onChange: async (paths) => {
        this.calls++;
        this.#told.push(...(paths?.map((path) => relative(folder, path)) ?? ['all']));
      },
      onRefused: (error) => {
        throw error;
      },
    });
    onTestFinished(() => this.#watcher.close());
  }

  ready(): Promise<void> {
    return this.#watcher.ready;
  }

  /** What was told since this was asked last. */
  take(): readonly string[] {
    return this.#told.splice(0);
  }

  /** That a change of this file is told, by its name. */
  async sees(name: string): Promise<void> {
    await eventually(() => {
      appendFileSync(join(this.folder, name), 'x');
      return this.#told.includes(name);
    });
    this.take();
  }
}

async function watched(folder: string, clock?: Clock): Promise<Watched> {
  const watcher = new Watched(folder, clock);
  await watcher.ready();
  watcher.take();
  return watcher;
}

test('a burst is told once and within a second, also in folders that are new', async () => {
  const w = await watched(home());
  const before = w.calls;
  for (let i = 0; i < 5; i++) write(w.folder, 'a.ts', String(i));
  await eventually(() => w.take().includes('a.ts'), 1000);
  expect(w.calls).toBe(before + 1);
  write(w.folder, 'deep/er/b.ts');
  await eventually(() => w.take().some((path) => path.startsWith('deep')));
  await w.sees('deep/er/b.ts');
});

test('a file that is saved without end does not hold back what is told', async () => {
  const w = await watched(home());
  const before = w.calls;
  for (let i = 0; i < 60; i++) {
    write(w.folder, 'a.ts', String(i));
    await delay(systemClock, 20);
  }
  expect(w.calls - before).toBeGreaterThanOrEqual(2);
});

test('what is hidden is nothing, and a folder named data is watched as any other', async () => {
  const folder = home();
  for (const name of ['data/a.ts', 'x/data/b.ts', 'node_modules/m.js', '.git/c.js'])
    write(folder, name);
  const w = await watched(folder);
  for (const name of ['node_modules/m.js', '.git/c.js', '.swp']) write(folder, name, 'changed');
  await w.sees('data/a.ts');
  await w.sees('x/data/b.ts');
  expect(w.take().filter((path) => /node_modules|\.git|\.swp/.test(path))).toEqual([]);
});

// Each brings another folder to the path, with a file v.ts in it.
const REPLACED: Readonly<Record<string, (home: string) => unknown>> = {
  'is deleted and made again': (dir) => {
    rmSync(join(dir, 'jobs'), { recursive: true });
    write(dir, 'jobs/v.ts', 'two');
  },
  'is deleted, and made again after a while': async (dir) => {
    rmSync(join(dir, 'jobs'), { recursive: true });
    await delay(systemClock, 1000);
    write(dir, 'jobs/v.ts', 'two');
  },
  'is swapped by mv': (dir) => {
    renameSync(join(dir, 'jobs'), join(dir, 'jobs.old'));
    renameSync(join(dir, 'next'), join(dir, 'jobs'));
  },
  'is a link that is turned': (dir) => {
    rmSync(join(dir, 'jobs'), { recursive: true });
    symlinkSync(join(dir, 'next'), join(dir, 'jobs'));
  },
};

for (const [how, replace] of Object.entries(REPLACED))
  test(`a jobs folder that ${how} is followed, and what is changed in the new one is told`, async () => {
    const dir = home();
    for (const name of ['jobs/v.ts', 'next/v.ts']) write(dir, name, 'one');
    const w = await watched(join(dir, 'jobs'));
    await w.sees('v.ts');
    await replace(dir);
    await eventually(() => w.take().includes('all'));
    await w.sees('v.ts');
  });

test('behind a link the folder itself is watched, and the next one when a link above is turned', async () => {
  const dir = home();
  for (const n of [1, 2]) write(dir, `releases/${n}/jobs/deep/v.ts`);
  symlinkSync('releases/1', join(dir, 'current'));
  symlinkSync('current/jobs', join(dir, 'jobs'));
  const w = await watched(join(dir, 'jobs'));
  await w.sees('deep/v.ts');
  symlinkSync('releases/2', join(dir, 'current.new'));
  renameSync(join(dir, 'current.new'), join(dir, 'current'));
  await eventually(() => w.take().includes('all'));
  await w.sees('deep/v.ts');
  await delay(systemClock, 500);
  w.take();
  appendFileSync(join(dir, 'releases/1/jobs/deep/v.ts'), 'x');
  await delay(systemClock, 500);
  expect(w.take(), 'the release of before is nothing any more').toEqual([]);
});

test('a folder below that is replaced at once is watched as the new one, and so are those in it', async () => {
  const dir = home();
  for (const name of ['jobs/sub/deep/v.ts', 'next/deep/v.ts']) write(dir, name);
  const w = await watched(join(dir, 'jobs'));
  await w.sees('sub/deep/v.ts');
  renameSync(join(dir, 'jobs/sub'), join(dir, 'old'));
  renameSync(join(dir, 'next'), join(dir, 'jobs/sub'));
  await eventually(() => w.take().includes('all'));
  await w.sees('sub/deep/v.ts');
  rmSync(join(dir, 'jobs/sub'), { recursive: true });
  cpSync(join(dir, 'old'), join(dir, 'jobs/sub'), { recursive: true });
  await w.sees('sub/deep/v.ts');
});

test('a folder of very many files that is written to all the time is not listed all the time', async () => {
  const folder = join(home(), 'jobs');
  const files = Array.from({ length: 20_000 }, (_, i) => `data/${i}.txt`);
  for (const file of files) write(folder, file);
  const watched = new Watched(folder);
  await watched.ready();
  watched.take();
  const before = process.cpuUsage();
  const began = performance.now();
  for (const file of files.slice(0, 100)) {
    write(folder, file, 'more');
    await delay(systemClock, 30);
  }
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - began);
  await eventually(() => new Set(watched.take()).has('data/99.txt'));
  expect(share).toBeLessThan(0.2);
  // A folder that comes meanwhile is found and watched, if later than in a small one.
  write(folder, 'data/later/a.mjs');
  await eventually(() => {
    write(folder, 'data/later/b.mjs');
    return watched.take().includes('data/later/b.mjs');
  }, 60_000);
}, 120_000);

test('a folder above that is replaced is followed too, though nobody tells of it', async () => {
  const dir = home();
  for (const n of ['app', 'next']) write(dir, `${n}/jobs/v.ts`);
  const w = await watched(join(dir, 'app/jobs'));
  await w.sees('v.ts');
  renameSync(join(dir, 'app'), join(dir, 'old'));
  renameSync(join(dir, 'next'), join(dir, 'app'));
  await eventually(() => w.take().includes('all'));
  await w.sees('v.ts');
});

test('at rest the path is looked at every three seconds, and a few times a second only while it leads nowhere', async () => {
  const dir = home();
  write(dir, 'release/jobs/v.ts');
  symlinkSync('release', join(dir, 'current'));
  let pause = 0;
  const after: Clock['after'] = (ms, ...rest) => {
    pause = ms;
    return systemClock.after(ms, ...rest);
  };
  const folder = join(dir, 'current/jobs');
  const w = await watched(folder, { ...systemClock, after });
  expect(pause).toBe(3000);
  rmSync(folder, { recursive: true });
  await eventually(() => w.take().includes('all'));
  expect(pause).toBe(300);
  write(dir, 'release/jobs/v.ts');
  await eventually(() => w.take().includes('all'));
  await eventually(() => pause === 3000);
});
