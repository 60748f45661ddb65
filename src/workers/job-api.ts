// The module that `import 'jobrun'` finds inside a worker: the few things that job files need, so that a worker starts
// fast. The rest of the library is loaded on its first use.
export { defineJob, FatalError, RetryAt } from '../catalog/job.ts';
export { JobrunError } from '../support/errors.ts';

type Library = Record<string, (...args: readonly unknown[]) => unknown>;

// Not an import that a tool could follow: the library ranks above this folder.
const LIBRARY = new URL('../index.js', import.meta.url).href;

const library = async (): Promise<Library> => (await import(LIBRARY)) as Library;

export const connect = async (...args: readonly unknown[]): Promise<unknown> =>
  (await library()).connect?.(...args);

export const startDaemon = async (...args: readonly unknown[]): Promise<unknown> =>
  (await library()).startDaemon?.(...args);
