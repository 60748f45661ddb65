// More large params than the daemon has memory for: it refuses what does not fit and lives on, and all that it has
// accepted is done.
import { expect, test } from 'vitest';
import { JobrunError } from '../../src/index.ts';
import { eventually } from '../helpers/project.ts';
import { refusal, Site } from '../helpers/site.ts';

const MB = 1024 * 1024;
const LENGTHS = { length: 'export default { run: (params) => params.text.length };' };

async function allDone(small: Site, count: number): Promise<void> {
  await eventually(async () => (await small.jobs.status()).counts.done === count, 60_000);
}

async function smallDaemon(heapMb: number): Promise<Site> {
  const made = new Site(LENGTHS);
  made.project.env.NODE_OPTIONS = `--max-old-space-size=${heapMb}`;
  return made.up();
}

test('more params than fit are refused with exit 5, and the daemon goes on with all that it accepted', async () => {
  const small = await smallDaemon(96);
  const { pid } = await small.jobs.status();
  await small.jobs.pause();
  const params = { text: 'x'.repeat(900_000) };
  const ids: string[] = [];
  const refused: JobrunError[] = [];
  const one = async (): Promise<void> => {
    try {
      ids.push((await small.jobs.schedule('length', params)).id);
    } catch (error) {
      if (!(error instanceof JobrunError)) throw error;
      refused.push(error);
    }
  };
  for (let round = 0; round < 40; round++) await Promise.all([one(), one(), one(), one()]);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['refused']));
  expect(ids.length * 900_000).toBeGreaterThan(20 * MB);
  small.project.write('large.json', JSON.stringify(params));
  const typed = await small.project.cli(['schedule', 'length', '--params', '@large.json']);
  expect([typed.code, typed.stderr]).toEqual([5, expect.stringMatching(/the limit is \d+ MB/)]);
  await small.jobs.resume();
  await allDone(small, ids.length);
  expect(await small.jobs.get(ids[0] ?? '')).toMatchObject({ output: 900_000 });
  // What is done makes room again.
  expect(await small.run('length', params)).toMatchObject({ state: 'done' });
  expect((await small.jobs.status()).pid).toBe(pid);
}, 120_000);

test('what fits is not refused', async () => {
  const small = await smallDaemon(256);
  await small.jobs.pause();
  const params = { text: 'x'.repeat(900_000) };
  for (let i = 0; i < 40; i++) await small.jobs.schedule('length', params);
  expect((await small.jobs.status()).counts).toMatchObject({ queued: 40 });
}, 60_000);

test('more settled runs in a page than the heap holds are listed, shown, folded and started with', async () => {
  const small = await smallDaemon(72);
  const params = { text: 'x'.repeat(900_000) };
  const { pid } = await small.jobs.status();
  let last = '';
  for (let i = 1; i <= 85; i++) {
    last = (await small.jobs.schedule('length', params)).id;
    if (i % 5 === 0) await allDone(small, i);
  }
  const { total, runs } = await small.jobs.list({ limit: 5, state: ['done'] });
  expect([total, runs.map((run) => run.params)]).toEqual([85, Array(5).fill(params)]);
  expect((await small.jobs.get('1')).params).toEqual(params);
  const shown = await small.project.cli(['list', '--limit', '100']);
  expect([shown.code, shown.stdout.match(/ done /g)?.length]).toEqual([0, 85]);
  expect((await refusal(small.jobs.list({ limit: 100 }))).code).toBe('too-large');
  const printed = await small.project.cli(['list', '--limit', '100', '--json']);
  expect([printed.code, printed.stderr]).toEqual([2, expect.stringContaining('--offset')]);
  expect((await small.jobs.status()).pid).toBe(pid);
  await small.daemon.kill('SIGTERM');
  await small.up();
  expect((await small.jobs.get('7')).params).toEqual(params);
  expect((await small.jobs.get(last)).params).toEqual(params);
}, 300_000);
