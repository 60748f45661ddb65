// The version of this program, from the one place where it stands. It is read once: when another version is installed
// under a process that goes on, that process is still of this one.
import { readFileSync } from 'node:fs';

let known: string | null = null;

export function version(): string {
  known ??= read();
  return known;
}

function read(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}
