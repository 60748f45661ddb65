// The descriptor that the daemon's log goes to: stderr, or a file of its own. No write error ends the daemon. A
// terminal that was closed, a pipe without a reader and a full disk take nothing. Their lines are counted, and the
// first line that gets through again is preceded by their number. A reader that is slow or stopped does not block the
// daemon either: lines wait for it, up to a bound. Each line is appended whole, so that a file that `logrotate` copies
// and truncates stays in order; after a rename the file is opened anew under its name.
import { closeSync, writeSync } from 'node:fs';
import type { Clock } from '../../support/clock.ts';
import { errnoOf, JobrunError } from '../../support/errors.ts';
import { openLogFile } from '../../support/ownership.ts';
import { count } from '../../support/text.ts';

const STDERR = 2;
/** Lines that wait for a slow reader; about a minute of a busy daemon. */
const MAX_WAITING = 2000;
const TRY_AGAIN_MS = 50;

interface TerminalLike {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export class LogOutput {
  readonly #clock: Clock;
  readonly #path: string | null;
  readonly #terminal: TerminalLike;
  #descriptor: number;
  #waiting: string[] = [];
  /** The rest of a line of which the first part is written. */
  #rest: Buffer | null = null;
  #lost = 0;
  /** How many of the lost lines `rest` reports. */
  #telling = 0;
  /** The last line was cut off in the middle. */
  #torn = false;
  #undo: (() => void) | null = null;

  /** Appends to the file, or to stderr where there is none. Throws `bad-option` if the file cannot be written. */
  constructor(path: string | null, clock: Clock) {
    this.#clock = clock;
    this.#path = path;
    this.#descriptor = path === null ? STDERR : openLogOutput(path);
    // Looking at `process.stderr` makes a pipe non-blocking, which `write` relies on.
    this.#terminal = path === null ? process.stderr : {};
    // Node itself writes warnings there.
    if (path === null) process.stderr.on('error', () => undefined);
  }

  get isTTY(): boolean {
    return this.#terminal.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#terminal.columns;
  }

  write(line: string): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(line);
    else this.#lost++;
    this.#drain();
  }

  /** Opens the file anew, for it was renamed; false if it is stderr. Throws if that fails; the old file is used on. */
  reopen(): boolean {
    if (this.#path === null) return false;
    const old = this.#descriptor;
    this.#descriptor = openLogOutput(this.#path);
    closeSync(old);
    return true;
  }

  #drain(): void {
    this.#undo?.();
    this.#undo = null;
    try {
      while (this.#rest !== null || this.#waiting.length > 0) this.#writeSome();
    } catch (error) {
      if (errnoOf(error) === '') throw error;
      if (errnoOf(error) !== 'EAGAIN') this.#drop();
      else this.#undo = this.#clock.after(TRY_AGAIN_MS, () => this.#drain(), { idle: true });
    }
  }

  #writeSome(): void {
    if (this.#rest === null) {
      this.#telling = this.#lost;
      this.#rest = Buffer.from(this.#lostNotice() + this.#waiting.shift());
    }
    const written = writeSync(this.#descriptor, this.#rest);
    this.#torn = written < this.#rest.length;
    this.#rest = this.#torn ? this.#rest.subarray(written) : null;
    if (!this.#torn) this.#lost -= this.#telling;
  }

  #drop(): void {
    this.#lost += this.#waiting.length + (this.#rest === null ? 0 : 1);
    this.#waiting = [];
    this.#rest = null;
  }

  #lostNotice(): string {
    if (this.#lost === 0) return '';
    const msg = `${count(this.#lost, 'line')} before this one could not be written`;
    const line = this.isTTY ? msg : JSON.stringify({ level: 40, msg });
    return `${this.#torn ? '\n' : ''}${line}\n`;
  }
}

/** Throws `bad-option` if the file cannot be written. */
export function openLogOutput(path: string): number {
  try {
    return openLogFile(path);
  } catch (error) {
    if (error instanceof JobrunError) throw error;
    const why = (error as Error).message;
    const message = `the log ${path} cannot be written: ${why}`;
    throw new JobrunError('bad-option', message, 'Give another file with --log.', error);
  }
}
