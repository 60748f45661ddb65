// Runs that are asked for at the same time: one request, and still an answer and an error for each.
import { expect, test } from 'vitest';
import { RunBatcher } from '../../src/cli/run-batcher.ts';
import { handle } from '../../src/commands/dispatch.ts';
import { schedule } from '../../src/commands/schedule.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { eventually, Project } from '../helpers/project.ts';

async function batcher(): Promise<{ readonly batcher: RunBatcher; readonly sent: object[] }> {
  const { context } = await daemonHere(
    new Project({ 'jobs/mail.mjs': 'export default () => 1;' }),
    {
      workers: 1,
    },
  );
  await eventually(() => context.catalog.find('mail')?.state === 'ok');
  await context.engine.pause({ all: true }, true);
  const sent: object[] = [];
  return {
    sent,
    batcher: new RunBatcher(async (_, args) => {
      sent.push(args);
      return JSON.parse(JSON.stringify(await handle(schedule, args, context)));
    }),
  };
}

test('the runs of one turn are one request, each answered for itself and in order; the next turn is another', async () => {
  const { batcher: runs, sent } = await batcher();
  const asked = Array.from({ length: 5 }, (_, n) => runs.accept({ job: 'mail', params: { n } }));
  asked.push(runs.accept({ job: 'typo', params: {} }));
  const [refused, ...answers] = (await Promise.allSettled(asked)).reverse();
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'unknown-job' } });
  expect(answers.reverse()).toMatchObject(
    [0, 1, 2, 3, 4].map((n) => ({ value: { id: String(n + 1), job: 'mail', params: { n } } })),
  );
  expect(sent.map((one) => Object.keys(one))).toEqual([['lines']]);

  expect(await runs.accept({ job: 'mail', params: { n: 5 } })).toMatchObject({ id: '6' });
  expect(sent[1]).toEqual({ job: 'mail', params: { n: 5 } });
  // Who was just answered asks anew together with the others that were.
  const rounds = async (): Promise<void> => {
    for (let n = 0; n < 3; n++) await runs.accept({ job: 'mail' });
  };
  await Promise.all([rounds(), rounds(), rounds()]);
  expect(sent.length).toBe(5);
}, 30_000);

test('what is too much for one request goes out as several, and a lost connection is told to all of them', async () => {
  const { batcher: runs, sent } = await batcher();
  const text = 'x'.repeat(600_000);
  const answers = await Promise.all(
    [1, 2, 3].map((n) => runs.accept({ job: 'mail', params: { n, text } })),
  );
  expect(answers.map(({ id }) => id)).toEqual(['1', '2', '3']);
  expect(sent.length).toBe(3);

  const gone = new RunBatcher(() => Promise.reject(new Error('gone')));
  const lost = await Promise.allSettled([
    gone.accept({ job: 'mail' }),
    gone.accept({ job: 'mail' }),
  ]);
  expect(lost).toMatchObject([{ reason: { message: 'gone' } }, { reason: { message: 'gone' } }]);
}, 30_000);
