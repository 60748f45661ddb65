// Compiled files, kept in `state/cache/` so that only the first start after an edit pays for the compiler. An entry is
// named by the hash of everything that decides it, so it is never out of date. It is written under a temporary name and
// renamed, and checked when it is read: processes that write the same one, or a crash, leave no half of it in use. A
// cache that cannot be read or written is slow, not wrong.
import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { removeCacheFile, writeCacheFile } from '../support/cache-files.ts';
import { systemClock } from '../support/clock.ts';
import { orElseSync } from '../support/errors.ts';
import { DAY } from '../support/limits.ts';
import type { Compiled } from './typescript.ts';

/** Raise it when `typescript.ts` gives other code for the same text. */
const VERSION = 1;
/** Entries that no process has read for so long are removed. */
const KEPT_MS = 30 * DAY;
/** How exactly the time of the last use is known: noting each use would be a write for each read. */
const NOTED_MS = DAY;

export class CompileCache {
  /** Null where nothing can be kept: then each process compiles for itself. */
  readonly #folder: string | null;
  #tidied = false;

  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** The kept result for these texts, else that of `compile`, which is kept. */
  get(key: readonly string[], compile: () => Compiled): Compiled {
    if (this.#folder === null) return compile();
    const path = join(this.#folder, `${hashOf(JSON.stringify([VERSION, ...key]))}.js`);
    const kept = this.#read(path);
    if (kept) return kept;
    const made = compile();
    this.#tidy(this.#folder);
    writeCacheFile(path, `// ${made.format} ${hashOf(made.code)}\n${made.code}`);
    return made;
  }

  #read(path: string): Compiled | null {
    return orElseSync(null, () => {
      const text = readFileSync(path, 'utf8');
      const end = text.indexOf('\n');
      const [, format, sum] = text.slice(0, end).split(' ');
      const code = text.slice(end + 1);
      if ((format !== 'module' && format !== 'commonjs') || sum !== hashOf(code)) return null;
      this.#noteUse(path);
      return { format, code };
    });
  }

  #noteUse(path: string): void {
    const now = systemClock.now();
    orElseSync(null, () => {
      if (now - statSync(path).mtimeMs > NOTED_MS) utimesSync(path, now / 1000, now / 1000);
    });
  }

  /** With the first entry that a process adds: what compiles takes longer than this. */
  #tidy(folder: string): void {
    if (this.#tidied) return;
    this.#tidied = true;
    const now = systemClock.now();
    for (const name of orElseSync(null, () => readdirSync(folder)) ?? []) {
      const path = join(folder, name);
      const age = orElseSync(null, () => now - statSync(path).mtimeMs);
      if (age !== null && age > KEPT_MS) removeCacheFile(path);
    }
  }
}

/** Node's crypto takes a while to load, and a worker that compiles nothing needs none. */
const hashOf = (text: string): string =>
  process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
