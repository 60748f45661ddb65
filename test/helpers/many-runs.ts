// A state with as many runs as one likes, written as pages and not run by run: most settled, some of them failed here
// and there, and a third of it waiting, queued or due at all sorts of times.

import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { Memory, newTally } from '../../src/engine/files/memory.ts';
import type { Run, RunState } from '../../src/run/run.ts';
import { type Document, writeDocument } from '../../src/store/document.ts';
import { type Manifest, readManifest, writeManifest } from '../../src/store/manifest.ts';
import { Pages } from '../../src/store/pages.ts';
import { pageOf } from '../../src/store/tally.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { PAGE_SIZE } from '../../src/support/limits.ts';

export const MANY_JOBS = [
  'import-products',
  'send-newsletter',
  'nightly-report',
  'resize-images',
  'sync-stock',
  'clean-up',
] as const;
/** Its runs wait: the daemon must not begin a hundred thousand of them. */
export const HELD_JOB = 'held-back';
const TOOK_MS = 900;

/** Pauses `HELD_JOB`. The state must be new; nobody else may have it open. */
export async function writeManyRuns(dir: string, total: number, now: number): Promise<void> {
  await writeRuns(dir, total, (id) => manyRun(id, total, now), [HELD_JOB]);
}

/** So many runs from 1 on, as `of` makes them. The state must be new; nobody else may have it open. */
export async function writeRuns(
  dir: string,
  total: number,
  of: (id: number) => Run,
  paused: readonly string[] = [],
): Promise<void> {
  const options = { disk: realDisk, dir, clock: systemClock };
  const { engine } = await openFileEngine(options);
  for (const job of paused) await engine.pause({ job }, true);
  await engine.close();
  // Once more: the journal is empty then, and the manifest all there is.
  await (await openFileEngine(options)).engine.close();
  const manifest = (await readManifest(realDisk, dir)) as Manifest;
  const { format, seq } = manifest;
  const pages = new Pages(realDisk, dir, new Memory());
  const tally = newTally();
  for (let page = 0; page <= pageOf(total); page++) {
    const runs: Run[] = [];
    for (let id = Math.max(1, page * PAGE_SIZE); id < (page + 1) * PAGE_SIZE && id <= total; id++)
      runs.push(of(id));
    if (runs.length === 0) continue;
    for (const run of runs) tally.add(run, 1);
    const document: Document & { page: number; runs: readonly Run[] } = { format, seq, page, runs };
    await writeDocument(realDisk, pages.path(page), document);
  }
  const numbers = tally.pages().toReversed();
  const summary = tally.summary(numbers);
  await writeManifest(realDisk, dir, { ...manifest, nextId: total + 1, ...summary });
}

/** A run that settled then, one in 400 of them by failing. */
export function settledRun(id: number, settledAt: number): Run {
  const dueAt = settledAt - TOOK_MS;
  const job = MANY_JOBS[id % MANY_JOBS.length] ?? HELD_JOB;
  const params = { file: `file-${id}.csv`, limit: 5000 };
  const state = settledState(id, dueAt);
  const origin = id % 10 === 0 ? { key: `key-${id}` } : null;
  const outcome = state.name === 'done' ? 'returned' : 'threw';
  const attempt = { number: 1, startedAt: dueAt, pid: 1, endedAt: settledAt, outcome } as const;
  const life = { attempt: 1, maxAttempts: 1, startedAt: dueAt, attempts: [attempt] };
  return { id, job, params, priority: 1, createdAt: dueAt, state, origin, life };
}

/** Two thirds are settled, one in 400 of them failed; the newest third waits. */
function manyRun(id: number, total: number, now: number): Run {
  const createdAt = now - (total - id) * 500 - 1000;
  if (id <= (total * 2) / 3) return settledRun(id, createdAt + TOOK_MS);
  const dueAt = now + 60_000 + ((id * 7919) % total) * 1000;
  const state = { name: id % 3 === 0 ? 'queued' : 'scheduled', dueAt } as const;
  return { ...settledRun(id, createdAt), job: HELD_JOB, createdAt, state, life: null };
}

function settledState(id: number, dueAt: number): RunState {
  const settledAt = dueAt + TOOK_MS;
  if (id % 400 > 0) return { name: 'done', dueAt, settledAt, output: { rows: id % 5000 } };
  const error = { name: 'Error', message: `row ${id}: price missing`, stack: '' };
  return { name: 'failed', dueAt, settledAt, error };
}
