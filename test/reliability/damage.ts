// Every kind of file of the state is damaged in every way there is, one at a time, on real files. Each damage has to
// be noticed, or to cost nothing that was answered; the original is kept; doctor names the file; after its repair the
// state is sound, serves, gives no number twice, has every run that is not named as lost, and no run that was settled
// goes on by itself.
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { type Inspection, inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { isSettled, type Run } from '../../src/run/run.ts';
import { clearPlaces, type Repaired } from '../../src/store/doctor.ts';
import { FORMAT } from '../../src/store/folder.ts';
import { type Clock, systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import {
  cut,
  type Damage,
  damagedCopy,
  flip,
  NO_SOCKET,
  ofFormat,
  overwrite,
  REPLACED,
  type SampleState,
  sampleState,
} from '../helpers/damaged-state.ts';
import { all, draft } from '../helpers/engine-values.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';

/** Nothing here waits for another process. */
const clock: Clock = {
  ...systemClock,
  after: (_ms, fn) => {
    const timer = setImmediate(fn);
    return () => clearImmediate(timer);
  },
};
const HANG_MS = 10_000;

/** A daemon never reads them, or nothing that was promised is in them. */
const UNPROMISED = /^(?:witness|reserve|lock|jobrun\.sock|logs\/)/;

interface Tally {
  times: number;
  noticed: number;
  whole: number;
  repaired: number;
  runsLost: number;
  readonly wrong: string[];
}

const damage: Experiment = {
  title: 'Damaged files',
  async run(size, log) {
    const rows: Row[] = [];
    for (const clean of [false, true]) {
      const state = await sampleState(clean);
      try {
        for (const [what, cases] of plan(state, size)) {
          const after = clean ? 'a clean stop' : 'kill -9';
          rows.push(await tryAll(`after ${after}: ${what}`, state, cases, log));
        }
      } finally {
        rmSync(state.home, { recursive: true, force: true, maxRetries: 5 });
      }
    }
    return rows;
  },
};
export default damage;

type Case = readonly [name: string, file: string, damage: Damage];

/** Places that are spread over all of a file. */
const PLACES = { quick: 2, full: 40 } as const;

function* spread(length: number, size: Size): Generator<number> {
  const step = Math.max(1, Math.floor(length / PLACES[size]));
  for (let at = 0; at < length; at += step) yield at;
  if (length > 1) yield length - 1;
}

function plan(state: SampleState, size: Size): readonly (readonly [string, readonly Case[]])[] {
  const files = filesOf(state.dir);
  const cases = (make: (file: string, length: number) => Iterable<Case>): readonly Case[] =>
    files.flatMap((file) => [...make(file, readFileSync(join(state.dir, file)).length)]);
  return [
    [
      'a file is gone, empty, doubled, zeros, garbage, a folder, a pipe, a link',
      cases((file) =>
        Object.entries(REPLACED).map(([name, how]) => [`${file} ${name}`, file, how] as const),
      ),
    ],
    [
      'a file, a folder, a pipe or a link is in the place of the socket',
      Object.entries(NO_SOCKET).map(([name, how]) => [`jobrun.sock ${name}`, 'jobrun.sock', how]),
    ],
    [
      'a file has a newer format, or one that is too old',
      files
        .filter((file) => /^(?!logs).*\.jsonl?$/.test(file))
        .flatMap((file) =>
          [FORMAT + 1, 0].map((n): Case => [`${file} of format ${n}`, file, ofFormat(n)]),
        ),
    ],
    [
      'a file is cut short',
      cases(function* (file, length) {
        for (const at of spread(length, size)) yield [`${file} cut at ${at}`, file, cut(at)];
      }),
    ],
    [
      'one bit is flipped',
      cases(function* (file, length) {
        for (const at of spread(length, size))
          yield [`${file} bit ${at % 8} of byte ${at} flipped`, file, flip(at, at % 8)];
      }),
    ],
    [
      '64 bytes read as something else',
      cases(function* (file, length) {
        for (const at of spread(length, size))
          yield [`${file} overwritten at ${at}`, file, overwrite(at, 64, at % 2 === 0 ? 0 : 0x41)];
      }),
    ],
  ];
}

/** Each kind of file once: of pages and segments all. */
function filesOf(dir: string): readonly string[] {
  const inside = (folder: string): string[] =>
    readdirSync(join(dir, folder)).map((name) => `${folder}/${name}`);
  const top = ['manifest.json', 'schedules.json', 'locks.json', 'witness', 'lock', 'reserve'];
  return [...top, ...inside('runs'), ...inside('journal'), ...inside('logs')];
}

async function tryAll(
  what: string,
  state: SampleState,
  cases: readonly Case[],
  log: (text: string) => void,
): Promise<Row> {
  const tally: Tally = { times: 0, noticed: 0, whole: 0, repaired: 0, runsLost: 0, wrong: [] };
  for (const [name, file, how] of cases) {
    tally.times++;
    const { dir, bytes } = damagedCopy(state, file, how);
    const judged = judge(state, dir, file, bytes, tally).catch((error) => `threw ${error.stack}`);
    let timer: NodeJS.Timeout | undefined;
    const hung = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, HANG_MS, 'hangs');
    });
    const wrong = await Promise.race([judged, hung]);
    clearTimeout(timer);
    if (wrong !== null) tally.wrong.push(`${name}: ${wrong}`);
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
  for (const wrong of tally.wrong.slice(0, 10)) log(wrong);
  log(`${what}: ${tally.times} cases, ${tally.wrong.length} wrong`);
  const detail = `noticed ${tally.noticed}, nothing missing ${tally.whole}, sound after repair ${tally.repaired}, runs named as lost or in doubt ${tally.runsLost}`;
  return { what, times: tally.times, lost: tally.wrong.length, detail };
}

