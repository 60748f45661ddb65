// Lines to type begin with the word of the package manager that this program was called by.
import { expect, test } from 'vitest';
import { asTyped, callerIn } from '../../src/cli/called-by.ts';
import { WORDS } from '../../src/cli/entries.ts';
import { Project } from '../helpers/project.ts';

test.each([
  [{}, null],
  [{ npm_command: 'exec' }, 'npx'],
  [{ npm_command: 'start', npm_config_user_agent: 'npm/10.8.2 node/v20' }, 'npx'],
  [{ npm_command: 'run-script', npm_config_user_agent: 'pnpm/9.1.0 npm/? node/v20' }, 'pnpm'],
  [{ npm_config_user_agent: 'yarn/4.1.0 npm/? node/v20' }, 'yarn'],
  [{ npm_config_user_agent: 'bun/1.1.0' }, 'bunx'],
])('%j is called by %s', (env, caller) => {
  expect(callerIn(env)).toBe(caller);
});

test('only what is a line to type is changed', () => {
  const env = { npm_command: 'exec' };
  expect(asTyped('start it: jobrun daemon; or jobrun run <job> --local', env, WORDS)).toBe(
    'start it: npx jobrun daemon; or npx jobrun run <job> --local',
  );
  const others =
    'jobrun needs a file, node_modules/.bin/jobrun list, npx-jobrun list, jobrun lists';
  expect(asTyped(others, env, WORDS)).toBe(others);
  expect(asTyped('jobrun daemon', {}, WORDS)).toBe('jobrun daemon');
});

test('hints and talk are as they work in that shell, and JSON is the same for all', async () => {
  const project = new Project({ 'jobs/work.mjs': 'export default () => 1;' });
  expect((await project.cli(['run', 'work'])).stderr).toContain(' jobrun daemon');
  project.env.npm_command = 'exec';
  expect((await project.cli(['run', 'work'])).stderr).toContain(' npx jobrun daemon');
  const said = await project.cli(['schedule', 'work', '--in', '1h']);
  expect(said.stderr).toContain('follow it: npx jobrun logs -f 1');
  const { stderr } = await project.cli(['run', 'work', '--json']);
  expect(JSON.parse(stderr).error.hint).not.toContain('npx');
}, 30_000);
