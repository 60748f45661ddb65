// The files of jobrun that worker processes load by their path. A bundler that puts jobrun into the file of a program
// leaves them behind, and then no worker can start.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, delay } from '../support/clock.ts';
import { errnoOf, isMissingModule, JobrunError } from '../support/errors.ts';
import { START_TIMEOUT_MS } from '../support/limits.ts';

const LOOK_EVERY_MS = 200;

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

const REPLACED = 'the package of jobrun is being replaced, or its installation is incomplete';

/**
 * The reason, in one line, if a worker ended before it was ready, by what it printed; null where it printed nothing. A
 * file of jobrun that is missing, or only half there, is being replaced, as by `npm ci`.
 */
export function unreadyReason(printed: readonly string[]): string | null {
  const problem = printed.find((line) => /^\w*Error\b.*:/.test(line)) ?? printed.at(-1) ?? null;
  const isOwn = missingFile() !== undefined || printed.some((line) => line.includes(OWN));
  if (!isOwn) return problem;
  return problem === null ? REPLACED : `${REPLACED}: ${problem}`;
}

const missingFile = (): string | undefined => NEEDED.find((file) => !existsSync(file));

/** Files that were there once are being installed if they are missing later. */
const wereThere = missingFile() === undefined;

/** Resolves when they are there again, or an installation would be over. */
export async function untilInstalled(clock: Clock): Promise<void> {
  const until = clock.monotonic() + START_TIMEOUT_MS;
  while (wereThere && missingFile() !== undefined && clock.monotonic() < until)
    await delay(clock, LOOK_EVERY_MS);
}

/** Throws `bad-config` where one of them is missing. Without this, runs would stay queued and nothing would say why. */
export function refuseMissingFiles(): void {
  const missing = missingFile();
  if (missing === undefined) return;
  const hint =
    'Install jobrun again. If a bundler made this program, tell it to leave jobrun out: esbuild --external:jobrun';
  throw new JobrunError('bad-config', `a file of jobrun is missing: ${missing}`, hint);
}
