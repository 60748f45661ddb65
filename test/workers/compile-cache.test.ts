// Compiled job files in `state/cache`: what is kept there is never older than its source, never half of a file, and
// never needed. And the code of an attempt, which stays whole while files are edited.
import { chmodSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { assignment, carry, child, project } from './harness.ts';

const DAY_MS = 24 * 3600 * 1000;
const JOB = 'jobs/job.ts';

const typed = (text: string): string => `export default (): string => ${JSON.stringify(text)};`;

function typedProject(): { readonly dir: string; readonly cache: string } {
  const dir = project({ 'state/README.md': '', [JOB]: typed('old') });
  return { dir, cache: join(dir, 'state/cache') };
}

/** What the job gives in a new process. */
async function outputOf(dir: string, file = JOB): Promise<unknown> {
  const { outcome } = await carry(child(dir), assignment(join(dir, file)));
  return outcome?.kind === 'returned' ? outcome.output : outcome;
}

describe('the cache', () => {
  test('is private, and used by the next process: the source is not compiled again', async () => {
    const { dir, cache } = typedProject();
    expect(await outputOf(dir)).toBe('old');
    const [name = ''] = readdirSync(cache);
    const kept = readFileSync(join(cache, name), 'utf8');
    expect(kept).toContain('export default');
    expect(await outputOf(dir)).toBe('old');
    expect(readdirSync(cache)).toEqual([name]);
  });

  test('is never older than the source: an edit back and forth gives what the file says', async () => {
    const { dir } = typedProject();
    for (const text of ['old', 'new', 'old', 'newer']) {
      writeFileSync(join(dir, JOB), typed(text));
      // As a copy that keeps times would leave it.
      utimesSync(join(dir, JOB), 1_700_000_000, 1_700_000_000);
      expect(await outputOf(dir)).toBe(text);
    }
  });

  test('a half-written or changed entry is not used, and made again', async () => {
    const { dir, cache } = typedProject();
    await outputOf(dir);
    const entry = join(cache, readdirSync(cache)[0] ?? '');
    const whole = readFileSync(entry, 'utf8');
    for (const text of [whole.slice(0, -10), whole.replace('old', 'bad'), '', '// module']) {
      writeFileSync(entry, text);
      expect(await outputOf(dir)).toBe('old');
      expect(readFileSync(entry, 'utf8')).toBe(whole);
    }
  });

  test('processes that fill it at the same time all run, and leave whole entries and nothing else', async () => {
    const { dir, cache } = typedProject();
    expect(await Promise.all([1, 2, 3, 4].map(() => outputOf(dir)))).toEqual(Array(4).fill('old'));
    expect(readdirSync(cache)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.js$/)]);
    expect(await outputOf(dir)).toBe('old');
  });

  test('is not needed: without a state, with a file in its place, or where nothing can be written', async () => {
    const { dir, cache } = typedProject();
    writeFileSync(cache, '');
    expect(await outputOf(dir)).toBe('old');
    rmSync(cache);
    chmodSync(join(dir, 'state'), 0o500);
    expect(await outputOf(dir)).toBe('old');
    chmodSync(join(dir, 'state'), 0o700);
    rmSync(join(dir, 'state'), { recursive: true });
    expect(await outputOf(dir)).toBe('old');
    expect(readdirSync(dir)).not.toContain('state');
  });

  test('loses what nothing has used for a month, and keeps what is used', async () => {
    const { dir, cache } = typedProject();
    await outputOf(dir);
    const [used = ''] = readdirSync(cache);
    const old = (Date.now() - 40 * DAY_MS) / 1000;
    writeFileSync(join(cache, 'unused.js'), '');
    for (const name of [used, 'unused.js']) utimesSync(join(cache, name), old, old);
    await outputOf(dir);
    writeFileSync(join(dir, JOB), typed('new'));
    await outputOf(dir);
    const left = readdirSync(cache);
    expect(left).toContain(used);
    expect(left).not.toContain('unused.js');
    expect(left).toHaveLength(2);
  });
});

