// What is drawn on: it gets whole pictures and writes only the lines that have changed, each at its place: at rest
// nothing, in one piece that terminals show at once, and never a clear but at a new size. Ink's own way goes up by a
// number of lines and erases: one line that is higher than it thinks, and all that follows is in the wrong place (6.8,
// `incrementalRendering`: always, by one).
import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../support/clock.ts';
import { width } from './cells.ts';
import type { Size } from './model.ts';

const ESC = '\u001b';
/** Terminals that know it show what stands between at once; others ignore it. */
const BEGIN = `${ESC}[?2026h`;
const END = `${ESC}[?2026l`;
const CLEAR = `${ESC}[0m${ESC}[2J`;
/** Pictures come this far apart in the long run; so many may come at once, for each of a few keys asks for two or three. */
const APART_MS = 1000 / 15;
const AT_ONCE = 6;

export class Canvas {
  columns: number;
  rows: number;
  #write: (text: string) => void;
  readonly #clock: Clock;
  #lines: readonly string[] = [];
  #anew = true;
  #next: readonly string[] | null = null;
  /** When all that was drawn would have been, at that pace. */
  #paidUntil = Number.NEGATIVE_INFINITY;
  #undo: (() => void) | null = null;

  constructor(write: (text: string) => void, { columns, rows }: Size, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.columns = columns;
    this.rows = rows;
  }

  /** What is on the screen is not ours any more: the next picture is drawn whole. */
  anew({ columns, rows }: Size): void {
    const isSame = columns === this.columns && rows === this.rows;
    this.columns = columns;
    this.rows = rows;
    this.#anew = true;
    this.#paidUntil = Number.NEGATIVE_INFINITY;
    // In another size the next picture is on its way; this one would be cut.
    if (!isSame || this.#lines.length === 0) return;
    this.#next ??= this.#lines;
    this.#send();
  }

  close(): void {
    this.#undo?.();
    this.#next = null;
    this.#write = () => undefined;
  }

  /** The next picture, its lines from the top. */
  show(lines: readonly string[]): void {
    this.#next = lines;
    this.#draw();
  }

  /** The first pictures at once, those that come too soon after them as the last of them. */
  #draw() {
    if (this.#undo) return;
    const wait = this.#paidUntil - (AT_ONCE - 1) * APART_MS - this.#clock.monotonic();
    if (wait <= 0) return this.#send();
    this.#undo = this.#clock.after(wait, () => {
      this.#undo = null;
      this.#send();
    });
  }

  #send(): void {
    if (this.#next === null) return;
    const lines = this.#next.slice(0, this.rows);
    const whole = this.#anew;
    const parts: string[] = [];
    const count = Math.max(lines.length, this.#lines.length);
    for (let row = 0; row < count; row++) {
      const line = lines[row] ?? '';
      if (whole ? line !== '' : line !== (this.#lines[row] ?? '')) {
        // After a line of full width the caret stands on its last letter, which must stay.
        const isShort = width(stripVTControlCharacters(line)) < this.columns;
        parts.push(`${ESC}[${row + 1};1H${line}${isShort && !whole ? `${ESC}[K` : ''}`);
      }
    }
    this.#lines = lines;
    this.#next = null;
    this.#anew = false;
    if (parts.length === 0) return;
    this.#paidUntil = Math.max(this.#paidUntil, this.#clock.monotonic()) + APART_MS;
    this.#write(`${BEGIN}${whole ? CLEAR : ''}${parts.join('')}${END}`);
  }
}
