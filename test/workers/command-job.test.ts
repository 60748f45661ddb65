// Command jobs: real scripts, with their words to jobrun, their environment, and their ends.
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Clock, delay, systemClock } from '../../src/support/clock.ts';
import { CommandRunner } from '../../src/workers/command-job.ts';
import type { FromRun } from '../../src/workers/messages.ts';
import { processInfo } from '../../src/workers/processes.ts';
import { Reaper } from '../../src/workers/reaper.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { assignment, atEnd, carry, ENV, newMark, project, type Reply, until } from './harness.ts';

function command(script: string, clock: Clock = systemClock) {
  const dir = project({ 'jobs/job.sh': script });
  const file = join(dir, 'jobs/job.sh');
  chmodSync(file, 0o755);
  const reaper = new Reaper(systemClock);
  atEnd(() => reaper.close());
  const runner = new CommandRunner({
    mark: newMark(),
    dir,
    env: { ...ENV, OWN: 'yes' },
    clock,
    reaper,
  });
  atEnd(() => runner.end({ force: true }));
  return { runner, file, dir };
}

async function run(script: string, more: Parameters<typeof assignment>[1] = {}, reply?: Reply) {
  const { runner, file } = command(script);
  return carry(runner, assignment(file, more), reply);
}

test('params come on stdin and in the environment, and nothing in them reaches a shell', async () => {
  const params = { to: `it's "$HOME" \`id\` \n ü; exit 9` };
  const script = `#!/bin/sh
    read -r line; printf '%s\\n' "$line" "$JOBRUN_PARAMS"; echo "$JOBRUN_ID $JOBRUN_JOB $JOBRUN_ATTEMPT $JOBRUN_CHECKPOINT $OWN"`;
  const said = await run(script, { params, run: 7, attempt: 2, checkpoint: { n: 1 } });
  const json = JSON.stringify(params);
  expect(said.lines).toEqual([`stdout: ${json}`, `stdout: ${json}`, 'stdout: 7 job 2 {"n":1} yes']);
  expect(said.outcome).toEqual({ kind: 'returned', output: null });
});

test('works in the project folder, as the process whose pid the lease has', async () => {
  const { runner, file, dir } = command('#!/bin/sh\npwd; echo $$; ls /proc/$$/fd | tr "\\n" " "');
  const { pid } = runner;
  const said = await carry(runner, assignment(file));
  expect(said.lines.slice(0, 2)).toEqual([`stdout: ${dir}`, `stdout: ${pid}`]);
});

test('its words on stdout are progress, saves, emits and the output; on stderr they are only text', async () => {
  const said = await run(`#!/bin/sh
    echo '::progress 40 half of it'; echo '::save {"n":1}'; echo '::emit mail {"to":"x"}'; echo '::output [1,2]'
    echo '::progress 400' >&2; echo '::other thing'`);
  const types = said.messages.filter((message) => message.type !== 'log');
  expect(types).toMatchObject([
    { type: 'progress', percent: 40, text: 'half of it' },
    { type: 'save', checkpoint: { n: 1 } },
    { type: 'emit', job: 'mail', params: { to: 'x' } },
    { type: 'outcome', outcome: { kind: 'returned', output: [1, 2] } },
  ]);
  expect([...said.lines].sort()).toEqual(['stderr: ::progress 400', 'stdout: ::other thing']);
});

test('what a command asks for is read on when what it asked for before is answered; an ended one is read to its end', async () => {
  const { runner, file } = command(`#!/bin/sh
    i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo '::emit mail'; done
    while [ ! -e ended ]; do sleep 0.05; done; echo '::emit mail'; echo '::output 1'`);
  const calls: number[] = [];
  let ended: unknown = null;
  const onMessage = (message: FromRun): void => {
    if (message.type === 'emit') calls.push(message.call);
    if (message.type === 'outcome') ended = message.outcome;
  };
  runner.listen(1, { onMessage });
  runner.send({ type: 'run', assignment: assignment(file, { run: 1 }) });
  const answer = (call: number): void =>
    runner.send({ type: 'answer', run: 1, call, answer: { ok: true, value: null } });
  await until(() => calls.length > 0);
  await delay(systemClock, 300);
  expect(calls.length, 'nothing is answered').toBeLessThanOrEqual(500);
  for (let answered = 0; answered < 3000; answered++) {
    await until(() => calls.length > answered);
    answer(calls[answered] as number);
  }
  writeFileSync(join(dirname(file), '..', 'ended'), '');
  await until(() => ended !== null);
  expect(ended).toEqual({ kind: 'returned', output: 1 });
  expect(calls.length, 'the last is not answered').toBe(3001);
});

