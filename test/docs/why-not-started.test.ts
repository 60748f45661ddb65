// docs/why-not-started.md has every reason that a run or a schedule is shown with: the texts are taken from the code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../helpers/source.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/why-not-started.md');

/** Which part of a file makes reasons. */
const REASONS: readonly (readonly [path: string, part: RegExp])[] = [
  ['src/run/why.ts', /.*/gs],
  ['src/catalog/catalog.ts', /^export function blockOf.*?^\}/gms],
  ['src/commands/shared/hosts.ts', /^export const onlyOn.*?;/gms],
  ['src/commands/shared/views.ts', /^const NO_DAEMON = .*/gm],
  ['src/commands/shared/run-words.ts', /^function retryText.*?^\}/gms],
  ['src/commands/shared/run-words.ts', /return reason \?\? '.+'|`by .*/g],
  ['src/engine/files/file-engine.ts', /blocked: '\w+'/g],
  ['src/engine/postgres/claims.ts', /blocked: '\w+'/g],
  ['src/run/schedule.ts', /^export function noteOf.*?^\}/gms],
];

const withoutComments = (code: string): string =>
  code.replace(/^\s*(?:\/\/|\/?\*|import ).*$/gm, '');

/** Of the texts in this code the parts that are the same every time: of `waits for ${ids}` that is "waits for". */
function textsIn(code: string): string[] {
  const texts = [...code.matchAll(/`([^`]*)`|'([^'\n]*)'/g)].map(([, a, b]) => a ?? b ?? '');
  return texts
    .filter((text) => / |^paused$/.test(text))
    .flatMap((text) => text.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/))
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

it('each reason in the code stands on the page', () => {
  for (const [path, part] of REASONS) {
    const code = withoutComments(read(path)).match(part)?.join('\n') ?? '';
    const texts = textsIn(code);
    expect([path, texts.length > 0], 'its reasons are found').toEqual([path, true]);
    expect(texts.filter((text) => !page.includes(text))).toEqual([]);
  }
});

it('a reason that the page does not have is found', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is code
  expect(textsIn('return `the moon of ${job} is not full`;')).toEqual([
    'the moon of',
    'is not full',
  ]);
  expect(page).not.toContain('is not full');
});
