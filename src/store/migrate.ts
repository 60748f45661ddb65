// A state of an older format. Reading applies the steps in memory, so that whoever only looks changes nothing. Whoever
// opens it to work first keeps a copy of all that is going to be rewritten in `aside/format-<format>-<epoch>/`, and then
// takes the path of every start: its fold writes every page, and last the manifest. A crash in between leaves files
// of both formats, each of which says its own; an older jobrun refuses them, and the next start does the same again.
import { basename, dirname, join } from 'node:path';
import { JobrunError } from '../support/errors.ts';
import { type Disk, isTemporary, replaceFile } from '../support/files.ts';
import { type DocumentName, FORMAT, STEPS, type Step } from './format.ts';
import { DOCUMENTS } from './layout.ts';

/** The steps from a format to that of this version; null where there is no way. */
export function stepsFrom(format: number): readonly Step[] | null {
  const steps: Step[] = [];
  for (let at = format; at !== FORMAT; at++) {
    const step = at < FORMAT ? STEPS.find(({ from }) => from === at) : undefined;
    if (!step) return null;
    steps.push(step);
  }
  return steps;
}

/** What a sound document of any format is in that of this version; its `format` stays what the file says. */
export function upgraded<T extends { readonly format: number }>(path: string, data: T): T {
  const steps = stepsFrom(data.format);
  if (!steps) throw foreign(path, data.format);
  if (steps.length === 0) return data;
  const name = nameOf(path);
  let next: Readonly<Record<string, unknown>> = { ...data };
  for (const step of steps) next = step.document(name, next);
  return { ...next, format: data.format } as T;
}

const nameOf = (path: string): DocumentName =>
  basename(dirname(path)) === 'runs' ? 'page' : (basename(path, '.json') as DocumentName);

/** A format that this version has no way from. */
export function foreign(path: string, format: number): JobrunError {
  const message = `${path} has format ${format}, this jobrun knows ${FORMAT}`;
  if (format > FORMAT)
    return new JobrunError(
      'state-newer',
      message,
      'Use the version of jobrun that wrote it, or a newer one.',
    );
  const hint = 'Nothing was changed. Start once a version of jobrun that still migrates it.';
  return new JobrunError('state-older', message, hint);
}

/**
 * Copies what a migration rewrites, unless a migration that was killed has done so. The manifest goes last: where it
 * is in the copy, the copy is whole, and what lies in the state now may be rewritten already.
 */
export async function keepOlder(
  disk: Disk,
  dir: string,
  { format, epoch }: { readonly format: number; readonly epoch: number },
): Promise<void> {
  const copy = join(dir, 'aside', `format-${format}-${epoch}`);
  for (const folder of [join(dir, 'aside'), copy]) await disk.makeFolder(folder);
  const last = join(copy, 'manifest.json');
  if ((await disk.read(last)) !== null) return;
  for (const folder of ['runs', 'journal']) {
    await disk.makeFolder(join(copy, folder));
    await removeTemporaries(disk, join(copy, folder));
    for (const name of await disk.list(join(dir, folder)))
      if (!isTemporary(name)) await copyFile(disk, dir, copy, join(folder, name));
  }
  await removeTemporaries(disk, copy);
  for (const name of ['witness', ...DOCUMENTS]) await copyFile(disk, dir, copy, name);
}

async function copyFile(disk: Disk, dir: string, copy: string, name: string): Promise<void> {
  const bytes = await disk.read(join(dir, name));
  if (bytes !== null) await replaceFile(disk, join(copy, name), bytes);
}

/** What a crash left of files that were being replaced. */
export async function removeTemporaries(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder))
    if (isTemporary(name)) await disk.remove(join(folder, name));
}
