// `jobrun doctor --repair`: originals aside, then the state made anew from all that is provable, by the same path that
// every start takes. It begins by copying, and the manifest is written last: a crash in the middle leaves a state that
// is still damaged and still has all its originals, and the next repair begins again.
import { basename, dirname, join } from 'node:path';
import { JobrunError } from '../support/errors.ts';
import { type Disk, replaceFile } from '../support/files.ts';
import { copyAside, moveAside, namesIn, readOrDamaged } from './damage.ts';
import { DOCUMENTS, FOLDERS, FORMAT, KINDS } from './format.ts';
import { type Inspection, isOfKind } from './inspect.ts';
import { journalFolder, segmentPath } from './journal.ts';
import { LOG_NAME, logFolder } from './log.ts';
import { readEntry } from './log-format.ts';
import type { Tables } from './pages.ts';
import { type OpenOptions, serveRecovered } from './recovery.ts';
import { Salvage, type SalvageReport } from './salvage.ts';

export interface Repaired extends SalvageReport {
  /** Where the originals are. */
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
  const salvage = new Salvage(disk, dir, clock.now(), tables);
  const recovered = await salvage.salvage();
  const store = await serveRecovered(options, recovered, (one) => one);
  await store.close();
  return { ...salvage.report, aside };
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
