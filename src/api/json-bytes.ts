// The bytes that give a JSON text its shape, for looks at a large one before its values exist.

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
