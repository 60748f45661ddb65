// Whether Node would take a module for CommonJS: `npm init` writes "type": "commonjs" into the package.json of people who
// then write `import` and `export`. Looked at before the file is loaded, for Node says it in the log of the run.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../support/errors.ts';

/** Not `import()`, which CommonJS has as well. */
const STATEMENT = /(?:^|[;}]|\*\/)[ \t]*(?:import\b(?!\s*\()|export\b)/m;

/** May be true of CommonJS that only speaks of such statements: it is asked where both can be read. */
export function isTakenForCommonJs(file: string): boolean {
  if (!/\.[jt]s$/.test(file)) return false;
  const text = readOrNull(file);
  return text !== null && STATEMENT.test(text) && typeOf(dirname(file)) === 'commonjs';
}

/** What the nearest package.json says, as Node looks for it. */
function typeOf(folder: string): unknown {
  const text = readOrNull(join(folder, 'package.json'));
  if (text === null) return dirname(folder) === folder ? undefined : typeOf(dirname(folder));
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type;
  } catch {
    // Node says what is wrong with it.
    return undefined;
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    return null;
  }
}
