// `import 'jobrun'` in a job file finds our own job-api, although the project has not installed jobrun. On Node 20 the
// hook runs on a thread of its own and is this module; newer Nodes take the same function in place.

export interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

const API = new URL('../workers/job-api.js', import.meta.url).href;

export function resolve<Context, Next>(
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => Next,
): Next | Resolved {
  return specifier === 'jobrun' ? { url: API, shortCircuit: true } : next(specifier, context);
}
