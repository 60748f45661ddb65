// Files that were meant to be jobs and are none yet: which they are, and what each lacks.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { unfitIn, unfitOf } from '../../src/catalog/unfit.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(
  files: Readonly<Record<string, string>>,
  executable: readonly string[] = [],
): string {
  const dir = mkdtempSync(join(tmpdir(), 'jobrun-unfit-'));
  folders.push(dir);
  for (const [name, text] of Object.entries(files)) {
    const file = join(dir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (executable.includes(name)) chmodSync(file, 0o755);
  }
  return dir;
}

test('a script without its run bit is found by the name of its job, with and without its ending', () => {
  const dir = folder({
    'ops/deploy.sh': '#!/bin/sh\n',
    'tool.bin': '\u007fELF',
    'my job.sh': '#!/bin/sh',
  });
  const file = join(dir, 'ops/deploy.sh');
  const lacks = `lacks its run bit: chmod +x ${file}`;
  expect(unfitOf(dir, 'ops/deploy')).toMatchObject({ file, lacks });
  expect(unfitOf(dir, 'ops/deploy.sh')).toMatchObject({ file, lacks });
  expect(unfitOf(dir, 'tool')?.lacks).toContain('run bit');
  expect(unfitOf(dir, 'deploy')).toBe(null);
  expect(unfitOf(dir, '../ops/deploy'), 'not out of the folder').toBe(null);
  expect(unfitOf(join(dir, 'none'), 'deploy')).toBe(null);
});

test('a script without a first line says so, and a module of another ending which endings there are', () => {
  const files = {
    'bare.sh': 'echo\n',
    'both.py': 'print()\n',
    'page.tsx': '',
    'prices.csv': 'a,b',
  };
  const dir = folder(files, ['bare.sh']);
  const FIRST = 'needs a first line with its interpreter, such as #!/bin/sh';
  expect(unfitOf(dir, 'bare')?.lacks).toBe(FIRST);
  expect(unfitOf(dir, 'both')?.lacks).toBe(
    `${FIRST}, and its run bit: chmod +x ${join(dir, 'both.py')}`,
  );
  expect(unfitOf(dir, 'page')?.lacks).toContain('.ts, .mts, .js, .mjs or .cjs');
  expect(unfitOf(dir, 'prices')).toBe(null);
});

test('options beside a file say that it is meant to be a job', () => {
  const dir = folder({ 'odd.run': 'x', 'odd.json': '{}', 'other.run': 'x' });
  expect(unfitOf(dir, 'odd')?.lacks).toContain('run bit');
  expect(unfitOf(dir, 'other')).toBe(null);
});

test('all that lack something are listed: no jobs, copies, private files, and scripts for others to read', async () => {
  const script = '#!/bin/sh\n';
  const dir = folder(
    {
      'deploy.sh': script,
      'sub/no-ending': script,
      'bare.sh': 'echo\n',
      'job.sh': script,
      'lib.sh': 'helper() { :; }\n',
      README: 'Read me',
      'notes.txt': script,
      'old.sh.bak': script,
      '_private.sh': script,
      '_lib/part.sh': script,
      'mail.ts': '',
    },
    ['bare.sh', 'job.sh'],
  );
  expect((await unfitIn(dir)).map(({ file }) => file)).toEqual(
    ['bare.sh', 'deploy.sh', 'sub/no-ending'].map((name) => join(dir, name)),
  );
  expect(await unfitIn(join(dir, 'none'))).toEqual([]);
});

test('a path with a blank is quoted for the shell', () => {
  const dir = folder({ 'the jobs/deploy.sh': '#!/bin/sh\n' });
  const jobs = join(dir, 'the jobs');
  expect(unfitOf(jobs, 'deploy')?.lacks).toContain(`chmod +x '${join(jobs, 'deploy.sh')}'`);
});
