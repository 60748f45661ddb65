// Ink's stdout. Ink writes whole frames in its `debug` mode, and this class sends only the changed lines to the
// terminal, as one synchronized update. It sends nothing for an equal frame and clears only at a new size. Ink's own
// writer erases and rewrites every line, and clears the screen on every frame that uses the last row.
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Size } from './model.ts';
import { textWidth } from './rows.ts';

const ESC = '\u001b';
/** Synchronized output: the terminal shows everything in between at once. Terminals without it ignore the codes. */
const BEGIN = `${ESC}[?2026h`;
const END = `${ESC}[?2026l`;
const CLEAR = `${ESC}[0m${ESC}[2J`;

export class ScreenOutput extends Writable {
  columns: number;
  rows: number;
  readonly #send: (text: string) => void;
  #lines: readonly string[] = [];
  #isBlank = true;

  constructor(send: (text: string) => void, { columns, rows }: Size) {
    super({ decodeStrings: false });
    this.#send = send;
    this.columns = columns;
    this.rows = rows;
  }

  override _write(frame: string, _encoding: string, done: () => void): void {
    this.#show(frame.split('\n').slice(0, this.rows));
    done();
  }

  /** Forgets what the terminal shows. All lines are sent again: now, or at a new size with the next frame. */
  clear({ columns, rows }: Size): void {
    const isSame = columns === this.columns && rows === this.rows;
    this.columns = columns;
    this.rows = rows;
    this.#isBlank = true;
    if (isSame) this.#show(this.#lines);
    else this.#lines = [];
  }

  #show(lines: readonly string[]): void {
    const before = this.#isBlank ? [] : this.#lines;
    const parts: string[] = [];
    for (let row = 0; row < Math.max(lines.length, before.length); row++) {
      const line = lines[row] ?? '';
      if (line !== (before[row] ?? ''))
        parts.push(`${ESC}[${row + 1};1H${line}${this.#rest(line)}`);
    }
    this.#lines = lines;
    if (parts.length === 0) return;
    this.#send(`${BEGIN}${this.#isBlank ? CLEAR : ''}${parts.join('')}${END}`);
    this.#isBlank = false;
  }

  /** Clears the rest of a line. After a line of full width the cursor is on its last character, which must stay. */
  #rest(line: string): string {
    const isShort = textWidth(stripVTControlCharacters(line)) < this.columns;
    return isShort && !this.#isBlank ? `${ESC}[K` : '';
  }
}
