// The steps of a followed run, as one follower gets them.
import { expect, test } from 'vitest';
import { StepCursor } from '../../src/commands/shared/steps.ts';
import { rowOf, runViewOf } from '../helpers/models.ts';

const queued = (reason: string | null) => ({
  ...runViewOf(rowOf(1, { state: 'queued', job: 'hello' })),
  reason,
});
const READ = 'the job hello is being read';

test('a job that is being read is no reason to wait within the first second, and any other is', () => {
  const cursor = new StepCursor(0);
  expect(cursor.news(queued(READ), 0)).toBeNull();
  expect(cursor.news(queued(READ), 999)).toBeNull();
  expect(cursor.news(queued(READ), 1000)).toEqual({ step: 'waits', reason: READ });
  expect(cursor.news(queued(READ), 1500), 'it is told once').toBeNull();
  expect(new StepCursor(0).news(queued('paused'), 0)).toEqual({ step: 'waits', reason: 'paused' });
  // Read in time, it starts in a moment.
  const soon = new StepCursor(0);
  for (const reason of [READ, null]) expect(soon.news(queued(reason), 500)).toBeNull();
});