/** What is wrong, or null. */
async function judge(
  state: SampleState,
  dir: string,
  file: string,
  original: Buffer,
  tally: Tally,
): Promise<string | null> {
  const before = textsOf(dir);
  const found = await inspectState(realDisk, dir, clock);
  if (found.foreign) {
    tally.noticed++;
    return await refused(dir, found, before);
  }
  const named = found.findings.filter((one) => one.file.startsWith(join(dir, file)));
  const elsewhere = found.findings.filter(({ level }) => level === 'problem');
  if (named.length + elsewhere.length === 0) {
    tally.whole++;
    const missing = await compare(state, dir, null);
    return missing === null || UNPROMISED.test(file) ? missing : `unnoticed, and ${missing}`;
  }
  tally.noticed++;
  if (elsewhere.length === 0) return await compare(state, dir, null);
  const aside = await clearPlaces(realDisk, dir, clock.now());
  const repaired = await repairState({ disk: realDisk, dir, clock }, found);
  if (!isKept(dir, file, original) && aside.length + repaired.aside.length === 0)
    return 'the damaged original is not kept';
  const again = await inspectState(realDisk, dir, clock);
  const stopped = repaired.notes.flatMap(
    (note) => /^(schedule \S+) .* stays stopped/.exec(note)?.[1] ?? [],
  );
  const left = again.findings.find(
    ({ level, message }) =>
      level === 'problem' &&
      !stopped.some((schedule) => message.startsWith(`${schedule} is stopped`)),
  );
  if (left) return `not sound after the repair: ${left.message}`;
  tally.repaired++;
  tally.runsLost += repaired.doubted.length;
  for (const { ids, more } of repaired.lost) tally.runsLost += ids.length + more;
  return await compare(state, dir, repaired);
}

/** Only what is a file: a planted pipe would keep its reader for ever. */
const textsOf = (dir: string): string =>
  filesOf(dir)
    .filter((file) => lstatSync(join(dir, file), { throwIfNoEntry: false })?.isFile())
    .map((file) => `${file} ${readFileSync(join(dir, file), 'base64')}`)
    .join();

/** What another version wrote is left as it is, by a daemon, by a repair, by whoever reads. */
async function refused(dir: string, found: Inspection, before: string): Promise<string | null> {
  const options = { disk: realDisk, dir, clock };
  const isRefused = (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => false,
      (error) => error.code === found.foreign?.code,
    );
  const open = async (readOnly: boolean): Promise<void> => {
    const { engine } = await openFileEngine({ ...options, readOnly });
    // A page of settled runs is read by whoever asks for it.
    await all(engine).finally(() => engine.close());
  };
  if (!(await isRefused(open(true)))) return 'of another version, and read';
  if (!(await isRefused(repairState(options, found)))) return 'of another version, and repaired';
  if (textsOf(dir) !== before) return 'of another version, and changed';
  return (await isRefused(open(false))) ? null : 'of another version, and served';
}

/** Damaged bytes are in `aside`, or still where they were. */
function isKept(dir: string, file: string, original: Buffer): boolean {
  try {
    return readFileSync(join(dir, file)).equals(original);
  } catch {
    return false;
  }
}

/** Opens the state as a daemon does, and compares it with what was there before the damage. */
async function compare(
  state: SampleState,
  dir: string,
  repaired: Repaired | null,
): Promise<string | null> {
  const { engine, damage } = await openFileEngine({ disk: realDisk, dir, clock });
  try {
    if (damage[0]) return `a daemon refuses it: ${damage[0].message}`;
    const listed = await all(engine);
    if (listed.damage?.[0]) return `not all can be listed: ${listed.damage?.[0].message}`;
    const there = new Map(listed.runs.map((run) => [run.id, run]));
    for (const run of state.runs) {
      const wrong = compareRun(run, there.get(run.id), repaired);
      if (wrong !== null) return `run ${run.id} ${wrong}`;
    }
    if (listed.runs.length > state.runs.length) return 'there are runs that nobody asked for';
    const names = JSON.stringify((await engine.schedules()).map(({ name }) => name));
    const all2 = JSON.stringify(state.schedules.map(({ name }) => name));
    const told =
      repaired?.notes.some((note) => note.startsWith('schedules')) ||
      repaired?.edited.some((file) => file.endsWith('schedules.json'));
    if (names !== all2 && !told) return `schedules are ${names}`;
    const [made] = await engine.accept([draft(0)], clock.now());
    return made && made.run.id >= state.nextId ? null : `number ${made?.run.id} is given again`;
  } finally {
    await engine.close();
  }
}

const pageFile = (id: number): string => `${String(Math.floor(id / 1000)).padStart(6, '0')}.json`;

function compareRun(before: Run, after: Run | undefined, repaired: Repaired | null): string | null {
  if (!after) {
    const lost = repaired?.lost ?? [];
    const named = lost.some(({ ids, more, why }) => {
      const ofPage = why.includes(pageFile(before.id));
      return ids.includes(before.id) || (ofPage && more > 0);
    });
    const from = repaired?.lostFrom ?? Number.POSITIVE_INFINITY;
    return named || before.id >= from ? null : 'is missing, and nobody says so';
  }
  if (isSettled(before) && !isSettled(after)) return 'was settled, and goes on again';
  if (JSON.stringify(before) === JSON.stringify(after)) return null;
  // Rot that is still JSON cannot be told from a hand: the file is named, and its original kept.
  if (repaired?.edited.some((file) => file.endsWith(pageFile(before.id)))) return null;
  if (repaired?.doubted.includes(before.id)) return null;
  return `is another one: ${JSON.stringify(after)}`;
}
