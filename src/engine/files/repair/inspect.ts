// A look at every file of the state folder that changes nothing and takes no lock: sound files fit their checksums, the
// journal is one chain, everything is the kind of file it should be. Beside a live daemon files are replaced while
// they are read, so what seems wrong is looked at again, and is told only if it is wrong each time.
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClockMark, readMark } from '../../../run/keep-clock.ts';
import type { Run } from '../../../run/run.ts';
import type { Schedule } from '../../../run/schedule.ts';
import { whyAside } from '../../../run/schedule.ts';
import { asideOf } from '../../../run/stored-run.ts';
import type { Oddity, Problem } from '../../../store/damage.ts';
import { listFolder, readOrDamaged } from '../../../store/document.ts';
import { FORMAT } from '../../../store/format.ts';
import { segmentPath } from '../../../store/journal.ts';
import { DOCUMENTS, KINDS, type Kind } from '../../../store/layout.ts';
import { readClockNote } from '../../../store/notes.ts';
import { pageOf, type ReadPage } from '../../../store/pages.ts';
import { salvageDocument } from '../../../store/proof.ts';
import { BETWEEN_LOOKS_MS, readSteadily } from '../../../store/reader.ts';
import { LOG_NAME } from '../../../store/stream.ts';
import { type Clock, delay } from '../../../support/clock.ts';
import { errnoOf, JobrunError } from '../../../support/errors.ts';
import type { Disk } from '../../../support/files.ts';
import { parseJson } from '../../../support/json.ts';
import type { MemoryUse } from '../../engine.ts';
import { readEntry, readLog } from '../log-file.ts';
import { heapForRuns } from '../room.ts';
import { type Found, newTables, type Tables } from '../tables.ts';

export interface Finding {
  /** A problem is damage; a warning costs nothing that was promised. */
  readonly level: 'problem' | 'warning';
  readonly file: string;
  readonly message: string;
  readonly hint: string;
}

export interface Inspection {
  readonly findings: readonly Finding[];
  /** What was read; null where another jobrun wrote it, and this one cannot read it: see `foreign`. */
  readonly recovered: Found | null;
  readonly known: Known | null;
  readonly foreign: JobrunError | null;
  readonly clockMark: ClockMark | null;
  readonly files: number;
}

/** What the state says of itself. */
export interface Known {
  readonly format: number;
  /** The number of the last commit. */
  readonly commit: number;
  readonly runs: number;
  /** The latest instant that anything in it has; 0 where there is none. */
  readonly newest: number;
  readonly schedules: readonly Schedule[];
  readonly memory: MemoryUse;
}

const FOREIGN: ReadonlySet<string> = new Set(['state-newer', 'state-older']);
const REPAIR = 'Set it aside and go on with all that is provable: jobrun doctor --repair';

export async function inspectState(disk: Disk, dir: string, clock: Clock): Promise<Inspection> {
  try {
    return await inspectAll(disk, dir, clock);
  } catch (error) {
    if (!(error instanceof JobrunError) || !FOREIGN.has(error.code)) throw error;
    const finding = {
      level: 'problem',
      file: dir,
      message: error.message,
      hint: error.hint,
    } as const;
    return {
      findings: [finding],
      recovered: null,
      known: null,
      foreign: error,
      clockMark: null,
      files: 1,
    };
  }
}

async function inspectAll(disk: Disk, dir: string, clock: Clock): Promise<Inspection> {
  const recovered = await readSteadily<Run, Tables>(disk, dir, clock, newTables);
  const findings: Finding[] = [];
  for (const problem of recovered.problems) findings.push(await told(disk, problem));
  const odd = await inspectPages(disk, recovered, findings, clock);
  findings.push(...odditiesIn(dir, recovered, odd));
  await inspectWitness(disk, dir, findings, clock);
  if (recovered.format < FORMAT) findings.push(older(dir, recovered.format));
  await inspectKinds(dir, findings);
  const logs = await inspectLogs(disk, join(dir, 'logs'), findings);
  for (const run of recovered.tables.paged.live.values())
    if ((run.life?.rows ?? 0) > 0) await inspectRows(dir, run.id, run.life?.rows ?? 0, findings);
  const segments = await listFolder(disk, join(dir, 'journal')).catch(() => []);
  const clockMark = readMark(await readClockNote(disk, dir));
  return {
    findings,
    recovered,
    known: knownOf(recovered),
    foreign: null,
    clockMark,
    files: 4 + recovered.pages.filed.size + logs + segments.length,
  };
}

