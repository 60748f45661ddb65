// What is said, and with which exit code, where the store that the config names cannot be used.
import { expect, it } from 'vitest';
import { freshStore, WITH_PASSWORD } from '../helpers/postgres.ts';
import { Project, type Result } from '../helpers/project.ts';

const projectOn = (engine: unknown): Project =>
  new Project({ 'jobrun.config.json': JSON.stringify({ engine }) });

function told({ code, stdout, stderr }: Result): string {
  expect(stdout).toBe('');
  return `${code} ${stderr.trim()}`;
}

it('an engine that there is not exits 2, with what there is', async () => {
  expect(told(await projectOn('mysql://u:secret@db/x').cli(['list']))).toMatch(
    /^2 error: .*jobrun\.config\.json: engine: there is no engine "mysql": it is json, or a URL that begins with postgres:\/\/ or postgresql:\/\/\n/,
  );
  expect(told(await projectOn('redis://db').cli(['list']))).toMatch(
    /^2 .*\n +A Redis that is asked to fail over may lose what it has acknowledged/,
  );
});

it('without the driver every command exits 2 and says what to install', async () => {
  const project = projectOn('postgres://u:secret@db/x');
  project.install({ without: ['pg'] });
  const expected = '2 error: engine postgres needs the package pg\n  npm install pg';
  for (const command of ['list', 'daemon'])
    expect(told(await project.cli([command]))).toBe(expected);
  const { stderr } = await project.cli(['list', '--json']);
  expect(JSON.parse(stderr)).toEqual({
    error: {
      code: 'bad-config',
      message: 'engine postgres needs the package pg',
      hint: 'npm install pg',
    },
  });
});

it('a store that nobody answers for is waited for 5 s, then it is exit 8 with host and port', async () => {
  const project = projectOn('postgres://u:secret@127.0.0.1:1/x');
  const result = await project.cli(['list']);
  expect(told(result)).toMatch(
    /^8 error: the store at 127\.0\.0\.1:1 cannot be reached: connect ECONNREFUSED/,
  );
  expect(result.ms).toBeGreaterThan(4500);
});

it('a wrong password and a missing database are exit 8 with the reason of the server', async () => {
  const store = await freshStore({ fsync: true });
  const wrong = store.replace('jobrun@', `${WITH_PASSWORD.user}:secret@`);
  const said = told(await projectOn(wrong).cli(['list', '-v']));
  expect(said).toMatch(/^8 .*password authentication failed for user "guarded"/);
  expect(said).not.toContain('secret');
  const missing = store.replace('/postgres?', '/nowhere?');
  expect(told(await projectOn(missing).cli(['list']))).toMatch(/database "nowhere" does not exist/);
});

it('a server that forgets is exit 8', async () => {
  const store = await freshStore();
  expect(told(await projectOn(store).cli(['list']))).toMatch(/^8 .* has fsync off/);
  const daemon = await projectOn(store).cli(['daemon']);
  expect(daemon.code).toBe(8);
});
