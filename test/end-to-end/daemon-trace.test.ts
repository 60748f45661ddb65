// The trace context that a daemon was started with belongs to whoever started it, and to no run.
import { expect, test } from 'vitest';
import { eventually, Project } from '../helpers/project.ts';

const NAMES = ['TRACEPARENT', 'TRACESTATE', 'BAGGAGE'];

test('neither jobs, commands nor notifications inherit the trace of the daemon; all else of its environment they do', async () => {
  const said = `JSON.stringify([...${JSON.stringify(NAMES)}, 'OTHER'].map((name) => process.env[name] ?? null))`;
  const project = new Project({
    'jobs/module.mjs': `export default () => JSON.parse(${said});`,
    'jobs/shell.sh': `#!/bin/sh\nnode -e "console.log('::output ' + ${said.replaceAll('"', "'")})"\n`,
    'tell.mjs': `import { writeFileSync } from 'node:fs';\nwriteFileSync('told.json', ${said});`,
    'jobrun.config.json': JSON.stringify({
      notify: [{ on: ['done'], job: 'module', command: [process.execPath, 'tell.mjs'] }],
    }),
  });
  for (const name of [...NAMES, 'OTHER']) project.env[name] = `of the daemon: ${name}`;
  await project.daemon();
  for (const name of NAMES) delete project.env[name];
  const expected = [null, null, null, 'of the daemon: OTHER'];
  for (const job of ['module', 'shell']) {
    const { id } = await project.json('schedule', job);
    expect([job, (await project.until(id)).output]).toEqual([job, expected]);
  }
  const told = await eventually(() => project.ledger('told.json')[0] ?? null);
  expect(told).toEqual(expected);
});
