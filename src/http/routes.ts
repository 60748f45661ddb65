// The routes of the API, below `/api/v1/`. Each is a command under another name: its options are those of the command,
// by the names that the library has for them, its handler is the command's, and its reply is what the command prints
// with `--json`. So a command, its route and its entry in the OpenAPI document cannot disagree. A new option of a
// command belongs to its routes by itself; `without` names what only a shell or a program of ours can use.
import { type Fields, nameIn, type Options } from '../commands/shared/options.ts';
import { isRule, refuseBoth } from '../commands/shared/run-options.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { isFields } from '../support/schema.ts';
import type { Reply } from './reply.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Route {
  readonly method: Method;
  /** `runs/{id}/log`: a part in braces is an option of that name. */
  readonly path: string;
  /** Null where none does it. */
  readonly command: string | null;
  /** Its line in the OpenAPI document. */
  readonly about: string;
  /** The option that a part of the path is, where that has another name. */
  readonly of?: Readonly<Record<string, string>>;
  /** Options that the route sets itself. */
  readonly fixed?: Readonly<Record<string, Json>>;
  /** Options that a request may not give. */
  readonly without?: readonly string[];
  /** Options that a body must have. */
  readonly needs?: readonly string[];
  /** Refuses options that do not go together. */
  readonly check?: (given: Fields, table: Options) => void;
  /**
   * `reply`: the handler's. `first`: the first item of the stream, which may take a while. `events`: all of them, as
   * server-sent events. `several`: where a filter is given, the items say how far it is. `operation`: no command, but
   * one of those that go on by themselves. `document`: the description of the API. `search`: the last item of the
   * stream or, where `parts` is given, each of them as a line.
   */
  readonly how: 'reply' | 'search' | 'first' | 'events' | 'several' | 'operation' | 'document';
  /** The name of each reply's schema, by its status. */
  readonly replies: Readonly<Record<number, string | null>>;
  /** The handling of the handler's reply. Default: the body of a 200. */
  readonly answer?: (reply: Json) => Reply;
}

const FOR_SHELLS = ['command', 'param', 'wait', 'follow', 'lines', 'note', 'following'];
const OF_RUNS = ['key', 'after', 'retries', 'timeout', 'traceparent', 'tracestate'];
const OF_FILTERS = ['q', 'list', 'until', 'dryRun'];
const OF_SCHEDULES = ['every', 'cron', 'timezone', 'name', 'catchUp', 'overlap', 'replace'];

const get = (path: string, command: string | null, about: string, schema: string): Route => ({
  method: 'GET',
  how: 'reply',
  replies: { 200: schema },
  ...{ path, command, about },
});

const post = (path: string, command: string, about: string, schema: string): Route => ({
  ...get(path, command, about, schema),
  method: 'POST',
});

export const ROUTES: readonly Route[] = [
  { ...get('runs', 'list', 'List runs', 'RunList'), how: 'search', without: ['watch'] },
  get('runs/{id}', 'show', 'All of one run', 'RunDetails'),
  { ...get('runs/{id}/log', 'log', 'The log of a run', 'Log'), how: 'first' },
  get('runs/{id}/results', 'results', 'The result table of a run', 'Results'),
  { ...get('jobs', 'jobs', 'List jobs', 'JobList'), without: ['name', 'check'] },
  {
    ...get('jobs/{name}', 'jobs', 'One job with its latest runs', 'JobDetails'),
    without: ['check', 'q', 'offset', 'limit', 'around', 'order'],
  },
  { ...get('schedules', 'schedules', 'List schedules', 'ScheduleList'), without: ['name'] },
  get('status', 'status', 'The daemon and the counts of runs', 'Status'),
  get('when', 'when', 'The instant that a typed time means', 'When'),
  {
    ...get('changes', 'changes', 'Tell that something has changed', 'Changes'),
    how: 'events',
  },
  {
    ...post('runs', 'schedule', 'Accept a run', 'Run'),
    replies: { 201: 'Run', 200: 'Run' },
    without: [...FOR_SHELLS, ...OF_SCHEDULES],
    needs: ['job'],
    check: refuseTwoTimes,
    answer: accepted,
  },
  {
    ...post('runs/{id}/abort', 'abort', 'End a run; replies when it is over', 'Aborted'),
    of: { id: 'ids' },
    without: ['job', 'all', ...OF_FILTERS],
  },
  {
    ...post('runs/{id}/update', 'update', 'Change a run that has not started', 'Run'),
    without: [...FOR_SHELLS, 'timezone'],
    check: refuseNoChange,
  },
  {
    ...post('runs/{id}/retry', 'retry', 'Let a failed or aborted run go on', 'Run'),
    of: { id: 'ids' },
    without: ['job', 'failed', ...OF_FILTERS],
  },
  post('runs/{id}/rerun', 'rerun', 'Start a new run with the same params', 'Run'),
  post('runs/{id}/complete', 'complete', 'Mark a run that waits for a result as done', 'Run'),
  post('runs/{id}/fail', 'fail', 'Mark a run that waits for a result as failed', 'Run'),
  {
    ...several('abort', 'End several runs, or all that fit a filter', 'Aborted'),
    without: ['job', 'all'],
  },
  {
    ...several('retry', 'Let several runs go on, or all that fit a filter', 'Retried'),
    without: ['job', 'failed'],
    answer: inResults,
  },
  {
    ...get('openapi.json', null, 'This document', 'Document'),
    how: 'document',
  },
  {
    ...get('operations/{id}', null, 'How far an operation is', 'Operation'),
    how: 'operation',
  },
  { ...deleting('operations/{id}', null, 'Stop an operation'), how: 'operation' },
  ...(['pause', 'resume'] as const).flatMap((name) => pausing(name)),
  {
    ...get('schedules/{name}', 'schedule', 'Make or replace a schedule', 'Schedule'),
    method: 'PUT',
    replies: { 201: 'Schedule', 200: 'Schedule' },
    fixed: { replace: true },
    without: [...FOR_SHELLS, ...OF_RUNS],
    needs: ['job'],
    check: refuseNoRule,
    answer: made,
  },
  deleting('schedules/{name}', 'unschedule', 'Remove a schedule'),
  { ...deleting('runs/{id}', 'remove', 'Forget a settled run'), of: { id: 'ids' } },
];

