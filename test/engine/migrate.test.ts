// A state of an older format, and a version that knows the way: what this version writes is format 1, and the tests
// give it a format 2 in which each job has another name. Migrated as a whole with a copy kept, also when it is killed
// at any moment; only looked at, nothing changes.
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { type FileEngine, openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import type { DocumentName, Step } from '../../src/store/folder.ts';
import { type Disk, realDisk } from '../../src/support/files.ts';
import { begin, work } from '../helpers/engine-history.ts';
import type { Files } from '../helpers/engine-platter.ts';
import { DIR, handClock, untilCrash } from '../helpers/engine-session.ts';
import { all, draft, T0 } from '../helpers/engine-values.ts';
import { ROOT } from '../helpers/project.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const table = vi.hoisted(() => ({ FORMAT: 1, STEPS: [] as unknown[] }));
vi.mock('../../src/store/folder.ts', async (original) => ({
  ...(await original<typeof import('../../src/store/folder.ts')>()),
  get FORMAT() {
    return table.FORMAT;
  },
  get STEPS() {
    return table.STEPS;
  },
}));
vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  PAGE_SIZE: 4,
}));

// biome-ignore lint/suspicious/noExplicitAny: documents of a format that nobody else knows
type Any = any;
const other = (job: string): string => `${job}-2`;
const renamed = (of: Any): Any => ({ ...of, job: other(of.job) });

const DOCUMENTS: Record<DocumentName, (data: Any) => Any> = {
  page: (data) => ({ ...data, runs: data.runs.map(renamed) }),
  locks: (data) => data,
  schedules: ({ schedules, paused, ...data }) => ({
    ...data,
    schedules: schedules.map(renamed),
    paused: { ...paused, jobs: paused.jobs.map(other) },
  }),
  manifest: (data) => ({
    ...data,
    starts: data.starts.map(([job, at]: Any) => [other(job), at]),
    pages: data.pages.map(([page, counts]: Any) => [
      page,
      Object.fromEntries(Object.entries(counts).map(([job, of]) => [other(job), of])),
    ]),
  }),
};
const STEP: Step = {
  from: 1,
  document: (name, data) => DOCUMENTS[name](data),
  operation: ([kind, first, ...rest]) => {
    if (kind === 'run' || kind === 'schedule') return [kind, renamed(first), ...rest];
    return kind === 'pause' && (first as Any).job
      ? [kind, renamed(first), ...rest]
      : [kind, first, ...rest];
  },
};

function version(format: number, ...steps: Step[]): void {
  table.FORMAT = format;
  table.STEPS = steps;
}
afterEach(() => version(1));

const open = (disk: Disk, dir: string, readOnly = false) =>
  openFileEngine({ disk, dir, clock: handClock(), readOnly });

/** Everything that an engine tells, with the jobs' names as they are in the other format. */
async function tale(engine: FileEngine, name: (job: string) => string): Promise<unknown> {
  await engine.advance(T0);
  const { runs, total } = await all(engine);
  const asked = await engine.accept([], T0, { request: 'request-a' }).catch(() => []);
  return {
    total,
    runs: runs.map((run) => ({ ...run, job: name(run.job) })),
    counts: [...(await engine.countsByJob())].map(([job, counts]) => [name(job), counts]).sort(),
    schedules: (await engine.schedules()).map((one) => ({ ...one, job: name(one.job) })),
    paused: [...(await engine.pauses()).jobs].map(name),
    leases: await engine.members.leases(),
    asked: asked.map(({ run }) => run.id),
  };
}
const same = (job: string): string => job;

/** Pages, two of them all settled, and a journal that goes beyond them, as a kill leaves them. */
async function older(): Promise<{ files: Files; epoch: number; told: unknown }> {
  const { disk, open: session, first } = begin();
  const one = await session(first);
  await work(one);
  const settled = await one.accept([20, 21, 22, 23, 24, 25, 26, 27]);
  await Promise.all(settled.map((run) => one.abort(run)));
  await one.engine.fold();
  await one.accept([11, 12]);
  await one.engine.pause({ job: 'mail' }, true);
  const files = new Map(
    [...disk.files()].map(([path, bytes]) => [path, bytes && Buffer.from(bytes)]),
  );
  const epoch = JSON.parse(String(files.get(`${DIR}/manifest.json`))).epoch;
  const { engine } = await open(new SimulatedDisk(files).process(), DIR, true);
  return { files, epoch, told: await tale(engine, other) };
}

/** The documents and segments of a state, without what is set aside. */
const rewritten = (files: Files, dir = DIR): [string, string][] =>
  [...files]
    .filter(([path, bytes]) => bytes && path.startsWith(dir) && /jsonl?$|witness$/.test(path))
    .filter(([path]) => !path.slice(dir.length).startsWith('/aside'))
    .map(([path, bytes]): [string, string] => [path.slice(dir.length), String(bytes)])
    .sort();

