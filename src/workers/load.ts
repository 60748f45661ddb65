// Loads job files inside a worker, through `import` with the loader of `loader.ts` in it, and says where a file
// that does not load is wrong. A process never loads a file twice: an edit means new processes, not a trick with caches.
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobDefinition } from '../catalog/job.ts';
import { JobrunError } from '../support/errors.ts';
import { plainLine } from '../support/text.ts';
import { syntaxErrorIn } from './project-files.ts';
import { toRunError } from './thrown.ts';

/** Job code is anything until it was read; its functions are called with what the schema says they take. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type LoadedJob = JobDefinition<any, any>;

const loaded = new Map<string, Promise<unknown>>();

/** The default export, as it is. Rejects with whatever the file threw. */
export function loadExport(file: string): Promise<unknown> {
  let found = loaded.get(file);
  if (!found) {
    found = import(pathToFileURL(file).href).then(defaultOf);
    loaded.set(file, found);
  }
  return found;
}

export const isLoaded = (file: string): boolean => loaded.has(file);

/** The same as a definition; a mere function is its `run`. */
export async function loadJob(file: string): Promise<LoadedJob> {
  const raw = await loadExport(file);
  const job = typeof raw === 'function' ? { run: raw } : raw;
  if (job !== null && typeof job === 'object' && 'run' in job) return job as LoadedJob;
  throw new JobrunError('broken-job', `${file} has no job as its default export`, 'Mend the file.');
}

/** CommonJS that was compiled from a module has its default export one level further down. */
function defaultOf(module: unknown): unknown {
  const first = (module as { default?: unknown }).default;
  if (first !== null && typeof first === 'object' && '__esModule' in first && 'default' in first) {
    return first.default;
  }
  return first;
}

/** Why a file could not be loaded, with path and line where they are known. */
export function loadProblem(file: string, thrown: unknown): string {
  const { name, message, stack } = toRunError(thrown);
  const place = placeIn(stack, file) ?? syntaxPlace(file, thrown) ?? anyPlace(stack);
  const isNamed = thrown instanceof JobrunError || /^\w+Error: /.test(message);
  const text = isNamed ? message : `${name}: ${message}`;
  return `${place ?? shortPath(file)}: ${plainLine(text.trim())}`;
}

const syntaxPlace = (file: string, thrown: unknown): string | null =>
  thrown instanceof SyntaxError ? placeIn(syntaxErrorIn(file), file) : null;

/** `jobs/mail.ts:12` where the text names a line of the file. */
function placeIn(text: string, file: string): string | null {
  for (const form of [file, pathToFileURL(file).href]) {
    const at = text.indexOf(`${form}:`);
    const line = at < 0 ? null : /^\d+/.exec(text.slice(at + form.length + 1));
    if (line) return `${shortPath(file)}:${line[0]}`;
  }
  return null;
}

/** The first line of any file of the project that the text names: the fault may lie in what the job imports. */
function anyPlace(text: string): string | null {
  const match = /(?:file:\/\/)?(\/[^\s:()]+\.[cm]?[jt]s):(\d+)/.exec(text);
  if (!match?.[1] || relative(process.cwd(), match[1]).startsWith('..')) return null;
  return `${shortPath(match[1])}:${match[2]}`;
}

function shortPath(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
