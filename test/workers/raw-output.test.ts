// Text that a run prints past jobrun, straight to the descriptors, and the log that it gets into where it is read late.
// Workers are real; the test is their daemon, and reads nothing while it is blocked on purpose.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Child } from '../../src/workers/child.ts';
import type { FromRun } from '../../src/workers/messages.ts';
import { assignment, child, project, until } from './harness.ts';

type Outcome = Extract<FromRun, { type: 'outcome' }>;

interface Listened {
  readonly lines: readonly string[];
  readonly over: Promise<Outcome>;
}

/** Has a run carried out as an attempt does, which listens no longer once it has the outcome. */
function carried(
  worker: Child,
  run: number,
  file: string,
  said: (text: string) => void = () => undefined,
): Listened {
  const lines: string[] = [];
  const over = new Promise<Outcome>((resolve) => {
    const listener = {
      onMessage(message: FromRun): void {
        if (message.type === 'log') {
          lines.push(message.line.text);
          said(message.line.text);
        }
        if (message.type !== 'outcome') return;
        worker.unlisten(run, listener);
        resolve(message);
      },
    };
    worker.listen(run, listener);
  });
  worker.send({ type: 'run', assignment: assignment(file, { run }) });
  return { lines, over };
}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this process, so that it reads no pipe. */
function blockUntil(file: string): void {
  for (let naps = 0; !existsSync(file) && naps < 3000; naps++) Atomics.wait(nap, 0, 0, 10);
  expect(existsSync(file), file).toBe(true);
}

const JOBS = {
  // Fills the pipe while nothing reads it; the output is how many bytes it took.
  'fills.mjs': `import { writeFileSync, writeSync } from 'node:fs';
    export default (_, ctx) => {
      ctx.log.info('begun');
      const part = Buffer.alloc(65536, 'z\\n');
      let bytes = 0;
      try { for (;;) bytes += writeSync(1, part); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
      writeFileSync('full', '');
      return bytes;
    };`,
  'silent.mjs': 'export default () => null;',
  // Prints one line, and ends, all in the turn in which it is allowed to.
  'last.mjs': `import { existsSync, writeFileSync, writeSync } from 'node:fs';
    export default (_, ctx) => {
      while (!existsSync('begun-2'));
      ctx.log.info('begun');
      writeFileSync('begun-3', '');
      while (!existsSync('go'));
      writeSync(1, 'last words\\n');
      setImmediate(() => writeFileSync('ended', ''));
      return null;
    };`,
  'around.mjs': `import { existsSync, writeFileSync } from 'node:fs';
    export default (_, ctx) => {
      while (ctx.id === '4' && !existsSync('begun-3'));
      ctx.log.info('begun');
      writeFileSync('begun-' + ctx.id, '');
      return null;
    };`,
  'beside.mjs': `import { existsSync, writeSync } from 'node:fs';
    export default async (_, ctx) => {
      ctx.log.info('begun');
      while (!existsSync('alone')) await ctx.sleep(10);
      for (; !existsSync('heard'); await ctx.sleep(50)) writeSync(1, 'of my own\\n');
      return null;
    };`,
  'flood.mjs': `import { writeFileSync, writeSync } from 'node:fs';
    const part = Buffer.alloc(65536, 'noise\\n');
    for (let parts = 0; ; parts++) {
      writeSync(1, part);
      if (parts === 8) writeFileSync('flows', '');
    }`,
  'leaves.mjs': `import { spawn } from 'node:child_process';
    import { existsSync } from 'node:fs';
    export default async (_, ctx) => {
      for (let floods = 0; floods < 2; floods++)
        spawn(process.execPath, ['flood.mjs'], { stdio: ['ignore', 'inherit', 'ignore'] });
      while (!existsSync('flows')) await ctx.sleep(10);
      return null;
    };`,
};

function shop(): { readonly dir: string; readonly file: (name: string) => string } {
  const dir = project(JOBS);
  return { dir, file: (name) => join(dir, name) };
}

test('a full pipe is read to its end before its run is over, and the next run has nothing of it', async () => {
  const { dir, file } = shop();
  const worker = child(dir);
  const full = carried(worker, 1, file('fills.mjs'), (text) => {
    if (text === 'begun') blockUntil(file('full'));
  });
  const { outcome } = await full.over;
  const next = carried(worker, 2, file('silent.mjs'));
  await next.over;
  const bytes = (outcome as { output: number }).output;
  expect(bytes).toBeGreaterThan(50_000);
  const printed = full.lines.filter((text) => text === 'z');
  expect([printed.length, next.lines.length]).toEqual([bytes / 2, 0]);
}, 60_000);

test('a line that was printed while the daemon was about to read the outcome behind it is in the log of its run', async () => {
  const { dir, file } = shop();
  // All have said something when the pipes are looked at; one of them ends while another's message is read.
  const [before, worker, behind] = [child(dir), child(dir), child(dir)];
  for (const one of [before, worker, behind]) await carried(one, 1, file('silent.mjs')).over;
  const block = (): void => {
    writeFileSync(file('go'), '');
    blockUntil(file('ended'));
  };
  const runs = [
    carried(before, 2, file('around.mjs'), block),
    carried(worker, 3, file('last.mjs')),
    carried(behind, 4, file('around.mjs'), block),
  ];
  // They are sent when this turn is over.
  process.nextTick(() => blockUntil(file('begun-4')));
  await Promise.all(runs.map(({ over }) => over));
  const next = carried(worker, 5, file('silent.mjs'));
  await next.over;
  expect([runs[1]?.lines, next.lines]).toEqual([['begun', 'last words'], []]);
}, 60_000);

test('of runs side by side none gets what another one printed, and one that is alone again gets its own', async () => {
  const { dir, file } = shop();
  const strays: string[] = [];
  const worker = child(dir, { strays });
  const beside = carried(worker, 1, file('beside.mjs'));
  await until(() => beside.lines.length > 0);
  const full = carried(worker, 2, file('fills.mjs'), (text) => {
    if (text === 'begun') blockUntil(file('full'));
  });
  const { outcome } = await full.over;
  const bytes = (outcome as { output: number }).output;
  await until(() => strays.length === bytes / 2, 30_000);
  writeFileSync(file('alone'), '');
  await until(() => beside.lines.includes('of my own'), 30_000);
  writeFileSync(file('heard'), '');
  await beside.over;
  expect([full.lines, new Set(beside.lines)]).toEqual([['begun'], new Set(['begun', 'of my own'])]);
}, 60_000);

test('a process that is left behind and prints on keeps no run waiting, and none of its lines gets into another log', async () => {
  const { dir, file } = shop();
  const strays: string[] = [];
  const worker = child(dir, { strays });
  let read = 0;
  // The flood gets its turns on a busy machine too.
  const leaves = carried(worker, 1, file('leaves.mjs'), () => {
    if (++read % 500 === 0) Atomics.wait(nap, 0, 0, 2);
  });
  expect(await leaves.over).toMatchObject({ outcome: { kind: 'returned' }, tainted: true });
  expect(leaves.lines).toContain('noise');
  const next = carried(worker, 2, file('silent.mjs'));
  const before = strays.length;
  await until(() => strays.length > before, 30_000);
  expect(next.lines).toEqual([]);
}, 60_000);
