// A state with as many runs as one likes, written as pages and not run by run: most settled, some of them failed here
// and there, and a third of it waiting, queued or due at all sorts of times.

import { type Document, writeDocument } from '../../src/engine/json/document.ts';
import { type Manifest, readManifest, writeManifest } from '../../src/engine/json/manifest.ts';
import { Pages } from '../../src/engine/json/pages.ts';
import { openJsonEngine } from '../../src/engine/json/recovery.ts';
import { pageOf, Tally } from '../../src/engine/json/tally.ts';
import type { Run, RunState } from '../../src/run/run.ts';
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

/** Pauses `HELD_JOB`. The state must be new; nobody else may have it open. */
export async function writeManyRuns(dir: string, total: number, now: number): Promise<void> {
  const options = { disk: realDisk, dir, clock: systemClock };
  const { engine } = await openJsonEngine(options);
  await engine.pause({ job: HELD_JOB }, true);
  await engine.close();
  // Once more: the journal is empty then, and the manifest all there is.
  await (await openJsonEngine(options)).engine.close();
  const manifest = (await readManifest(realDisk, dir)) as Manifest;
  const pages = new Pages(realDisk, dir);
  const tally = new Tally();
  for (let page = 0; page <= pageOf(total); page++) {
    const runs: Run[] = [];
    for (let id = Math.max(1, page * PAGE_SIZE); id < (page + 1) * PAGE_SIZE && id <= total; id++)
      runs.push(manyRun(id, total, now));
    if (runs.length === 0) continue;
    for (const run of runs) tally.add(run, 1);
    await writeDocument<Document & { page: number; runs: readonly Run[] }>(
      realDisk,
      pages.path(page),
      {
        format: manifest.format,
        seq: manifest.seq,
        page,
        runs,
      },
    );
  }
  const counted = tally
    .pages()
    .toReversed()
    .map((page) => [page, tally.ofPage(page)] as const);
  await writeManifest(realDisk, dir, { ...manifest, nextId: total + 1, pages: counted });
}

/** Two thirds are settled, one in 400 of them failed; the newest third waits. */
export function manyRun(id: number, total: number, now: number): Run {
  const isOld = id <= (total * 2) / 3;
  const createdAt = now - (total - id) * 500 - 1000;
  const job = isOld ? (MANY_JOBS[id % MANY_JOBS.length] ?? HELD_JOB) : HELD_JOB;
  const dueAt = isOld ? createdAt : now + 60_000 + ((id * 7919) % total) * 1000;
  const attempt = { number: 1, startedAt: createdAt, pid: 1, endedAt: createdAt + 900 };
  return {
    id,
    job,
    params: { file: `file-${id}.csv`, limit: 5000 },
    priority: 1,
    createdAt,
    state: isOld ? settledState(id, dueAt) : { name: id % 3 === 0 ? 'queued' : 'scheduled', dueAt },
    origin: id % 10 === 0 ? { key: `key-${id}` } : null,
    life: isOld
      ? {
          attempt: 1,
          maxAttempts: 1,
          startedAt: createdAt,
          attempts: [{ ...attempt, outcome: id % 400 === 0 ? 'threw' : 'returned' }],
        }
      : null,
  };
}

function settledState(id: number, dueAt: number): RunState {
  const settledAt = dueAt + 900;
  if (id % 400 > 0) return { name: 'done', dueAt, settledAt, output: { rows: id % 5000 } };
  const error = { name: 'Error', message: `row ${id}: price missing`, stack: '' };
  return { name: 'failed', dueAt, settledAt, error };
}
