// Each file of the state rots in turn: cut short, one bit flipped, emptied, gone, or a folder in its place. Either that
// is noticed, the state is only read and the original kept, or nothing that was answered is missing. Never an empty
// state in silence.
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import type { Run } from '../../src/run/run.ts';
import { FORMAT } from '../../src/store/folder.ts';
import type { JobrunError } from '../../src/support/errors.ts';
import type { Files } from '../helpers/engine-platter.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { all, DONE, draft, finish, schedule, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

vi.mock('../../src/support/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/support/limits.ts')>()),
  PAGE_SIZE: 4,
}));

const openOn = (disk: SimulatedDisk) =>
  openFileEngine({ disk: disk.process(), dir: DIR, clock: handClock() });

interface State {
  readonly files: Files;
  readonly runs: readonly Run[];
}

/** Several pages, of which some are all settled, a schedule, leases, and a journal with lines. */
async function sound(): Promise<State> {
  const disk = new SimulatedDisk();
  const { engine } = await openOn(disk);
  await engine.accept(
    Array.from({ length: 12 }, (_, i) => draft(i)),
    T0,
  );
  engine.members.putWorker(worker(1));
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 8 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  for (const { run, token } of claimed.slice(0, 7)) {
    await engine.changeHeld(run.id, token, (now) => finish(now, DONE, T0));
  }
  await engine.changeSchedule('s', () => schedule('s', 0));
  await engine.fold();
  await engine.accept([draft(20)], T0);
  await engine.accept([draft(21)], T0);
  const last = claimed[7];
  if (last) await engine.changeHeld(last.run.id, last.token, (now) => finish(now, DONE, T0));
  const { runs } = await all(engine);
  await engine.close();
  return { files: disk.files(), runs };
}

type Found = 'noticed' | 'nothing missing' | 'MISSING IN SILENCE';

/** Opens a state with damage in one file, and says what becomes of it. */
async function look(state: State, files: Files, path: string): Promise<Found> {
  const disk = new SimulatedDisk(files);
  const opened = await openOn(disk).catch((error: unknown) => error as JobrunError);
  if (opened instanceof Error) {
    expect(opened).toMatchObject({ code: 'state-newer' });
    expect(disk.operations).toEqual([]);
    return 'noticed';
  }
  const { engine, damage } = opened;
  if (damage.length > 0) {
    await expect(engine.accept([draft(99)], T0)).rejects.toMatchObject({ code: damage[0]?.code });
    expect(
      damage.some(({ message }) => message.includes(path)),
      `${damage[0]?.message}`,
    ).toBe(true);
    keptAside(disk.files(), files, path);
    return 'noticed';
  }
  const listed = await all(engine);
  if (listed.damage?.length) {
    // One rotten page of settled runs: it is named, and all other runs are there.
    expect(listed.damage.map(({ message }) => message)).toEqual([expect.stringContaining(path)]);
    const page = Number(/(\d+)\.json$/.exec(path)?.[1]);
    const others = state.runs.filter(({ id }) => Math.floor(id / 4) !== page);
    expect(listed.runs).toEqual(others);
    return 'noticed';
  }
  const same = JSON.stringify(listed.runs) === JSON.stringify(state.runs);
  const schedules = (await engine.schedules()).length === 1;
  return same && schedules && (await finds(engine, state))
    ? 'nothing missing'
    : 'MISSING IN SILENCE';
}

async function finds(
  engine: { find(id: number): Promise<Run | null> },
  { runs }: State,
): Promise<boolean> {
  for (const run of runs) if ((await engine.find(run.id)) === null) return false;
  return true;
}

/** Nothing was changed but a copy of the original, byte by byte, in `aside`. */
function keptAside(after: Files, before: Files, path: string): void {
  for (const [name, bytes] of before) {
    if (bytes) expect(after.get(name)?.equals(bytes), name).toBe(true);
  }
  const original = before.get(path);
  if (!original) return;
  const copies = [...after].filter(
    ([name]) => name.startsWith(`${DIR}/aside/`) && name.endsWith(basename(path)),
  );
  expect(copies.some(([, bytes]) => bytes?.equals(original))).toBe(true);
}

const replaced = (files: Files, path: string, bytes: Buffer | null | undefined): Files => {
  const copy = new Map(files);
  if (bytes === undefined) copy.delete(path);
  else copy.set(path, bytes);
  return copy;
};

const flipped = (bytes: Buffer, at: number, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
};

const FILES = [
  'manifest.json',
  'schedules.json',
  'locks.json',
  'runs/000000.json',
  'runs/000001.json',
  'runs/000002.json',
  'runs/000003.json',
  'journal',
  'witness',
];

async function target(state: State, name: string): Promise<string> {
  if (name !== 'journal') return `${DIR}/${name}`;
  return [...state.files.keys()].filter((path) => path.startsWith(`${DIR}/journal/`)).at(-1) ?? '';
}

