// `jobrun web`: the address with a key, and new keys.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ApiProject, apiProject } from '../helpers/api.ts';
import { ask } from '../helpers/http.ts';
import { eventually, Project } from '../helpers/project.ts';

const JOBS = { 'jobs/work.mjs': 'export default () => 1;' };

const statusWith = async (project: ApiProject, key: string): Promise<number> =>
  (await ask(`${project.url}/api/v1/status`, { headers: { authorization: `Bearer ${key}` } }))
    .status;

test('the address has the key of the right wanted, and new keys make old ones worthless at once', async () => {
  const project = await apiProject(JOBS);
  const [key, readKey] = [project.key(), project.key('read-key')];
  const printed = await project.cli(['web', '--print']);
  expect(printed).toMatchObject({ code: 0, stdout: `${project.url}/#key=${key}\n` });
  expect((await project.cli(['web', '--print', '--read-only'])).stdout).toBe(
    `${project.url}/#key=${readKey}\n`,
  );
  const anew = await project.json('web', '--print', '--new-key');
  expect(anew).toEqual({
    url: `${project.url}/#key=${project.key()}`,
    newKeys: true,
    opened: false,
  });
  expect([project.key() === key, project.key('read-key') === readKey]).toEqual([false, false]);
  expect([await statusWith(project, key), await statusWith(project, readKey)]).toEqual([401, 401]);
  expect(await statusWith(project, project.key('read-key'))).toBe(200);
  expect(statSync(join(project.state, 'http-key')).mode & 0o777).toBe(0o600);
});

test('a browser gets the address from a private file, not from its arguments', async () => {
  const project = await apiProject(JOBS);
  project.write('../bin/xdg-open', `#!/bin/sh\nprintf '%s\\n' "$@" > ${project.dir}/opened\n`);
  project.env.PATH = `${join(project.env.HOME ?? '', 'bin')}:${project.env.PATH}`;
  expect((await project.json('web')).opened, 'no screen, no browser').toBe(false);
  project.env.DISPLAY = ':0';
  const { url, opened } = await project.json('web');
  expect([opened, url]).toEqual([true, `${project.url}/#key=${project.key()}`]);
  const file = await eventually(() => {
    try {
      return readFileSync(join(project.dir, 'opened'), 'utf8').trim();
    } catch {
      return null;
    }
  });
  expect(file).toBe(join(project.state, 'http-open.html'));
  expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8').includes(url)]).toEqual([
    0o600,
    true,
  ]);
});

test('without a daemon, or with one that does not serve, it says what to start', async () => {
  const project = new Project(JOBS);
  const none = await project.cli(['web', '--print']);
  expect([none.code, none.stdout, none.stderr]).toEqual([
    4,
    '',
    expect.stringContaining('jobrun daemon --http 127.0.0.1:9464'),
  ]);
  expect((await project.json('web', '--new-key')).url).toBe(null);
  await project.daemon();
  const off = await project.cli(['web', '--print']);
  expect([off.code, off.stderr]).toEqual([5, expect.stringContaining('does not serve HTTP')]);
  expect((await project.json('status')).http).toBe(null);
});

test('behind a proxy the path in front is part of the address', async () => {
  const project = new ApiProject({
    ...JOBS,
    'jobrun.config.json': '{ "http": { "base": "/jobs", "names": ["jobs.example.com"] } }',
  });
  await project.serve();
  expect((await project.json('web', '--print')).url).toMatch(
    /^http:\/\/127\.0\.0\.1:\d+\/jobs\/#key=[\w-]{43}$/,
  );
  expect((await project.get('status')).http).toBe(project.url);
});
