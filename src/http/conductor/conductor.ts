// Conductor's protocol below `/conductor/api`, so that its official SDKs run unmodified. It is another spelling of the
// requests of docs/workers.md, and has no rules of its own: each route asks commands, as the routes of the API do.
// `tasks` tells the shapes, `updates` what a report means.
//
//   SCHEDULED --poll--> IN_PROGRESS --update--> COMPLETED | FAILED | FAILED_WITH_TERMINAL_ERROR | CANCELED
//       ^                   |
//       '---IN_PROGRESS-----'   with callbackAfterSeconds: the same task again. A retry is a task with the next number
//
// The SDKs found out what they need, by trial (each is held by a test): an empty poll is `200 []`; `update-v2` answers
// 204 with no Content-Type, because an empty JSON body would be an error there; unknown and late tasks are a success; a
// body of 401 has a number as its `status`, else an SDK asks on at full speed; names may have `/` in them, encoded or
// not.
//
// The key of the API is the `keySecret`, and the token that an SDK gets for it is the key itself: it holds as long as
// the key does, also over a restart. Refusals come in the order of door.ts.
import type { JobView } from '../../commands/shared/replies.ts';
import { inDomain, type Lease } from '../../commands/take.ts';
import type { LogLine } from '../../run/view.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Json } from '../../support/json.ts';
import { MAX_TAKE_WAIT_MS, MAX_TAKEN } from '../../support/limits.ts';
import { isFields } from '../../support/schema.ts';
import { type Bodies, jsonOf } from '../body.ts';
import { type Access, bearerOf, type Keys } from '../keys.ts';
import { hasBody, type Reply, sendText, statusOf } from '../reply.ts';
import { type Target, traceOfHeaders, type Visit } from '../visitor.ts';
import { definitionOf, type Fields, polledTask, readTaskId, taskOf, workflowOf } from './tasks.ts';
import { type Ask, addLog, find, update, updateByName } from './updates.ts';

export interface ConductorParts {
  readonly keys: Keys;
  readonly bodies: Bodies;
  readonly isReadOnly: boolean;
  readonly onError: (error: unknown) => void;
}

/** A request that is let in. */
interface Asked {
  /** The parts of the path that `{}` and `*` of the route stand for, in their order. */
  readonly named: readonly string[];
  readonly query: URLSearchParams;
  readonly body: string;
  readonly trace: object;
  readonly ask: Ask;
}

/** A text is sent as text. Null: 204 without a body. */
type Answer = Json | { readonly text: string };

interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `{}` is one part, `*` one or more. */
  readonly path: string;
  readonly needs: Access | 'nothing';
  readonly act: (asked: Asked, parts: ConductorParts) => Promise<Answer>;
}

const READ = { method: 'GET', needs: 'read' } as const;
const CHANGE = { method: 'POST', needs: 'all' } as const;

const ROUTES: readonly Route[] = [
  { ...CHANGE, path: 'token', needs: 'nothing', act: token },
  { ...CHANGE, method: 'GET', path: 'tasks/poll/batch/*', act: pollBatch },
  { ...CHANGE, method: 'GET', path: 'tasks/poll/*', act: pollOne },
  { ...READ, path: 'tasks/queue/sizes', act: queueSizes },
  {
    ...CHANGE,
    path: 'tasks',
    act: async ({ body, ask }) => ({ text: await update(jsonOf(body), ask) }),
  },
  {
    ...CHANGE,
    path: 'tasks/update-v2',
    act: async ({ body, ask }) => update(jsonOf(body), ask).then(() => null),
  },
  { ...READ, path: 'tasks/{}/log', act: readLog },
  { ...CHANGE, path: 'tasks/{}/log', act: writeLog },
  { ...READ, path: 'tasks/{}', act: readTask },
  { ...CHANGE, path: 'tasks/{}/*/{}', act: settleByName },
  { ...CHANGE, path: 'workflow', act: startWorkflow },
  {
    ...READ,
    path: 'workflow/{}',
    act: async ({ named: [run = ''], ask }) => workflowOf(await get(run, ask)),
  },
  { ...CHANGE, method: 'DELETE', path: 'workflow/{}', act: endWorkflow },
  { ...READ, path: 'metadata/taskdefs', act: definitions },
  {
    ...READ,
    path: 'metadata/taskdefs/*',
    act: ({ named: [name = ''], ask }) => definition(name, ask),
  },
  { ...CHANGE, path: 'metadata/taskdefs', act: define },
  { ...CHANGE, method: 'PUT', path: 'metadata/taskdefs', act: define },
];

const PREFIX = ['conductor', 'api'];

export class Conductor {
  readonly #p: ConductorParts;

  constructor(parts: ConductorParts) {
    this.#p = parts;
  }

