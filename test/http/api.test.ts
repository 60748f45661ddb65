// What the API does that no command prints: options that are not there, waits, events, times as they are typed.
import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { eventually } from '../helpers/project.ts';

const JOBS = {
  'jobs/work.mjs': 'export default ({ n = 0 }) => n * 2;',
  'jobs/talk.mjs': `export default async (_p, ctx) => {
  ctx.log.info('first');
  await ctx.sleep(1500);
  ctx.log.info('second');
  await ctx.sleep(60_000);
};`,
};

test('an option that a route does not have is refused by its name, and so is a value that does not fit', async () => {
  const project = await apiProject(JOBS);
  const wrong = async (method: string, path: string, body?: object): Promise<string> => {
    const { status, json } = await project.api(method, path, body);
    return `${status} ${json.error.message}: ${json.error.hint}`;
  };
  expect(await wrong('GET', 'runs?limt=5')).toBe(
    '400 the query: there is no "limt": Did you mean "limit"?',
  );
  expect(await wrong('GET', 'runs?limit=many')).toMatch(/^400 limit: "many" does not fit/);
  expect(await wrong('GET', 'runs?limit=1&limit=2')).toBe(
    '400 limit was given more than once: Give it once.',
  );
  expect(await wrong('GET', 'runs?short=perhaps')).toMatch(/^400 short must be true or false/);
  expect(await wrong('GET', 'runs?watch=true')).toMatch(/^400 the query: there is no "watch"/);
  expect(await wrong('GET', 'runs?key=k&states=done')).toMatch(
    /^400 the query: there is no "states"/,
  );
  expect(await wrong('GET', 'runs/1,2')).toMatch(/^400 id: "1,2" is no id of a run/);
  expect(await wrong('POST', 'runs', { job: 'work', inMs: 5 })).toMatch(
    /^400 the body: there is no "inMs"/,
  );
  expect(await wrong('POST', 'runs', { job: 'work', cron: '@daily' })).toMatch(
    /there is no "cron"/,
  );
  expect(await wrong('POST', 'runs', { job: 'work', timeout: 'soon' })).toMatch(
    /^400 timeout must be a duration/,
  );
  expect(await wrong('POST', 'runs', { job: 'work', at: 'noon' })).toMatch(
    /^400 at must be a Date, an ISO instant/,
  );
  expect(await wrong('POST', 'runs', { job: 'work', at: 1, in: 1 })).toMatch(
    /^400 at and in exclude/,
  );
  expect(await wrong('POST', 'runs', {})).toMatch(/^400 no job was named/);
  expect(await wrong('POST', 'runs', [1])).toMatch(/^400 the request must be an object/);
  expect(await wrong('POST', 'runs?job=work', {})).toMatch(/^400 a change takes no query/);
  expect(await wrong('POST', 'runs/1/update', {})).toMatch(/^400 nothing was given to change/);
  expect(await wrong('POST', 'runs/retry', {})).toMatch(/^400 no run was named/);
  expect(await wrong('POST', 'runs/abort', { all: true })).toMatch(
    /^400 the body: there is no "all"/,
  );
  expect(await wrong('POST', 'runs/4,5/abort', {})).toMatch(/^400 ids.*"4,5" is no id/);
  expect(await wrong('PUT', 'schedules/x', { job: 'work' })).toMatch(
    /^400 a schedule needs every or cron/,
  );
  expect(await wrong('PUT', 'schedules/x', { job: 'work', cron: '@daily', every: '1h' })).toMatch(
    /^400 every and cron exclude/,
  );
  expect(await wrong('PUT', 'schedules/a%20b', { job: 'work', cron: '@daily' })).toMatch(
    /cannot be the name of a schedule/,
  );
  expect((await project.get('runs')).total, 'and nothing came of it').toBe(0);
});

