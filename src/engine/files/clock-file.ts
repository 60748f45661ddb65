// The mark of the time that `keep` believes (run/keep-clock), in a file of its own (`clock`): it is written once an hour, and
// must be there after a power cut, which is when clocks are wrong.
import { join } from 'node:path';
import type { ClockMark } from '../../run/keep-clock.ts';
import { readRegular } from '../../store/document.ts';
import { isInstant } from '../../support/clock.ts';
import { type Disk, replaceFile } from '../../support/files.ts';
import { parseJson } from '../../support/json.ts';

const pathOf = (dir: string): string => join(dir, 'clock');

/** Null where nothing readable is there. */
export async function readClockMark(disk: Disk, dir: string): Promise<ClockMark | null> {
  const text = (await readRegular(disk, pathOf(dir)))?.toString('utf8') ?? '';
  const value = parseJson(text);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const { trusted, leapAt } = value as { trusted?: unknown; leapAt?: unknown };
  if (!isInstant(trusted) || (leapAt !== null && !isInstant(leapAt))) return null;
  return { trusted, leapAt };
}

export async function writeClockMark(disk: Disk, dir: string, mark: ClockMark): Promise<void> {
  await replaceFile(disk, pathOf(dir), `${JSON.stringify(mark)}\n`);
}
