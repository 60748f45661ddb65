// Makes `import 'jobrun'` and `require('jobrun')` work in job files, on every Node.
import * as nodeModule from 'node:module';
import { resolve } from './import-hooks.ts';
import { API } from './load.ts';

interface Internals {
  readonly registerHooks?: (hooks: { readonly resolve: typeof resolve }) => void;
  readonly default: { _resolveFilename(request: string, ...rest: readonly unknown[]): string };
}

export function provideJobrun(): void {
  const { registerHooks, default: internals } = nodeModule as unknown as Internals;
  if (registerHooks) registerHooks({ resolve });
  else nodeModule.register('../workers/import-hooks.js', import.meta.url);
  // Hooks of Node 20 do not reach `require`, nor do those of any Node reach the one of jiti.
  const original = internals._resolveFilename;
  internals._resolveFilename = function resolveFilename(request, ...rest) {
    return request === 'jobrun' ? API : Reflect.apply(original, this, [request, ...rest]);
  };
}