  /** The reply; null where the response was written already. `ask` is null while the daemon starts or stops. */
  async answer({ parts, query }: Target, visit: Visit, ask: Ask | null): Promise<Reply | null> {
    const { request, response, isExpected } = visit;
    const asked = PREFIX.every((part, i) => parts[i] === part) ? parts.slice(PREFIX.length) : [];
    const found = ROUTES.flatMap((route) => {
      const named = matched(route.path.split('/'), asked);
      return named ? [{ route, named }] : [];
    });
    const one = found.find(({ route }) => route.method === request.method);
    if (!one) return found.length === 0 ? refusal(404, 'there is no such path') : NOT_ALLOWED;
    if (!ask) return refusal(503, 'the daemon is starting or stopping');
    const refused = await this.#refusal(one.route, request.headers);
    if (refused) return refused;
    const body = hasBody(request)
      ? await this.#p.bodies.read(request, response, isExpected)
      : { text: '' };
    if ('refused' in body) return refusal(body.refused.status, 'the body is too large');
    const trace = traceOfHeaders(request.headers);
    try {
      const given = { named: one.named, query, body: body.text, trace, ask };
      const answer = await one.route.act(given, this.#p);
      if (answer === null) return { status: 204 };
      if (!isText(answer)) return { status: 200, body: answer };
      sendText(response, 200, 'text/plain', answer.text);
      return null;
    } catch (error) {
      return this.#failed(error);
    }
  }

  async #refusal({ needs }: Route, headers: Visit['request']['headers']): Promise<Reply | null> {
    if (needs === 'nothing') return null;
    const key = headers['x-authorization'] ?? bearerOf(headers.authorization);
    const access = typeof key === 'string' ? await this.#p.keys.accessOf(key) : null;
    if (access === null) return NO_KEY;
    const isAllowed = needs === 'read' || (access === 'all' && !this.#p.isReadOnly);
    return isAllowed ? null : refusal(403, 'this key allows reading only');
  }

  #failed(error: unknown): Reply {
    if (!(error instanceof JobrunError)) {
      this.#p.onError(error);
      return refusal(500, 'something went wrong in the daemon: see its log');
    }
    const status = error.code === 'unauthorized' ? 401 : statusOf(error.code);
    return refusal(status, `${error.message}. ${error.hint}`, error.code);
  }
}

const isText = (answer: Answer): answer is { readonly text: string } =>
  isFields(answer) && typeof answer.text === 'string' && Object.keys(answer).length === 1;

/** The texts in the places of `{}` and `*`; null if it is another path. */
function matched(pattern: readonly string[], asked: readonly string[]): readonly string[] | null {
  const rest = pattern.indexOf('*');
  const more = asked.length - pattern.length;
  if (more < 0 || (more > 0 && rest < 0)) return null;
  const end = rest + more + 1;
  const parts =
    rest < 0
      ? asked
      : [...asked.slice(0, rest), asked.slice(rest, end).join('/'), ...asked.slice(end)];
  const isOpen = (part: string): boolean => part === '{}' || part === '*';
  if (pattern.some((part, i) => (isOpen(part) ? parts[i] === '' : part !== parts[i]))) return null;
  return parts.filter((_, i) => isOpen(pattern[i] ?? ''));
}

async function token({ body }: Asked, { keys }: ConductorParts): Promise<Answer> {
  const given = jsonOf(body);
  const secret = isFields(given) ? given.keySecret : null;
  if (typeof secret === 'string' && (await keys.accessOf(secret)) !== null)
    return { token: secret };
  throw new JobrunError('unauthorized', 'this is no key', 'Give the key in http-key as keySecret.');
}

async function poll(
  { named: [job = ''], query, ask }: Asked,
  most: number,
  waitMs: number,
): Promise<Fields[]> {
  if (most < 1) return [];
  // The SDKs' default is an empty id.
  const worker = query.get('workerid') || 'conductor';
  const domain = query.get('domain');
  const taken = await ask<readonly Lease[]>(
    'take',
    {
      ...{ jobs: [job], worker, count: Math.min(most, MAX_TAKEN) },
      wait: Math.min(waitMs, MAX_TAKE_WAIT_MS),
      ...(domain && { domain }),
    },
    'first',
  );
  // A worker is told the name that it asked for.
  const named: Fields = domain ? { taskType: job, taskDefName: job, domain } : {};
  return taken.map((lease) => ({
    ...polledTask(lease, worker),
    ...named,
  }));
}

const DEFAULT_WAIT_MS = 100;

async function pollBatch(asked: Asked): Promise<Answer> {
  return poll(asked, countOf(asked, 'count', 1), countOf(asked, 'timeout', DEFAULT_WAIT_MS));
}

async function pollOne(asked: Asked): Promise<Answer> {
  return (await poll(asked, 1, countOf(asked, 'timeout', DEFAULT_WAIT_MS)))[0] ?? null;
}

function countOf({ query }: Asked, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null || text === '') return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new JobrunError('bad-request', `${name} must be a whole number`, 'Correct it.');
}