function several(name: 'abort' | 'retry', about: string, schema: string): Route {
  const replies = { 200: `${schema} | Matched`, 202: 'Started' };
  return {
    ...post(`runs/${name}`, name, about, ''),
    how: 'several',
    replies,
    check: refuseNoneChosen,
  };
}

function pausing(name: 'pause' | 'resume'): readonly Route[] {
  const about = name === 'pause' ? 'Start no new runs until resume' : 'Resume after a pause';
  return [
    { ...post(name, name, `${about}, of all jobs`, 'Pause'), without: ['job', 'schedule'] },
    {
      ...post(`jobs/{name}/${name}`, name, `${about}, of a job`, 'Pause'),
      of: { name: 'job' },
      without: ['schedule'],
    },
    {
      ...post(`schedules/{name}/${name}`, name, `${about}, of a schedule`, 'Pause'),
      of: { name: 'schedule' },
      without: ['job'],
    },
  ];
}

function deleting(path: string, command: string | null, about: string): Route {
  const answer = (): Reply => ({ status: 204 });
  return { ...get(path, command, about, ''), method: 'DELETE', replies: { 204: null }, answer };
}

function accepted(reply: Json): Reply {
  const { run } = reply as { readonly run: { readonly id: Json; readonly existing?: true } };
  return { status: run.id === null || run.existing ? 200 : 201, body: run as Json };
}

function made(reply: Json): Reply {
  const { schedule, dryRun, replaced } = reply as Record<string, Json>;
  return { status: dryRun || replaced ? 200 : 201, body: schedule ?? null };
}

/** A single run is told as one of several here. */
function inResults(reply: Json): Reply {
  const isOne = !(isFields(reply) && 'results' in reply);
  return { status: 200, body: isOne ? { results: [reply] } : reply };
}

const shownIn =
  (table: Options) =>
  (key: string): string =>
    nameIn(table, key);

function refuseTwoTimes(given: Fields, table: Options): void {
  refuseBoth(given, 'dueAt', 'inMs', shownIn(table));
}

function refuseNoRule(given: Fields, table: Options): void {
  refuseTwoTimes(given, table);
  if (isRule(given, shownIn(table), [])) return;
  const hint = 'For example: {"job": "clean-up", "cron": "0 3 * * *"}';
  throw new JobrunError('bad-option', 'a schedule needs every or cron', hint);
}

function refuseNoneChosen(given: Fields): void {
  const { ids, q, list, until, dryRun } = given;
  const hint = 'For example: {"ids": ["12", "13"]}, or {"q": "import", "list": "running"}';
  const byFilter = q !== undefined || list !== undefined;
  if (ids === undefined && byFilter) return;
  if (ids === undefined) throw new JobrunError('bad-option', 'no run was named', hint);
  if (!byFilter && until === undefined && dryRun === undefined) return;
  throw new JobrunError('bad-option', 'ids and a filter exclude each other', hint);
}

function refuseNoChange(given: Fields, table: Options): void {
  refuseTwoTimes(given, table);
  const changed = [given.dueAt, given.inMs, given.params, given.priority];
  if (changed.some((one) => one !== undefined)) return;
  const hint = 'For example: {"in": "20m"}';
  throw new JobrunError('bad-option', 'nothing was given to change', hint);
}
