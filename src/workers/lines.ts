// Bytes into lines, in bounded memory: one line may be 500 MB long and without an end. What is over the bound is
// dropped and counted, and the line says so.
import { StringDecoder } from 'node:string_decoder';
import { MAX_LOG_TEXT } from '../support/limits.ts';

/** At most MAX_LOG_TEXT characters, with a mark that says how many more there were. */
export function cutText(text: string, more = 0): string {
  const over = text.length - MAX_LOG_TEXT;
  if (over <= 0 && more === 0) return text;
  const end = isHighSurrogate(text.charCodeAt(MAX_LOG_TEXT - 1)) ? MAX_LOG_TEXT - 1 : MAX_LOG_TEXT;
  return `${text.slice(0, end)} … [cut: ${Math.max(over, 0) + more} more characters]`;
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;

/** Cuts a stream into lines. `line` gets each without its end, at most MAX_LOG_TEXT long and marked if it was longer. */
export class LineCutter {
  readonly #line: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #parts: string[] = [];
  #length = 0;
  #dropped = 0;

  constructor(line: (text: string) => void) {
    this.#line = line;
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
    if (from < text.length) this.#gather(text.slice(from));
  }

  /** Gives out the rest that had no line end. */
  flush(): void {
    this.#gather(this.#decoder.end());
    if (this.#length > 0) this.#finish();
  }

  #gather(part: string): void {
    const room = MAX_LOG_TEXT - this.#length;
    if (part.length > room) this.#dropped += part.length - room;
    if (room <= 0 || part === '') return;
    const kept = part.length > room ? part.slice(0, room) : part;
    this.#parts.push(kept);
    this.#length += kept.length;
  }

  #finish(): void {
    const text = this.#parts.length === 1 ? (this.#parts[0] ?? '') : this.#parts.join('');
    const dropped = this.#dropped;
    this.#parts = [];
    this.#length = 0;
    this.#dropped = 0;
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    this.#line(dropped > 0 ? cutText(line, dropped) : line);
  }
}
