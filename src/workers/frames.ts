// Bytes of the channel into messages: one JSON text a line. A character cut in two by a chunk's border comes out whole,
// because only whole lines are decoded; a line over the bound is dropped, for no message of a worker is that long.
import { parseJson } from '../support/json.ts';
import { MAX_FRAME_BYTES } from '../support/limits.ts';

const LINE_END = 10;

export class Frames<Message> {
  readonly #got: (message: Message) => void;
  readonly #most: number;
  #parts: Buffer[] = [];
  #length = 0;
  #skipping = false;

  constructor(got: (message: Message) => void, most = MAX_FRAME_BYTES) {
    this.#got = got;
    this.#most = most;
  }

  write(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LINE_END);
    if (end < 0) {
      this.#keep(chunk);
      return;
    }
    const whole = Buffer.concat([...this.#parts, chunk.subarray(0, end)]).toString('utf8');
    this.#parts = [];
    this.#length = 0;
    this.#keep(chunk.subarray(end + 1));
    const lines = whole.split('\n');
    if (this.#skipping) lines.shift();
    this.#skipping = false;
    for (const line of lines) {
      const message = parseJson(line);
      if (message !== null && typeof message === 'object') this.#got(message as unknown as Message);
    }
  }

  #keep(chunk: Buffer): void {
    if (chunk.length === 0 || this.#skipping) return;
    this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#length <= this.#most) return;
    this.#parts = [];
    this.#length = 0;
    this.#skipping = true;
  }
}
