// Packages that runs of jobs did not find although the job's code names them: they are imported only while a run is
// under way. Reading the job's file does not show that one is missing. So it is remembered here, and each reading of
// the job looks whether it is there by now.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Lack } from '../run/outcome.ts';
import { orElseSync } from '../support/errors.ts';
import { parseJson } from '../support/json.ts';
import { isFields } from '../support/schema.ts';

export class Lacks {
  readonly #of = new Map<string, Lack>();

  found(job: string, lack: Lack): void {
    this.#of.set(job, lack);
  }

  /** The problem of a job that still lacks what its runs did not find; null if it is there. */
  of(job: string): string | null {
    const lack = this.#of.get(job);
    if (!lack) return null;
    if (!isThere(lack)) return lack.problem;
    this.#of.delete(job);
    return null;
  }

  forget(job: string): void {
    this.#of.delete(job);
  }
}

/** Looks where Node looks. Wrongly called there, the next run tells; called missing, no run would ever. */
function isThere({ what, from }: Lack): boolean {
  if (isAbsolute(what)) return isWhole(what);
  const [name = ''] = /^(?:@[^/]+\/)?[^/]+/.exec(what) ?? [];
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return isWhole(path);
    if (dirname(folder) === folder) return false;
  }
}

/** False where a package is only begun: its folder comes before its files. */
function isWhole(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return existsSync(path);
  const manifest = parseJson(
    orElseSync('', () => readFileSync(join(path, 'package.json'), 'utf8')),
  );
  if (!isFields(manifest)) return existsSync(join(path, 'index.js'));
  const { main = 'index.js', exports } = manifest;
  if (exports !== undefined || typeof main !== 'string') return true;
  return ['', '.js', '.cjs', '.json', '/index.js'].some((ending) =>
    existsSync(join(path, main) + ending),
  );
}
