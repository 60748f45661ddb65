// Which files of the jobs folder define jobs, found by their names alone: nothing is loaded here. A file that claims to
// be a job and cannot be one (two for a name, a link out of the folder, an invalid name) is reported as broken, never
// passed over in silence.
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { errnoOf, orElseSync } from '../support/errors.ts';
import { JOB_NAME_PART, MAX_JOB_NAME } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';
import type { JobFile } from './catalog.ts';
import { isCommand, mayBeCommand, withoutEnding } from './command-file.ts';
import { claimsExternal } from './external-file.ts';

/** A file, and why it cannot be a job where it cannot. */
export type Found = JobFile & { readonly error: string | null };

/** The jobs folder at one moment. */
export interface Listing {
  /** The files that define jobs, by name. */
  readonly jobs: readonly Found[];
  /** Every file that jobs may import, with a stamp that changes with its content. */
  readonly code: ReadonlyMap<string, string>;
  /** Files that define no job, and have the name of a script or of a program. */
  readonly scripts: readonly string[];
}

const MODULE = /\.(?:ts|mts|js|mjs|cjs)$/;
const CODE = /\.(?:[cm]?[jt]s|[jt]sx|json|node|wasm)$/;
/** Hidden, private, types, tests, and the option files of command jobs. */
const NO_JOB = /^[._#]|\.d\.[mc]?ts$|\.test\.|\.json$|^node_modules$/;
/** Copies that editors, patches and package managers leave beside the file itself. */
const COPY = /~$|\.(?:bak|old|orig|rej|save|tmp|temp|part|sw[a-z]|dpkg-\w+|rpm\w+|pac\w+)$/i;
const HIDDEN = /^\.|^node_modules$/;

/** True for a name that no job has, whatever is in the file. */
export const isLeftOut = (name: string): boolean => NO_JOB.test(name) || COPY.test(name);

/** True for a file that jobs may import. */
export const isCode = (path: string): boolean => CODE.test(path);

/** True for what is nothing to jobrun, with all that is below it. */
export const isHidden = (name: string): boolean => HIDDEN.test(name);

/** All job files below the folder, by name. A folder that is not there has none. */
export function scanJobs(folder: string): readonly Found[] {
  const scan = scanOf(folder);
  for (const _ of walk(scan, folder, '', true));
  return refuseDoubles(scan.found);
}

/** The same, and all code, with the event loop free in between: the folder may hold a hundred thousand data files. */
export async function listFolder(folder: string): Promise<Listing> {
  const scan = scanOf(folder);
  for (const _ of walk(scan, folder, '', true)) await new Promise(setImmediate);
  return { jobs: refuseDoubles(scan.found), code: scan.code, scripts: scan.scripts };
}

/** The code files of which one listing tells something else than the other. */
export function changesBetween(before: Listing, after: Listing): readonly string[] {
  const changed = [...after.code].filter(([path, stamp]) => before.code.get(path) !== stamp);
  const gone = [...before.code].filter(([path]) => !after.code.has(path));
  return [...changed, ...gone].map(([path]) => path);
}

/** True where a path that changed may be, hold or have held a job: a folder, or a command. */
export function mayHoldJob(path: string): boolean {
  const stats = statsAt(path);
  return stats === null || stats.isDirectory() || (stats.isFile() && isCommand(path, stats));
}

interface Scan {
  readonly folder: string;
  readonly real: string;
  readonly found: Found[];
  readonly code: Map<string, string>;
  readonly scripts: string[];
  /** Real paths of folders on the way: a link to a folder above would never end. */
  readonly seen: Set<string>;
  entries: number;
}

const scanOf = (folder: string): Scan => ({
  folder,
  real: realPath(folder) ?? folder,
  found: [],
  code: new Map(),
  scripts: [],
  seen: new Set(),
  entries: 0,
});

/** About a millisecond of work. */
const ENTRIES_A_TURN = 100;

/** Yields wherever others may have their turn. `jobs`: not in a private folder, which holds code and no jobs. */
function* walk(scan: Scan, path: string, prefix: string, jobs: boolean): Generator<void> {
  const real = `${jobs} ${realPath(path) ?? path}`;
  if (scan.seen.has(real)) return;
  scan.seen.add(real);
  for (const entry of entriesOf(scan, path, prefix, jobs)) {
    if (++scan.entries % ENTRIES_A_TURN === 0) yield;
    if (isHidden(entry.name)) continue;
    const file = join(path, entry.name);
    const stats = entry.isDirectory() ? null : statsAt(file);
    const mayBeJob = jobs && !isLeftOut(entry.name);
    if (stats?.isFile() && isCode(entry.name)) scan.code.set(file, stampOf(stats));
    if (entry.isSymbolicLink() && isStray(scan, file)) {
      if (mayBeJob) addStray(scan, file, prefix + entry.name, stats);
    } else if (entry.isDirectory() || stats?.isDirectory()) {
      yield* walk(scan, file, `${prefix}${entry.name}/`, mayBeJob);
    } else if (mayBeJob && stats?.isFile() && claimsJob(file, stats)) {
      addFile(scan, file, prefix + entry.name);
    } else if (jobs && stats?.isFile() && isExternalFile(prefix, entry.name, file, stats)) {
      add(scan, withoutEnding(prefix + entry.name), file, 'external', null);
    } else if (mayBeJob && stats?.isFile() && mayBeCommand(entry.name)) scan.scripts.push(file);
  }
}

/** Options that say `external` are a job by themselves. Files in a folder `data` are what jobs work on. */
const isExternalFile = (prefix: string, name: string, file: string, stats: Stats): boolean =>
  name.endsWith('.json') &&
  !NO_JOB.test(withoutEnding(name)) &&
  !prefix.split('/').includes('data') &&
  claimsExternal(file, stats, stampOf(stats));

function entriesOf(scan: Scan, path: string, prefix: string, jobs: boolean): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (jobs && errnoOf(error) !== 'ENOENT') {
      add(scan, prefix || 'jobs', path, 'module', `the folder cannot be read: ${errnoOf(error)}`);
    }
    return [];
  }
}

