// From the bytes of a terminal to keys. Terminals send several keys in one chunk and one key in two, so a chunk is
// taken apart, and what could still become a longer key is held back for a moment by the caller. Pasted text comes
// marked (bracketed paste) and is one key with a text: never a row of commands.
import { eachGrapheme } from '../support/graphemes.ts';

export interface Key {
  /** `a`, `space`, `enter`, `up`, `ctrl-c`, `shift-tab`, `paste`, …; empty for what has no name here. */
  readonly name: string;
  /** The text that it adds to a line that is being typed. */
  readonly text: string;
  /** The place of the mouse: column and row, from 1. */
  readonly at?: Spot;
}

export interface Spot {
  readonly column: number;
  readonly row: number;
}

export interface Keys {
  readonly keys: readonly Key[];
  /** The beginning of a key that is not complete. */
  readonly rest: string;
}

const PASTE = '\u001b[200~';
const PASTE_END = '\u001b[201~';

const SEQUENCES: Readonly<Record<string, string>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
  '[1~': 'home',
  '[7~': 'home',
  '[4~': 'end',
  '[8~': 'end',
  '[3~': 'delete',
  '[5~': 'pageup',
  '[6~': 'pagedown',
  '[Z': 'shift-tab',
  OM: 'enter',
};

const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
  ' ': 'space',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: keys begin with it
const SEQUENCE = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O[A-Za-z])/;
/** A sequence that has begun; alone it is the Escape key. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys begin with it
const BEGUN = /^\u001b(?:\[[0-?]*[ -/]*|O)?$/;

/** `late`: nothing more came for a moment, so what is there is all there is. */
export function readKeys(input: string, late: boolean): Keys {
  const keys: Key[] = [];
  let rest = input;
  while (rest !== '') {
    if (rest.startsWith(PASTE)) {
      const end = rest.indexOf(PASTE_END);
      if (end < 0) return { keys, rest };
      keys.push({ name: 'paste', text: rest.slice(PASTE.length, end) });
      rest = rest.slice(end + PASTE_END.length);
    } else if (rest.startsWith('\u001b')) {
      if (BEGUN.test(rest) && !late) return { keys, rest };
      const { key, length } = escaped(rest);
      keys.push(key);
      rest = rest.slice(length);
    } else {
      const letter = firstLetter(rest);
      keys.push(keyOf(letter));
      rest = rest.slice(letter.length);
    }
  }
  return { keys, rest };
}

/** A sequence; a letter held with Alt, which is not that letter; or the Escape key. */
function escaped(text: string): { readonly key: Key; readonly length: number } {
  const [sequence] = SEQUENCE.exec(text) ?? [];
  if (sequence) {
    const key = mouseKey(sequence) ?? { name: nameOf(sequence), text: '' };
    return { key, length: sequence.length };
  }
  const letter = text[1] === '\u001b' ? '' : firstLetter(text.slice(1));
  const name = letter === '' ? 'esc' : `alt-${keyOf(letter).name}`;
  return { key: { name, text: '' }, length: 1 + letter.length };
}

function firstLetter(text: string): string {
  if (text.charCodeAt(0) < 0x80 && !((text.charCodeAt(1) || 0) >= 0x80)) return text[0] ?? '';
  for (const letter of eachGrapheme(text.slice(0, 64))) return letter;
  return '';
}

/** The left button and the wheel; what else a mouse can do has no name here. */
const MOUSE: Readonly<Record<string, string>> = {
  '0M': 'click',
  '64M': 'wheel-up',
  '65M': 'wheel-down',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequence begins with it
const MOUSE_SEQUENCE = /^\u001b\[<(\d+);(\d+);(\d+)([Mm])$/;

function mouseKey(sequence: string): Key | null {
  const [whole, button, column, row, end] = MOUSE_SEQUENCE.exec(sequence) ?? [];
  if (whole === undefined) return null;
  const name = MOUSE[`${button}${end}`] ?? '';
  return { name, text: '', at: { column: Number(column), row: Number(row) } };
}

/** Held with Ctrl, Shift or Alt, an arrow is still an arrow. */
const nameOf = (sequence: string): string =>
  SEQUENCES[sequence.slice(1).replace(/^\[1;\d+([A-H])$/, '[$1')] ?? '';

function keyOf(letter: string): Key {
  const name = CONTROLS[letter];
  if (name) return { name, text: name === 'space' ? ' ' : '' };
  const code = letter.charCodeAt(0);
  if (letter.length === 1 && code < 0x20) {
    return { name: `ctrl-${String.fromCharCode(code + 0x60)}`, text: '' };
  }
  return { name: letter, text: letter };
}
