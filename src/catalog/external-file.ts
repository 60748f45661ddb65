// External jobs as files: `jobs/<name>.json` that says `"external": true`. There is nothing else to load: programs
// outside do the work. A project may keep any other JSON beside its jobs. So a file is a job only if it says so itself,
// and each is looked at once for each of its contents.
import type { Stats } from 'node:fs';
import { orElseSync, toJobrunError } from '../support/errors.ts';
import { fromJson } from '../support/json.ts';
import { MAX_VALUE_BYTES } from '../support/limits.ts';
import { readTextSync } from '../support/read-file.ts';
import { type Fields, isFields } from '../support/schema.ts';
import type { FileEntry, JobFile } from './catalog.ts';
import { readExternalOptions } from './definition.ts';

const CLAIM = /"external"\s*:\s*true/;

/** Files that were looked at, with the stamp of what was found there. */
const looked = new Map<string, { readonly stamp: string; readonly claims: boolean }>();
const MOST_LOOKED = 10_000;

/** True for a file that says it is an external job, also where the rest of it is no JSON. */
export function claimsExternal(file: string, { size }: Stats, stamp: string): boolean {
  if (size > MAX_VALUE_BYTES) return false;
  const known = looked.get(file);
  if (known?.stamp === stamp) return known.claims;
  if (looked.size >= MOST_LOOKED) looked.clear();
  const claims = orElseSync(false, () => saysExternal(readTextSync(file, MAX_VALUE_BYTES)));
  looked.set(file, { stamp, claims });
  return claims;
}

function saysExternal(text: string): boolean {
  if (!CLAIM.test(text)) return false;
  try {
    const whole = fromJson(text);
    return isFields(whole) && whole.external === true;
  } catch {
    // It was to be one: it is told as broken, with what is wrong.
    return true;
  }
}

/** The entry of an external job: all there is to know stands in its file. */
export function readExternal(file: JobFile, defaults: Fields): FileEntry {
  try {
    const options = fromJson(readTextSync(file.file, MAX_VALUE_BYTES));
    return { ...file, state: 'ok', data: readExternalOptions(options, defaults) };
  } catch (error) {
    // Any error breaks this job and no other.
    return { ...file, state: 'broken', error: `${file.file}: ${toJobrunError(error).message}` };
  }
}