test('a state of an older format is migrated as a whole, and the copy is what it was, byte by byte', async () => {
  const { files, epoch, told } = await older();
  version(2, STEP);
  const disk = new SimulatedDisk(files);
  const { engine, damage } = await open(disk.process(), DIR);
  expect(damage).toEqual([]);
  expect(await tale(engine, same)).toEqual(told);
  await engine.accept([draft(99)], T0);
  await engine.close();
  const formats = rewritten(disk.files()).flatMap(
    ([, text]) => /"format":(\d+)/.exec(text)?.[1] ?? [],
  );
  expect(new Set(formats)).toEqual(new Set(['2']));
  expect(rewritten(disk.files(), `${DIR}/aside/format-1-${epoch}`)).toEqual(rewritten(files));
  version(1);
  const before = disk.operations.length;
  await expect(open(disk.process(), DIR)).rejects.toMatchObject({ code: 'state-newer' });
  expect(disk.operations.length).toBe(before);
});

test('a migration that is killed at any moment, twice, is finished by the next start, with the first copy', async () => {
  const { files, epoch, told } = await older();
  for (let n = 0, finished = false; !finished; n++) {
    version(2, STEP);
    const disk = new SimulatedDisk(files);
    for (const at of [n, n % 37]) {
      const process = disk.process();
      process.killAfter(at);
      await untilCrash(async () => {
        await open(process, DIR);
        finished = at === n;
      });
      process.kill();
    }
    const looked = await open(disk.process(), DIR, true);
    expect({ n, told: await tale(looked.engine, same) }).toEqual({ n, told });
    const { engine } = await open(disk.process(), DIR);
    expect({ n, told: await tale(engine, same) }).toEqual({ n, told });
    await engine.close();
    const copies = [...disk.files().keys()].filter((path) => /aside\/[^/]+$/.test(path));
    expect({ n, copies }).toEqual({ n, copies: [`${DIR}/aside/format-1-${epoch}`] });
    expect(rewritten(disk.files(), copies[0])).toEqual(rewritten(files));
  }
}, 60_000);

test('a power cut at any moment of a migration costs nothing either', async () => {
  const { files, told } = await older();
  version(2, STEP);
  const disk = new SimulatedDisk(files);
  await (await open(disk.process(), DIR)).engine.close();
  let states = 0;
  for (const cut of disk.powerCuts({ random: 2 })) {
    states++;
    const { engine, damage } = await open(new SimulatedDisk(cut.files).process(), DIR);
    expect({ at: cut.at, damage, told: await tale(engine, same) }).toEqual({
      at: cut.at,
      damage: [],
      told,
    });
  }
  expect(states).toBeGreaterThan(50);
}, 60_000);

test('whoever only reads sees an older state as it is now, and changes nothing', async () => {
  const { files, told } = await older();
  version(2, STEP);
  const disk = new SimulatedDisk(files);
  const { engine } = await open(disk.process(), DIR, true);
  expect(await tale(engine, same)).toEqual(told);
  await engine.close();
  expect(disk.operations).toEqual([]);
});

test('a format that no step leads from is refused, and no byte of it changes', async () => {
  const { files } = await older();
  version(3, { ...STEP, from: 2 });
  const disk = new SimulatedDisk(files);
  for (const readOnly of [false, true])
    await expect(open(disk.process(), DIR, readOnly)).rejects.toMatchObject({
      code: 'state-older',
      message: expect.stringContaining('format 1, this jobrun knows 3'),
    });
  expect(disk.operations).toEqual([]);
});

test('an older state with a damaged page is not migrated: its own version can still repair it', async () => {
  const { files } = await older();
  const page = `${DIR}/runs/000003.json`;
  const rotten = new Map(files).set(
    page,
    Buffer.from(String(files.get(page)).replace('mail', 'mile')),
  );
  version(2, STEP);
  const disk = new SimulatedDisk(rotten);
  const { engine, damage } = await open(disk.process(), DIR);
  expect(damage).toMatchObject([{ code: 'state-damaged' }]);
  await expect(engine.accept([draft(99)], T0)).rejects.toMatchObject({ code: 'state-damaged' });
  expect(rewritten(disk.files())).toEqual(rewritten(rotten));
  const found = { findings: [], files: 0, foreign: null, recovered: { format: 1 } } as Any;
  const repair = repairState({ disk: disk.process(), dir: DIR, clock: handClock() }, found);
  await expect(repair).rejects.toMatchObject({ code: 'state-older' });
});

test('the kept folder of format 1 goes to format 2 on a real disk, and doctor says both', async () => {
  const dir = join(mkdtempSync(join(tmpdir(), 'jobrun-migrate-')), 'state');
  onTestFinished(() => rmSync(join(dir, '..'), { recursive: true, force: true, maxRetries: 5 }));
  const golden = join(ROOT, 'test/golden/format-1/state');
  cpSync(golden, dir, { recursive: true });
  chmodSync(dir, 0o700);
  const before = await open(realDisk, dir, true);
  const told = await tale(before.engine, other);
  version(2, STEP);
  const inspected = await inspectState(realDisk, dir, handClock());
  expect(inspected.findings).toMatchObject([
    { level: 'warning', message: /format 1, an older one/ },
  ]);
  const { engine } = await open(realDisk, dir);
  expect(await tale(engine, same)).toEqual(told);
  await engine.close();
  const copy = join(dir, 'aside', readdirSync(join(dir, 'aside'))[0] ?? '');
  const names = readdirSync(golden, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.jsonl?$|witness$/.test(name) && !name.startsWith('logs'),
  );
  for (const name of names)
    expect(readFileSync(join(copy, name)), name).toEqual(readFileSync(join(golden, name)));
  expect((await inspectState(realDisk, dir, handClock())).recovered?.format).toBe(2);
});
