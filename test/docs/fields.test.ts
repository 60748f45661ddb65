// The table of fields in docs/writing-jobs.md has every field that a job may have, and none that it may not; so has the
// type that an editor shows, each with a word of what it does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FIELD_NAMES } from '../../src/catalog/definition.ts';
import { ROOT } from '../helpers/source.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

it('the table has all of them', () => {
  const [, section = ''] = read('docs/writing-jobs.md').split('## All fields');
  const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name = '']) => name));
  expect(FIELD_NAMES.length).toBeGreaterThan(20);
  expect(named.sort()).toEqual([...FIELD_NAMES].sort());
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
  expect(fields.map(({ name }) => name).sort()).toEqual([...FIELD_NAMES].sort());
  expect(fields.filter(({ isTold }) => !isTold)).toEqual([]);
});
