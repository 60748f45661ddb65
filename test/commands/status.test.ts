// What `jobrun status` prints about several workers or hosts: a list, whose parts stand below one another.
import { expect, test } from 'vitest';
import { Output } from '../../src/commands/shared/output.ts';
import type { Status } from '../../src/commands/shared/replies.ts';
import { status } from '../../src/commands/status.ts';

const NO_RUNS = { scheduled: 0, waiting: 0, queued: 0, running: 0, done: 0, failed: 0, aborted: 0 };
const BARE: Status = {
  running: true,
  pid: 7,
  since: new Date(0).toISOString(),
  version: '1.0.0',
  dir: '/p',
  jobs: '/p/jobs',
  state: '/p/state',
  host: 'web-1',
  engine: 'json',
  hosts: [],
  workers: { busy: 0, total: 4 },
  counts: NO_RUNS,
  broken: [],
  paused: { all: false, jobs: [] },
  memory: { bytes: 0, limit: 1_000_000 },
  http: null,
  watch: null,
  external: [],
};

async function printed(of: Partial<Status>, label: string): Promise<readonly string[]> {
  let stdout = '';
  const sink = { write: (text: string) => (stdout += text) };
  const out = new Output({
    stdout: sink,
    stderr: sink,
    json: false,
    quiet: false,
    verbose: false,
    color: 'never',
    env: {},
    timezone: () => 'UTC',
    now: () => 60_000,
  });
  await status.show({ ...BARE, ...of }, out, {});
  return stdout.split('\n').filter((line) => line.startsWith(label));
}

test('workers outside stand in columns, and the jobs that they take come last', async () => {
  const seen = (ms: number): string => new Date(60_000 - ms).toISOString();
  const external = [
    { name: 'go', jobs: ['resize'], seenAt: seen(3000), running: 12 },
    { name: '写-worker', jobs: ['ocr', 'mail'], seenAt: seen(45_000), running: 0 },
  ];
  expect(await printed({ external }, 'outside')).toEqual([
    'outside   go          12 running   heard 3.0s ago   resize',
    'outside   写-worker   0 running    heard 45s ago    ocr, mail',
  ]);
  expect(await printed({}, 'outside')).toEqual([]);
});

test('the memory that runs take stands against its limit; on a store, where they take none, it is left out', async () => {
  const memory = { bytes: 3 * 1024 ** 2, limit: 900 * 1024 ** 2 };
  expect(await printed({ memory }, 'memory')).toEqual(['memory    3 MB of 900 MB taken by runs']);
  expect(await printed({ memory: { bytes: 0, limit: null } }, 'memory')).toEqual([]);
});

test('hosts that share a store stand in columns', async () => {
  const hosts = [
    { host: 'a', pid: 1, workers: { busy: 0, total: 4 }, state: 'alive', silentMs: 0 },
    {
      host: 'web-2',
      pid: 12345,
      workers: { busy: 10, total: 16 },
      state: 'silent',
      silentMs: 9000,
    },
  ] as unknown as Status['hosts'];
  const engine = 'postgres://jobs@db/shop';
  expect(await printed({ hosts, engine }, 'host')).toEqual([
    'host      a       pid 1       0 of 4 busy',
    'host      web-2   pid 12345   10 of 16 busy   silent for 9.0s',
  ]);
});
