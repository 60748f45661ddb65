// What Ink takes for a terminal. Ink places the lines, in pictures that are whole (its `debug` mode), but never reads
// them: it would take each line of each picture apart into letters and put it together again, which costs twenty times
// what all the rest does, and it remembers the width of every text that it has ever measured, which in a day is more
// than a process can hold. So Ink places a mark for each line, of a width that it knows, and the canvas gets the lines.
import { Writable } from 'node:stream';
import type { Canvas } from './canvas.ts';

/** What stands for a line in Ink. */
export const MARK = '.';

export class Picture extends Writable {
  readonly isTTY = true;
  readonly #canvas: Canvas;
  readonly #lines: string[] = [];

  constructor(canvas: Canvas) {
    super({ decodeStrings: false });
    this.#canvas = canvas;
  }

  get columns(): number {
    return this.#canvas.columns;
  }

  get rows(): number {
    return this.#canvas.rows;
  }

  /** The line that Ink is placing there. */
  place(row: number, line: string): string {
    this.#lines[row] = line;
    return MARK;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    const marks = String(chunk).trim();
    // Ink ends with an empty picture.
    if (marks !== '') this.#canvas.show(this.#lines.slice(0, marks.split('\n').length));
    done();
  }
}
