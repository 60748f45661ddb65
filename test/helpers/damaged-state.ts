// A state folder with something of everything in it, as a kill or a clean stop leaves it, and every way to damage one
// of its files. Real files: a pipe and a link can be planted too.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { RunLogFiles } from '../../src/engine/files/run-log.ts';
import type { Run } from '../../src/run/run.ts';
import type { Schedule } from '../../src/run/schedule.ts';
import { abortIdle, save } from '../../src/run/transitions.ts';
import { FORMAT } from '../../src/store/folder.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { all, DONE, draft, finish, schedule, T0, THREW, worker } from './engine-values.ts';

export interface SampleState {
  /** A folder that damaged copies are made in. */
  readonly home: string;
  readonly dir: string;
  readonly runs: readonly Run[];
  readonly schedules: readonly Schedule[];
  /** Ids that were ever given are below this. */
  readonly nextId: number;
}

/** What a disk keeps is told elsewhere: here every file is damaged by hand, and a file system in memory is faster. */
const MEMORY = '/dev/shm';
const PAGE = 1000;
const DAY = 24 * 3_600_000;

/** Three pages, the first all settled; a schedule, a pause, a lease, waiting and scheduled runs, logs with rows. */
export async function sampleState(clean: boolean): Promise<SampleState> {
  const home = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'jobrun-damage-'));
  const dir = join(home, 'live');
  mkdirSync(dir, { mode: 0o700 });
  const { engine } = await openFileEngine({ disk: realDisk, dir, clock: systemClock });
  for (let page = 0; page < 3; page++)
    await engine.accept(
      Array.from({ length: page === 0 ? PAGE - 1 : PAGE }, (_, i) => draft(page * PAGE + i)),
      T0,
    );
  const keeps = (id: number): boolean => id % PAGE < 6;
  const settled = (id: number): boolean => id < PAGE || id % PAGE < 2 || !keeps(id);
  engine.members.putWorker(worker(1));
  const ids = Array.from({ length: 3 * PAGE - 1 }, (_, i) => i + 1);
  const aborted = ids.filter((id) => settled(id) && id > 3);
  await Promise.all(
    aborted.map((id) => engine.change(id, (run) => abortIdle(run, 'not wanted', T0))),
  );
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 5 },
    () => ({ mark: 'w1', pid: 999_999 }),
    T0,
  );
  for (const [i, { run, token }] of claimed.entries()) {
    if (i < 3)
      await engine.changeHeld(run.id, token, (now) => finish(now, i === 1 ? THREW : DONE, T0));
    else
      await engine.changeHeld(run.id, token, (now) =>
        save(now, { checkpoint: { at: i }, rows: 2 }),
      );
  }
  await engine.remove(ids.filter((id) => !keeps(id)));
  await engine.accept([draft(1, null, { dueAt: T0 + DAY }), draft(2, { after: [1004] })], T0);
  await engine.accept([draft(3, { key: 'k', schedule: 's' })], T0, { request: 'a-request' });
  for (const one of [schedule('s', 3), schedule('t')])
    await engine.changeSchedule(one.name, () => one);
  await engine.pause({ job: 'mail' }, true);
  const logs = new RunLogFiles({
    folder: join(dir, 'logs'),
    clock: systemClock,
    onError: () => undefined,
    makeRoom: async () => undefined,
  });
  for (const id of [1, claimed[3]?.run.id ?? 0]) {
    const line = {
      at: new Date(T0).toISOString(),
      level: 'info',
      stream: 'log',
      attempt: 1,
    } as const;
    for (let i = 0; i < 5; i++) logs.append(id, { ...line, text: `line ${i}`, fields: null });
    for (let i = 0; i < 2; i++) logs.row(id, i, { row: i });
    await logs.flush(id, true);
  }
  await engine.fold();
  await engine.accept([draft(4), draft(5)], T0);
  const last = claimed[4];
  if (last) await engine.changeHeld(last.run.id, last.token, (now) => finish(now, DONE, T0));
  await engine.change(3002, (run) => abortIdle(run, 'not wanted', T0));
  await engine.accept([draft(6)], T0);
  if (clean) await engine.fold();
  if (clean) await engine.close();
  const { runs } = await all(engine);
  const kept = join(home, 'kept');
  writeFileSync(join(dir, 'lock'), '');
  // Much smaller than it is, so that it is quickly copied: nobody reads it.
  writeFileSync(join(dir, 'reserve'), Buffer.alloc(8192));
  cpSync(dir, kept, { recursive: true });
  if (!clean) await engine.close();
  rmSync(dir, { recursive: true });
  return { home, dir: kept, runs, schedules: await engine.schedules(), nextId: 3 * PAGE + 6 };
}

