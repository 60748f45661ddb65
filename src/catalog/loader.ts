// Which files of the jobs folder define jobs, found by their names alone: nothing is loaded here. A file that claims
// to be a job and cannot be one (two for a name, a link out of the folder, a name that is none) is told as broken,
// never passed over in silence.
import {
  type Dirent,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { errnoOf, toJobrunError } from '../support/errors.ts';
import { withWholePairs } from '../support/json.ts';
import { JOB_NAME_PART, MAX_JOB_NAME } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';
import type { JobEntry, JobFile } from './catalog.ts';
import { readOptions } from './definition.ts';
import type { Fields } from './fields.ts';

/** A file, and why it cannot be a job where it cannot. */
export type Found = JobFile & { readonly error: string | null };

const MODULE = /\.(?:ts|mts|js|mjs|cjs)$/;
/** Hidden, private, types, tests, what editors leave, and the option files of command jobs. */
const NO_JOB = /^[._#]|~$|\.d\.[mc]?ts$|\.test\.|\.json$|^node_modules$/;

/** All job files below the folder, by name. A folder that is not there has none. */
export function scanJobs(folder: string): readonly Found[] {
  const scan = { folder, real: realPath(folder) ?? folder, found: [], seen: new Set<string>() };
  scanFolder(scan, folder, '');
  return refuseDoubles(scan.found);
}

interface Scan {
  readonly folder: string;
  readonly real: string;
  readonly found: Found[];
  /** Real paths of folders on the way: a link to a folder above would never end. */
  readonly seen: Set<string>;
}

function scanFolder(scan: Scan, path: string, prefix: string): void {
  const real = realPath(path) ?? path;
  if (scan.seen.has(real)) return;
  scan.seen.add(real);
  for (const entry of entriesOf(scan, path, prefix)) {
    if (NO_JOB.test(entry.name)) continue;
    scanEntry(scan, join(path, entry.name), prefix, entry);
  }
}

function entriesOf(scan: Scan, path: string, prefix: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      add(scan, prefix || 'jobs', path, 'module', `the folder cannot be read: ${errnoOf(error)}`);
    }
    return [];
  }
}

function scanEntry(scan: Scan, path: string, prefix: string, entry: Dirent): void {
  const name = prefix + entry.name;
  const stats = entry.isDirectory() ? null : statOf(path);
  if (entry.isSymbolicLink() && isStray(scan, path)) {
    if (stats === null || stats.isDirectory() || claimsJob(entry.name, stats)) {
      const error = stats ? 'is a link out of the jobs folder' : 'is a link to nothing';
      add(scan, withoutEnding(name), path, 'module', `${path} ${error}: put the file itself there`);
    }
  } else if (entry.isDirectory() || stats?.isDirectory()) {
    scanFolder(scan, path, `${name}/`);
  } else if (stats?.isFile() && claimsJob(entry.name, stats)) {
    addFile(scan, path, prefix, entry.name);
  }
}

/** True for a link whose target lies outside the folder, or is not there. */
function isStray(scan: Scan, path: string): boolean {
  const real = realPath(path);
  if (real === null) return true;
  const way = relative(scan.real, real);
  return way === '..' || way.startsWith(`..${sep}`) || way.includes(`node_modules${sep}`);
}

const claimsJob = (name: string, stats: Stats): boolean =>
  MODULE.test(name) || (stats.mode & 0o111) !== 0;

function addFile(scan: Scan, path: string, prefix: string, file: string): void {
  const base = withoutEnding(file);
  const isModule = MODULE.test(file);
  if (isModule && base === 'index') {
    if (prefix !== '') add(scan, prefix.slice(0, -1), path, 'module', null);
    return;
  }
  add(scan, prefix + base, path, isModule ? 'module' : 'command', null);
}

const withoutEnding = (name: string): string => name.replace(/(?<=[^/])\.[^./]+$/, '');

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

/** The entry of a command job: all there is to know stands in its option file, `<name>.json` beside it. */
export function readCommand(file: JobFile, defaults: Fields): JobEntry {
  const options = `${withoutEnding(file.file)}.json`;
  try {
    return { ...file, state: 'ok', data: readOptions(optionsIn(options), defaults) };
  } catch (error) {
    return { ...file, state: 'broken', error: `${options}: ${toJobrunError(error).message}` };
  }
}

function optionsIn(path: string): unknown {
  try {
    return JSON.parse(withWholePairs(readFileSync(path, 'utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw error;
  }
}

function realPath(path: string): string | null {
  return orNull(() => realpathSync(path));
}

function statOf(path: string): Stats | null {
  return orNull(() => statSync(path));
}

/** Null where the file went away meanwhile, or cannot be reached. */
function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) !== '') return null;
    throw error;
  }
}
