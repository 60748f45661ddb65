// What a checksum can do beyond saying no. CRC-32 is linear: one flipped bit changes it by a pattern that no other bit
// of the same text has. So a single flipped bit, the commonest rot, is found by its pattern and put right, and the
// result is as certain as any text that fits its checksum. More than that is never guessed at.
import { crc32 } from 'node:zlib';

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

/** The text with the one bit put right that makes it fit its checksum; null where no single one does. */
export function mendText(text: Buffer, sum: number, from = 0): Buffer | null {
  const pattern = (crc32(text, from) ^ sum) >>> 0;
  if (pattern === 0) return text;
  const patterns = Array.from({ length: 8 }, (_, bit) => TABLE[1 << bit] as number);
  for (let at = text.length - 1; at >= 0; at--) {
    const bit = patterns.indexOf(pattern);
    if (bit >= 0) return flipped(text, at, bit);
    for (let i = 0; i < 8; i++) {
      const crc = patterns[i] as number;
      patterns[i] = ((crc >>> 8) ^ (TABLE[crc & 255] as number)) >>> 0;
    }
  }
  return null;
}

/** True where the two differ by one bit at most. */
export function isOneBitOff(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  let bits = 0;
  for (const [i, byte] of a.entries())
    for (let rest = byte ^ (b[i] as number); rest > 0; rest &= rest - 1) bits++;
  return bits <= 1;
}

function flipped(text: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(text);
  copy[at] = (copy[at] as number) ^ (1 << bit);
  return copy;
}

/** The lines of a file that may hold anything, the last of them also where it has no end. */
export function linesIn(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, at));
    from = at + 1;
  }
  if (from < bytes.length) lines.push(bytes.subarray(from));
  return lines;
}
