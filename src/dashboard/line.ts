// A line of text that is being typed, with its caret between two letters.
import { eachGrapheme } from '../support/graphemes.ts';
import type { Key } from './key-reader.ts';

export interface Line {
  readonly text: string;
  /** Letters before the caret. */
  readonly at: number;
}

export const EMPTY: Line = { text: '', at: 0 };

export const lettersOf = (text: string): string[] => [...eachGrapheme(text)];

export const lineOf = (text: string): Line => ({ text, at: lettersOf(text).length });

/** Longer than any param that people type by hand. */
const MAX_LETTERS = 10_000;

/** The line after a key, or null where the key has nothing to say to a line. */
export function edit(line: Line, key: Key): Line | null {
  const parts = lettersOf(line.text);
  const { at } = line;
  const made = (list: readonly string[], caret: number): Line => ({
    text: list.join(''),
    at: Math.max(0, Math.min(caret, list.length)),
  });
  switch (key.name) {
    case 'left':
      return made(parts, at - 1);
    case 'right':
      return made(parts, at + 1);
    case 'home':
    case 'ctrl-a':
      return made(parts, 0);
    case 'end':
    case 'ctrl-e':
      return made(parts, parts.length);
    case 'backspace':
      return made([...parts.slice(0, Math.max(0, at - 1)), ...parts.slice(at)], at - 1);
    case 'delete':
      return made([...parts.slice(0, at), ...parts.slice(at + 1)], at);
    case 'ctrl-u':
      return made(parts.slice(at), 0);
    case 'ctrl-w': {
      const before = parts.slice(0, at).join('').trimEnd();
      const kept = lettersOf(before.slice(0, before.lastIndexOf(' ') + 1));
      return made([...kept, ...parts.slice(at)], kept.length);
    }
    default:
      return key.text === '' ? null : inserted(parts, at, key.text);
  }
}

function inserted(parts: readonly string[], at: number, typed: string): Line {
  const fresh = lettersOf(typed.replace(/[\r\n\t]+/g, ' '));
  if (parts.length + fresh.length > MAX_LETTERS) return { text: parts.join(''), at };
  const before = [...parts.slice(0, at), ...fresh].join('');
  return { text: before + parts.slice(at).join(''), at: lettersOf(before).length };
}
