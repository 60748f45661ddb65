// `jobrun doctor --repair`: originals aside, then the state made anew from all that is provable, by the same path that
// every start takes. It begins by copying, and the manifest is written last: a crash in the middle leaves a state that
// is still damaged and still has all its originals, and the next repair begins again.

import { basename, dirname, join } from 'node:path';
import { copyAside, moveAside } from '../../../store/aside.ts';
import { readOrDamaged } from '../../../store/document.ts';
import { FORMAT } from '../../../store/format.ts';
import { FOLDERS, KINDS } from '../../../store/layout.ts';
import { LOG_NAME } from '../../../store/stream.ts';
import { JobrunError } from '../../../support/errors.ts';
import { type Disk, replaceFile } from '../../../support/files.ts';
import { type OpenOptions, serveRecovered } from '../file-engine.ts';
import { readEntry } from '../log-file.ts';
import type { Found } from '../tables.ts';
import { type Inspection, isOfKind, repairedFiles } from './inspect.ts';
import { Salvage, type SalvageReport } from './salvage.ts';

export interface Repaired extends SalvageReport {
  /** Where the originals are. */
  readonly aside: readonly string[];
}

/** The caller holds the lock. Throws `state-newer` or `state-older`, having touched nothing. */
export async function repairState(options: OpenOptions, found: Inspection): Promise<Repaired> {
  const { disk, dir, clock } = options;
  if (found.foreign) throw found.foreign;
  if (found.recovered && found.recovered.format < FORMAT) throw unrepairable(dir, found.recovered);
  const aside: string[] = [];
  // The place for all others first.
  const problems = found.findings.filter(({ level }) => level === 'problem');
  const order = problems.sort((a, b) => Number(isAside(b.file)) - Number(isAside(a.file)));
  for (const { file } of order) {
    const bytes = await readOrDamaged(disk, file);
    const isFile = Buffer.isBuffer(bytes) && KINDS.get(basename(file)) !== 'folder';
    if (bytes !== null && !isFile) aside.push(await moveAside(disk, dir, file, clock.now()));
  }
  aside.push(...(await copyAside(disk, dir, await repairedFiles(disk, dir, found))));
  for (const { file } of problems) {
    if (dirname(file) === join(dir, 'logs')) await repairLog(options, file);
    // A file in the place of the socket: its copy is aside.
    if (basename(file) === 'jobrun.sock') await disk.remove(file);
  }
  const salvage = new Salvage(disk, dir, clock.now());
  const recovered = await salvage.salvage();
  const engine = await serveRecovered(options, recovered);
  await engine.close();
  return { ...salvage.report, aside };
}

/** Parts of an older file prove nothing that this version would know how to read. */
function unrepairable(dir: string, { format }: Found): JobrunError {
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

async function repairLog({ disk }: OpenOptions, file: string): Promise<void> {
  if (!LOG_NAME.test(basename(file))) return;
  const bytes = await readOrDamaged(disk, file);
  if (!Buffer.isBuffer(bytes)) return;
  const lines = bytes.toString('utf8').split('\n').slice(0, -1);
  const sound = lines.filter((line) => readEntry(line) !== null);
  await replaceFile(disk, file, sound.map((line) => `${line}\n`).join(''));
}
