// Command jobs: any executable as a job, in shell and Python, told and telling by lines.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, isAlive } from '../helpers/project.ts';
import { Site, site } from '../helpers/site.ts';

const SHELL = `#!/bin/sh
read -r params
echo "stdin $params"
echo "env $JOBRUN_PARAMS $JOBRUN_ID $JOBRUN_JOB $JOBRUN_ATTEMPT [$JOBRUN_CHECKPOINT] $(pwd)"
echo "to stderr" >&2
echo "::progress 40 nearly half"
echo '::save {"at":1}'
echo '::emit leaf {"n":7}'
echo "::progress lots"
echo "::nothing of ours"
echo '::output {"sum":3}'
`;
const PYTHON = `#!/usr/bin/env python3
import json, os, sys
params = json.load(sys.stdin)
saved = json.loads(os.environ.get('JOBRUN_CHECKPOINT') or 'null')
n = (saved or {}).get('n', 0) + 1
print('::save ' + json.dumps({'n': n}), flush=True)
if n < params['tries']:
    print('try', n, flush=True)
    sys.exit(5)
print('::output ' + json.dumps({'total': sum(params['list']), 'attempt': int(os.environ['JOBRUN_ATTEMPT']), 'text': 'grüße'}))
`;

test('a shell script gets its params and says progress, checkpoint, output and emits by lines; the rest is its log', async () => {
  const s = await site({
    'backup.sh': SHELL,
    leaf: `export default ({ n }) => mark('leaf', { n });`,
  });
  const run = await s.run('backup', { q: "it's $HOME `x`" });
  expect(run).toMatchObject({
    state: 'done',
    output: { sum: 3 },
    checkpoint: { at: 1 },
    progress: { percent: 100, text: 'nearly half' },
  });
  const texts = run.log.map(({ text }) => text);
  expect(texts).toContain(`stdin {"q":"it's $HOME \`x\`"}`);
  expect(texts).toContain(`env {"q":"it's $HOME \`x\`"} ${run.id} backup 1 [] ${s.project.dir}`);
  expect(run.log.find(({ text }) => text === 'to stderr')).toMatchObject({
    stream: 'stderr',
    level: 'error',
  });
  expect(texts).toContain('::nothing of ours');
  expect(texts.some((text) => text.includes('"lots" is no percentage'))).toBe(true);
  expect(texts.filter((text) => text.startsWith('::save') || text.startsWith('::output'))).toEqual(
    [],
  );
  await eventually(() => s.marks('leaf').length === 1);
  expect((await s.jobs.list({ job: 'leaf' })).runs).toMatchObject([
    { parent: run.id, params: { n: 7 } },
  ]);
});

test('a Python script goes on from its checkpoint after a failure; options come from the file beside it', async () => {
  const s = await site({
    'sum.py': PYTHON,
    'sum.json':
      '{ "retries": { "limit": 3, "delay": 50, "jitter": 0 }, "description": "Adds up", "priority": 4 }',
  });
  const run = await s.run('sum', { tries: 3, list: [1, 2, 3] });
  expect(run).toMatchObject({
    state: 'done',
    output: { total: 6, attempt: 3, text: 'grüße' },
    priority: 4,
    maxAttempts: 4,
  });
  expect(run.attempts.slice(0, 2)).toMatchObject([
    { outcome: 'threw', exitCode: 5 },
    { outcome: 'threw', exitCode: 5 },
  ]);
  expect((await s.project.json('jobs', 'sum')).description).toBe('Adds up');
  const failed = await s.run('sum', { tries: 99, list: [] });
  expect(failed).toMatchObject({ state: 'failed', attempt: 4 });
  expect(failed.error?.message).toContain('exit code 5');
});

test('an option that is none breaks the job with its file and field, and the others go on', async () => {
  const s = await site({
    'odd.sh': '#!/bin/sh\n',
    'odd.json': '{ "retry": 3 }',
    'fine.sh': '#!/bin/sh\n',
  });
  const { jobs } = await s.project.json('jobs');
  expect(jobs[1]).toMatchObject({ name: 'odd', state: 'broken' });
  expect(jobs[1].error).toMatch(/odd\.json: .*"retry".*retries/);
  expect(await s.run('fine')).toMatchObject({ state: 'done', output: null });
});

test('an abort and a timeout end a command with everything that it started', async () => {
  const text = `#!/bin/sh
sleep 1000 &
echo "child $!"
wait
`;
  const s = await site({
    'slow.sh': text,
    'late.sh': text,
    'late.json': '{ "timeout": "600ms", "grace": "100ms" }',
  });
  const slow = await s.jobs.schedule('slow');
  const child = async (id: string) => {
    const { log } = await s.when(id, ({ log }) =>
      log.some((line) => line.text.startsWith('child')),
    );
    return Number(log[0]?.text.split(' ')[1]);
  };
  const pid = await child(slow.id);
  expect(isAlive(pid)).toBe(true);
  await s.jobs.abort(slow.id, { grace: 500 });
  expect(isAlive(pid), 'the child of an aborted command').toBe(false);
  const late = await s.run('late');
  expect(late).toMatchObject({ state: 'failed', error: { name: 'TimeoutError' } });
  expect(isAlive(await child(late.id))).toBe(false);
});

test('a command that cannot be started, ignores its stdin, or is killed, is a failed attempt that says so', async () => {
  const s = new Site({
    'nothing.sh': '#!/no/such/interpreter\n',
    'windows.sh': '#!/bin/sh\r\nexit 0\r\n',
    'env.py': '#!/usr/bin/env no-such-python9\n',
    'quick.sh': '#!/bin/sh\nexit 0\n',
    'killed.sh': '#!/bin/sh\nkill -9 $$\n',
    'plain.sh': '#!/bin/sh\nexit 0\n',
  });
  chmodSync(join(s.project.dir, 'jobs/plain.sh'), 0o644);
  await s.up();
  expect(await s.run('quick', { large: 'x'.repeat(500_000) })).toMatchObject({ state: 'done' });
  expect((await s.run('killed')).attempts).toMatchObject([{ signal: 'SIGKILL', outcome: 'threw' }]);
  for (const [job, why] of [
    ['nothing', 'jobs/nothing.sh:1: the interpreter /no/such/interpreter does not exist'],
    ['windows', 'CRLF, which makes the interpreter "/bin/sh\\r"'],
    ['env', 'the interpreter no-such-python9 is not in PATH'],
  ] as const) {
    const run = await s.run(job);
    expect(run.state).toBe('failed');
    expect(run.error?.message).toContain(why);
  }
  const refused = await s.project.cli(['schedule', 'plain']);
  const file = join(s.project.dir, 'jobs/plain.sh');
  expect([refused.code, refused.stderr]).toEqual([
    3,
    `error: there is no job named "plain"\n  ${file} lacks its run bit: chmod +x ${file}\n`,
  ]);
  const listed = await s.project.cli(['jobs']);
  expect(listed.stderr).toContain(`no job: jobs/plain.sh lacks its run bit: chmod +x ${file}\n`);
  expect(listed.stdout).not.toContain('plain');
  chmodSync(join(s.project.dir, 'jobs/plain.sh'), 0o755);
  await eventually(async () => (await s.project.cli(['schedule', 'plain'])).code === 0);
});
