// Letters and columns of texts, and that a long one costs no more than its length.
import stringWidth from 'string-width';
import { expect, it } from 'vitest';
import { eachGrapheme, textWidth } from '../../src/support/graphemes.ts';
import { plainLine } from '../../src/support/text.ts';
import { randomFrom } from '../helpers/random.ts';

const inOne = (text: string): string[] =>
  [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);

const PARTS = [
  'a',
  ' ',
  '…',
  'é',
  'e\u0301',
  '日',
  '👩‍👩‍👧',
  '🇩🇪',
  '🇫',
  '👍🏽',
  '\u0301',
  '\ud800',
  '\udc00',
  '\r',
  '\n',
  '각',
  '\u1100',
  '\u1161',
];

it('the letters of a long text are those of the segmenter, wherever it is parted', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomFrom(seed);
    const text = Array.from({ length: 700 }, () => random.of(PARTS)).join('');
    expect([...eachGrapheme(text)], `seed ${seed}`).toEqual(inOne(text));
  }
});

it.each([
  ['marks', `e${'\u0301'.repeat(3000)}日`],
  ['a modifier where a part ends', `${'a'.repeat(253)}b👍${'🏽'.repeat(400)}c`],
  ['flags', '🇩🇪'.repeat(300)],
  ['halves', '\ud83d'.repeat(900)],
  ['nothing', ''],
])('a letter may be longer than a part: %s', (_what, text) => {
  expect([...eachGrapheme(text)]).toEqual(inOne(text));
  expect(textWidth(text)).toBe(stringWidth(text));
});

it.each([
  ['a mark at the end', (n: number) => `${'e'.repeat(n)}…`],
  ['another script', (n: number) => '日本'.repeat(n / 2)],
  ['marks on one letter', (n: number) => `e${'\u0301'.repeat(n / 2)}${'é'.repeat(n / 2)}`],
])('eight times the text takes about eight times as long: %s', (_what, textOf) => {
  expect(growth((n) => textWidth(textOf(n)), 4000)).toBeLessThan(24);
});

it('spaces without a line feed cost no more than others', () => {
  expect(growth((n) => plainLine(`a${' '.repeat(n)}b`), 250_000)).toBeLessThan(30);
});

/** How much longer eight times as much takes; the best of three, for others use this machine as well. */
function growth(work: (n: number) => void, n: number): number {
  const took = (size: number): number =>
    Math.min(
      ...[1, 2, 3].map(() => {
        const from = performance.now();
        work(size);
        return performance.now() - from;
      }),
    );
  took(n);
  return took(8 * n) / Math.max(took(n), 0.5);
}