describe('an attempt ends on the code that it began with', () => {
  const LATE = `await new Promise((resolve) => ctx.signal.aborted || globalThis.go ? resolve() : setTimeout(resolve, 700));`;
  const FILES = {
    'jobs/job.ts': `export default async (_: unknown, ctx: any) => {
      ctx.progress(1); ${LATE}
      const { part } = await import('./_part.ts');
      const { json } = { json: (await import('./_data.json')).default };
      return [part, require('./_common.cjs'), json.v, (await import('./_plain.js')).plain];
    };`,
    'jobs/_part.ts': `import { deep } from './_deep.js'; export const part: string = 'old ' + deep;`,
    'jobs/_deep.ts': `export const deep: string = 'old';`,
    'jobs/_data.json': `{ "v": "old" }`,
    'jobs/_common.cjs': `module.exports = require('./_inner.cjs');`,
    'jobs/_inner.cjs': `module.exports = 'old';`,
    'jobs/_plain.js': `import './_gone.mjs'; export const plain = 'old';`,
    'jobs/_gone.mjs': ``,
  };
  const PARTS = Object.keys(FILES).filter((file) => file !== 'jobs/job.ts');

  async function duringAnEdit(kind: string, edit: (file: string) => void): Promise<unknown> {
    const dir = project({ ...FILES, 'package.json': `{ "type": "${kind}" }` });
    let edited = false;
    const { outcome } = await carry(
      child(dir),
      assignment(join(dir, 'jobs/job.ts')),
      () => null,
      (message) => {
        if (message.type !== 'progress' || edited) return;
        edited = true;
        for (const file of PARTS) edit(join(dir, file));
      },
    );
    expect(edited).toBe(true);
    return outcome?.kind === 'returned' ? outcome.output : outcome;
  }

  test.each(['module', 'commonjs'])(
    'where what it imports late was edited meanwhile, in a package of "type": "%s"',
    async (kind) => {
      const output = await duringAnEdit(kind, (file) => {
        const text = readFileSync(file, 'utf8');
        writeFileSync(file, text.replace('old', 'new').replace('deep', 'deeper'));
      });
      expect(output).toEqual(['old old', 'old', 'old', 'old']);
    },
  );

  test.each(['module', 'commonjs'])(
    'where it was removed meanwhile, in a package of "type": "%s"',
    async (kind) => {
      expect(await duringAnEdit(kind, (file) => rmSync(file))).toEqual([
        'old old',
        'old',
        'old',
        'old',
      ]);
    },
  );

  test('and a process that holds code from before an edit takes no further job, and a new one has all of the new', async () => {
    const versions = (version: string): Record<string, string> => ({
      'jobs/_lib.ts': `export const ${version}: string = '${version}';`,
      'jobs/b.mjs': `import { ${version} } from './_lib'; export default () => '${version} ' + ${version};`,
    });
    const dir = project({
      ...versions('old'),
      'jobs/a.ts': `import * as lib from './_lib.ts'; export default () => Object.keys(lib);`,
      'jobs/c.mjs': `export default () => 'c';`,
    });
    const worker = child(dir);
    const run = (name: string, on = worker) => carry(on, assignment(join(dir, 'jobs', name)));
    expect((await run('a.ts')).outcome).toMatchObject({ output: ['old'] });
    expect((await run('c.mjs')).outcome).toMatchObject({ output: 'c' });
    for (const [file, text] of Object.entries(versions('fresh')))
      writeFileSync(join(dir, file), text);
    expect(await run('a.ts'), 'it is loaded whole').toMatchObject({
      outcome: { output: ['old'] },
      tainted: false,
    });
    expect(await run('b.mjs')).toMatchObject({ outcome: { kind: 'stopped' }, tainted: true });
    expect((await run('b.mjs', child(dir))).outcome).toMatchObject({ output: 'fresh fresh' });
  });

  test('and where nothing was edited, or a name is put together, it gets what lies on the disk', async () => {
    const dir = project({
      'jobs/job.ts': `export default async (name: string) => (await import('./_' + name + '.ts')).default;`,
      'jobs/_a.ts': `export default 'a' as string;`,
    });
    await pause(0);
    const { outcome } = await carry(child(dir), assignment(join(dir, JOB), { params: 'a' }));
    expect(outcome).toMatchObject({ output: 'a' });
  });
});