test('names are never taken for what every object has', async () => {
  const project = await apiProject(JOBS);
  for (const name of ['constructor', '__proto__', 'toString']) {
    expect([name, (await project.api('GET', `runs?${name}=1`)).status]).toEqual([name, 400]);
    expect([name, (await project.api('GET', `jobs/${name}`)).status]).toEqual([
      name,
      name.startsWith('_') ? 400 : 404,
    ]);
    expect([name, (await project.api('GET', name)).status]).toEqual([name, 404]);
  }
  const { status, json } = await project.api(
    'POST',
    'runs',
    JSON.parse('{"job":"work","params":{"__proto__":{"a":1}}}'),
  );
  expect([status, json.error.code]).toEqual([400, 'bad-params']);
});

test('a log is given behind the lines that were seen, and waited for as long as nothing is new', async () => {
  const project = await apiProject(JOBS);
  const { id } = (await project.api('POST', 'runs', { job: 'talk' })).json;
  const first = await eventually(async () => {
    const log = await project.get(`runs/${id}/log`);
    return log.total > 0 ? log : null;
  });
  expect([first.total, first.lines[0].text]).toEqual([1, 'first']);
  const before = performance.now();
  const none = await project.get(`runs/${id}/log?after=1&wait=100ms`);
  expect([none, performance.now() - before > 90]).toEqual([{ total: 1, lines: [] }, true]);
  const second = await project.get(`runs/${id}/log?after=1&wait=20s`);
  expect([second.total, second.lines.map(({ text }: { text: string }) => text)]).toEqual([
    2,
    ['second'],
  ]);
  // It ends with the run, and does not wait at all where that is over.
  const waiting = project.get(`runs/${id}/log?after=2&wait=30s`);
  await project.api('POST', `runs/${id}/abort`, {});
  expect((await waiting).total).toBeGreaterThanOrEqual(2);
  expect((await project.get(`runs/${id}/log?after=9&wait=30s`)).lines).toEqual([]);
}, 60_000);

test('a time is resolved as it is typed, with its zone', async () => {
  const project = await apiProject(JOBS);
  const when = await project.get('when?at=2100-01-01%2018:30&tz=Europe/Berlin');
  expect(when).toMatchObject({ at: '2100-01-01T17:30:00.000Z', zone: 'Europe/Berlin', note: null });
  expect(when.text).toMatch(/^Fri 1 Jan 2100 18:30 CET, in /);
  expect((await project.get('when?at=2001-01-01')).note).toMatch(/ago: it runs at once/);
  const refused = await project.api('GET', 'when?at=01/02/2026');
  expect([refused.status, refused.json.error.code]).toEqual([400, 'bad-time']);
  expect((await project.api('GET', 'when')).status).toBe(400);
});

/** The events of a stream, as they come. */
function streamOf(project: ApiProject): {
  readonly text: () => string;
  readonly ended: Promise<void>;
} {
  let text = '';
  const headers = { authorization: `Bearer ${project.key('read-key')}` };
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const asked = request(`${project.url}/api/v1/changes`, { headers, agent: false }, (response) => {
    text += `${response.statusCode} ${response.headers['content-type']}\n`;
    response.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    response.on('close', end);
  });
  asked.on('error', end);
  asked.end();
  onTestFinished(() => void asked.destroy());
  return { text: () => text, ended };
}

test('a stream says that something has changed and nothing else, and ends with the daemon', async () => {
  const project = await apiProject(JOBS);
  const { text, ended } = streamOf(project);
  const events = (): number => text().split('event: change').length - 1;
  await eventually(() => events() === 1);
  expect(text()).toMatch(/^200 text\/event-stream\nevent: change\nid: \d+\ndata: \{"n":\d+\}\n\n$/);
  await project.api('POST', 'runs', { job: 'work', params: { n: 12_345 } });
  await eventually(() => events() > 1);
  expect(text()).not.toContain('12345');
  await project.cli(['stop']);
  await ended;
}, 30_000);
