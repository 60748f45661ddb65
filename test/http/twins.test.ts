// Each route of the API and its twin on the command line. Two projects of the same jobs go through the same steps, one
// over HTTP and one with commands: both get the same JSON at every step. A route without a step here is found.
import { expect, test } from 'vitest';
import { ROUTES } from '../../src/http/routes.ts';
import { apiProject } from '../helpers/api.ts';
import { faultsOf } from '../helpers/json-schema.ts';
import { type Doc, Project, type Result } from '../helpers/project.ts';

const JOBS = {
  'jobs/work.mjs': `export default ({ n = 0 }, ctx) => { ctx.log.info('said ' + n); ctx.result({ n }); return n * 2; };`,
  'jobs/reports/daily.mjs': `export default { cron: '0 3 * * *', timezone: 'UTC', description: 'a report', run: () => 1 };`,
  'jobs/bad.mjs': `export default () => { throw new Error('no'); };`,
  'jobs/ask.mjs': 'export default (_p, ctx) => ctx.pending();',
};

interface Step {
  readonly route: string;
  readonly asked: readonly [path: string, body?: object];
  readonly typed: readonly string[];
  readonly status?: number;
  /** What the command prints, as the API tells it. */
  readonly as?: (printed: Doc) => Doc;
  /** What both wait for before the step. */
  readonly until?: readonly [id: string, state: string];
}

const post = (
  route: string,
  asked: Step['asked'],
  typed: string,
  more: Partial<Step> = {},
): Step => ({
  route: `POST ${route}`,
  asked,
  typed: typed.split(' '),
  ...more,
});
const get = (route: string, path: string, typed: string, more: Partial<Step> = {}): Step => ({
  ...post(route, [path], typed, more),
  route: `GET ${route}`,
});

const oneRun = (job: string, typed: string, id: string, state: string, body: object = {}): Step =>
  post('runs', ['runs', { job, ...body }], typed, { status: 201, until: [id, state] });

