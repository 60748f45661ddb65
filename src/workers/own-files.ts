// The files of jobrun that worker processes load by their path. A bundler that puts jobrun into the file of a program
// leaves them behind, and then no worker can start.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errnoOf, isMissingModule, JobrunError } from '../support/errors.ts';

// Under the tests this is a source file, and a plain Node cannot run the entry's: they need a build.
const isSource = import.meta.url.endsWith('.ts');

export const ENTRY = fileURLToPath(
  new URL(isSource ? '../../dist/workers/entry.js' : '../workers/entry.js', import.meta.url),
);

const NEEDED = [
  ENTRY,
  ...['job-api.js', 'import-hooks.js'].map((name) => join(dirname(ENTRY), name)),
];

const OWN = fileURLToPath(new URL('..', import.meta.url));

/** True where code failed to load because a file of jobrun, or a package that jobrun needs, is missing. */
export function lacksOwnFile(thrown: unknown): boolean {
  if (!isMissingModule(thrown) && errnoOf(thrown) !== 'ENOENT') return false;
  const { message, requireStack } = thrown as Error & { readonly requireStack?: readonly string[] };
  const [first = ''] = message.split('\n');
  return first.includes(OWN) || requireStack?.[0]?.startsWith(OWN) === true;
}

/** Throws `bad-config` where one of them is missing. Without this, runs would stay queued and nothing would say why. */
export function refuseMissingFiles(): void {
  const missing = NEEDED.find((file) => !existsSync(file));
  if (missing === undefined) return;
  const hint =
    'Install jobrun again. If a bundler made this program, tell it to leave jobrun out: esbuild --external:jobrun';
  throw new JobrunError('bad-config', `a file of jobrun is missing: ${missing}`, hint);
}
