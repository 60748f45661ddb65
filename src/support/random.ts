// Chance comes into the house here and nowhere else.
import { closeSync, openSync, readSync } from 'node:fs';
import { getBuiltinModule } from 'node:process';
import { orElseSync } from './errors.ts';

/** A number from 0 up to 1. */
export const random = (): number => Math.random();

const mine = { name: '', given: 0 };

/** A text that is unique. */
export function newId(): string {
  mine.name ||= randomBytes(15).toString('base64url');
  return `${mine.name}-${(mine.given++).toString(36)}`;
}

/** From where node:crypto has its own; to load that takes a tenth as long as a whole command. */
export function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  // A system may be without it, or this process without one more file.
  const read = orElseSync(0, () => {
    const file = openSync('/dev/urandom', 'r');
    const length = readSync(file, bytes);
    closeSync(file);
    return length;
  });
  return read === count ? bytes : getBuiltinModule('node:crypto').randomBytes(count);
}
