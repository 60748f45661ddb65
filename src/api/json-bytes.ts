// The bytes that give a JSON text its shape, and the walk over them: for looks at a large one before its values exist.

export const [QUOTE, ESCAPE, COLON, COMMA, SPACE] = [0x22, 0x5c, 0x3a, 0x2c, 0x20];
export const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Returns the end of the text that begins at `from`. */
export function endOfText(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (bytes[at - 1 - escapes] === ESCAPE) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}

/** Steps over texts, brackets and commas, and counts how deep they lie. */
export class ShapeWalk {
  readonly #bytes: Buffer;
  /** The place of the last step, and for a text that of its end. */
  at = -1;
  end = -1;
  /** Behind the last step. */
  depth = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Goes to the next text, bracket or comma, and returns the byte that begins it; null behind the last. */
  next(): number | null {
    const bytes = this.#bytes;
    for (let at = this.end + 1; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === OPEN || byte === OPEN_LIST) this.depth++;
      else if (byte === CLOSE || byte === CLOSE_LIST) this.depth--;
      else if (byte !== QUOTE && byte !== COMMA) continue;
      this.at = at;
      this.end = byte === QUOTE ? endOfText(bytes, at) : at;
      return byte;
    }
    return null;
  }
}
