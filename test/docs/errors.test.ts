// docs/errors.md has every code there is, with its exit code, and none that there is not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_CODES, exitCodeOf } from '../../src/support/errors.ts';
import { ROOT, sourcesIn } from '../helpers/source.ts';

const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const rows = [...text.matchAll(/^\| `([\w-]+)` \| (\d+) \| (.+) \| (.+) \|$/gm)];

it('every code has its line, with the exit code that a script gets', () => {
  const told = rows.map(([, code = '', exit]) => [code, Number(exit)] as const);
  const real = ERROR_CODES.map((code) => [code, exitCodeOf(code)] as const);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(real));
  expect(told.length, 'none stands there twice').toBe(real.length);
});

it('every line says what it means and what to do', () => {
  for (const [, code, , meaning = '', next = ''] of rows)
    expect([code, meaning.length > 10, next.length > 5]).toEqual([code, true, true]);
});

it('no code is left that nobody throws', () => {
  const src = sourcesIn('src').map(({ lines }) => lines.join('\n'));
  const used = ERROR_CODES.filter((code) =>
    src.some((one) => one.split(`'${code}'`).length > (one.includes('EXIT_CODES = {') ? 2 : 1)),
  );
  expect(used).toEqual(ERROR_CODES);
});

it('every error that is thrown says what to do next', () => {
  const empty = sourcesIn('src').flatMap(({ path, lines }) =>
    [...lines.join('\n').matchAll(/new JobrunError\([^;]*?,\s*(?:''|"")\s*[,)]/g)].map(
      ([found]) => `${path}: ${found}`,
    ),
  );
  expect(empty).toEqual([]);
});
