// Which job files a change concerns: the changed ones, and those that import them, by any way round. Read from the
// texts of the files, with the loader's own rules for what an import means (`resolution.ts`); a name that is put
// together at run time is not seen. It decides only whose definition is read anew; the code of a run is always loaded
// anew.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { orElse } from '../support/errors.ts';
import { readText } from '../support/read-file.ts';
import { Resolution } from './resolution.ts';

const CODE = /\.(?:[cm]?[jt]s|[jt]sx|json)$/;
/** Files that can import others. JSON cannot, and there may be a lot of it. */
const IMPORTING = /\.(?:[cm]?[jt]s|[jt]sx)$/;
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g;
const AT_ONCE = 64;

export class Imports {
  readonly #folder: string;
  /** The imports of each file, as paths without their endings: `./x.js` may be `x.ts`. */
  readonly #of = new Map<string, readonly string[]>();
  #known = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The changed files and all that import them; null if no file is seen to import one: then it may be any. */
  async affected(
    changed: readonly string[],
    isJob: (path: string) => boolean,
  ): Promise<ReadonlySet<string> | null> {
    // A new one each time: tsconfig.json may have changed.
    const resolution = new Resolution();
    await this.#read(this.#known ? changed : await codeFiles(this.#folder), resolution);
    this.#known = true;
    const importers = this.#importers();
    const found = new Set(changed);
    for (const path of found) for (const other of importers.get(bare(path)) ?? []) found.add(other);
    const unseen = changed.some((path) => !isJob(path) && !importers.has(bare(path)));
    return unseen ? null : found;
  }

  /** True where one of the files is seen to import this path. */
  async isImported(path: string): Promise<boolean> {
    if (!this.#known) await this.affected([], () => false);
    return this.#importers().has(bare(path));
  }

  #importers(): ReadonlyMap<string, readonly string[]> {
    const importers = new Map<string, string[]>();
    for (const [path, imported] of this.#of) {
      for (const one of imported) importers.set(one, [...(importers.get(one) ?? []), path]);
    }
    return importers;
  }

  async #read(paths: readonly string[], resolution: Resolution): Promise<void> {
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      await Promise.all(
        paths.slice(at, at + AT_ONCE).map((path) => this.#readOne(path, resolution)),
      );
    }
  }

  async #readOne(path: string, resolution: Resolution): Promise<void> {
    if (!IMPORTING.test(path)) return;
    const text = await orElse(null, () => readText(path));
    if (text === null) {
      this.#of.delete(path);
      return;
    }
    const imported = [...text.matchAll(IMPORT)].flatMap(([, , name = '']) =>
      resolution.bases(name, path).map(bare),
    );
    this.#of.set(path, [...new Set(imported)]);
  }
}

function bare(path: string): string {
  const short = path.replace(CODE, '');
  return short.endsWith('/index') ? short.slice(0, -'/index'.length) : short;
}

async function codeFiles(folder: string): Promise<readonly string[]> {
  // A folder that may not be listed is reported by the scan of the jobs.
  const entries = await orElse([], () => readdir(folder, { withFileTypes: true, recursive: true }));
  return entries
    .filter(
      (entry) =>
        entry.isFile() && IMPORTING.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}