test('the sound state is the twin: no alarm, nothing missing', async () => {
  const state = await sound();
  expect(await look(state, state.files, '')).toBe('nothing missing');
  expect(state.runs.length).toBe(14);
});

test.each(FILES)(
  '%s cut short anywhere is noticed, or nothing that was answered is missing',
  async (name) => {
    const state = await sound();
    const path = await target(state, name);
    const bytes = state.files.get(path) ?? null;
    if (bytes === null) return expect(name).toBe('runs/000003.json');
    const found: Found[] = [];
    for (let size = 0; size < bytes.length; size += size < 200 ? 1 : 17) {
      found.push(await look(state, replaced(state.files, path, bytes.subarray(0, size)), path));
    }
    expect(found).not.toContain('MISSING IN SILENCE');
    if (name !== 'witness') expect(found).toContain('noticed');
  },
);

test.each(FILES)(
  '%s with one bit flipped anywhere is noticed, or nothing is missing',
  async (name) => {
    const state = await sound();
    const path = await target(state, name);
    const bytes = state.files.get(path);
    if (!bytes) return expect(name).toBe('runs/000003.json');
    const found: Found[] = [];
    for (let at = 0; at < bytes.length; at += bytes.length > 400 ? 7 : 1) {
      found.push(await look(state, replaced(state.files, path, flipped(bytes, at, at % 8)), path));
    }
    expect(found).not.toContain('MISSING IN SILENCE');
    if (name !== 'witness')
      expect(found.filter((what) => what === 'noticed').length).toBeGreaterThan(found.length * 0.9);
  },
);

test.each(FILES)(
  '%s missing, or a folder in its place, is noticed, or nothing is missing',
  async (name) => {
    const state = await sound();
    const path = await target(state, name);
    if (!state.files.has(path)) return expect(name).toBe('runs/000003.json');
    for (const instead of [undefined, null]) {
      const found = await look(state, replaced(state.files, path, instead), path);
      expect(found).toBe(
        name === 'witness' && instead === undefined ? 'nothing missing' : 'noticed',
      );
    }
  },
);

test('with a damaged manifest the runs that can be read are shown, not an empty state', async () => {
  const state = await sound();
  const files = replaced(state.files, `${DIR}/manifest.json`, Buffer.from(`{"format":${FORMAT}`));
  const { engine, damage } = await openOn(new SimulatedDisk(files));
  expect(damage.map(({ code }) => code)).toEqual(['state-damaged']);
  expect((await all(engine)).runs.map(({ id }) => id)).toEqual(state.runs.map(({ id }) => id));
});

test('a second start with the same damage makes no second copy', async () => {
  const state = await sound();
  const path = `${DIR}/locks.json`;
  const disk = new SimulatedDisk(replaced(state.files, path, Buffer.from('{}')));
  await openOn(disk);
  const aside = () => [...disk.files().keys()].filter((name) => name.startsWith(`${DIR}/aside/`));
  expect(aside()).toHaveLength(1);
  await openOn(disk);
  expect(aside()).toHaveLength(1);
});

test('two segments swapped, or one from another state, are noticed', async () => {
  const state = await sound();
  const other = await sound();
  const path = await target(state, 'journal');
  const text = String(state.files.get(path)).split('\n');
  const lines = [text[0], text[2], text[1], ...text.slice(3)].join('\n');
  expect(await look(state, replaced(state.files, path, Buffer.from(lines)), path)).toBe('noticed');
  const twice = [text[0], text[1], text[1], ...text.slice(2)].join('\n');
  expect(await look(state, replaced(state.files, path, Buffer.from(twice)), path)).toBe('noticed');
  expect(await look(state, replaced(state.files, path, other.files.get(path) ?? null), path)).toBe(
    'nothing missing',
  );
});

test.each(['manifest.json', 'schedules.json', 'locks.json', 'runs/000002.json', 'journal'])(
  '%s of a newer format is refused, and nothing is touched',
  async (name) => {
    const state = await sound();
    const path = await target(state, name);
    const text = String(state.files.get(path));
    const newer = name === 'journal' ? newerHeader(text) : withNewerFormat(text);
    const disk = new SimulatedDisk(replaced(state.files, path, Buffer.from(newer)));
    await expect(openOn(disk)).rejects.toMatchObject({
      code: 'state-newer',
      message: expect.stringContaining(path),
    });
    expect(disk.operations).toEqual([]);
  },
);

const withNewerFormat = (text: string): string =>
  text.replace(`"format":${FORMAT}`, `"format":${FORMAT + 1}`);

function newerHeader(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  const json = withNewerFormat(first.slice(9));
  const from = Number.parseInt(JSON.parse(json).p, 16);
  return [`${crc(json, from)} ${json}`, ...rest].join('\n');
}

const crc = (json: string, from: number): string => crc32(json, from).toString(16).padStart(8, '0');
