// The files of the web page: small, free of what only Node has, and given out below the path that the config names.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ApiProject, apiProject } from '../helpers/api.ts';
import { ask } from '../helpers/http.ts';
import { ROOT } from '../helpers/source.ts';

const WEB = join(ROOT, 'dist/web');
const JOBS = { 'jobs/work.mjs': 'export default () => 1;' };

test('all files together have at most 80 KB, and 30 KB packed', () => {
  const files = readdirSync(WEB).map((name) => readFileSync(join(WEB, name)));
  const sizeOf = (of: (bytes: Buffer) => Buffer): number =>
    files.reduce((sum, bytes) => sum + of(bytes).length, 0);
  expect(sizeOf((bytes) => bytes)).toBeLessThanOrEqual(80 * 1024);
  expect(sizeOf((bytes) => gzipSync(bytes, { level: 9 }))).toBeLessThanOrEqual(30 * 1024);
});

test('every page of the web page is one document, and nothing else is', async () => {
  const { url } = await apiProject(JOBS);
  const pages = [
    '/',
    '/runs',
    '/runs/12',
    '/jobs',
    '/jobs/reports%2Fdaily',
    '/jobs/a/new',
    '/schedules',
  ];
  for (const path of pages) {
    const { status, type, body } = await ask(url + path);
    expect([path, status, type, body.includes('src="/app.js"')]).toEqual([
      path,
      200,
      'text/html; charset=utf-8',
      true,
    ]);
  }
  for (const path of [
    '/index.html',
    '/runs/1/2',
    '/schedules/x',
    '/jobs/a/new/x',
    '/web/app.js',
    '/..%2Fpackage.json',
  ])
    expect([path, (await ask(url + path)).status]).toEqual([path, 404]);
  expect((await ask(`${url}/`, { method: 'POST' })).status).toBe(405);
});

test('files need no key, tell nothing of the project, and come packed to whoever can unpack them', async () => {
  const project = await apiProject(JOBS);
  const plain = await ask(`${project.url}/app.css`);
  expect([plain.status, plain.type]).toEqual([200, 'text/css; charset=utf-8']);
  expect(plain.body).toBe(readFileSync(join(WEB, 'app.css'), 'utf8'));
  const response = await fetch(`${project.url}/app.js`, { headers: { 'Accept-Encoding': 'gzip' } });
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(await response.text()).toBe(readFileSync(join(WEB, 'app.js'), 'utf8'));
  for (const name of ['app.js', 'app.css', ''])
    expect((await ask(`${project.url}/${name}`)).body).not.toContain(project.key());
});

test('a link on another page leads here; a frame, a script or a request of another page does not', async () => {
  const { url } = await apiProject(JOBS);
  const from = (headers: Readonly<Record<string, string>>, path = '/runs/1'): Promise<number> =>
    ask(url + path, { headers: { 'sec-fetch-site': 'cross-site', ...headers } }).then(
      ({ status }) => status,
    );
  const link = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  expect(await from(link)).toBe(200);
  expect(await from({ ...link, 'sec-fetch-dest': 'iframe' })).toBe(403);
  expect(await from({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }, '/app.js')).toBe(
    403,
  );
  expect(await from({ ...link, origin: 'https://evil.example' })).toBe(403);
  expect(await from(link, '/api/v1/status')).toBe(403);
  expect(await from(link, '/metrics')).toBe(403);
});

test('below a path of a proxy the document names its files below that path', async () => {
  const project = new ApiProject({
    ...JOBS,
    'jobrun.config.json': '{ "http": { "base": "/jobs", "names": ["jobs.example.com"] } }',
  });
  await project.serve();
  const { body } = await ask(`${project.url}/runs/12`);
  expect(body).toContain('src="/jobs/app.js"');
  expect((await ask(`${project.url}/app.js`)).status).toBe(200);
  expect((await ask(new URL('/app.js', project.url).href)).status).toBe(404);
});
