// What a job writes to descriptor 3, the pipe of its worker: the daemon takes nothing from it that no worker says.
import { expect, test } from 'vitest';
import { isAlive } from '../helpers/project.ts';
import { outcomes, type Site, site } from '../helpers/site.ts';

const FORGE = `import { writeSync } from 'node:fs';
export default { async run({ text }, ctx) {
  writeSync(3, text.replaceAll('"RUN"', ctx.id) + '\\n');
  await ctx.sleep('20s');
  return 'not noticed';
} };`;

const forged = async (s: Site, text: string) => {
  const run = await s.run('forge', { text });
  expect(run, text).toMatchObject({
    state: 'failed',
    error: { message: expect.stringContaining('wrote to descriptor 3') },
  });
  expect(outcomes(run)).toEqual(['threw']);
  expect(isAlive(run.attempts[0]?.pid ?? 0)).toBe(false);
};

const OF_A_RUN: readonly string[] = [
  '{"type":"outcome","run":"RUN","outcome":null}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"nonsense"}}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"lost"}}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"returned"}}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"threw","error":"text"}}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"callback","dueAt":"soon"}}',
  '{"type":"outcome","run":"RUN","outcome":{"kind":"callback","dueAt":8.65e15}}',
  '{"type":"progress","run":"RUN","percent":5,"text":{"x":1}}',
  '{"type":"log","run":"RUN","line":null}',
  '{"type":"log","run":"RUN","line":{"at":"x","level":"info","stream":"log","text":{"a":1},"fields":null}}',
  '{"type":"row","run":"RUN","n":1e300,"row":1}',
  '{"type":"extend","run":"RUN","ms":"long"}',
  '{"type":"save","run":"RUN","call":1,"step":5}',
  '{"type":"save","run":"RUN","call":1,"rows":-1}',
  '{"type":"emit","run":"RUN","call":1,"job":{"a":1},"params":{},"options":{}}',
  '{"type":"result","call":0,"answer":null}',
];

test('a message with a hole in it ends the worker, fails the run, and no other', async () => {
  const s = await site({ 'forge.mjs': FORGE, quick: 'export default () => 1;' });
  for (const text of OF_A_RUN) await forged(s, text);
  expect((await s.jobs.list()).runs.length).toBe(OF_A_RUN.length);
  expect(await s.run('quick')).toMatchObject({ state: 'done', output: 1 });
}, 120_000);

test('an output too deep or too large for the worker is none for the daemon', async () => {
  const says = (output: string): string => `import { writeSync } from 'node:fs';
    export default async (_, ctx) => {
      const bytes = Buffer.from('{"type":"outcome","run":' + ctx.id + ',"outcome":{"kind":"returned","output":' + ${output} + '}}\\n');
      for (let at = 0; at < bytes.length; ) {
        try { at += writeSync(3, bytes, at); } catch { await ctx.sleep(5); }
      }
      await ctx.sleep('20s');
    };`;
  const s = await site({
    'deep.mjs': says(`'['.repeat(50_000) + ']'.repeat(50_000)`),
    'large.mjs': says(`JSON.stringify('x'.repeat(2_000_000))`),
  });
  for (const job of ['deep', 'large'])
    expect((await s.run(job)).error?.message).toContain('wrote to descriptor 3');
}, 60_000);

test('what is nobody’s message is left alone: a program may log there', async () => {
  const s = await site({
    'logs.mjs': `import { writeSync } from 'node:fs';
      export default () => { writeSync(3, 'a line\\n{"type":"constructor"}\\n{"level":30}\\n[1,2,3]\\nnull\\n'); return 'fine'; };`,
  });
  expect(await s.run('logs')).toMatchObject({ state: 'done', output: 'fine' });
});

test('a file that answers for itself while it is imported is broken, and the daemon goes on', async () => {
  const s = await site({
    'liar.mjs': `import { writeSync } from 'node:fs';
      for (let call = 1; call < 20; call++)
        writeSync(3, JSON.stringify({ type: 'result', call, answer: { ok: true, value: {} } }) + '\\n');
      export default () => 1;`,
    quick: 'export default () => 1;',
  });
  expect(await s.run('quick')).toMatchObject({ state: 'done' });
});
