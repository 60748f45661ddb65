// The screen, as Ink's stdout. Ink writes whole frames (its `debug` mode); only the lines that have changed go on to the
// terminal, each at its place: at rest nothing, in one piece that terminals show at once, and a clear only at a new size.
// Ink's own way erases a number of lines and writes all of them again, and clears a screen whose last row is in use.
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Size } from './model.ts';
import { textWidth } from './rows.ts';

const ESC = '\u001b';
/** Terminals that know it show what stands between at once; others ignore it. */
const BEGIN = `${ESC}[?2026h`;
const END = `${ESC}[?2026l`;
const CLEAR = `${ESC}[0m${ESC}[2J`;

export class Screen extends Writable {
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

  /** What is on the terminal is not ours any more: all is drawn again, at another size with the next frame. */
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

  /** Clears what stood behind a line. After one of full width the caret stands on its last letter, which must stay. */
  #rest(line: string): string {
    const isShort = textWidth(stripVTControlCharacters(line)) < this.columns;
    return isShort && !this.#isBlank ? `${ESC}[K` : '';
  }
}
