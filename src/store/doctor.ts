// `jobrun doctor`: a look at every file of the state folder that changes nothing and takes no lock, and `--repair`.
//
// Sound files fit their checksums, the journal is one chain, everything is the kind of file it should be. Beside a live
// daemon files are replaced while they are read, so what seems wrong is looked at again, and is told only if it is
// wrong each time.
//
// A repair sets the originals aside, then makes the state anew from all that is provable, by the same path that every
// start takes. It begins by copying, and the manifest is written last: a crash in the middle leaves a state that is
// still damaged and still has all its originals, and the next repair begins again.
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, delay } from '../support/clock.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { type Disk, replaceFile } from '../support/files.ts';
import { parseJson } from '../support/json.ts';
import { salvageDocument } from './document.ts';
import {
  copyAside,
  DOCUMENTS,
  FOLDERS,
  FORMAT,
  KINDS,
  type Kind,
  moveAside,
  namesIn,
  type Oddity,
  type Problem,
  Problems,
  readOrDamaged,
} from './folder.ts';
import { journalFolder, segmentPath } from './journal.ts';
import { LOG_NAME, logFolder, readLog } from './log.ts';
import { readEntry } from './log-format.ts';
import { readClockNote, WITNESS } from './notes.ts';
import type { ReadPage, Row, Tables } from './pages.ts';
import { type Recovered, salvageState } from './reader.ts';
import { type OpenOptions, serveRecovered } from './recovery.ts';
import type { SalvageReport } from './salvage.ts';
import { BETWEEN_LOOKS_MS, readSteadily } from './steady-reader.ts';
import type { Aside } from './table.ts';
import { pageOf } from './tally.ts';

export interface Finding {
  /** A problem is damage; a warning costs nothing that was promised. */
  readonly level: 'problem' | 'warning';
  readonly file: string;
  readonly message: string;
  readonly hint: string;
}

export interface Inspection<T extends Tables> {
  readonly findings: readonly Finding[];
  /** The contents; null if another jobrun wrote it, and this one cannot read it: see `foreign`. */
  readonly recovered: Recovered<T> | null;
  readonly foreign: JobrunError | null;
  readonly clockNote: unknown;
  readonly files: number;
}

const FOREIGN: ReadonlySet<string> = new Set(['state-newer', 'state-older']);
const REPAIR = 'Set it aside and go on with all that is provable: jobrun doctor --repair';

export async function inspect<T extends Tables>(
  disk: Disk,
  dir: string,
  clock: Clock,
  tables: () => T,
): Promise<Inspection<T>> {
  try {
    const recovered = await readSteadily<T>(disk, dir, clock, tables);
    const looked = await new Inspector(disk, dir, clock, recovered).inspect();
    return { ...looked, recovered, foreign: null };
  } catch (error) {
    if (!(error instanceof JobrunError) || !FOREIGN.has(error.code)) throw error;
    const { message, hint } = error;
    const findings = [{ level: 'problem', file: dir, message, hint }] as const;
    return { findings, recovered: null, foreign: error, clockNote: undefined, files: 1 };
  }
}

class Inspector {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #found: Recovered;
  readonly #findings: Finding[] = [];

  constructor(disk: Disk, dir: string, clock: Clock, found: Recovered) {
    this.#disk = disk;
    this.#dir = dir;
    this.#clock = clock;
    this.#found = found;
  }

