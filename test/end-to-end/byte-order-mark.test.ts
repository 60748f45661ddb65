// Windows editors write a byte order mark before a text. It is no part of any JSON that is read.
import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

const MARK = '\ufeff';

test('a byte order mark is accepted before every JSON: config, options, package.json, imports, params, batches, an import', async () => {
  const project = new Project({
    'jobrun.config.json': `${MARK}{ "timezone": "Europe/Berlin" }`,
    'package.json': `${MARK}{ "type": "module" }`,
    'jobs/echo.js': `import part from './part.json' with { type: 'json' };
      import { createRequire } from 'node:module';
      const { other } = createRequire(import.meta.url)('./other.json');
      export default (params) => ({ ...params, ...part, other });`,
    'jobs/part.json': `${MARK}{ "part": 1 }`,
    'jobs/other.json': `${MARK}{ "other": 2 }`,
    'jobs/command.sh': '#!/bin/sh\necho hi\n',
    'jobs/command.json': `${MARK}{ "priority": 7 }`,
    'params.json': `${MARK}{ "n": 41 }`,
    'batch.jsonl': `${MARK}{ "job": "echo" }\n{ "job": "echo" }\n`,
  });
  expect(await project.json('schedule', 'echo', '--params', '@params.json')).toMatchObject({
    params: { n: 41 },
  });
  const piped = await project.cli(
    ['schedule', 'echo', '--params', '-', '-q'],
    `${MARK}{ "n": 42 }`,
  );
  expect(piped.code).toBe(0);
  expect((await project.cli(['schedule', '--batch', 'batch.jsonl', '-q'])).stdout).toBe('3\n4\n');
  expect(await project.json('schedule', 'command')).toMatchObject({ priority: 7 });
  expect(await project.json('next', '@daily')).toMatchObject({ timezone: 'Europe/Berlin' });
  expect(await project.json('run', '--local', 'echo', '--params', '{"n":1}')).toMatchObject({
    output: { n: 1, part: 1, other: 2 },
  });
  const stream = (await project.cli(['export'])).stdout;
  const imported = await new Project().cli(['import', '--json'], MARK + stream);
  expect(JSON.parse(imported.stdout)).toMatchObject({ imported: 6 });
}, 60_000);

test('a command with a byte order mark before its "#!" is broken and not run by a shell, until it is saved without one', async () => {
  const script = '#!/usr/bin/awk -f\nBEGIN { print "awk" }\n';
  const project = new Project({ 'jobs/marked.cmd': MARK + script });
  chmodSync(`${project.dir}/jobs/marked.cmd`, 0o755);
  const refused = await project.cli(['run', 'marked', '--local']);
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringContaining('marked.cmd:1: a byte order mark stands before "#!"'),
  ]);
  await project.daemon();
  const { id } = await project.json('schedule', 'marked', '--force');
  const reason = async (): Promise<string | null> => (await project.ask('show', { id })).reason;
  await eventually(async () => (await reason())?.includes('byte order mark') || null);
  project.write('jobs/marked.cmd', script);
  const run = await project.until(id);
  expect([run.state, run.log.map(({ text }: { text: string }) => text)]).toEqual(['done', ['awk']]);
  project.write('jobs/marked.cmd', MARK + script);
  await eventually(async () => (await project.ask('status')).broken.includes('marked'));
}, 60_000);
