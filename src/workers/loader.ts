// The loader of job files. A job is the default export of its file (`loadJob`). It puts two things into Node's own
// loader, the same on every Node: the hooks of `import` (`import-hooks.ts`) and the functions behind `require` (below).
// Node does all else: it links, evaluates, keeps each module once, and finds packages.
//
// A file is in one of these states:
//   foreign     plain JavaScript in node_modules, a builtin, an addon. Node alone loads it, at Node's speed.
//   unread      a file of the project, or TypeScript anywhere, that nothing has asked for.
//   read        its text is held by this process. So is the text of what it names in `import('./x')` or
//               `require('./x')`, and of what those import: code that loads a part later gets the part that it began
//               with, also when the file has been edited or removed since.
//   loaded      Node has evaluated it. A process never loads a file twice: after an edit there are new processes.
//
// The rules:
//   1. An import means what `catalog/resolution.ts` says; `jobrun` is our own API; all else is left to Node.
//   2. A file is a module if its text says so (import, export, import.meta, await at its top), CommonJS if it uses
//      module, exports or require instead; otherwise its ending or the nearest package.json decides.
//   3. TypeScript is always compiled, by one compiler (`typescript.ts`), whatever this Node could do itself. JavaScript
//      is compiled only where a module uses `require`, `__filename` or `__dirname`, which then are there.
//   4. Decorators are those of the standard, or those of `experimentalDecorators` where tsconfig.json sets it.
//   5. JSON may be imported without an attribute.
//   6. A default import of CommonJS is its `module.exports`, as in Node.
//   7. A file that fails to load has failed for this process. There is no second loader to try.
import * as nodeModule from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import type { JobDefinition } from '../catalog/job.ts';
import { isOurs } from '../catalog/resolution.ts';
import { JobrunError } from '../support/errors.ts';
import * as hooks from './import-hooks.ts';
import { ProjectFiles } from './project-files.ts';

interface CommonJs {
  _compile(code: string, file: string, format?: 'module'): unknown;
}

type Extension = (module: CommonJs, file: string) => unknown;

interface Parent {
  readonly filename?: string | null;
}

interface Internals {
  readonly registerHooks?: (hooks: object) => void;
  readonly default: {
    readonly _extensions: Record<string, Extension>;
    _resolveFilename(request: string, parent?: Parent | null, ...rest: readonly unknown[]): string;
  };
}

const API = fileURLToPath(new URL('../workers/job-api.js', import.meta.url));

/** @param cacheFolder where compiled files are kept, or null for nowhere */
export function startLoader(cacheFolder: string | null): void {
  // Node's types name neither what older versions lack nor what is its own.
  const { registerHooks, default: internals } = nodeModule as unknown as Internals;
  const files = registerHooks
    ? new ProjectFiles(cacheFolder)
    : new ProjectFiles(cacheFolder, registerOffThread(cacheFolder));
  if (registerHooks) {
    hooks.share(files);
    registerHooks({ resolve: hooks.resolve, load: hooks.load });
  }
  resolveRequire(internals, files);
  const required = compileRequired(internals._extensions['.js'], files);
  for (const ending of ['.js', '.cjs', '.ts', '.mts', '.cts']) {
    internals._extensions[ending] = required;
  }
  started = files;
}

let started: ProjectFiles | null = null;

/**
 * True where the disk no longer has what this process began with: another job loaded here could mix old and new code.
 * The files of jobs are not looked at: no other is likely to import them, and there may be thousands.
 */
export const isOutdated = (): boolean => started?.isOutdated(isLoaded) === true;

/** Node 20: gives the port to the thread on which `import` finds and reads files. */
function registerOffThread(cacheFolder: string | null): MessagePort {
  const { MessageChannel } = process.getBuiltinModule('node:worker_threads');
  const { port1, port2 } = new MessageChannel();
  const data: hooks.ThreadData = { cacheFolder, peer: port2 };
  nodeModule.register('../workers/import-hooks.js', import.meta.url, {
    data,
    transferList: [port2],
  });
  port1.unref();
  return port1;
}

function resolveRequire(internals: Internals['default'], files: ProjectFiles): void {
  const original = internals._resolveFilename;
  internals._resolveFilename = function resolveFilename(request, parent, ...rest) {
    if (request === 'jobrun') return API;
    const from = parent?.filename;
    const found = typeof from === 'string' ? files.find(request, from) : null;
    return found ?? Reflect.apply(original, this, [request, parent, ...rest]);
  };
}

function compileRequired(original: Extension | undefined, files: ProjectFiles): Extension {
  return (module, file) => {
    if (!isOurs(file)) return original?.(module, file);
    const { format, code } = files.compiled(file);
    // Older Nodes take any third argument for a module.
    return format === 'module' ? module._compile(code, file, format) : module._compile(code, file);
  };
}

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
  if (job !== null && typeof job === 'object' && 'external' in job) return withoutSchema(job);
  throw new JobrunError('broken-job', `${file} has no job as its default export`, 'Fix the file.');
}

/**
 * An external job has hooks at most. Params that are JSON Schema are checked by the daemon, and are no validator here.
 */
function withoutSchema(job: object): LoadedJob {
  const { params } = job as { readonly params?: object };
  const isValidator = params === undefined || '~standard' in params;
  return (isValidator ? job : Object.create(job, { params: { value: undefined } })) as LoadedJob;
}

/** CommonJS that was compiled from a module has its default export one level further down. */
function defaultOf(module: unknown): unknown {
  const first = (module as { default?: unknown }).default;
  if (first !== null && typeof first === 'object' && '__esModule' in first && 'default' in first) {
    return first.default;
  }
  return first;
}
