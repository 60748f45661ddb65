// Where in a file a syntax error is. Node tells it when it starts a program, but not always to whoever imported it.
import { spawnSync } from 'node:child_process';
import { SECOND } from '../support/limits.ts';

/** What Node says of the file's syntax, or an empty text where the error was another one. */
export function checkSyntax(file: string, thrown: unknown): string {
  if (!(thrown instanceof SyntaxError)) return '';
  // Node 20 and 22 find nothing in a module that no package.json calls one.
  return check(file) || check(file, '--experimental-default-type=module');
}

function check(file: string, ...flags: readonly string[]): string {
  const options = { encoding: 'utf8', timeout: 5 * SECOND } as const;
  return spawnSync(process.execPath, [...flags, '--check', file], options).stderr ?? '';
}
