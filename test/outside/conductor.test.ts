// Conductor's protocol, request by request as its official SDKs send them. The SDKs themselves: .ci/conductor.
import { expect, test } from 'vitest';
import type { ApiProject } from '../helpers/api.ts';
import { accept, external, outsideProject } from '../helpers/outside.ts';
import { type Doc, eventually } from '../helpers/project.ts';

interface Reply {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  readonly json: Doc;
}

/** An SDK with its token. */
class Sdk {
  readonly #project: ApiProject;
  readonly token: string;

  constructor(project: ApiProject, token = project.key()) {
    this.#project = project;
    this.token = token;
  }

  /** A body goes out in chunks without a length, as undici sends it. */
  async asks(method: string, path: string, body?: unknown): Promise<Reply> {
    const bytes = new TextEncoder().encode(JSON.stringify(body ?? null));
    const response = await fetch(`${this.#project.url}/conductor/api/${path}`, {
      method,
      headers: {
        'X-Authorization': this.token,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: new Blob([bytes]).stream(), duplex: 'half' }),
    } as RequestInit);
    const type = response.headers.get('content-type');
    const text = await response.text();
    const isJson = type === 'application/json';
    return { status: response.status, type, text, json: isJson ? JSON.parse(text) : null };
  }

  async poll(query = 'workerid=&count=1&timeout=100', name = 'resize'): Promise<Doc[]> {
    const { status, json } = await this.asks('GET', `tasks/poll/batch/${name}?${query}`);
    if (status !== 200) throw new Error(`poll: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  /** The next task, as soon as there is one. */
  taken(name = 'resize'): Promise<Doc> {
    const query = 'workerid=w-1&count=1&timeout=5000';
    return eventually(async () => (await this.poll(query, name))[0] ?? null);
  }

  /** The result of a task, as `update-v2` gets it: success says nothing. */
  async reports({ taskId, workflowInstanceId }: Doc, result: object): Promise<void> {
    const body = { workflowInstanceId, taskId, workerId: 'w-1', ...result };
    const { status, type, text } = await this.asks('POST', 'tasks/update-v2', body);
    expect([status, type, text], 'update-v2 says nothing, and names no type').toEqual([
      204,
      null,
      '',
    ]);
  }
}

const conductorProject = async (
  options: object = {},
  files: Readonly<Record<string, string>> = {},
): Promise<readonly [ApiProject, Sdk]> => {
  const [project] = await outsideProject(options, files);
  return [project, new Sdk(project)];
};

test('a worker of an SDK gets its token, polls, and completes tasks that a workflow and jobrun itself ask for', async () => {
  const [project, sdk] = await conductorProject({ lockTime: '90s' });
  const token = await sdk.asks('POST', 'token', { keyId: 'any', keySecret: project.key() });
  expect(token.json).toEqual({ token: project.key() });
  expect(await sdk.poll()).toEqual([]);
  const started = await sdk.asks('POST', 'workflow', {
    name: 'resize',
    version: 1,
    input: { x: 1 },
  });
  expect([started.status, started.type, started.text]).toEqual([200, 'text/plain', '1']);
  const second = await accept(project, { params: 7 });
  const [task, ...none] = await sdk.poll('workerid=w-1&count=1&timeout=5000');
  expect(none, 'never more than were asked for').toEqual([]);
  expect(task).toMatchObject({
    ...{ taskId: '1.1', workflowInstanceId: '1', taskType: 'resize', taskDefName: 'resize' },
    ...{ referenceTaskName: 'resize', status: 'IN_PROGRESS', inputData: { x: 1 }, outputData: {} },
    ...{ responseTimeoutSeconds: 90, retryCount: 0, workerId: 'w-1' },
  });
  expect((await project.get('runs/1')).worker).toMatchObject({ name: 'w-1', pid: null });
  await sdk.reports(task, {
    status: 'COMPLETED',
    outputData: { hello: 'x' },
    logs: [{ log: 'line one', createdTime: 1, taskId: '1.1' }],
  });
  const run = await project.get('runs/1');
  expect(run).toMatchObject({ state: 'done', output: { hello: 'x' }, log: [{ text: 'line one' }] });
  const single = await sdk.asks('GET', 'tasks/poll/resize?workerid=w-1');
  expect(single.json).toMatchObject({ taskId: '2.1', inputData: { value: 7 } });
  const legacy = { taskId: '2.1', workflowInstanceId: second, status: 'COMPLETED' };
  const told = await sdk.asks('POST', 'tasks', legacy);
  expect([told.status, told.type, told.text]).toEqual([200, 'text/plain', '2.1']);
  expect(await project.get('runs/2')).toMatchObject({ state: 'done', output: {} });
  const empty = await sdk.asks('GET', 'tasks/poll/resize?workerid=w-1');
  expect([empty.status, empty.type]).toEqual([204, null]);
  expect((await sdk.asks('GET', 'tasks/1.1')).json).toMatchObject({
    ...{ taskId: '1.1', status: 'COMPLETED', inputData: { x: 1 }, outputData: { hello: 'x' } },
  });
  expect((await sdk.asks('GET', 'tasks/1.1/log')).json).toMatchObject([
    { log: 'line one', taskId: '1.1' },
  ]);
  expect((await sdk.asks('GET', 'workflow/1?includeTasks=true')).json).toMatchObject({
    ...{ workflowId: '1', status: 'COMPLETED', output: { hello: 'x' } },
    tasks: [{ taskId: '1.1', status: 'COMPLETED' }],
  });
});

test('a failure follows the retries of the job, under a new task id; a terminal one does not, and a result without a status is a failure', async () => {
  const [project, sdk] = await conductorProject({ retries: { limit: 1, delay: 1 } });
  await accept(project);
  const failed = { status: 'FAILED', reasonForIncompletion: 'boom', outputData: {} };
  await sdk.reports(await sdk.taken(), failed);
  const again = await sdk.taken();
  expect(again).toMatchObject({ taskId: '1.2', retryCount: 1 });
  await sdk.reports({ ...again, taskId: '1.1' }, { status: 'COMPLETED', outputData: { late: 1 } });
  expect((await sdk.asks('GET', 'tasks/1.1')).json).toMatchObject({
    ...{ status: 'FAILED', reasonForIncompletion: 'boom', outputData: {} },
  });
  expect((await sdk.asks('GET', 'tasks/1.2')).json.status).toBe('IN_PROGRESS');
  await sdk.reports(again, failed);
  expect(await project.get('runs/1')).toMatchObject({
    state: 'failed',
    error: { message: 'boom' },
  });
  for (const status of ['FAILED_WITH_TERMINAL_ERROR', 'CANCELED']) {
    const id = await accept(project);
    await sdk.reports(await sdk.taken(), { status, reasonForIncompletion: 'never' });
    expect(await project.get(`runs/${id}`)).toMatchObject({ state: 'failed', attempt: 1 });
  }
  for (const [result, message] of [
    [{ error: 'x' }, 'x'],
    [{}, 'the worker reported no status'],
    [{ status: null, error: { message: 'deep' } }, 'deep'],
    [
      { status: 'FAILED', reasonForIncompletion: 5, error: { message: 5 } },
      'the worker reported FAILED',
    ],
    [{ error: 'odd', logs: [1, null, { log: 2 }], workerId: 7, extendLease: 'yes' }, 'odd'],
  ] as const) {
    const id = await accept(project, { retries: 0 });
    await sdk.reports(await sdk.taken(), result);
    expect(await project.get(`runs/${id}`)).toMatchObject({ state: 'failed', error: { message } });
  }
});

test('IN_PROGRESS brings the same task again with what it saved, and a lease is made longer by a heartbeat alone', async () => {
  const [project, sdk] = await conductorProject({ lockTime: '1h' });
  await accept(project);
  const task = await sdk.taken();
  const inProgress = { status: 'IN_PROGRESS', outputData: { page: 2 } };
  await sdk.reports(task, { ...inProgress, callbackAfterSeconds: 60 });
  const waits = await project.get('runs/1');
  expect(waits).toMatchObject({ state: 'scheduled', checkpoint: { page: 2 }, attempt: 1 });
  expect(Date.parse(waits.dueAt) - Date.now()).toBeGreaterThan(50_000);
  expect((await sdk.asks('GET', 'tasks/1.1')).json).toMatchObject({
    ...{ status: 'SCHEDULED', outputData: { page: 2 } },
  });
  await project.api('POST', 'runs/1/update', { in: 0 });
  const again = await sdk.taken();
  expect(again).toMatchObject({ taskId: '1.1', outputData: { page: 2 }, retryCount: 0 });
  const extends_ = { ...again, status: 'COMPLETED', extendLease: true, workerId: 'w-1' };
  expect((await sdk.asks('POST', 'tasks', extends_)).text).toBe('1.1');
  expect((await project.get('runs/1')).state, 'nothing else of a heartbeat is looked at').toBe(
    'running',
  );
  await sdk.reports(again, { ...inProgress, outputData: undefined });
  const third = await sdk.taken();
  expect(third).toMatchObject({ taskId: '1.1', outputData: { page: 2 } });
  await sdk.reports({ ...third }, { status: 'COMPLETED', workerId: 'another' });
  expect((await project.get('runs/1')).state, 'another worker has it').toBe('running');
  await sdk.reports(third, { status: 'COMPLETED', outputData: { pages: 3 } });
  await sdk.reports(third, { status: 'FAILED', reasonForIncompletion: 'twice' });
  expect(await project.get('runs/1')).toMatchObject({ state: 'done', output: { pages: 3 } });
});

test('a task is settled by its run and name, whether a worker has it, none has yet, or the job waits for that', async () => {
  const [project, sdk] = await conductorProject(
    {},
    { 'jobs/a/b.json': external(), 'jobs/ask.mjs': 'export default (_, ctx) => ctx.pending();' },
  );
  const byName = (path: string, body: unknown): Promise<Reply> =>
    sdk.asks('POST', `tasks/${path}?workerid=console`, body);
  const held = await accept(project);
  await sdk.taken();
  const told = await byName(`${held}/resize/COMPLETED`, { some: { output: 'value' } });
  expect([told.status, told.type, told.text]).toEqual([200, 'text/plain', held]);
  const untaken = await accept(project, { job: 'a/b', in: '1h' });
  expect((await byName(`${untaken}/resize/COMPLETED`, {})).status).toBe(200);
  expect((await project.get(`runs/${untaken}`)).state, 'it is no such task').toBe('scheduled');
  await byName(`${untaken}/a/b/COMPLETED`, { n: 1 });
  const failed = await accept(project, { job: 'a/b' });
  await byName(`${failed}/a%2Fb/FAILED`, {});
  const asked = await accept(project, { job: 'ask' });
  await project.until(asked, ['waiting']);
  await byName(`${asked}/ask/COMPLETED`, 'yes');
  const states = [held, untaken, failed, asked].map(async (id) => {
    const { state, output } = await project.get(`runs/${id}`);
    return [state, output];
  });
  expect(await Promise.all(states)).toEqual([
    ['done', { some: { output: 'value' } }],
    ['done', { n: 1 }],
    ['failed', null],
    ['done', 'yes'],
  ]);
  await byName(`${held}/resize/FAILED`, {});
  expect((await project.get(`runs/${held}`)).state, 'a settled one stays').toBe('done');
  expect((await byName('999/resize/COMPLETED', {})).status).toBe(200);
  expect((await byName(`${held}/resize/LOST`, {})).json.message).toMatch(/^status must be one of/);
});

test('a name with a slash is polled encoded or not, logs are added, and queues and definitions are told', async () => {
  const [project, sdk] = await conductorProject({}, { 'jobs/a/b.json': external({ retries: 2 }) });
  await accept(project, { job: 'a/b' });
  await accept(project, { job: 'a/b' });
  const sizes = await sdk.asks('GET', 'tasks/queue/sizes?taskType=a%2Fb&taskType=none');
  expect(sizes.json).toEqual({ 'a/b': 2, none: 0 });
  const first = await sdk.taken('a/b');
  const second = await sdk.taken('a%2Fb');
  expect([first.taskId, second.taskId]).toEqual(['1.1', '2.1']);
  expect((await sdk.asks('POST', 'tasks/1.1/log', 'hello')).status).toBe(200);
  expect((await sdk.asks('GET', 'tasks/1.1/log')).json).toMatchObject([{ log: 'hello' }]);
  const names = async (path: string): Promise<unknown> => {
    const { json } = await sdk.asks('GET', path);
    return Array.isArray(json) ? json.map(({ name }) => name) : (json.name ?? json.status);
  };
  expect(await names('metadata/taskdefs')).toEqual(['a/b', 'resize']);
  expect(await names('metadata/taskdefs/a/b')).toBe('a/b');
  expect(await names('metadata/taskdefs/none')).toBe(404);
  expect((await sdk.asks('PUT', 'metadata/taskdefs', { name: 'a/b', retryCount: 9 })).status).toBe(
    200,
  );
  expect((await sdk.asks('POST', 'metadata/taskdefs', [{ name: 'none' }])).status).toBe(404);
  const ended = await sdk.asks('DELETE', 'workflow/2?reason=why');
  expect(ended.status).toBe(204);
  expect(await project.get('runs/2')).toMatchObject({ state: 'aborted', reason: 'why' });
  expect((await sdk.asks('GET', 'workflow/2')).json).toMatchObject({
    ...{ status: 'TERMINATED', reasonForIncompletion: 'why', tasks: [{ status: 'CANCELED' }] },
  });
  await sdk.reports(second, { status: 'COMPLETED' });
  expect((await project.get('runs/2')).state).toBe('aborted');
  expect((await sdk.asks('DELETE', 'workflow/2')).status).toBe(409);
});

test('a domain is a folder of jobs: its workers take the runs of that domain, and no others do', async () => {
  const [project, sdk] = await conductorProject({}, { 'jobs/blue/resize.json': external() });
  const workflow = (more: object): Promise<Reply> =>
    sdk.asks('POST', 'workflow', { name: 'resize', input: { n: 1 }, ...more });
  const started = await workflow({ taskToDomain: { '*': 'blue' } });
  expect([started.status, started.text]).toEqual([200, '1']);
  expect(await project.get('runs/1')).toMatchObject({ job: 'blue/resize', params: { n: 1 } });
  expect(await sdk.poll()).toEqual([]);
  const [task] = await sdk.poll('workerid=w-1&count=1&timeout=5000&domain=blue');
  expect(task).toMatchObject({ taskId: '1.1', taskDefName: 'resize', domain: 'blue' });
  await sdk.reports(task, { status: 'COMPLETED', outputData: { n: 2 } });
  expect(await project.get('runs/1')).toMatchObject({ state: 'done', output: { n: 2 } });
  expect((await workflow({ taskToDomain: { other: 'blue' } })).text).toBe('2');
  expect(await project.get('runs/2')).toMatchObject({ job: 'resize' });
  const unknown = await workflow({ taskToDomain: { resize: 'red' } });
  expect([unknown.status, unknown.json.message]).toEqual([
    404,
    expect.stringContaining('there is no job named "red/resize"'),
  ]);
  expect((await workflow({ taskToDomain: 'blue' })).status).toBe(400);
  expect((await workflow({ taskToDomain: { resize: 5 } })).status).toBe(400);
  expect((await workflow({ taskToDomain: { other: 5 }, priority: 'high' })).text).toBe('3');
  const odd = await sdk.asks('GET', 'tasks/poll/batch/resize?timeout=10&domain=..');
  expect(odd.status).toBe(400);
});

test('a bad request is told with a number as its status, and changes nothing; an unknown task is no error', async () => {
  const [project, sdk] = await conductorProject({}, { 'jobs/own.mjs': 'export default () => 1;' });
  await accept(project);
  const refused = async (one: Sdk, method: string, path: string, body?: unknown) => {
    const { status, json } = await one.asks(method, path, body);
    expect(json.status, `${method} ${path}`).toBe(status);
    expect(json.message.length).toBeGreaterThan(5);
    return status;
  };
  const stranger = new Sdk(project, 'tok-1');
  const reader = new Sdk(project, project.key('read-key'));
  const poll = 'tasks/poll/batch/resize?workerid=w&count=1&timeout=100';
  expect(await refused(stranger, 'GET', poll)).toBe(401);
  expect(await refused(stranger, 'POST', 'token', { keyId: 'x', keySecret: 'wrong' })).toBe(401);
  expect(await refused(stranger, 'POST', 'token', { keyId: 'x' })).toBe(401);
  expect(await refused(reader, 'GET', poll)).toBe(403);
  expect((await reader.asks('GET', 'workflow/1')).status).toBe(200);
  expect((await project.get('runs/1')).state).toBe('queued');
  const task = await sdk.taken();
  for (const [status, method, path, body] of [
    [400, 'GET', 'tasks/poll/batch/own?count=1'],
    [400, 'GET', 'tasks/poll/batch/no%20name?count=1'],
    [400, 'GET', 'tasks/poll/batch/resize?count=many'],
    [400, 'POST', 'tasks', []],
    [400, 'POST', 'tasks', { status: 'COMPLETED' }],
    [400, 'POST', 'tasks/update-v2', { taskId: task.taskId, status: 'DONE' }],
    [400, 'POST', 'tasks/update-v2', { taskId: task.taskId, status: 'FAILED', logs: 'x' }],
    [400, 'POST', 'tasks', { taskId: '1.1', status: 'IN_PROGRESS', callbackAfterSeconds: -1 }],
    [400, 'POST', 'workflow', {}],
    [404, 'POST', 'workflow', { name: 'none' }],
    [404, 'GET', 'workflow/9'],
    [404, 'GET', 'workflow/x'],
    [404, 'GET', 'tasks/9.1'],
    [404, 'GET', 'tasks/1.2'],
    [404, 'GET', 'tasks/x'],
    [404, 'GET', 'nothing'],
    [404, 'GET', 'tasks/poll'],
    [405, 'PUT', 'workflow', {}],
  ] as const)
    expect([path, await refused(sdk, method, path, body)]).toEqual([path, status]);
  for (const taskId of ['9.1', '1.2', '1.1.1', 'T1', '__proto__'])
    await sdk.reports({ taskId, workflowInstanceId: '1' }, { status: 'COMPLETED' });
  expect(await project.get('runs/1')).toMatchObject({
    state: 'running',
    log: [],
    checkpoint: null,
  });
  await sdk.reports(task, { status: 'COMPLETED' });
});

test('a task outlives the daemon: what a worker reports while none runs lands once, when it reports again', async () => {
  const [project, sdk] = await conductorProject();
  await accept(project);
  const task = await sdk.taken();
  const { pid } = await eventually(() => project.ask('status'));
  process.kill(pid, 'SIGKILL');
  await expect(sdk.reports(task, { status: 'COMPLETED' })).rejects.toThrow();
  await project.serve('--http', new URL(project.url).host);
  await sdk.reports(task, { status: 'COMPLETED', outputData: { n: 1 } });
  await sdk.reports(task, { status: 'COMPLETED', outputData: { n: 2 } });
  expect(await project.get('runs/1')).toMatchObject({
    state: 'done',
    output: { n: 1 },
    attempt: 1,
  });
});
