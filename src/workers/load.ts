// Loads job files inside a worker, through `import` with the loader of `loader.ts` in it. A process never loads a file
// twice: an edit means new processes, not a trick with caches.
import { pathToFileURL } from 'node:url';
import type { JobDefinition } from '../catalog/job.ts';
import { JobrunError } from '../support/errors.ts';

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