const stampOf = ({ ino, size, mtimeMs, ctimeMs }: Stats): string =>
  `${ino} ${size} ${mtimeMs} ${ctimeMs}`;

function addStray(scan: Scan, path: string, name: string, stats: Stats | null): void {
  if (stats && !stats.isDirectory() && !claimsJob(path, stats)) return;
  const error = stats ? 'is a link out of the jobs folder' : 'is a link to nothing';
  add(scan, withoutEnding(name), path, 'module', `${path} ${error}: put the file itself there`);
}

/** True for a link whose target lies outside the folder, or is not there. */
function isStray(scan: Scan, path: string): boolean {
  const real = realPath(path);
  if (real === null) return true;
  const way = relative(scan.real, real);
  return way === '..' || way.startsWith(`..${sep}`) || way.includes(`node_modules${sep}`);
}

const claimsJob = (path: string, stats: Stats): boolean =>
  MODULE.test(path) || isCommand(path, stats);

function addFile(scan: Scan, path: string, name: string): void {
  const base = withoutEnding(name);
  if (!MODULE.test(name)) add(scan, base, path, 'command', null);
  else if (!/(?:^|\/)index$/.test(base)) add(scan, base, path, 'module', null);
  else if (base !== 'index') add(scan, base.slice(0, -'/index'.length), path, 'module', null);
}

function add(
  scan: Scan,
  name: string,
  file: string,
  kind: JobFile['kind'],
  error: string | null,
): void {
  scan.found.push({ name: plainLine(name), file, kind, error: error ?? nameError(name, file) });
}

function nameError(name: string, file: string): string | null {
  const bad = name.split('/').find((part) => !JOB_NAME_PART.test(part));
  if (bad !== undefined) {
    return `${file}: "${plainLine(bad)}" cannot be a job's name: it has letters, digits, ".", "_", "-" only`;
  }
  if (name.length <= MAX_JOB_NAME) return null;
  return `${file}: the name is longer than ${MAX_JOB_NAME} characters`;
}

function refuseDoubles(found: readonly Found[]): readonly Found[] {
  const byName = new Map<string, Found[]>();
  for (const file of found) byName.set(file.name, [...(byName.get(file.name) ?? []), file]);
  const names = [...byName.keys()].sort();
  return names.flatMap((name) => {
    const same = byName.get(name) ?? [];
    const first = same[0];
    if (first === undefined || same.length === 1) return same;
    const paths = same.map((file) => file.file).join(' and ');
    return [{ ...first, error: `two files define the job "${name}": ${paths}` }];
  });
}

/** Null where the file went away meanwhile, or cannot be reached. */
const realPath = (path: string): string | null => orElseSync(null, () => realpathSync(path));

/** Null where nothing is there, or it cannot be reached. */
export const statsAt = (path: string): Stats | null => orElseSync(null, () => statSync(path));
