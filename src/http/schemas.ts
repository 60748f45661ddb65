// The JSON Schemas of what the API replies with, by the names that routes use. They stand beside the types of the
// views, which say the same to the compiler; a test holds every reply of every route against them, so neither can move
// alone.
import { STATE_NAMES } from '../run/run.ts';
import { ERROR_CODES } from '../support/errors.ts';
import type { Json } from '../support/json.ts';

export type Schema = { [key: string]: Json };

const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const whole: Schema = { type: 'integer', minimum: 0 };
const wholeOrNull: Schema = { type: ['integer', 'null'] };
const flag: Schema = { type: 'boolean' };
const instant: Schema = { type: 'string', format: 'date-time' };
const instantOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const anyJson: Schema = { description: 'any JSON' };
const listOf = (items: Schema): Schema => ({ type: 'array', items });
const oneOf = (...words: string[]): Schema => ({ type: 'string', enum: words });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** All of these fields are there, and maybe some of the others. */
const object = (always: Record<string, Schema>, maybe: Record<string, Schema> = {}): Schema => ({
  type: 'object',
  properties: { ...always, ...maybe },
  required: Object.keys(always),
});

const counts = object(Object.fromEntries(STATE_NAMES.map((name) => [name, whole])));
const error = object({ name: text, message: text, stack: text });
const damage = { damage: listOf(ref('Problem')) };
const windowed = { total: whole, at: wholeOrNull };
const perMinute = listOf(wholeOrNull);

/** The fields that a row of a list leaves out if `short` was asked for. */
const large = { params: anyJson, checkpoint: anyJson, output: anyJson };

const run = {
  id: textOrNull,
  job: text,
  state: { type: 'string', enum: [...STATE_NAMES] },
  priority: { type: 'integer' },
  key: textOrNull,
  createdAt: instant,
  dueAt: instant,
  startedAt: instantOrNull,
  settledAt: instantOrNull,
  attempt: whole,
  maxAttempts: { ...wholeOrNull, description: 'null: no limit' },
  progress: object({ percent: { type: 'number', minimum: 0, maximum: 100 }, text: textOrNull }),
  error: orNull(error),
  reason: { ...textOrNull, description: 'why it waits, or why it was aborted' },
  schedule: textOrNull,
  parent: textOrNull,
  after: listOf(text),
  worker: {
    anyOf: [
      object({ pid: whole, host: text }),
      object({ name: text, pid: { type: 'null' }, at: instant }),
      { type: 'null' },
    ],
  },
  trace: orNull(object({ traceparent: text, tracestate: textOrNull })),
} satisfies Record<string, Schema>;

const attempt = object(
  {
    number: whole,
    startedAt: instant,
    endedAt: instantOrNull,
    outcome: textOrNull,
    error: orNull(error),
    pid: wholeOrNull,
    host: text,
    exitCode: wholeOrNull,
    signal: textOrNull,
  },
  { worker: text },
);

const schedule = {
  name: text,
  job: text,
  every: { type: ['number', 'null'], description: 'milliseconds' },
  cron: textOrNull,
  timezone: textOrNull,
  paused: flag,
  nextAt: instantOrNull,
  lastAt: instantOrNull,
  lastRun: textOrNull,
  skipped: whole,
  state: oneOf('ok', 'paused', 'missing', 'stopped'),
  note: textOrNull,
  inFile: flag,
};
const ofSchedule = {
  params: anyJson,
  catchUp: oneOf('skip', 'once', 'all'),
  overlap: oneOf('skip', 'queue', 'replace', 'allow'),
  next: listOf(instant),
};

const job = {
  name: text,
  state: oneOf('ok', 'broken', 'paused', 'missing'),
  description: textOrNull,
  group: textOrNull,
  file: textOrNull,
  error: textOrNull,
  schedule: orNull(ref('Schedule')),
  params: {
    description: "the JSON Schema of the params, or null where the job's validator offers none",
  },
  external: flag,
  counts,
  hosts: listOf(text),
};

