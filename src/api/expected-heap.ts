// Estimates the heap that a frame takes as values, from its bytes, before the values exist. A bound of memory that counts
// bytes would be passed many times over: one byte of JSON takes 1 byte in a plain text, 4 in a list of numbers and 20 in
// a list of empty objects.

import { isAscii } from 'node:buffer';
import { endOfText } from './oversized.ts';

/** As in support/weight.ts, which weighs values; each has the pointer to it. */
const OF_A_LIST = 56;
const OF_AN_OBJECT = 64;
const OF_A_TEXT = 24;
const OF_A_FIELD = 48;
const POINTER = 8;
/** For each byte of a number. */
const OF_A_DIGIT = 5;
const [QUOTE, COMMA, COLON, SPACE] = [0x22, 0x2c, 0x3a, 0x20];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

export function expectedHeap(bytes: Buffer): number {
  let heap = 0;
  let inText = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      const end = endOfText(bytes, at);
      heap += OF_A_TEXT;
      inText += end - at;
      at = end;
    } else if (byte === OPEN) heap += OF_AN_OBJECT;
    else if (byte === OPEN_LIST) heap += OF_A_LIST;
    else if (byte === COMMA) heap += POINTER;
    else if (byte === COLON) heap += OF_A_FIELD;
    else if (byte > SPACE && byte !== CLOSE && byte !== CLOSE_LIST) heap += OF_A_DIGIT;
  }
  return heap + (isNarrow(bytes) ? 1 : 2) * inText;
}

/** Each character of a text takes two bytes if one of them is beyond Latin-1, and so may one that is escaped. */
const isNarrow = (bytes: Buffer): boolean => isAscii(bytes) && !bytes.includes('\\u');