async function queueSizes({ query, ask }: Asked): Promise<Answer> {
  const sizes = query.getAll('taskType').map(async (name) => {
    const job = await jobOf(name, ask);
    const { queued = 0, scheduled = 0 } = job?.counts ?? {};
    return [name, queued + scheduled] as const;
  });
  return Object.fromEntries(await Promise.all(sizes));
}

async function get(run: string, ask: Ask): Promise<NonNullable<Awaited<ReturnType<typeof find>>>> {
  const task = /^[1-9]\d{0,14}$/.test(run) ? await find(run, ask) : null;
  if (task) return task;
  throw new JobrunError(
    'unknown-run',
    `there is no run ${run}`,
    'See which there are: jobrun list',
  );
}

async function readTask({ named: [id = ''], ask }: Asked): Promise<Answer> {
  const { run = '', attempt = 0 } = readTaskId(id) ?? {};
  const task = taskOf(await get(run, ask), attempt);
  if (task) return task;
  throw new JobrunError('unknown-run', `there is no task ${id}`, 'See the tasks of its run.');
}

async function readLog({ named: [id = ''], ask }: Asked): Promise<Answer> {
  const { run = '', attempt } = readTaskId(id) ?? {};
  await get(run, ask);
  const { lines } = await ask<{ readonly lines: LogLine[] }>('log', { id: run }, 'first');
  return lines
    .filter((line) => line.attempt === attempt)
    .map(({ text, at }) => ({ log: text, createdTime: Date.parse(at), taskId: id }));
}

/** A JSON string, or the text as it is. */
async function writeLog({ named: [id = ''], body, ask }: Asked): Promise<Answer> {
  const isJson = /^\s*"/.test(body);
  const line = isJson ? jsonOf(body) : body;
  await addLog(id, String(line), ask);
  return { text: '' };
}

async function settleByName({ named: [run = '', job = '', status = ''], body, ask }: Asked) {
  const output = body === '' ? {} : jsonOf(body);
  return { text: await updateByName({ run, job, status }, output, ask) };
}

async function startWorkflow({ body, trace, ask }: Asked): Promise<Answer> {
  const { name, input, priority, taskToDomain } = (jsonOf(body) ?? {}) as Fields;
  if (typeof name !== 'string')
    throw new JobrunError('bad-request', 'name must be a job', 'Name it.');
  const reply = await ask('schedule', {
    ...{ ...trace, job: inDomain(name, domainOf(name, taskToDomain)), params: input ?? {} },
    ...(typeof priority === 'number' && priority !== 0 && { priority }),
  });
  return { text: (reply as { run: { id: string } }).run.id };
}

/** `{ "resize": "blue" }`, or `*` for any task. The first of several domains is taken. */
function domainOf(name: string, taskToDomain: Json | undefined): string | undefined {
  if (taskToDomain === undefined || taskToDomain === null) return undefined;
  const given = isFields(taskToDomain) ? (taskToDomain[name] ?? taskToDomain['*'] ?? '') : null;
  if (typeof given !== 'string') {
    const hint = 'For example: {"resize": "blue"}';
    throw new JobrunError('bad-request', 'taskToDomain must be an object of texts', hint);
  }
  const [first = ''] = given.split(',');
  return first.trim() || undefined;
}

async function endWorkflow({ named: [run = ''], query, ask }: Asked): Promise<Answer> {
  await get(run, ask);
  const reason = query.get('reason');
  await ask('abort', { ids: [run], ...(reason && { reason }) });
  return null;
}

async function jobOf(name: string, ask: Ask): Promise<JobView | null> {
  try {
    return await ask<JobView>('jobs', { name });
  } catch (error) {
    if (error instanceof JobrunError && error.code === 'unknown-job') return null;
    throw error;
  }
}

async function definitions({ ask }: Asked): Promise<Answer> {
  const { jobs } = await ask<{ readonly jobs: readonly JobView[] }>('jobs', {});
  return jobs.filter(({ external }) => external).map(definitionOf);
}

async function definition(name: string, ask: Ask): Promise<Answer> {
  const job = await jobOf(name, ask);
  if (job && job.state !== 'missing') return definitionOf(job);
  throw new JobrunError('unknown-job', `there is no job named "${name}"`, DEFINES);
}

const DEFINES = 'A job is defined by its file, jobs/<name>.json: see docs/workers.md.';

/** Defines nothing: a job's file does. */
async function define({ body, ask }: Asked): Promise<Answer> {
  for (const one of [jsonOf(body)].flat()) {
    const name = isFields(one) ? one.name : null;
    if (typeof name !== 'string')
      throw new JobrunError('bad-request', 'name must be a job', DEFINES);
    await definition(name, ask);
  }
  return { text: '' };
}

const refusal = (status: number, message: string, code = ''): Reply => ({
  status,
  body: { status, message, retryable: status >= 500, ...(code !== '' && { code }) },
});

const NOT_ALLOWED = refusal(405, 'this path has no such method');
const NO_KEY = refusal(
  401,
  'this needs a key: the one in http-key of the state folder is the keySecret',
);
