// console.* and writes to stdout and stderr become log lines of the run that made them, in order with ctx.log. They
// never touch the real descriptors, which a job may close. What no run can be named for goes where it always went.
import { type RunScope, scopes } from './scope.ts';

/** `only` gives the one run under way, for output from outside its context (an old callback, a thread). */
export function captureOutput(only: () => RunScope | null): void {
  for (const name of ['stdout', 'stderr'] as const) capture(name, only);
}

function capture(name: 'stdout' | 'stderr', only: () => RunScope | null): void {
  const stream = process[name];
  const original = stream.write;
  stream.write = function write(this: unknown, ...args: unknown[]): boolean {
    const scope = scopes.getStore() ?? only();
    const [chunk, encoding] = args;
    if (!scope || !(typeof chunk === 'string' || chunk instanceof Uint8Array)) {
      return Reflect.apply(original, stream, args);
    }
    scope[name].write(typeof chunk === 'string' ? decoded(chunk, encoding) : chunk);
    const done = args.find((arg) => typeof arg === 'function');
    if (done) process.nextTick(done);
    return true;
  };
}

function decoded(text: string, encoding: unknown): string | Uint8Array {
  if (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return text;
  return Buffer.from(text, encoding as BufferEncoding);
}