function older(dir: string, format: number): Finding {
  const message = `the state has format ${format}, an older one`;
  const hint = `Nothing to do: the next daemon or change makes it format ${FORMAT}, and keeps a copy in aside/.`;
  return { level: 'warning', file: dir, message, hint };
}

async function told(disk: Disk, { error, path }: Problem): Promise<Finding> {
  const { proof, bytes } = await salvageDocument(disk, path, () => true);
  const kind: Record<string, string> = {
    edited: 'it is JSON: it was edited by hand, or has rotten in a text',
    parts: 'parts of it fit their own checksums, and can be kept',
  };
  const more = bytes && path.endsWith('.json') ? kind[proof] : undefined;
  const message = more ? `${error.message}: ${more}` : error.message;
  return { level: 'problem', file: path, message, hint: REPAIR };
}

/** What pages hold that makes no sense, whether memory knows of it or not. */
interface OddPages {
  readonly runs: Map<number, Run>;
  readonly leftOut: Oddity[];
}

/** All that makes no sense: what was left out, and what is set aside and nobody has looked at. */
function odditiesIn(
  dir: string,
  { pages, tables, oddities }: Found,
  odd: OddPages,
): readonly Finding[] {
  const { paged } = tables;
  const findings: Finding[] = [];
  const tell = (file: string, message: string, hint: string): void => {
    if (!findings.some((one) => one.message === message))
      findings.push({ level: 'problem', file, message, hint });
  };
  for (const { path, what, setAside } of [...oddities, ...odd.leftOut])
    if (!setAside) tell(path, `${path}: ${what}`, REPAIR);
  for (const run of paged.fresh.values()) if (run) odd.runs.set(run.id, run);
  for (const [id, run] of odd.runs) {
    // Removed since its page was written, it is null.
    const present = paged.known(id) === undefined ? run : paged.known(id);
    const why = present ? asideOf(present) : null;
    if (why === null) continue;
    const hint = `Look at it: jobrun show ${id}; then jobrun retry ${id}, jobrun remove ${id}, or jobrun doctor --repair`;
    tell(pages.path(pageOf(id)), `run ${id} is set aside, for it makes no sense: ${why}`, hint);
  }
  for (const schedule of tables.schedules.values()) {
    const { name } = schedule;
    const why = whyAside(schedule);
    if (why === null) continue;
    const hint = `Ask for it anew: jobrun schedule … --name ${name} --replace; or end it: jobrun unschedule ${name}`;
    const file = join(dir, 'schedules.json');
    tell(file, `schedule ${name} is stopped, for it makes no sense: ${why}`, hint);
  }
  return findings;
}

/** Pages of settled runs alone are read by nobody at a start. */
async function inspectPages(
  disk: Disk,
  { pages, problems }: Found,
  findings: Finding[],
  clock: Clock,
): Promise<OddPages> {
  const odd: OddPages = { runs: new Map(), leftOut: [] };
  const known = new Set(problems.map(({ path }) => path));
  for (const page of pages.filed) {
    const path = pages.path(page);
    if (known.has(path)) continue;
    let read = await soundPage(pages, page);
    // Removed with its last run, or never there: the manifest of a moment later tells.
    if (read instanceof JobrunError) await delay(clock, BETWEEN_LOOKS_MS);
    if (read instanceof JobrunError) read = await soundPage(pages, page);
    if (!(read instanceof JobrunError)) {
      for (const run of read.records) if (asideOf(run) !== null) odd.runs.set(run.id, run);
      odd.leftOut.push(...read.oddities.map((one) => ({ ...one, path })));
    } else if (await isNamed(disk, pages.folder, page))
      findings.push(await told(disk, { error: read, path }));
  }
  return odd;
}

async function soundPage(
  pages: Found['pages'],
  page: number,
): Promise<JobrunError | ReadPage<Run>> {
  try {
    const file = await pages.read(page);
    if (file) return file;
    return new JobrunError('state-damaged', `${pages.path(page)} is missing`, REPAIR);
  } catch (error) {
    if (error instanceof JobrunError && error.code === 'state-damaged') return error;
    throw error;
  }
}

async function isNamed(disk: Disk, folder: string, page: number): Promise<boolean> {
  const bytes = await readOrDamaged(disk, join(folder, '..', 'manifest.json'));
  const manifest = Buffer.isBuffer(bytes) ? parseJson(bytes.toString('utf8')) : undefined;
  const pages = (manifest as { pages?: [number, unknown][] } | null | undefined)?.pages;
  return !Array.isArray(pages) || pages.some((one) => Array.isArray(one) && one[0] === page);
}