const STEPS: readonly Step[] = [
  post('runs', ['runs', { job: 'work', params: { n: 4 } }], 'schedule work -p n:=4', {
    status: 201,
  }),
  post('runs', ['runs', { job: 'bad' }], 'schedule bad', { status: 201, until: ['1', 'done'] }),
  post(
    'runs',
    [
      'runs',
      { job: 'work', in: '1h', key: 'k', priority: 3, retries: 2, timeout: '90s', after: ['1'] },
    ],
    'schedule work --in 1h --key k --priority 3 --retries 2 --timeout 90s --after 1',
    { status: 201, until: ['2', 'failed'] },
  ),
  post('runs', ['runs', { job: 'work', key: 'k' }], 'schedule work --key k'),
  post(
    'runs',
    ['runs', { job: 'work', at: '2100-01-01T00:00:00Z', dryRun: true }],
    'schedule work --at 2100-01-01T00:00:00Z --dry-run',
  ),
  post(
    'runs',
    ['runs', { job: 'work', dryRun: true, force: true }],
    'schedule work --dry-run --force',
  ),
  get('runs', 'runs', 'list'),
  get('runs', 'runs?state=done,failed&limit=1', 'list --state done,failed --limit 1'),
  get('runs', 'runs?job=work&since=2h&offset=1', 'list --job work --since 2h --offset 1'),
  get('runs', 'runs?key=k', 'list --key k'),
  get('runs/{id}', 'runs/1', 'show 1'),
  get('runs/{id}/log', 'runs/1/log', 'logs 1', {
    as: (line) => ({ total: 1, lines: [line] }),
  }),
  get('runs/{id}/results', 'runs/1/results', 'show 1', {
    as: ({ results }) => ({ total: 1, results }),
  }),
  get('jobs', 'jobs', 'jobs'),
  get('jobs/{name}', 'jobs/work', 'jobs work'),
  get('jobs/{name}', 'jobs/reports%2Fdaily', 'jobs reports/daily'),
  get('schedules', 'schedules', 'schedules'),
  get('status', 'status', 'status'),
  post(
    'runs/{id}/update',
    ['runs/3/update', { in: '2h', priority: 7, params: { n: 5 } }],
    'update 3 --in 2h --priority 7 --params {"n":5}',
  ),
  post(
    'runs/{id}/abort',
    ['runs/3/abort', { reason: 'wrong', grace: '1s' }],
    'abort 3 --reason wrong --grace 1s',
  ),
  post(
    'runs/{id}/retry',
    ['runs/3/retry', { fresh: true, force: true }],
    'retry 3 --fresh --force',
  ),
  post('runs/abort', ['runs/abort', { ids: ['3', '99'] }], 'abort 3 99', { until: ['3', 'done'] }),
  post('runs/retry', ['runs/retry', { ids: ['2', '1'] }], 'retry 2 1'),
  post('runs/{id}/rerun', ['runs/1/rerun'], 'rerun 1', { until: ['2', 'failed'] }),
  oneRun('ask', 'schedule ask', '4', 'done'),
  post(
    'runs/{id}/complete',
    ['runs/5/complete', { output: { ok: true } }],
    'complete 5 --output {"ok":true}',
    { until: ['5', 'waiting'] },
  ),
  post('runs', ['runs', { job: 'ask' }], 'schedule ask', { status: 201 }),
  post('runs/{id}/fail', ['runs/6/fail', { message: 'late' }], 'fail 6 --message late', {
    until: ['6', 'waiting'],
  }),
  post('pause', ['pause'], 'pause'),
  post('resume', ['resume'], 'resume'),
  post('jobs/{name}/pause', ['jobs/reports%2Fdaily/pause'], 'pause reports/daily'),
  post('jobs/{name}/resume', ['jobs/reports%2Fdaily/resume'], 'resume reports/daily'),
  post(
    'schedules/{name}/pause',
    ['schedules/reports%2Fdaily/pause'],
    'pause --schedule reports/daily',
  ),
  post(
    'schedules/{name}/resume',
    ['schedules/reports%2Fdaily/resume'],
    'resume --schedule reports/daily',
  ),
  {
    ...post(
      '',
      ['schedules/mine', { job: 'work', cron: '0 4 * * *', timezone: 'UTC', catchUp: 'all' }],
      'schedule work --cron -- --tz UTC --catch-up all --name mine',
      { status: 201 },
    ),
    route: 'PUT schedules/{name}',
    typed: [
      'schedule',
      'work',
      '--cron',
      '0 4 * * *',
      '--tz',
      'UTC',
      '--catch-up',
      'all',
      '--name',
      'mine',
    ],
  },
  {
    ...post('', ['schedules/mine', { job: 'work', every: '2h', params: { n: 1 } }], ''),
    route: 'PUT schedules/{name}',
    typed: ['schedule', 'work', '--every', '2h', '-p', 'n:=1', '--name', 'mine', '--replace'],
  },
  {
    ...post('', ['schedules/mine'], 'unschedule mine', { status: 204, as: () => null }),
    route: 'DELETE schedules/{name}',
  },
  {
    ...post('', ['runs/1'], 'remove 1', { status: 204, as: () => null }),
    route: 'DELETE runs/{id}',
  },
  get('runs', 'runs', 'list'),
];

/** Routes without a command that prints the same. */
const ALONE = [
  'GET openapi.json',
  'GET when',
  'GET changes',
  'GET operations/{id}',
  'DELETE operations/{id}',
];

