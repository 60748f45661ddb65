// The two keys of the HTTP API: `state/http-key` allows everything, `state/http-read-key` allows reading. Each file is
// one line of base64url, private to its user. `jobrun web --new-key` replaces both while a daemon runs, so the daemon
// looks at the files with each request, and reads them anew where they are other files than before.
import { hash, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../support/errors.ts';
import { realDisk, replaceFile } from '../support/files.ts';
import { randomBytes } from '../support/random.ts';
import { readText } from '../support/read-file.ts';

export type Access = 'all' | 'read';

const FILES: Readonly<Record<Access, string>> = { all: 'http-key', read: 'http-read-key' };
const ACCESSES = ['all', 'read'] as const;
const KEY_BYTES = 32;
/** Far more than a key has. */
const MOST_BYTES = 4096;

/** Returns the key of a state folder; null where it has none yet. */
export async function keyOf(state: string, access: Access): Promise<string | null> {
  try {
    return (await readText(join(state, FILES[access]), MOST_BYTES)).trim() || null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Writes both keys, each where it is missing, or with `anew` in the place of the old one. */
export async function makeKeys(state: string, anew = false): Promise<void> {
  for (const access of ACCESSES) {
    if (!anew && (await keyOf(state, access)) !== null) continue;
    const key = randomBytes(KEY_BYTES).toString('base64url');
    await replaceFile(realDisk, join(state, FILES[access]), `${key}\n`);
  }
}

/** The keys as a daemon knows them. */
export class Keys {
  readonly #state: string;
  readonly #known: Record<Access, Known> = { all: UNKNOWN, read: UNKNOWN };

  constructor(state: string) {
    this.#state = state;
  }

  /** The rights of this key; null if it is none of ours. Takes as long for a wrong key as for a right one. */
  async accessOf(given: string): Promise<Access | null> {
    const digest = digestOf(given);
    const fits = { all: false, read: false };
    for (const access of ACCESSES) {
      const own = await this.#digest(access);
      fits[access] = own !== null && timingSafeEqual(own, digest);
    }
    return fits.all ? 'all' : fits.read ? 'read' : null;
  }

  async #digest(access: Access): Promise<Buffer | null> {
    const mark = markOf(join(this.#state, FILES[access]));
    if (mark !== this.#known[access].mark) {
      const key = await keyOf(this.#state, access);
      this.#known[access] = { mark, digest: key === null ? null : digestOf(key) };
    }
    return this.#known[access].digest;
  }
}

interface Known {
  readonly mark: string;
  readonly digest: Buffer | null;
}

const UNKNOWN: Known = { mark: 'not looked at yet', digest: null };

/** Texts of any length become comparable in constant time. */
const digestOf = (key: string): Buffer => hash('sha256', key, 'buffer');

/**
 * Another text for another file of this name. Not asked in the background: each request asks for both keys, and two
 * turns through the thread pool took a third of the daemon's time for a request (`npm run bench -- --web`).
 */
function markOf(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch (error) {
    return errnoOf(error);
  }
}

/** The key of an `Authorization: Bearer` header; null where there is none. */
export const bearerOf = (header: string | undefined): string | null =>
  /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? null;