async function inspectWitness(
  disk: Disk,
  dir: string,
  findings: Finding[],
  clock: Clock,
): Promise<void> {
  const file = join(dir, 'witness');
  const isSound = async (): Promise<boolean> => {
    const bytes = await readOrDamaged(disk, file);
    return bytes === null || !Buffer.isBuffer(bytes) || /^\d{16} [0-9a-f]{8}\n$/.test(`${bytes}`);
  };
  if (await isSound()) return;
  await delay(clock, BETWEEN_LOOKS_MS);
  if (await isSound()) return;
  const hint = 'Nothing to do: the next start writes it anew.';
  findings.push({ level: 'warning', file, message: `${file} is not readable`, hint });
}

/** What is another kind of file than it should be. */
async function inspectKinds(dir: string, findings: Finding[]): Promise<void> {
  const known = new Set(findings.map(({ file }) => file));
  for (const [name, kind] of KINDS) {
    const file = join(dir, name);
    if (known.has(file) || (await isOfKind(file, kind))) continue;
    const message = `${file} is not a ${kind === 'file' ? 'regular file' : kind}`;
    findings.push({ level: 'problem', file, message, hint: REPAIR });
  }
}

/** True also where nothing is. */
export async function isOfKind(path: string, kind: Kind): Promise<boolean> {
  try {
    const stat = await lstat(path);
    if (kind === 'folder') return stat.isDirectory();
    return kind === 'socket' ? stat.isSocket() : stat.isFile();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
}

async function inspectLogs(disk: Disk, folder: string, findings: Finding[]): Promise<number> {
  const names = await listFolder(disk, folder).catch(() => []);
  for (const name of names.filter((one) => LOG_NAME.test(one))) {
    const file = join(folder, name);
    const bytes = await readOrDamaged(disk, file);
    const problem = (message: string): void => {
      findings.push({ level: 'problem', file, message, hint: REPAIR });
    };
    if (Buffer.isBuffer(bytes)) {
      const bad = badLines(bytes);
      if (bad > 0) problem(`${file} has ${bad === 1 ? 'a damaged line' : `${bad} damaged lines`}`);
    } else if (bytes) problem(bytes.message);
  }
  return names.length;
}

/** Lines that do not fit their checksums; what was cut off at the end of the file was never promised. */
function badLines(bytes: Buffer): number {
  const lines = bytes.toString('utf8').split('\n').slice(0, -1);
  return lines.filter((line) => readEntry(line) === null).length;
}

async function inspectRows(
  dir: string,
  run: number,
  promised: number,
  findings: Finding[],
): Promise<void> {
  const folder = join(dir, 'logs');
  const { rows } = await readLog(folder, run);
  const there = Object.keys(rows).length;
  if (there >= promised) return;
  const file = join(folder, `${run}.jsonl`);
  const message = `${file} has ${there} of the ${promised} rows that run ${run} has saved`;
  const hint = `Look at it: jobrun show ${run}`;
  findings.push({ level: 'warning', file, message, hint });
}

/** All files that a repair builds on, for the copies that it makes before it begins. */
export async function repairedFiles(
  disk: Disk,
  dir: string,
  { findings, recovered }: Inspection,
): Promise<readonly string[]> {
  const files = new Set(findings.map(({ file }) => file));
  for (const name of DOCUMENTS) files.add(join(dir, name));
  for (const name of await listFolder(disk, join(dir, 'journal')).catch(() => []))
    files.add(join(dir, 'journal', name));
  if (recovered) files.add(segmentPath(join(dir, 'journal'), recovered.lastSegment));
  return [...files];
}

function knownOf(recovered: Found): Known {
  const { tables, format, end } = recovered;
  const memory = tables.paged;
  const counts = Object.values(memory.tally.counts());
  return {
    format,
    commit: end.seq,
    runs: counts.reduce((sum, n) => sum + n, 0),
    newest: newestInstant(recovered),
    schedules: tables.schedules.values(),
    memory: { bytes: memory.bytes.unsettled, limit: heapForRuns() },
  };
}

function newestInstant({ tables }: Found): number {
  let newest = 0;
  const see = (at: number | null | undefined): void => {
    if (at !== null && at !== undefined && at > newest) newest = at;
  };
  for (const run of [...tables.paged.live.values(), ...tables.paged.fresh.values()]) {
    see(run?.createdAt);
    see(run?.life?.startedAt);
    if (run && 'settledAt' in run.state) see(run.state.settledAt);
  }
  for (const schedule of tables.schedules.values()) {
    see(schedule.createdAt);
    see(schedule.lastAt);
  }
  return newest;
}
