// Packages that a job asks for while it runs, by `await import('x')` or `require('x')`, and does not find. That is the
// project's fault and no failure of the run, as with an import at the top of its file. Only a name that is written out
// in the code counts: one that comes from params may be wrong for this run alone. An error that the job catches, for a
// package that it can do without, never gets here.
import { readFileSync } from 'node:fs';
import { isOurs } from '../catalog/resolution.ts';
import type { Lack } from '../run/outcome.ts';
import { isMissingModule, orElseSync } from '../support/errors.ts';
import { loadProblem } from './load-problem.ts';
import { field } from './thrown.ts';

const MISSING = /Cannot find (?:package|module) '([^'\n]+)'(?: imported from ([^\n]+))?/;
const IN_PACKAGES = /[\\/]node_modules[\\/]/;

/** True where Node did not find something that the code imports. */
export const isMissing = (thrown: unknown): boolean =>
  isMissingModule({ code: field(thrown, 'code') });

/** The package that was missing where the job of this file threw; null for any other error. */
export function lackOf(thrown: unknown, file: string): Lack | null {
  if (!isMissing(thrown)) return null;
  const requireStack = field(thrown, 'requireStack');
  const [, what = '', importer] = MISSING.exec(String(field(thrown, 'message'))) ?? [];
  const from = importer ?? (Array.isArray(requireStack) ? String(requireStack[0]) : '');
  if (what === '' || from === '') return null;
  const isPath = /^(?:[./\\]|[a-z]:|node:|file:)/i.test(what);
  // A file that a package names for itself: it is being installed, or not complete.
  if (isPath && !IN_PACKAGES.test(what)) return null;
  if (isOurs(from) && !isPath && !names(from, what)) return null;
  return { what, from, problem: loadProblem(file, thrown) };
}

/** True where the text of the file has the package's name in an import of its own. */
function names(file: string, name: string): boolean {
  const text = orElseSync('', () => readFileSync(file, 'utf8'));
  return [...text.matchAll(/\b(?:import|require)\s*\(\s*(['"`])([^'"`\n$]+)\1/g)].some(
    ([, , named = '']) => named === name || named.startsWith(`${name}/`),
  );
}
