// What was answered is on the disk: the daemon is killed the moment it has answered, over and over, and in the end
// every run that it ever acknowledged was done, and none that was settled was done again.
import { expect, test } from 'vitest';
import { type Doc, eventually, Project } from '../helpers/project.ts';

const ROUNDS = 4;
const BATCH = 50;

const JOB = `import { appendFileSync } from 'node:fs';
import { defineJob } from 'jobrun';
export default defineJob({
  retries: 1000,
  run: ({ n }, ctx) => {
    appendFileSync('ledger.jsonl', JSON.stringify({ id: ctx.id, n, attempt: ctx.attempt }) + '\\n');
    return n;
  },
});`;

const batch = (round: number): string =>
  Array.from({ length: BATCH }, (_, i) =>
    JSON.stringify({ job: 'mark', params: { n: round * BATCH + i } }),
  ).join('\n');

test(`${ROUNDS} daemons killed right after they answered have lost nothing and repeated nothing`, async () => {
  const project = new Project({ 'jobs/mark.js': JOB });
  const acknowledged: string[] = [];
  const settled = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const daemon = await project.daemon();
    const answer = project.cli(['schedule', '--batch', '-', '-q'], batch(round));
    // Sometimes also while it answers: then only what was told counts.
    if (round % 3 === 2) {
      await new Promise((next) => setTimeout(next, 100 + 20 * round));
      await daemon.kill('SIGKILL');
    }
    acknowledged.push(...(await answer).stdout.split('\n').filter(Boolean));
    if (round % 3 === 1) await new Promise((next) => setTimeout(next, 150));
    await daemon.kill('SIGKILL');
    // Read from the files alone: who is done now stays so.
    for (const run of (await project.json('list', '--state', 'done', '--limit', '10000')).runs)
      if (!settled.has(run.id))
        settled.set(run.id, project.ledger().filter((one) => one.id === run.id).length);
  }
  await project.daemon();
  await eventually(async () => {
    const { counts } = await project.json('status');
    return counts.queued + counts.running === 0;
  }, 60_000);

  const { runs, total } = await project.json('list', '--limit', '10000');
  expect(new Set(acknowledged).size, 'no id was given twice').toBe(acknowledged.length);
  expect(acknowledged.length).toBeGreaterThanOrEqual((ROUNDS - ROUNDS / 3) * BATCH);
  const byId = new Map<string, Doc>(runs.map((run: Doc) => [run.id, run]));
  const lost = acknowledged.filter((id) => byId.get(id)?.state !== 'done');
  expect(lost, 'acknowledged, and not done').toEqual([]);
  expect(runs.filter((run: Doc) => run.state !== 'done')).toEqual([]);
  expect(new Set(runs.map((run: Doc) => run.params.n)).size, 'no line became two runs').toBe(total);

  const times = new Map<string, number>();
  for (const { id } of project.ledger()) times.set(id, (times.get(id) ?? 0) + 1);
  const repeated = [...settled].filter(([id, before]) => times.get(id) !== before);
  expect(repeated, 'settled, and begun again').toEqual([]);
  // Begun more than once is only what its history says was lost.
  for (const [id, n] of times) expect([id, n <= byId.get(id)?.attempt]).toEqual([id, true]);
}, 240_000);