const host = object({
  id: whole,
  host: text,
  pid: whole,
  since: instant,
  version: text,
  workers: object({ busy: whole, total: whole }),
  state: oneOf('alive', 'silent'),
  silentMs: { type: 'number' },
  jobs: listOf(text),
});

const status = object(
  {
    running: flag,
    pid: wholeOrNull,
    since: instantOrNull,
    version: text,
    dir: text,
    jobs: text,
    state: text,
    host: text,
    engine: text,
    hosts: listOf(host),
    workers: object({ busy: whole, total: whole }),
    counts,
    broken: listOf(text),
    paused: object({ all: flag, jobs: listOf(text) }),
    http: textOrNull,
    memory: object({ bytes: { type: 'number' }, limit: { type: ['number', 'null'] } }),
    watch: orNull(object({ by: text, problem: textOrNull, hint: textOrNull })),
    external: listOf(object({ name: text, jobs: listOf(text), seenAt: instant, running: whole })),
  },
  {
    overview: object({
      jobs: whole,
      schedules: whole,
      throughput: object({ ended: perMinute, failed: perMinute }),
    }),
  },
);

const problem = object({
  code: { type: 'string', enum: [...ERROR_CODES] },
  message: text,
  hint: text,
});
const refused = object({ id: text, error: ref('Problem') });

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Run: object({ ...run, ...large }, { existing: flag }),
  RunRow: object(run, large),
  RunList: object(
    { total: whole, runs: listOf(ref('RunRow')) },
    { at: wholeOrNull, ...damage, complete: flag, searched: whole, toSearch: whole },
  ),
  RunDetails: object(
    {
      ...run,
      ...large,
      attempts: listOf(attempt),
      results: listOf(anyJson),
      log: listOf(ref('Line')),
    },
    { traceUrl: text },
  ),
  Line: object({
    at: instant,
    level: oneOf('debug', 'info', 'warn', 'error'),
    stream: oneOf('log', 'stdout', 'stderr'),
    attempt: whole,
    text,
    fields: anyJson,
  }),
  Leases: listOf(
    object({
      lease: text,
      id: text,
      job: text,
      attempt: whole,
      params: anyJson,
      checkpoint: anyJson,
      dueAt: instant,
      lockTimeMs: { type: 'number' },
      traceparent: textOrNull,
    }),
  ),
  LeaseState: object({ leaseUntil: instant, abort: textOrNull, emitted: listOf(text) }),
  Log: object(
    { total: whole, lines: listOf(ref('Line')) },
    { first: wholeOrNull, last: wholeOrNull },
  ),
  Results: object({ total: whole, results: listOf(anyJson) }),
  Job: object(job),
  JobList: object(
    { jobs: listOf(ref('Job')) },
    { ...windowed, skipped: listOf(object({ file: text, lacks: text })) },
  ),
  JobDetails: object({ ...job, jobs: listOf(ref('Job')), runs: listOf(ref('RunRow')) }),
  Schedule: object({ ...schedule, ...ofSchedule }),
  ScheduleRow: object(schedule, ofSchedule),
  ScheduleList: object({ schedules: listOf(ref('ScheduleRow')) }, windowed),
  Status: status,
  When: object({ at: instant, zone: text, text, note: textOrNull }),
  Changes: { type: 'string', description: 'server-sent events `change`, with data {"n": 1}' },
  Aborted: object({
    results: listOf({ anyOf: [object({ id: text, state: text, tookMs: whole }), refused] }),
  }),
  Retried: object({ results: listOf({ anyOf: [ref('Run'), refused] }) }),
  Matched: object({ matched: whole }, { done: whole, failed: whole, until: instant }),
  Started: object({ operation: text }),
  Operation: object({
    operation: text,
    state: oneOf('running', 'done', 'stopped', 'failed'),
    matched: whole,
    done: whole,
    failed: whole,
    error: orNull(ref('Problem')),
  }),
  Pause: object({ paused: flag, job: textOrNull, schedule: textOrNull }),
  Document: { type: 'object', description: 'OpenAPI 3.1' },
  Problem: problem,
  Error: object({ error: ref('Problem') }),
};
