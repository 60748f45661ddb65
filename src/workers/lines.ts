// Bytes into lines, in bounded memory: one line may be 500 MB long and without an end. Text over the bound is dropped
// and counted, and the line says so.
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../support/clock.ts';
import { MAX_LOG_TEXT, SECOND } from '../support/limits.ts';
import { cutTo } from '../support/text.ts';

export const cutText = (text: string, more = 0): string => cutTo(MAX_LOG_TEXT, text, more);

/** A line that nothing was added to for so long is given out as it is: a prompt, or `copying ...`. */
const PAUSE_MS = SECOND;
/** So is one that is drawn anew all the time, as often as this. */
const LONGEST_MS = 10 * SECOND;

/**
 * Cuts a stream into lines. `line` gets each without its end, at most MAX_LOG_TEXT long and marked if it was longer. A
 * carriage return begins a line anew, as on a terminal: of a progress bar the last frame is left.
 */
export class LineCutter {
  readonly #line: (text: string) => void;
  readonly #clock: Clock;
  readonly #decoder = new StringDecoder('utf8');
  #parts: string[] = [];
  #length = 0;
  #dropped = 0;
  /** The last character was a carriage return: what comes next says whether a new frame begins, or the line ends. */
  #returned = false;
  /** When something was added to the line that is not finished, and when its first part came. */
  #addedAt = 0;
  #begunAt = 0;
  #watched = false;
  /** The line has been given out before its end, which then says nothing more. */
  #shown = false;

  constructor(line: (text: string) => void, clock: Clock) {
    this.#line = line;
    this.#clock = clock;
  }

  write(chunk: string | Uint8Array): void {
    const text =
      typeof chunk === 'string'
        ? chunk
        : this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#gather(text.slice(from, end));
      this.#finish();
      from = end + 1;
    }
    if (from === text.length) return;
    this.#gather(text.slice(from));
    this.#watch();
  }

  /** Gives out the rest that had no line end. */
  flush(): void {
    this.#gather(this.#decoder.end());
    if (this.#length > 0) this.#finish();
  }

  #gather(text: string): void {
    if (text === '') return;
    const ended = text.endsWith('\r') ? text.slice(0, -1) : text;
    const frame = ended.lastIndexOf('\r') + 1;
    if (this.#returned || frame > 0) this.#clear();
    this.#returned = ended.length < text.length;
    const part = ended.slice(frame);
    const room = MAX_LOG_TEXT - this.#length;
    if (part.length > room) this.#dropped += part.length - room;
    if (room <= 0 || part === '') return;
    const kept = part.length > room ? part.slice(0, room) : part;
    this.#parts.push(kept);
    this.#length += kept.length;
  }

  #clear(): void {
    this.#parts = [];
    this.#length = 0;
    this.#dropped = 0;
    this.#returned = false;
  }

  #finish(unfinished = false): void {
    const line = this.#parts.length === 1 ? (this.#parts[0] ?? '') : this.#parts.join('');
    const dropped = this.#dropped;
    const wasShown = this.#shown && line === '';
    this.#shown = unfinished;
    this.#clear();
    if (wasShown) return;
    this.#line(dropped > 0 ? cutText(line, dropped) : line);
  }

  #watch(): void {
    this.#addedAt = this.#clock.monotonic();
    if (this.#watched) return;
    this.#watched = true;
    this.#begunAt = this.#addedAt;
    this.#clock.after(PAUSE_MS, () => this.#look(), { idle: true });
  }

  /** One timer for a line, however often something is added to it. */
  #look(): void {
    const now = this.#clock.monotonic();
    const left = Math.min(this.#addedAt + PAUSE_MS, this.#begunAt + LONGEST_MS) - now;
    if (left > 0 && this.#length > 0) {
      this.#clock.after(left, () => this.#look(), { idle: true });
      return;
    }
    this.#watched = false;
    // A command's message to jobrun is taken whole.
    if (this.#length > 0 && !this.#parts[0]?.startsWith(':')) this.#finish(true);
  }
}