test('a word that is wrong is shown with what is wrong, and does nothing', async () => {
  const said = await run(`#!/bin/sh\necho '::save {oops'; echo '::progress lots'`);
  expect(said.lines).toEqual([
    'stdout: ::save {oops',
    'log: not understood: the value is no JSON',
    'stdout: ::progress lots',
    'log: not understood: "lots" is no percentage',
  ]);
  expect(said.messages.filter((message) => message.type === 'save')).toEqual([]);
});

test('any end but exit code 0 is a failed attempt that says how', async () => {
  expect((await run('#!/bin/sh\necho "::output 1"; exit 3')).outcome).toMatchObject({
    kind: 'threw',
    exitCode: 3,
    error: { message: 'the command ended with exit code 3' },
  });
  expect((await run('#!/bin/sh\nkill -SEGV $$')).outcome).toMatchObject({ signal: 'SIGSEGV' });
  const missing = await run('#!/no/such/program');
  expect(missing.outcome).toMatchObject({ kind: 'threw', exitCode: 127 });
});

test('large params come on stdin, and that they are not in the environment is said', async () => {
  const params = 'x'.repeat(300_000);
  const said = await run('#!/bin/sh\nwc -c; echo "[$JOBRUN_PARAMS]"', { params });
  expect(said.lines.join()).toContain('300003');
  expect(said.lines.join()).toContain('JOBRUN_PARAMS is left out');
  expect(said.lines.at(-1)).toBe('stdout: []');
});

test('a command that was never told to run never starts', async () => {
  const { runner } = command('#!/bin/sh\necho started');
  const lines: string[] = [];
  runner.listen(1, { onMessage: (message) => void lines.push(message.type) });
  await delay(systemClock, 100);
  await runner.end();
  expect(lines).toEqual(['outcome']);
  expect(runner.exit?.exitCode).not.toBe(0);
});

test('an abort is SIGTERM, and the end takes what the command started', async () => {
  // A loop, not one long sleep: a signal that meets the shell between fork and exec is lost to that child.
  const wait = 'while :; do sleep 0.1; done';
  // It tells its pid itself, when it has left the group.
  const away = `setsid sh -c 'echo $$; exec sleep 1000' &`;
  const script = `#!/bin/sh\ntrap 'echo cleaning; exit 5' TERM; ${away} ${wait}`;
  const { runner, file } = command(script);
  let pid = 0;
  const said = carry(runner, assignment(file), undefined, (message) => {
    if (message.type === 'log' && pid === 0) pid = Number(message.line.text);
  });
  await until(() => pid > 0);
  runner.send({ type: 'abort', run: 1, cause: 'abort', reason: 'no longer wanted' });
  expect((await said).lines).toContain('stdout: cleaning');
  expect((await said).outcome).toMatchObject({ exitCode: 5 });
  expect(processInfo(pid)?.alive).toBe(true);
  await runner.end();
  expect(processInfo(pid)?.alive ?? false).toBe(false);
});

test.each([
  ['not waited for where the command was aborted', true, 'wait'],
  ['waited for a while where it ended by itself', false, 'exit 0'],
])('a child of a command that prints on after its end is %s', async (_, isAborted, end) => {
  const clock = new FakeClock(0);
  const flood = `setsid sh -c 'echo $$; exec yes' &`;
  const { runner, file } = command(`#!/bin/sh\n${flood} read go; ${end}`, clock);
  let pid = 0;
  let lines = 0;
  let isOver = false;
  const said = carry(runner, assignment(file), undefined, (message) => {
    if (message.type === 'log' && lines++ === 0) pid = Number(message.line.text);
  }).then((all) => {
    isOver = true;
    return all;
  });
  await until(() => lines > 1);
  if (isAborted) runner.send({ type: 'abort', run: 1, cause: 'abort', reason: 'unwanted' });
  await until(() => processInfo(runner.pid)?.alive !== true);
  for (let looks = 0; looks < 5; looks++) {
    const before = lines;
    await until(() => isOver || lines > before);
    await clock.advance(200, () => new Promise(setImmediate));
  }
  if (isAborted) await said;
  expect(isOver).toBe(isAborted);
  process.kill(pid, 'SIGKILL');
  await until(() => processInfo(pid)?.alive !== true);
  await said;
});
