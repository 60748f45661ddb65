// Loads job files inside a worker. Node's own import comes first; where it cannot read TypeScript (Node 20) or not all
// of it (enums), or takes a module for CommonJS, jiti does, so that every Node and every project takes the same files. A
// process never loads a file twice: a change of a file means new processes, not a trick with caches.
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { JobDefinition } from '../catalog/job.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';
import { plainLine } from '../support/text.ts';
import { isTakenForCommonJs } from './module-type.ts';
import { checkSyntax } from './syntax.ts';
import { toRunError } from './thrown.ts';

/** Job code is anything until it was read; its functions are called with what the schema says they take. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type LoadedJob = JobDefinition<any, any>;

const loaded = new Map<string, Promise<unknown>>();

/** The default export, as it is. Rejects with whatever the file threw. */
export function loadExport(file: string): Promise<unknown> {
  let found = loaded.get(file);
  if (!found) {
    found = importFile(file).then(defaultOf);
    loaded.set(file, found);
  }
  return found;
}

/** The same as a definition; a mere function is its `run`. */
export async function loadJob(file: string): Promise<LoadedJob> {
  const raw = await loadExport(file);
  const job = typeof raw === 'function' ? { run: raw } : raw;
  if (job !== null && typeof job === 'object' && 'run' in job) return job as LoadedJob;
  throw new JobrunError('broken-job', `${file} has no job as its default export`, 'Mend the file.');
}

const NATIVE_TYPESCRIPT = Boolean((process.features as { typescript?: unknown }).typescript);
const FOR_JITI = new Set(['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'ERR_UNKNOWN_FILE_EXTENSION']);

async function importFile(file: string): Promise<unknown> {
  if (/\.m?ts$/.test(file) && !NATIVE_TYPESCRIPT) return importWithJiti(file);
  if (isTakenForCommonJs(file)) return importWithJiti(file);
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (FOR_JITI.has(errnoOf(error))) return importWithJiti(file);
    throw error;
  }
}

async function importWithJiti(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  // No cache on disk: it would be one more place for something stale.
  const jiti = createJiti(file, { fsCache: false, alias: { jobrun: API } });
  return jiti.import(file);
}

/** What `import 'jobrun'` gives in a job file. */
export const API = fileURLToPath(new URL('../workers/job-api.js', import.meta.url));

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
  const place = placeIn(stack, file) ?? placeIn(checkSyntax(file, thrown), file) ?? anyPlace(stack);
  const isNamed = thrown instanceof JobrunError || /^\w+Error: /.test(message);
  const text = isNamed ? message : `${name}: ${message}`;
  return `${place ?? shortPath(file)}: ${plainLine(text.trim())}`;
}

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
