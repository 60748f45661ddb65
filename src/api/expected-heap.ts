// Estimates the heap that a frame takes as values, from its bytes, before the values exist. A bound of memory that
// counts bytes would be passed many times over: one byte of JSON takes 1 byte in a plain text, 4 in a list of numbers
// and 20 in a list of empty objects.

import { isAscii } from 'node:buffer';
import { OF_A_FIELD, OF_A_LIST, OF_A_TEXT, OF_AN_OBJECT, POINTER } from '../support/weight.ts';
import {
  CLOSE,
  CLOSE_LIST,
  COLON,
  COMMA,
  endOfText,
  OPEN,
  OPEN_LIST,
  QUOTE,
  SPACE,
} from './json-bytes.ts';

/** For each byte of a number. */
const OF_A_DIGIT = 5;

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
    } else if (byte === OPEN) heap += POINTER + OF_AN_OBJECT;
    else if (byte === OPEN_LIST) heap += POINTER + OF_A_LIST;
    else if (byte === COMMA) heap += POINTER;
    else if (byte === COLON) heap += OF_A_FIELD;
    else if (byte > SPACE && byte !== CLOSE && byte !== CLOSE_LIST) heap += OF_A_DIGIT;
  }
  return heap + (isNarrow(bytes) ? 1 : 2) * inText;
}

/** Each character of a text takes two bytes if one of them is beyond Latin-1, and so may one that is escaped. */
const isNarrow = (bytes: Buffer): boolean => isAscii(bytes) && !bytes.includes('\\u');