export type Damage = (path: string, bytes: Buffer) => void;

const write =
  (make: (bytes: Buffer) => Buffer): Damage =>
  (path, bytes) =>
    writeFileSync(path, make(bytes));
const instead =
  (make: (path: string) => void): Damage =>
  (path) => {
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    make(path);
  };

export const cut = (size: number): Damage => write((bytes) => bytes.subarray(0, size));
export const flip = (at: number, bit: number): Damage =>
  write((bytes) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] as number) ^ (1 << bit);
    return copy;
  });
/** A sector that reads as zeros, or as something else. */
export const overwrite = (at: number, length: number, fill: number): Damage =>
  write((bytes) => Buffer.from(bytes).fill(fill, at, Math.min(at + length, bytes.length)));

/** What can stand in the place of any file. */
export const REPLACED: Readonly<Record<string, Damage>> = {
  'is gone': instead(() => undefined),
  'is empty': write(() => Buffer.alloc(0)),
  'is there twice': write((bytes) => Buffer.concat([bytes, bytes])),
  'is all zeros': write((bytes) => Buffer.alloc(bytes.length)),
  'is garbage': write((bytes) => Buffer.from(bytes.map((byte, i) => (byte * 7 + i * 13) & 255))),
  'is a folder': instead((path) => mkdirSync(path)),
  'is a pipe': instead((path) => execFileSync('mkfifo', [path])),
  'is a link': (path) => {
    const away = `${path}.away`;
    cpSync(path, away);
    rmSync(path);
    symlinkSync(basename(away), path);
  },
};

/** As a version would write it that has another format: with the checksum of what it says. */
export const ofFormat = (format: number): Damage =>
  write((bytes) => {
    const text = String(bytes).replace(`"format":${FORMAT}`, `"format":${format}`);
    if (!text.startsWith('{')) return Buffer.from(withLineSum(text));
    const body = text.slice(0, text.lastIndexOf(',"sum":'));
    return Buffer.from(`${body},"sum":"${hex(crc32(body))}"}\n`);
  });

function withLineSum(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  const json = first.slice(9);
  return [`${hex(crc32(json, Number.parseInt(JSON.parse(json).p, 16)))} ${json}`, ...rest].join(
    '\n',
  );
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

/** What can stand where the socket of a daemon should be. */
export const NO_SOCKET: Readonly<Record<string, Damage>> = {
  'is a file': (path) => writeFileSync(path, 'no socket'),
  'is a folder': (path) => mkdirSync(path),
  'is a pipe': (path) => execFileSync('mkfifo', [path]),
  'is a link': (path) => symlinkSync('manifest.json', path),
};

let copies = 0;

/** A copy of the state with one file damaged; the original bytes too. */
export function damagedCopy(
  state: SampleState,
  file: string,
  damage: Damage,
): { readonly dir: string; readonly bytes: Buffer } {
  const dir = join(state.home, `copy-${++copies}`);
  cpSync(state.dir, dir, { recursive: true });
  const path = join(dir, file);
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  damage(path, bytes);
  return { dir, bytes };
}
