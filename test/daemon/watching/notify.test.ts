// Notifications: the right runs are told, to a command or an address, without what is secret, and without ever standing
// in the way of the daemon.
import { expect, onTestFinished, test } from 'vitest';
import { notifyRules } from '../../../src/daemon/watching/notify-rules.ts';
import { connect, JobrunError, type Jobs, startDaemon } from '../../../src/index.ts';
import { receiver } from '../../helpers/http.ts';
import { type Doc, eventually, Project, processesWith } from '../../helpers/project.ts';

const JOBS = {
  'jobs/good.mjs': `export default async () => 'fine';`,
  'jobs/bad.mjs': `export default async () => { throw new Error('no ' + 'luck'); };`,
  'jobs/slow.mjs': `export default { timeout: '50ms', run: (_p, ctx) => ctx.sleep(5000) };`,
};

interface Told {
  readonly project: Project;
  readonly jobs: Jobs;
  readonly log: () => string;
  stop(): Promise<number>;
}

async function told(notify: unknown, config: object = {}): Promise<Told> {
  const project = new Project({
    ...JOBS,
    'jobrun.config.json': JSON.stringify({ notify, ...config }),
  });
  let log = '';
  const daemon = await startDaemon({
    dir: project.dir,
    watch: false,
    log: { write: (line: string) => (log += line) },
  });
  const jobs = await connect({ dir: project.dir });
  const stop = async (): Promise<number> => {
    await jobs.close();
    return daemon.stop({ now: true });
  };
  onTestFinished(async () => {
    await stop();
  });
  return { project, jobs, log: () => log, stop };
}

test('a command gets the run on its stdin, of the states and outcomes that were asked for and of no others', async () => {
  const t = await told([
    { on: ['failed'], command: 'cat >> failed.jsonl' },
    {
      on: ['timeout', 'failed'],
      job: 'slow',
      command: ['sh', '-c', `echo '["'$JOBRUN_ID'","'$JOBRUN_JOB'"]' >> slow.jsonl`],
    },
    { on: ['done'], job: 'other', command: 'cat >> never.jsonl' },
  ]);
  await t.jobs.schedule('good');
  const bad = await t.jobs.schedule('bad', { a: 1 });
  const [one] = await eventually(() => nonEmpty(t.project.ledger('failed.jsonl')));
  expect(one).toMatchObject({
    id: bad.id,
    job: 'bad',
    state: 'failed',
    params: { a: 1 },
    error: { message: 'no luck' },
  });
  const slow = await t.jobs.schedule('slow');
  await eventually(() => t.project.ledger('failed.jsonl').length === 2);
  const [line, more] = await eventually(() => nonEmpty(t.project.ledger('slow.jsonl')));
  expect([line, more], 'two words fit, it is told once').toEqual([[slow.id, 'slow'], undefined]);
  expect(t.project.ledger('never.jsonl')).toEqual([]);
});

const nonEmpty = (lines: Doc[]): Doc[] | null => (lines.length > 0 ? lines : null);

