// The page behind the nginx of the documentation, under a path and with TLS; and those who try it from elsewhere:
// another site, a frame, a name that was bound to this machine, and a key for reading only.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiProject } from '../helpers/api.ts';
import { expectFailedRequests, profile, visit } from '../helpers/browser.ts';
import { ask } from '../helpers/http.ts';
import { needProgram, platform } from '../helpers/platform.ts';
import { eventually } from '../helpers/project.ts';
import { shared, whenOver } from '../helpers/shared.ts';
import { ROOT } from '../helpers/source.ts';

const NAME = 'jobs.example.com';
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A server of another site, which gives out this document. */
async function site(document: string): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html').end(document);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  whenOver(() => void server.close());
  return server;
}

/** Starts nginx with the lines that docs/web.md shows. Gives its address. */
async function behindNginx(project: ApiProject): Promise<string> {
  needProgram('nginx');
  needProgram('openssl');
  const page = readFileSync(join(ROOT, 'docs/web.md'), 'utf8');
  const [, shown = ''] = /```nginx\n([\s\S]*?)```/.exec(page) ?? [];
  const spare = await site('');
  const port = portOf(spare);
  await new Promise((resolve) => spare.close(resolve));
  const at = (name: string): string => join(project.dir, `nginx-${name}`);
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', at('key'), '-out', at('cert'), '-subj', `/CN=${NAME}`, '-days', '2'],
  ]);
  expect(made.status, String(made.stderr)).toBe(0);
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = folders.map((name) => `${name}_temp_path ${at(name)};`).join('\n');
  project.write(
    'nginx.conf',
    `daemon off; master_process off; pid ${at('pid')}; events {}
     http { access_log off; ${temporary}
       server { listen 127.0.0.1:${port} ssl; server_name ${NAME};
         ssl_certificate ${at('cert')}; ssl_certificate_key ${at('key')};
         ${shown.replace('127.0.0.1:9464', new URL(project.url).host)} } }`,
  );
  const conf = join(project.dir, 'nginx.conf');
  const nginx = spawn('nginx', ['-p', project.dir, '-e', at('errors'), '-c', conf]);
  whenOver(() => nginx.kill('SIGKILL'));
  return `https://${NAME}:${port}`;
}

describe.runIf(platform.hasBrowser && platform.hasNginx)('a page', { timeout: 60_000 }, () => {
  const served = shared(async () => {
    const project = new ApiProject({
      'jobs/work.mjs': 'export default () => 1;',
      'jobrun.config.json': JSON.stringify({ http: { names: [NAME], base: '/jobs' } }),
    });
    await project.serve();
    return { project, proxy: await behindNginx(project) };
  });

  test('works behind nginx, under a path and with TLS: it is live, changes things, and follows links', async () => {
    const { project, proxy } = served();
    const page = await (await profile()).newPage();
    await eventually(
      () => page.goto(`${proxy}/jobs/#key=${project.key()}`).catch(() => null),
      20_000,
    );
    await page.getByText('live', { exact: true }).waitFor();
    expect(page.url()).toBe(`${proxy}/jobs/`);
    await project.api('POST', 'runs', { job: 'work', in: '2h' });
    await page.getByText('1–1 of 1').waitFor();
    await page.getByRole('link', { name: 'Jobs' }).click();
    expect(page.url()).toBe(`${proxy}/jobs/jobs`);
    await page.getByRole('button', { name: 'Pause all' }).click();
    await page.getByRole('button', { name: 'Resume all' }).click();
    await page.getByRole('button', { name: 'Pause all' }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'work', exact: true }).waitFor();
    expect((await page.goto(`${proxy}/`))?.status(), 'nothing outside of its path').toBe(404);
  });

  test('gives nothing to another site or port, to a frame, or under a rebound name', async () => {
    const { project } = served();
    const api = `${project.url}/api/v1`;
    const before = (await project.get('runs?limit=0')).total;
    const there = await site(`<iframe src="${project.url}/"></iframe>`);
    for (const origin of ['http://127.0.0.1', 'http://evil.example.com']) {
      const page = await (await profile()).newPage();
      await page.goto(`${origin}:${portOf(there)}/`);
      expect(page.frames().map((frame) => frame.url().split(':')[0])).toEqual([
        'http',
        'chrome-error',
      ]);
      const asked = await page.evaluate(`Promise.all([
        fetch('${api}/status', { headers: { Authorization: 'Bearer ${project.key()}' } }),
        fetch('${api}/runs', { method: 'POST', body: '{"job":"work"}', headers: { Authorization: 'Bearer ${project.key()}' } }),
        fetch('${project.url}/'),
      ].map((one) => one.then(() => 'read', () => 'refused')))`);
      expect([origin, asked]).toEqual([origin, ['refused', 'refused', 'refused']]);
      await page.evaluate(
        `fetch('${api}/runs', { method: 'POST', mode: 'no-cors', body: '{"job":"work"}' }).catch(() => {})`,
      );
    }
    const rebound = await (await profile()).newPage();
    const { port } = new URL(project.url);
    const reply = await rebound.goto(`http://rebound.example.com:${port}/jobs/`);
    expect(reply?.status()).toBe(421);
    expect((await project.get('runs?limit=0')).total, 'nothing was started').toBe(before);
  });

  test('with a stolen key for reading only can look, and change nothing', async () => {
    const { project } = served();
    const page = await visit(project, '/', { key: project.key('read-key') });
    await page.getByText('live, read only').waitFor();
    const asked =
      await page.evaluate(`Promise.all([['GET', 'status'], ['POST', 'pause'], ['POST', 'runs'], ['DELETE', 'runs/1']]
      .map(async ([method, path]) => (await fetch('/jobs/api/v1/' + path, { method, headers: {
        Authorization: 'Bearer ${project.key('read-key')}', 'Content-Type': 'application/json' },
        ...(method === 'POST' && { body: '{"job":"work"}' }) })).status))`);
    expect(asked).toEqual([200, 403, 403, 403]);
    expectFailedRequests();
    expect((await ask(`${project.url}/api/v1/status`)).status).toBe(401);
  });
});
