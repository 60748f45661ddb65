// The Jobs list: what the pane under it tells of the job under the cursor.
import { expect, test } from 'vitest';
import type { JobView } from '../../src/commands/shared/replies.ts';
import type { ShortRun } from '../../src/commands/shared/views.ts';
import { jobRows } from '../../src/dashboard/job-detail.ts';
import type { List } from '../../src/dashboard/replies.ts';
import { textOf } from '../../src/dashboard/rows.ts';
import { HERE, modelWith, NOW, PLAIN, rowOf } from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

const COUNTS = { scheduled: 0, waiting: 0, queued: 0, running: 1, done: 2, failed: 0, aborted: 0 };
const JOB: JobView = {
  name: 'nightly',
  state: 'ok',
  description: 'Counts what is left, and orders more of what has run out',
  group: 'stock',
  file: 'jobs/nightly.js',
  error: null,
  schedule: null,
  params: { type: 'object' },
  external: false,
  counts: COUNTS,
  hosts: ['here'],
};
/** The lines between the list and the foot, at 80x24. */
function pane(runs: readonly ShortRun[], job: Partial<JobView> = {}): string[] {
  const shown = { ...JOB, ...job };
  const list: List = {
    ...{ total: 1, offset: 0, at: null, complete: true },
    ...{ of: 'job', rows: [shown] },
  };
  const detail = { kind: 'job' as const, job: shown, runs, history: [] };
  const model = modelWith({ columns: 80, rows: 24 }, list, { tab: 'jobs', detail });
  const lines = frame(model, PLAIN, NOW);
  return lines.slice(lines.findIndex((line) => line.startsWith('── nightly')) + 1, -3);
}

const shownIds = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^ +(\d+) +nightly /.exec(line)?.[1] ?? []);

test('at 80x24 the pane of a job shows what it is and its last runs, however much there is to tell', () => {
  const runs = [9, 8, 7].map((id) => rowOf(id, { job: 'nightly' }));
  const sound = pane(runs);
  expect(sound).toHaveLength(6);
  expect(sound[0]).toContain('what      Counts what is left');
  expect(shownIds(sound)).toEqual(['9', '8']);
  const broken = pane(runs, { state: 'broken', error: `line 3\n${'long '.repeat(100)}` });
  expect(broken[0]).toContain('! line 3');
  expect(shownIds(broken)).toEqual(['9', '8']);
});

test('all of a job says what each of its params takes, or has the schema where that names none', () => {
  const sheet = { theme: PLAIN, columns: 80, here: HERE };
  const linesOf = (params: JobView['params']): string =>
    jobRows({ kind: 'job', job: { ...JOB, params }, runs: [], history: [] }, sheet)
      .map((row) => textOf(row).trimEnd())
      .join('\n');
  const schema = {
    type: 'object',
    properties: { file: { type: 'string' }, mode: { enum: ['fast', 'safe'], default: 'fast' } },
    required: ['file'],
  };
  expect(linesOf(schema)).toMatch(
    /params ─+ ! is needed\n {3}file ! {2}string\n {3}mode {4}one of fast, safe · default fast\n/,
  );
  expect(linesOf({ type: 'object', additionalProperties: true })).toContain(
    '"additionalProperties"',
  );
  expect(linesOf({ type: 'object', properties: {} })).not.toContain('params');
});

test('without runs its facts have all the room', () => {
  const lines = pane([]).map((line) => line.trimEnd());
  expect(lines.join('\n')).toMatch(/what +Counts[\s\S]*group +stock[\s\S]*runs +1 running, 2 done/);
});

test('its last runs are a sparkline of how long they took, the newest on the right; without any there is none', () => {
  const took = (id: number, seconds: number, state: 'done' | 'failed'): ShortRun =>
    rowOf(id, {
      job: 'nightly',
      state,
      startedAt: NOW - 90_000,
      settledAt: NOW - 90_000 + seconds * 1000,
    });
  const sheet = { theme: PLAIN, columns: 80, here: HERE };
  const rowsOf = (history: readonly ShortRun[]): string =>
    jobRows({ kind: 'job', job: JOB, runs: [], history }, sheet).map(textOf).join('\n');
  const drawn = rowsOf([took(9, 40, 'done'), took(8, 1, 'failed'), took(7, 10, 'done')]);
  expect(drawn).toMatch(/ took +[▁-▇]{2}█ {2}last 40s, median 10s, longest 40s/);
  expect(rowsOf([])).not.toContain('took');
});
