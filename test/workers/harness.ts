// A project in a temporary folder, and real worker processes on it. The workers run what was built, so the tests need
// `npm run build` before them.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import type { Outcome } from '../../src/run/outcome.ts';
import { delay, systemClock } from '../../src/support/clock.ts';
import type { Json } from '../../src/support/json.ts';
import { randomBytes } from '../../src/support/random.ts';
import { Child } from '../../src/workers/child.ts';
import type { Assignment, FromRun } from '../../src/workers/messages.ts';
import { type PoolOptions, WorkerPool } from '../../src/workers/pool.ts';
import type { Exit, Runner } from '../../src/workers/runner.ts';

const clean: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const undo of clean.splice(0).reverse()) await undo();
});

export const atEnd = (undo: () => Promise<unknown> | unknown): void => void clean.push(undo);

/** Files by their paths below a new folder; gives the folder. */
export function project(files: Readonly<Record<string, string>>): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'jobrun-workers-')));
  atEnd(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

export const newMark = (): string => randomBytes(12).toString('hex');

/** What a process of the tests is given, as a daemon's is. */
export const ENV = Object.fromEntries(
  Object.entries(process.env).map(([name, value]) => [name, value ?? '']),
);

export interface Strays {
  readonly lines: string[];
}

export function child(dir: string, more: { memoryMb?: number; strays?: string[] } = {}): Child {
  const started = new Child({
    mark: newMark(),
    dir,
    env: { ...ENV, JOBRUN_STATE: join(dir, 'state') },
    memoryMb: more.memoryMb ?? null,
    clock: systemClock,
    stray: (line) => void more.strays?.push(line.text),
  });
  atEnd(() => started.end({ force: true }));
  return started;
}

export function poolOn(dir: string, more: Partial<PoolOptions> = {}): WorkerPool {
  const usual = { capacity: 4, dir, env: ENV, clock: systemClock, newMark, stray: () => undefined };
  const pool = new WorkerPool({ ...usual, ...more });
  atEnd(() => pool.close());
  return pool;
}

export const assignment = (file: string, more: Partial<Assignment> = {}): Assignment => ({
  run: 1,
  job: 'job',
  program: { kind: 'file', file },
  attempt: 1,
  fence: 1,
  params: {},
  dueAt: 1_764_000_000_000,
  schedule: null,
  trace: {
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    tracestate: null,
    baggage: '',
  },
  initialized: false,
  rows: 0,
  rowBytes: 0,
  steps: {},
  reportStart: false,
  ...more,
});

export interface Said {
  readonly messages: readonly FromRun[];
  readonly outcome: Outcome | null;
  readonly tainted: boolean;
  readonly exit: Exit | null;
  readonly lines: readonly string[];
}

export type Reply = (message: FromRun) => Json | Error;

/** Has a run carried out, up to its outcome or the end of the process; saves and emits are answered. */
export async function carry(
  runner: Runner,
  given: Assignment,
  reply: Reply = () => null,
  seen: (message: FromRun) => void = () => undefined,
): Promise<Said> {
  const messages: FromRun[] = [];
  const over = new Promise<Extract<FromRun, { type: 'outcome' }>>((resolve) => {
    const onMessage = (message: FromRun): void => {
      messages.push(message);
      seen(message);
      if (message.type === 'outcome') resolve(message);
      if (message.type !== 'save' && message.type !== 'emit') return;
      const value = reply(message);
      const answer =
        value instanceof Error
          ? { ok: false as const, code: 'refused', message: value.message, hint: '' }
          : { ok: true as const, value };
      runner.send({ type: 'answer', run: given.run, call: message.call, answer });
    };
    runner.listen(given.run, { onMessage });
  });
  runner.send({ type: 'run', assignment: given });
  const end = await Promise.race([over, runner.exited.then(() => null)]);
  const lines = messages.flatMap((message) =>
    message.type === 'log' ? [`${message.line.stream}: ${message.line.text}`] : [],
  );
  return {
    messages,
    outcome: end?.outcome ?? null,
    tainted: end?.tainted === true,
    exit: runner.exit,
    lines,
  };
}

/** The outcome of a job whose `run` has this body. */
export async function runBody(body: string, more: Partial<Assignment> = {}): Promise<Said> {
  const dir = project({ 'jobs/job.mjs': jobOf(body) });
  return carry(child(dir), assignment(join(dir, 'jobs/job.mjs'), more));
}

export const jobOf = (body: string): string =>
  `import { FatalError, RetryAt } from 'jobrun';
import { spawn, execSync } from 'node:child_process';
export default { async run(params, ctx) { ${body} } };`;

export async function until(what: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!what()) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await delay(systemClock, 10);
  }
}
