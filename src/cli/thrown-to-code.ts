// The errors of the library as a program gets them: a stack that begins where the program called, and a hint that names
// options and calls as code writes them, where the command line has flags.
import { JobrunError } from '../support/errors.ts';

type Method = (this: object, ...args: unknown[]) => unknown;

/** Makes every call of a class throw its errors so. A call that gives items one by one stays as it is. */
export function asCalled(prototype: object): void {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || typeof value !== 'function') continue;
    const method = value as Method;
    const called: Method = function (...args) {
      const place: { stack?: string } = {};
      // Formatted only if it is asked for.
      Error.captureStackTrace(place, called);
      const result = method.apply(this, args);
      if (!(result instanceof Promise)) return result;
      return result.catch((error) => {
        throw error instanceof JobrunError ? inCode(error, place) : error;
      });
    };
    Object.defineProperty(prototype, name, { value: called, writable: true, configurable: true });
  }
}

/** The same for a function: its errors begin where it was called, which `called` is. */
export function thrownFrom<T>(
  called: (options?: never) => unknown,
  make: () => Promise<T>,
): Promise<T> {
  const place: { stack?: string } = {};
  Error.captureStackTrace(place, called);
  return make().catch((error) => {
    throw error instanceof JobrunError ? inCode(error, place) : error;
  });
}

function inCode(error: JobrunError, { stack = '' }: { readonly stack?: string }): JobrunError {
  const [, ...frames] = stack.split('\n');
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  Object.defineProperty(error, 'hint', { value: hintInCode(error.hint), enumerable: true });
  return error;
}

/**
 * `--replace` is `replace: true`, and `jobrun retry 3 --force` is `retry('3', { force: true })`. Other lines are for a
 * shell.
 */
export const hintInCode = (hint: string): string =>
  hint.replace(/\bjobrun .*?(?=$|[;,:]|\. )|--[a-z][a-z-]*(?![\w:=-])/g, (part) =>
    part.startsWith('--') ? optionOf(part) : callOf(part),
  );

const CALL =
  /^jobrun (schedule|update|abort|retry|rerun|remove|prune|list)((?: [^-\s]\S*)*)((?: --[a-z][a-z-]*(?: [^-\s]\S*)?)+)$/;

function callOf(line: string): string {
  const [, command, words = '', flags = ''] = CALL.exec(line) ?? [];
  if (command === undefined) return line;
  const [only, ...more] = words
    .split(' ')
    .filter(Boolean)
    .map((word) => `'${word}'`);
  const given = more.length > 0 ? `[${[only, ...more].join(', ')}], ` : only ? `${only}, ` : '';
  const options = [...flags.matchAll(/ (--[a-z-]+)(?: (\S+))?/g)].map(([, flag = '', value]) =>
    value === undefined ? optionOf(flag) : `${optionOf(flag)}: '${value}'`,
  );
  return `${command}(${given}{ ${options.join(', ')} })`;
}

/** Those that take no value. */
const ON = new Set(['--replace', '--force', '--fresh']);

function optionOf(flag: string): string {
  const name = flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return ON.has(flag) ? `${name}: true` : name;
}
