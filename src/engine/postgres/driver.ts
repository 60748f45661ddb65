// The driver of PostgreSQL, which is not installed with jobrun: who keeps runs in files needs none.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as pg from 'pg';
import { isMissingModule, JobrunError } from '../../support/errors.ts';

export type Driver = typeof pg;

/** Looks for it from the project, then beside jobrun. Throws `bad-config` where it is in neither place. */
export function loadDriver(dir: string): Driver {
  for (const from of [join(dir, 'package.json'), import.meta.url]) {
    try {
      return createRequire(from)('pg');
    } catch (error) {
      // It is there, and something that it needs is not.
      if (!isMissingModule(error) || !/'pg'/.test((error as Error).message)) throw error;
    }
  }
  throw new JobrunError('bad-config', 'engine postgres needs the package pg', 'npm install pg');
}
