// docs/command-line.md is what the program says of itself; `npm run docs` writes it. The build makes jobrun(1) of it.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ENTRIES } from '../../src/cli/entries.ts';
import { commandPage } from '../helpers/command-page.ts';
import { needProgram } from '../helpers/platform.ts';
import { ROOT } from '../helpers/source.ts';

const file = join(ROOT, 'docs/command-line.md');

it('is what the help says: npm run docs writes it anew', async () => {
  const page = await commandPage();
  if (process.env.JOBRUN_DOCS === 'write') writeFileSync(file, page);
  expect(readFileSync(file, 'utf8')).toBe(page);
  for (const { name } of ENTRIES) expect(page).toContain(`\n### ${name}\n`);
});

it('each command has examples', async () => {
  const page = await commandPage();
  const silent = page
    .split('\n### ')
    .slice(1)
    .filter((part) => !/^ {2}jobrun /m.test(part))
    .map((part) => part.split('\n')[0]);
  expect(silent).toEqual([]);
});

it('the manual page has every command and option, and groff finds nothing wrong with it', async () => {
  needProgram('groff');
  const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-rLL=200n', '-P-cbou'], {
    input: readFileSync(join(ROOT, 'dist/jobrun.1')),
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const page = await commandPage();
  const terms = [...page.matchAll(/^ {2}(-.+?)(?: {2}|$)|^(jobrun .+)$/gm)];
  expect(terms.length).toBeGreaterThan(100);
  const shown = stdout.replace(/\s+/g, ' ');
  const missing = terms
    .map(([, option, usage]) => (option ?? usage ?? '').trim())
    .filter((term) => !shown.includes(term));
  expect(missing).toEqual([]);
});