/** Refusals: the same code, message and hint, and the status of the exit code. */
const REFUSED: readonly (readonly [
  method: string,
  path: string,
  body: object | undefined,
  status: number,
  ...typed: string[],
])[] = [
  ['GET', 'runs/99', undefined, 404, 'show', '99'],
  ['GET', 'jobs/wrk', undefined, 404, 'jobs', 'wrk'],
  ['POST', 'runs', { job: 'wrk' }, 404, 'schedule', 'wrk'],
  ['POST', 'runs/99/rerun', undefined, 404, 'rerun', '99'],
  ['DELETE', 'schedules/none', undefined, 404, 'unschedule', 'none'],
  ['POST', 'schedules/none/pause', undefined, 404, 'pause', '--schedule', 'none'],
  ['POST', 'runs/2/abort', {}, 409, 'abort', '2'],
  ['POST', 'runs/2/update', { in: '1h' }, 409, 'update', '2', '--in', '1h'],
  ['POST', 'runs/2/complete', {}, 409, 'complete', '2'],
  [
    'PUT',
    'schedules/reports%2Fdaily',
    { job: 'work', cron: '@daily' },
    409,
    'schedule',
    'work',
    '--cron',
    '@daily',
    '--name',
    'reports/daily',
    '--replace',
  ],
];

/** What no two projects have in common. */
const alike = (doc: Doc, project: Project): Doc =>
  JSON.parse(
    JSON.stringify(doc ?? null, (name, value) => {
      if (['memory', 'tookMs', 'pid', 'stack', 'http', 'engine', 'silentMs'].includes(name))
        return typeof value;
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? '<instant>' : value;
    }).replaceAll(project.dir, '<dir>'),
  );

interface Seen {
  readonly route: string;
  readonly path: string;
  readonly body: object | undefined;
  readonly status: number;
  readonly json: Doc;
}

/** What of a request and its reply is not as the OpenAPI document says. */
function faultsIn(document: Doc, { route, path, body, status, json }: Seen): string[] {
  const [method = '', name = ''] = route.split(' ');
  const operation = document.paths[`/${name}`][method.toLowerCase()];
  const query = [...new URLSearchParams(path.split('?')[1]).keys()];
  const known = (operation.parameters ?? []).map((one: Doc) => one.name);
  const asked = operation.requestBody?.content['application/json'].schema;
  const told = operation.responses[status]?.content?.['application/json'].schema;
  return [
    ...query.filter((one) => !known.includes(one)),
    ...(body ? faultsOf(body, asked, document) : []),
    ...(json === null ? [] : faultsOf(json, told, document)),
  ];
}

test('each route replies with what its command prints, and refuses with what its command says', async () => {
  const [there, here] = [await apiProject(JOBS), new Project(JOBS)];
  await here.daemon('--http', '127.0.0.1:0');
  const document = await there.get('openapi.json');
  for (const { route, asked, typed, status = 200, as = (doc: Doc) => doc, until } of STEPS) {
    if (until) for (const one of [there, here]) await one.until(until[0], [until[1]]);
    const [method = ''] = route.split(' ');
    const [path, body] = asked;
    const answer = await there.api(method, path, body);
    expect([path, faultsIn(document, { route, path, body, status, json: answer.json })]).toEqual([
      path,
      [],
    ]);
    const { stdout } = await here.cli([...typed, '--json']);
    const printed = as(stdout === '' ? null : JSON.parse(stdout));
    const step = `${route}: ${path}, ${typed.join(' ')}`;
    expect([step, answer.status, alike(answer.json, there)]).toEqual([
      step,
      status,
      alike(printed, here),
    ]);
  }
  const refused = await here.calls(REFUSED.map(([, , , , ...typed]) => [...typed, '--json']));
  for (const [i, [method, path, body, status]] of REFUSED.entries()) {
    const answer = await there.api(method, path, body);
    expect(faultsOf(answer.json, { $ref: '#/components/schemas/Error' }, document)).toEqual([]);
    const { stderr } = refused[i] as Result;
    const step = `${method} ${path}`;
    expect([step, answer.status, answer.json]).toEqual([step, status, JSON.parse(stderr)]);
  }
}, 180_000);

test('every route has a twin', () => {
  const all = ROUTES.map(({ method, path }) => `${method} ${path}`);
  const seen = new Set([...STEPS.map(({ route }) => route), ...ALONE]);
  expect(all.filter((route) => !seen.has(route))).toEqual([]);
  expect([...seen].filter((route) => !all.includes(route))).toEqual([]);
});
