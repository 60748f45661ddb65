// The loader's part in `import`: hooks that Node calls for each module. On Node 20 they run on a thread of their own
// and this file is their module; newer Nodes call the same functions in place.
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { isOurs } from '../catalog/resolution.ts';
import { ProjectFiles } from './project-files.ts';

interface Resolved {
  readonly url: string;
  readonly format?: string;
  readonly shortCircuit?: boolean;
}

interface Loaded {
  readonly format: string;
  readonly source: string | null;
  readonly shortCircuit: true;
}

/** The module that `import 'jobrun'` finds in a job file. */
const API = new URL('../workers/job-api.js', import.meta.url).href;

export interface ThreadData {
  readonly cacheFolder: string | null;
  readonly peer: MessagePort;
}

let files = new ProjectFiles(null);

/** Called once by Node on a thread of its own. */
export function initialize({ cacheFolder, peer }: ThreadData): void {
  files = new ProjectFiles(cacheFolder, peer);
}

/** The same in the main thread, where `import` and `require` have one view of the files. */
export function share(shared: ProjectFiles): void {
  files = shared;
}

export function resolve<Next>(
  specifier: string,
  context: { readonly parentURL?: string | undefined },
  next: (specifier: string, context: object) => Next,
): Next | Resolved {
  if (specifier === 'jobrun') return { url: API, shortCircuit: true };
  const { parentURL } = context;
  if (!parentURL?.startsWith('file:')) return next(specifier, context);
  const found = files.find(specifier, fileURLToPath(parentURL));
  if (found === null) return next(specifier, context);
  const query = /^[./]/.test(specifier) ? (/[?#].*$/.exec(specifier)?.[0] ?? '') : '';
  const url = pathToFileURL(found).href + query;
  return files.hasChanged(found) ? { url, shortCircuit: true } : next(url, context);
}

export function load<Next>(
  url: string,
  context: object,
  next: (url: string, context: object) => Next,
): Next | Loaded {
  if (!url.startsWith('file:')) return next(url, context);
  const file = fileURLToPath(url);
  if (!isOurs(file)) return next(url, context);
  if (file.endsWith('.json')) {
    return { format: 'module', source: jsonModule(file, files.text(file)), shortCircuit: true };
  }
  if (!/\.[cm]?[jt]s$/.test(file)) return next(url, context);
  const { format, code } = files.compiled(file);
  // Without a source Node hands CommonJS to `require`, which has its own part of the loader.
  const source = format === 'module' || files.hasChanged(file) ? code : null;
  return { format, source, shortCircuit: true };
}

/** JSON as a module: as its default export, and the fields of an object by their names. */
function jsonModule(file: string, text: string): string {
  const value = parsed(file, text);
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
  const fields = Object.keys(isObject ? value : {})
    .filter((name) => name !== 'default' && /^[a-z_$][\w$]*$/i.test(name))
    .map((name, i) => `const field${i} = json.${name};\nexport { field${i} as ${name} };`);
  return `const json = JSON.parse(${JSON.stringify(text)});\nexport default json;\n${fields.join('\n')}`;
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) error.message = `${file}: ${error.message}`;
    throw error;
  }
}
