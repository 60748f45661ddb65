// The documentation is true: each command that a page shows is typed, in a project of the files that the page shows,
// and prints what the page says. `npm run docs` writes what was really printed into the pages.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksOf, fits, readPage, tryPage } from '../helpers/page.ts';
import { ROOT } from '../helpers/source.ts';

/** Held by tests of their own, or made by a program. */
const ELSEWHERE = ['docs/schedules.md', 'docs/command-line.md'];
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
].filter((page) => existsSync(join(ROOT, page)));
/** Commands of these are not typed: they show none. */
const all = [...pages, 'SECURITY.md', 'CHANGELOG.md', 'state/README.md', 'src/README.md'];
const tried = pages.filter(
  (page) =>
    !ELSEWHERE.includes(page) &&
    blocksOf(readPage(page)).some(({ language }) => language === 'console'),
);
const write = process.env.JOBRUN_DOCS === 'write';

describe.each(tried)('%s', (page) => {
  it('shows what is really printed', async () => {
    const typed = await tryPage(page, write);
    expect(typed.length).toBeGreaterThan(0);
    const wrong = typed.filter((one) => !write && !fits(one));
    expect(
      wrong.map(({ command, said, printed, line }) => ({
        at: `${page}:${line}`,
        command,
        said,
        printed,
      })),
    ).toEqual([]);
  }, 120_000);
});

it('commands stand in blocks that are tried, and what they print is compared', () => {
  const loose = all.flatMap((page) =>
    blocksOf(readPage(page))
      .filter(({ language }) => language !== 'console')
      .flatMap(({ lines, at, info }) =>
        lines
          .map((line, i) => ({ where: `${page}:${at + i}`, line }))
          .filter(() => info === '' && page !== 'docs/command-line.md')
          .filter(({ line }) => /^(?:\$ |(?:npx )?jobrun )/.test(line)),
      ),
  );
  expect(loose, 'put them into a console block').toEqual([]);
  const silent = all.flatMap((page) =>
    blocksOf(readPage(page))
      .filter(({ language, lines }) => language === 'console' && !lines[0]?.startsWith('$ '))
      .map(({ at }) => `${page}:${at}`),
  );
  expect(silent, 'nobody typed what is printed there').toEqual([]);
  const hidden = all.filter((page) => /^[ \t>]+```/m.test(readPage(page)));
  expect(hidden, 'a block within a list or a quotation is not found').toEqual([]);
});

it('the scripts of `npm run` that a page names are there', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = pages.flatMap((page) =>
    [...readPage(page).matchAll(/\bnpm run ([a-z-]+)/g)].map(([, name = '']) => ({ page, name })),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
});

it('a page that says other than what is printed is found', () => {
  expect(fits({ said: 'run 1 done in 3s', printed: 'run 1 done in 12ms' })).toBe(true);
  expect(fits({ said: 'run 1 done in 3s', printed: 'run 2 done in 3s' })).toBe(false);
  expect(fits({ said: 'a\n…\nz', printed: 'a\nb\nc\nz' })).toBe(true);
  expect(fits({ said: 'a\n…\nz', printed: 'a\nb\nc' })).toBe(false);
});

it('every picture is shown on a page, with its own background and colours', () => {
  const pictures = readdirSync(join(ROOT, 'docs')).filter((name) => /\.(?:svg|png)$/.test(name));
  const shown = all.map(readPage).join('\n');
  expect(pictures.filter((name) => !shown.includes(`${name})`))).toEqual([]);
  const drawn = pictures.filter((name) => name.endsWith('.svg'));
  expect(drawn.length).toBeGreaterThan(3);
  for (const name of drawn) {
    const svg = readPage(`docs/${name}`);
    expect([name, /<style>[^<]*fill:/.test(svg)], 'a rule hides what fill says').toEqual([
      name,
      false,
    ]);
    expect([name, /<rect[^>]* fill="#/.test(svg)], 'it has a ground of its own').toEqual([
      name,
      true,
    ]);
  }
});

it('links lead to what is there', () => {
  const dead = all.flatMap((page) =>
    [...readPage(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(dead).toEqual([]);
});
