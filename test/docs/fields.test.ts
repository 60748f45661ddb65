// The table of fields in docs/writing-jobs.md has every field that a job may have, and none that it may not; so has the
// type that an editor shows, each with a word of what it does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readDefinition } from '../../src/catalog/definition.ts';
import { ROOT } from '../helpers/source.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What a definition is told that has a field which there is not. */
function fieldsThereAre(): string[] {
  try {
    readDefinition({ run: () => 1, zzzzzzzzzzzzzzzzzzzzzzzz: 1 }, {});
  } catch (error) {
    return (/known are: (.*)/.exec((error as Error).message)?.[1] ?? '').split(', ').sort();
  }
  return [];
}

it('the table has all of them', () => {
  const [, section = ''] = read('docs/writing-jobs.md').split('## All fields');
  const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name = '']) => name));
  expect(fieldsThereAre().length).toBeGreaterThan(20);
  expect(named.sort()).toEqual(fieldsThereAre());
});

it('the type has all of them, each with what it is for', () => {
  const [, type = ''] =
    /interface JobDefinition<[^{]*\{\n(.*?)\n\}/s.exec(read('src/catalog/job.ts')) ?? [];
  const lines = type.split('\n');
  const fields = lines.flatMap((line, i) => {
    const name = /^ {2}readonly (\w+)/.exec(line)?.[1];
    const above = lines[i - 1]?.includes('biome-ignore') ? lines[i - 2] : lines[i - 1];
    return name === undefined ? [] : [{ name, isTold: above?.trimEnd().endsWith('*/') === true }];
  });
  expect(fields.map(({ name }) => name).sort()).toEqual(fieldsThereAre());
  expect(fields.filter(({ isTold }) => !isTold)).toEqual([]);
});
