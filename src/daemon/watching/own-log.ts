// The daemon's log in a file. Each line is appended whole, so that a file that is copied and cut by `logrotate` goes on
// where it is; after a rename the file is opened anew under its name. A disk that takes no line stops no daemon: such
// lines are counted, and the first that goes through again says how many.
import { closeSync, writeSync } from 'node:fs';
import { errnoOf, JobrunError } from '../../support/errors.ts';
import { openLogFile } from '../../support/ownership.ts';

export class OwnLog {
  readonly isTTY = false;
  readonly #path: string;
  #file: number;
  #lost = 0;

  /** Throws `bad-option` where the file cannot be written. */
  constructor(path: string) {
    this.#path = path;
    this.#file = openOwnLog(path);
  }

  write(line: string): boolean {
    try {
      if (this.#lost > 0) writeSync(this.#file, lostLine(this.#lost));
      writeSync(this.#file, line);
      this.#lost = 0;
      return true;
    } catch (error) {
      if (errnoOf(error) === '') throw error;
      this.#lost++;
      return false;
    }
  }

  /** The file was renamed: what comes now goes into a new one. Where that cannot be made, the old one goes on. */
  reopen(): void {
    const old = this.#file;
    this.#file = openOwnLog(this.#path);
    closeSync(old);
  }
}

const lostLine = (lines: number): string =>
  `${JSON.stringify({ level: 40, msg: `${lines} lines before this one could not be written` })}\n`;

/** Throws `bad-option` where the file cannot be written. */
export function openOwnLog(path: string): number {
  try {
    return openLogFile(path);
  } catch (error) {
    if (error instanceof JobrunError) throw error;
    const why = (error as Error).message;
    const message = `the log ${path} cannot be written: ${why}`;
    throw new JobrunError('bad-option', message, 'Give another file with --log.', error);
  }
}