test('an address gets the run posted, again where it failed, and not what the config hides', async () => {
  const { url, received } = await receiver((_one, before) => (before === 0 ? 503 : 204));
  const t = await told([{ on: ['failed'], url: `${url}/hook?token=secret` }], {
    redact: ['password'],
  });
  await t.jobs.schedule('bad', { password: 'hunter2', user: 'ada' });
  await eventually(() => received.length === 2);
  expect(received[1]).toMatchObject({
    method: 'POST',
    url: '/hook?token=secret',
    type: 'application/json',
  });
  expect(JSON.parse(received[1]?.body ?? '')).toMatchObject({
    job: 'bad',
    params: { password: '***', user: 'ada' },
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(t.log()).not.toContain('could not tell');
});

test('who refuses it is not asked again, and the log says so without the secret of the address', async () => {
  const { url, received } = await receiver(() => 404);
  const t = await told([
    { on: ['failed'], url: `${url}/hook?token=secret` },
    { on: ['failed'], command: 'no-such-program-here --token=secret' },
  ]);
  await t.jobs.schedule('bad');
  await eventually(() => t.log().split('could not tell').length === 3);
  expect(received.length).toBe(1);
  expect(t.log()).toMatch(/could not tell 127\.0\.0\.1:\d+ of it: it answered 404/);
  expect(t.log()).toMatch(/could not tell no-such-program-here of it: exit 127/);
  expect(t.log()).not.toContain('secret');
});

test('receivers that never answer hold up neither runs nor the stop, and nothing of them stays', async () => {
  const { url, received } = await receiver(() => null);
  const mark = `sleep 4${process.pid}`;
  const t = await told([
    { on: ['done'], url },
    { on: ['done'], command: `${mark}; true` },
  ]);
  const runs = await Promise.all(Array.from({ length: 30 }, () => t.jobs.schedule('good')));
  for (const { id } of runs) expect(await t.jobs.result(id)).toBe('fine');
  await eventually(() => received.length > 0);
  const begin = performance.now();
  expect(await t.stop()).toBe(0);
  expect(performance.now() - begin).toBeLessThan(6000);
  expect(t.log()).toMatch(/\d+ notifications given up at the end/);
  await eventually(async () => (await processesWith(mark)).length === 0);
});

test.each([
  ['that ends', (sleep: string) => `${sleep} & setsid ${sleep} & cat >> told.jsonl`, null],
  [
    'at a stop',
    (sleep: string) => `${sleep} & setsid ${sleep} & cat >> told.jsonl; sleep 100`,
    'SIGTERM',
  ],
  [
    'at a kill of the daemon',
    (sleep: string) => `${sleep} & cat >> told.jsonl; sleep 100`,
    'SIGKILL',
  ],
] as const)(
  'what a command has started is ended with it: of one %s',
  async (_when, command, signal) => {
    const sleep = `sleep 3${process.pid}`;
    const rule = { on: ['failed'], command: command(sleep) };
    const project = new Project({
      ...JOBS,
      'jobrun.config.json': JSON.stringify({ notify: [rule] }),
    });
    const daemon = await project.daemon();
    await project.json('schedule', 'bad');
    await eventually(() => project.ledger('told.jsonl').length > 0);
    if (signal === 'SIGTERM') expect((await daemon.kill(signal)).code).toBe(0);
    else if (signal) await daemon.kill(signal);
    await eventually(async () => (await processesWith(sleep)).length === 0);
    if (signal === null) expect(await project.ask('status')).toMatchObject({ running: true });
  },
);

test('more than can be told is dropped and counted, and the daemon goes on', async () => {
  const { url } = await receiver(() => null);
  const t = await told([{ on: ['scheduled'], url }]);
  const far = Array.from({ length: 1100 }, () => ({ job: 'good', params: {}, in: '1h' }));
  await t.jobs.scheduleMany(far);
  await eventually(() => t.log().includes('1000 wait already'));
  expect(await t.jobs.result((await t.jobs.schedule('good')).id)).toBe('fine');
});

test.each([
  [{ on: ['faild'], command: 'x' }, '.on[0]: there is no "faild"', 'Did you mean "failed"?'],
  [{ on: 'faild', command: 'x' }, '.on: there is no "faild"', 'Did you mean "failed"?'],
  [{ on: [], command: 'x' }, '.on must not be an empty list', ''],
  [{ command: 'x' }, '.on is missing: it must be a list of states and outcomes such as', ''],
  [{ on: ['error'], command: 'x' }, '.on[0]: there is no "error"', 'Did you mean "failed"?'],
  [{ on: ['success'], command: 'x' }, '.on[0]: there is no "success"', 'Did you mean "done"?'],
  [{ on: ['failed'] }, 'a "command" or a "url"', 'One of the two'],
  [{ on: ['failed'], command: 'x', url: 'http://a' }, 'a "command" or a "url"', 'not both'],
  [{ on: ['failed'], url: 'ftp://a' }, '.url must be an address that begins with https://', ''],
  [{ on: ['failed'], command: [] }, '.command must not be an empty list', ''],
  [{ on: ['failed'], command: ' ' }, '.command must be a line for the shell', ''],
  [{ on: ['failed'], command: ['x', 1] }, '.command[1] must be a text', ''],
  [{ on: ['failed'], comand: 'x' }, ' has no setting "comand"', 'Did you mean "command"?'],
  [{ on: ['failed'], webhook: 'http://a' }, ' has no setting "webhook"', 'Did you mean "url"?'],
  [{ on: ['failed'], command: 'x', job: 3 }, '.job must be a text', ''],
  ['failed', ' must be an object with on, job, command, url, not "failed"', ''],
])('a mistake in the config is named: %j', (entry, message, hint) => {
  try {
    notifyRules({ dir: '/x', notify: [{ on: 'done', command: 'true' }, entry] });
    throw new Error('it was taken');
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    expect([error.code, error.message, error.hint]).toEqual([
      'bad-config',
      expect.stringContaining(message),
      expect.stringContaining(hint),
    ]);
    expect(error.message).toContain('jobrun.config.json: notify[1]');
  }
});