  async inspect(): Promise<Pick<Inspection<Tables>, 'findings' | 'clockNote' | 'files'>> {
    const { problems, pages, format } = this.#found;
    for (const problem of problems) await this.#damage(problem);
    await this.#pages();
    await this.#witness();
    if (format < FORMAT)
      this.#tell(
        { level: 'warning', file: this.#dir },
        `the state has format ${format}, an older one`,
        `Nothing to do: the next daemon or change makes it format ${FORMAT}, and keeps a copy in aside/.`,
      );
    await this.#kinds();
    const logs = await this.#logs();
    for (const { id, rows } of this.#found.tables.paged.logged()) await this.#rows(id, rows);
    const segments = await namesIn(this.#disk, join(this.#dir, 'journal'));
    return {
      findings: this.#findings,
      clockNote: await readClockNote(this.#disk, this.#dir),
      files: 4 + pages.filed.size + logs + segments.length,
    };
  }

  /** The same thing is told once. */
  #tell(of: Pick<Finding, 'level' | 'file'>, message: string, hint: string): void {
    if (!this.#findings.some((one) => one.message === message && one.file === of.file))
      this.#findings.push({ ...of, message, hint });
  }

  async #damage({ error, path }: Problem): Promise<void> {
    const { proof, bytes } = await salvageDocument(this.#disk, path, () => true);
    const kind: Record<string, string> = {
      edited: 'it is JSON: it was edited by hand, or has rotten in a text',
      parts: 'parts of it fit their own checksums, and can be kept',
    };
    const more = bytes && path.endsWith('.json') ? kind[proof] : undefined;
    const message = more ? `${error.message}: ${more}` : error.message;
    this.#tell({ level: 'problem', file: path }, message, REPAIR);
  }

  /** A fault that is found now is looked at again a moment later. */
  async #twice<F>(look: () => Promise<F>, isWrong: (found: F) => boolean): Promise<F> {
    const found = await look();
    if (!isWrong(found)) return found;
    await delay(this.#clock, BETWEEN_LOOKS_MS);
    return look();
  }

  // ---------------------------------------------------------------------------------------------- pages, oddities

  /** A start does not read pages at rest. */
  async #pages(): Promise<void> {
    const { pages, problems, tables, oddities } = this.#found;
    const { paged } = tables;
    const odd = new Map<number, Row>();
    const leftOut: Oddity[] = [...oddities];
    const known = new Set(problems.map(({ path }) => path));
    for (const page of pages.filed) {
      const path = pages.path(page);
      if (known.has(path)) continue;
      // Removed with its last record, or never there: the manifest of a moment later tells.
      const read = await this.#twice(
        () => this.#page(page),
        ({ problems }) => problems.all.length > 0,
      );
      const [problem] = read.problems.all;
      if (problem && (await this.#isNamed(page))) await this.#damage(problem);
      for (const record of read.file?.records ?? [])
        if (paged.aside(record)) odd.set(record.id, record);
      for (const one of read.file?.oddities ?? []) leftOut.push({ ...one, path });
    }
    for (const { path, what, setAside } of leftOut)
      if (!setAside) this.#tell({ level: 'problem', file: path }, `${path}: ${what}`, REPAIR);
    for (const record of paged.held()) odd.set(record.id, record);
    for (const [id, filed] of odd) {
      // Removed since its page was written, it is null.
      const record = paged.known(id) === undefined ? filed : paged.known(id);
      this.#aside(pages.path(pageOf(id)), record && paged.aside(record));
    }
    for (const { document, aside } of tables.documents.asides())
      this.#aside(join(this.#dir, `${document}.json`), aside);
  }

  #aside(file: string, aside: Aside | null | undefined): void {
    if (aside) this.#tell({ level: 'problem', file }, aside.message, aside.hint);
  }

  async #page(page: number): Promise<{ file: ReadPage<Row> | null; problems: Problems }> {
    const problems = new Problems();
    const path = this.#found.pages.path(page);
    const file = await problems.try(path, () => this.#found.pages.read(page));
    if (!file) problems.note(path, 'is missing');
    return { file, problems };
  }

  async #isNamed(page: number): Promise<boolean> {
    const bytes = await readOrDamaged(this.#disk, join(this.#dir, 'manifest.json'));
    const manifest = Buffer.isBuffer(bytes) ? parseJson(bytes.toString('utf8')) : undefined;
    const pages = (manifest as { pages?: [number, unknown][] } | null | undefined)?.pages;
    return !Array.isArray(pages) || pages.some((one) => Array.isArray(one) && one[0] === page);
  }

  // --------------------------------------------------------------------------------------------------- other files

  async #witness(): Promise<void> {
    const file = join(this.#dir, 'witness');
    const bytes = await this.#twice(() => readOrDamaged(this.#disk, file), isTorn);
    if (isTorn(bytes))
      this.#tell(
        { level: 'warning', file },
        `${file} is not readable`,
        'Nothing to do: the next start writes it anew.',
      );
  }

  /** The entries that are another kind of file than they should be. */
  async #kinds(): Promise<void> {
    const known = new Set(this.#findings.map(({ file }) => file));
    for (const [name, kind] of KINDS) {
      const file = join(this.#dir, name);
      if (known.has(file) || (await isOfKind(file, kind))) continue;
      const message = `${file} is not a ${kind === 'file' ? 'regular file' : kind}`;
      this.#tell({ level: 'problem', file }, message, REPAIR);
    }
  }

  async #logs(): Promise<number> {
    const folder = logFolder(this.#dir);
    const names = await namesIn(this.#disk, folder);
    for (const name of names.filter((one) => LOG_NAME.test(one))) {
      const file = join(folder, name);
      const bytes = await readOrDamaged(this.#disk, file);
      const bad = Buffer.isBuffer(bytes) ? this.#badLines(bytes) : 0;
      const lines = bad === 1 ? 'a damaged line' : `${bad} damaged lines`;
      if (bad > 0) this.#tell({ level: 'problem', file }, `${file} has ${lines}`, REPAIR);
      if (bytes instanceof JobrunError)
        this.#tell({ level: 'problem', file }, bytes.message, REPAIR);
    }
    return names.length;
  }

  /** Lines that do not fit their checksums; what was cut off at the end of the file was never promised. */
  #badLines(bytes: Buffer): number {
    const lines = bytes.toString('utf8').split('\n').slice(0, -1);
    const { log } = this.#found.tables;
    return lines.filter((line) => readEntry(log, line) === null).length;
  }

  async #rows(id: number, promised: number): Promise<void> {
    const { log, paged } = this.#found.tables;
    const folder = logFolder(this.#dir);
    const there = Object.keys((await readLog(log, folder, id)).rows).length;
    if (there >= promised) return;
    const file = join(folder, `${id}.jsonl`);
    const message = `${file} has ${there} of the ${promised} rows that ${paged.what} ${id} has saved`;
    this.#tell({ level: 'warning', file }, message, `Look at it: jobrun show ${id}`);
  }
}

const isTorn = (bytes: Buffer | JobrunError | null): boolean =>
  Buffer.isBuffer(bytes) && !WITNESS.test(`${bytes}`);

/** True also where nothing is. */
async function isOfKind(path: string, kind: Kind): Promise<boolean> {
  try {
    const stat = await lstat(path);
    if (kind === 'folder') return stat.isDirectory();
    return kind === 'socket' ? stat.isSocket() : stat.isFile();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
}

// --------------------------------------------------------------------------------------------------------- repair

export interface Repaired extends SalvageReport {
  /** The place of the originals. */
  readonly aside: readonly string[];
}

type Found = Pick<Inspection<Tables>, 'findings' | 'recovered' | 'foreign'>;

/** The caller holds the lock. Throws `state-newer` or `state-older`, having touched nothing. */
export async function repair(
  options: OpenOptions,
  tables: () => Tables,
  found: Found,
): Promise<Repaired> {
  const { disk, dir, clock } = options;
  if (found.foreign) throw found.foreign;
  if (found.recovered && found.recovered.format < FORMAT)
    throw unrepairable(dir, found.recovered.format);
  const aside: string[] = [];
  // The place for all others first.
  const problems = found.findings.filter(({ level }) => level === 'problem');
  const order = problems.sort((a, b) => Number(isAside(b.file)) - Number(isAside(a.file)));
  for (const { file } of order) {
    const bytes = await readOrDamaged(disk, file);
    const isFile = Buffer.isBuffer(bytes) && KINDS.get(basename(file)) !== 'folder';
    if (bytes !== null && !isFile) aside.push(await moveAside(disk, dir, file, clock.now()));
  }
  aside.push(...(await copyAside(disk, dir, await originals(disk, dir, found))));
  const { log } = tables();
  const isSound = (line: string): boolean => readEntry(log, line) !== null;
  for (const { file } of problems) {
    if (dirname(file) === logFolder(dir)) await repairLog(disk, file, isSound);
    // A file in the place of the socket: its copy is aside.
    if (basename(file) === 'jobrun.sock') await disk.remove(file);
  }
  const { recovered, report } = await salvageState(disk, dir, clock.now(), tables);
  const store = await serveRecovered(options, recovered, (one) => one);
  await store.close();
  return { ...report, aside };
}

/** All files that a repair builds on, for the copies that it makes before it begins. */
async function originals(
  disk: Disk,
  dir: string,
  { findings, recovered }: Found,
): Promise<readonly string[]> {
  const folder = journalFolder(dir);
  const files = findings.map(({ file }) => file);
  for (const name of DOCUMENTS) files.push(join(dir, name));
  for (const name of await namesIn(disk, folder)) files.push(join(folder, name));
  if (recovered) files.push(segmentPath(folder, recovered.lastSegment));
  return files;
}

/** Parts of an older file prove nothing that this version would know how to read. */
function unrepairable(dir: string, format: number): JobrunError {
  const message = `${dir} is damaged and has format ${format}, this jobrun repairs format ${FORMAT}`;
  const hint = `Repair it with the version that wrote it, or put back state/aside/format-${format}-… where there is one.`;
  return new JobrunError('state-older', message, hint);
}

/** Moves away what stands in the place of the lock or of a folder and is none. Returns where it all is now. */
export async function clearPlaces(
  disk: Disk,
  dir: string,
  now: number,
): Promise<readonly string[]> {
  const moved: string[] = [];
  for (const name of [...FOLDERS, 'lock']) {
    const path = join(dir, name);
    if (await isOfKind(path, name === 'lock' ? 'file' : 'folder')) continue;
    moved.push(await moveAside(disk, dir, path, now));
  }
  return moved;
}

const isAside = (path: string): boolean => basename(path) === 'aside';

async function repairLog(
  disk: Disk,
  file: string,
  isSound: (line: string) => boolean,
): Promise<void> {
  if (!LOG_NAME.test(basename(file))) return;
  const bytes = await readOrDamaged(disk, file);
  if (!Buffer.isBuffer(bytes)) return;
  const lines = bytes.toString('utf8').split('\n').slice(0, -1);
  await replaceFile(
    disk,
    file,
    lines
      .filter(isSound)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
