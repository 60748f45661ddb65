// Commands that stand within a sentence or a table of the documentation, in a hint of an error, or among the examples
// of a help: the program takes them. What they print is not shown there, so it is their options and arguments that have
// to be true.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parse } from '../../src/cli/program.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { ROOT } from '../helpers/source.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);

const TOP = ['README', 'SECURITY', 'CONTRIBUTING', 'CHANGELOG', 'state/README', 'src/README'];
const pages = [...TOP.map((name) => `${name}.md`), ...filesIn('docs', '.md')];

interface Shown {
  readonly at: string;
  readonly command: string;
}

const shownIn = (files: readonly string[], pattern: RegExp, text = read): Shown[] =>
  files.flatMap((file) =>
    [...text(file).matchAll(pattern)].map(([, command = '']) => ({
      at: file,
      command: command.replace(/\s+/g, ' ').trim(),
    })),
  );

/** Up to where the shell goes on with something else, its quotes taken off. */
function wordsOf(command: string): string[] {
  const [first = ''] = command.split(/ (?:&&|\||>|2>|#|;)|;/);
  return [...first.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_all, double, single) => double ?? single),
  );
}

async function refusalOf(command: string): Promise<string | null> {
  try {
    await parse(wordsOf(command));
    return null;
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    return `${error.message} ${error.hint}`;
  }
}

/** Those that are refused, and why. One that is only named stands without its arguments. */
async function wrongOf(shown: readonly Shown[], mayBeNamed = true): Promise<string[]> {
  const wrong: string[] = [];
  for (const { at, command } of shown) {
    const why = await refusalOf(command);
    if (why !== null && !(mayBeNamed && /missing/.test(why)))
      wrong.push(`${at}: jobrun ${command}: ${why}`);
  }
  return wrong;
}

beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});
afterEach(() => vi.restoreAllMocks());

it('a command within a sentence has the options that it is shown with', async () => {
  const prose = (page: string): string => read(page).replace(/^```[\s\S]*?^```$/gm, '');
  const shown = shownIn(pages, /`(?:npx )?jobrun ([^`]+)`/g, prose);
  expect(shown.length).toBeGreaterThan(100);
  expect(await wrongOf(shown)).toEqual([]);
});

it('the examples of each help are taken as they are', async () => {
  const shown = shownIn(['docs/command-line.md'], /^ {2}jobrun (.+)$/gm);
  expect(shown.length).toBeGreaterThan(70);
  expect(await wrongOf(shown, false)).toEqual([]);
});

it('what an error tells to type is there', async () => {
  const code = (file: string): string =>
    read(file)
      .replace(/^ *(?:\/\/|\*|\/\*).*$/gm, '')
      .replace(/\$\{[^{}]*\}/g, 'x');
  const shown = shownIn(
    filesIn('src', '.ts'),
    /(?:[:,]|then|with) jobrun ([a-z]+(?: --?[a-z-]+| x| <\w+>)*)/g,
    code,
  );
  expect(shown.length).toBeGreaterThan(50);
  expect(await wrongOf(shown)).toEqual([]);
});

it('a command that there is not, or an option that it has not, is found', async () => {
  const shown = ['lits', 'schedule --prioritty 3'].map((command) => ({ at: 'here', command }));
  expect(await wrongOf(shown)).toHaveLength(2);
});
