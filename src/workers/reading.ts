// Reads what came over the pipe of a worker. The pipe is open in the job's own process: what a job, or a library in it,
// writes to descriptor 3 by mistake or on purpose must not reach the daemon as a message with holes. So every field is
// looked at, and a message has no other ones.
import * as v from 'valibot';
import { type Checked, JOB_FUNCTIONS, type JobData, type Recurrence } from '../catalog/catalog.ts';
import type { Death, Decision, Lack, Outcome } from '../run/outcome.ts';
import {
  BACKOFFS,
  CATCH_UPS,
  ISOLATIONS,
  OVERLAPS,
  type Policy,
  type RateLimit,
  type RetryWaits,
} from '../run/policy.ts';
import type { RunError } from '../run/run.ts';
import { RULE } from '../run/stored-schedule.ts';
import { isInstant } from '../support/clock.ts';
import { mostBytes } from '../support/json.ts';
import {
  MAX_JSON_DEPTH,
  MAX_LOG_TEXT,
  MAX_RESULT_BYTES,
  MAX_RESULT_ROWS,
  MAX_VALUE_BYTES,
} from '../support/limits.ts';
import {
  anything,
  be,
  exactly,
  fits,
  flag,
  instant,
  isFields,
  list,
  number,
  oneOf,
  type Schema,
  text,
  variant,
  whole,
} from '../support/schema.ts';
import type { Answer, Call, FromWorker } from './messages.ts';

/**
 * `noise` is what means nothing to the daemon: some program logs there. `forged` is what means something, and no worker
 * says it.
 */
export function readMessage(raw: unknown): FromWorker | 'noise' | 'forged' {
  const { type } = raw as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGES, type)) return 'noise';
  return fits(MESSAGES[type as FromWorker['type']], raw) ? (raw as FromWorker) : 'forged';
}

/** Texts are cut by the worker, and say how much was left out. */
const MAX_TEXT = MAX_LOG_TEXT + 200;

const yes = be('true', (value) => value === true);
const no = be('false', (value) => value === false);
const cut = be(
  'a text as the worker cuts it',
  (value) => typeof value === 'string' && value.length <= MAX_TEXT,
);
const positive = be('a number from 0', (value) => typeof value === 'number' && value >= 0);

/** As `checkJson`, which refuses the same in the worker. */
const small = be('JSON of at most 1 MB', (value) => {
  if (value === undefined) return false;
  const most = mostBytes(value);
  if (most <= MAX_VALUE_BYTES) return true;
  return most !== Infinity && Buffer.byteLength(JSON.stringify(value)) <= MAX_VALUE_BYTES;
});

/** They hold the params of a request, and are checked where they are read. */
const options = be(
  'JSON',
  (value) => value !== undefined && mostBytes(value, MAX_JSON_DEPTH + 20) !== Infinity,
);

const error = exactly<RunError>({ name: cut, message: cut, stack: cut });
const retry = exactly<Exclude<Decision, string>>({
  retryAt: instant,
  waitMs: v.optional(positive),
});
const decision = v.lazy((value) => (value === 'dismiss' ? text : retry));

type Ended<Kind extends Outcome['kind']> = Omit<Extract<Outcome, { kind: Kind }>, keyof Death>;

/** The reserved names that a job comes to by itself. */
const outcome = variant('kind', {
  returned: exactly<Ended<'returned'>>({ kind: text, output: small }),
  threw: exactly<Ended<'threw'>>({
    kind: text,
    error,
    fatal: v.optional(flag),
    unloaded: v.optional(flag),
    missing: v.optional(flag),
    lacks: v.optional(exactly<Lack>({ what: cut, from: cut, problem: cut })),
    childStopped: v.optional(flag),
    decision: v.optional(decision),
  }),
  callback: exactly<Ended<'callback'>>({
    kind: text,
    dueAt: instant,
    waitMs: v.optional(positive),
    output: v.optional(small),
    error: v.optional(error),
  }),
  pending: exactly<Ended<'pending'>>({ kind: text }),
  stopped: exactly<Ended<'stopped'>>({ kind: text }),
});

type Said<Type extends FromWorker['type']> = Extract<FromWorker, { type: Type }>;

const line = exactly<Said<'log'>['line']>({
  at: cut,
  level: oneOf(['debug', 'info', 'warn', 'error']),
  stream: oneOf(['log', 'stdout', 'stderr']),
  text: cut,
  fields: small,
});

const good = exactly<Extract<Answer, { ok: true }>>({ ok: yes, value: anything });
const bad = exactly<Extract<Answer, { ok: false }>>({
  ok: no,
  code: text,
  message: text,
  hint: text,
});
const answer = v.lazy((value) => (isFields(value) && value.ok === true ? good : bad));

const run = { type: text, run: whole(0) };
const call = { type: text, call: whole(0) };

const MESSAGES: { readonly [Type in FromWorker['type']]: Schema } = {
  ready: exactly<Said<'ready'>>({ type: text }),
  started: exactly<Said<'started'>>({ type: text, runs: list(whole(0)) }),
  loading: exactly<Said<'loading'>>(call),
  result: exactly<Said<'result'>>({ ...call, answer }),
  outcome: exactly<Said<'outcome'>>({
    ...run,
    outcome,
    tainted: v.optional(yes),
    changed: v.optional(yes),
    company: v.optional(yes),
    timers: v.optional(yes),
  }),
  progress: exactly<Said<'progress'>>({ ...run, percent: positive, text: v.nullable(cut) }),
  log: exactly<Said<'log'>>({ ...run, line }),
  row: exactly<Said<'row'>>({ ...run, n: whole(0, MAX_RESULT_ROWS), row: small }),
  extend: exactly<Said<'extend'>>({ ...run, ms: positive }),
  save: exactly<Said<'save'>>({
    ...run,
    call: whole(0),
    checkpoint: v.optional(small),
    rows: v.optional(whole(0, MAX_RESULT_ROWS)),
    rowBytes: v.optional(whole(0, MAX_RESULT_BYTES)),
    initialized: v.optional(yes),
    step: v.optional(
      exactly<NonNullable<Said<'save'>['step']>>({ name: text, value: small, ms: positive }),
    ),
  }),
  emit: exactly<Said<'emit'>>({ ...run, call: whole(0), job: text, params: small, options }),
};

/** `dataToJson` of catalog/definition makes it. */
interface SentData extends Omit<JobData, 'policy' | 'has'> {
  readonly policy: Omit<Policy, 'retries'> & { readonly retries: SentRetries | null };
  readonly has: readonly (typeof JOB_FUNCTIONS)[number][];
}

interface SentRetries extends RetryWaits {
  readonly limit?: number | null;
}

const orNone = v.nullable(number);

const SENT = exactly<SentData>({
  description: v.nullable(text),
  group: v.nullable(text),
  policy: exactly<Policy>({
    priority: number,
    concurrency: orNone,
    rateLimit: v.nullable(exactly<RateLimit>({ limit: number, perMs: number })),
    retries: v.nullable(
      exactly<SentRetries>({
        limit: v.optional(orNone),
        delayMs: number,
        backoff: oneOf(BACKOFFS),
        factor: number,
        maxDelayMs: number,
        jitter: number,
      }),
    ),
    timeoutMs: orNone,
    lockTimeMs: orNone,
    graceMs: number,
    isolation: oneOf(ISOLATIONS),
    memoryMb: orNone,
    keepDoneMs: number,
    keepFailedMs: number,
  }),
  autostart: flag,
  external: flag,
  recurrence: v.nullable(
    exactly<Recurrence>({ rule: RULE, catchUp: oneOf(CATCH_UPS), overlap: oneOf(OVERLAPS) }),
  ),
  schema: anything,
  has: list(oneOf(JOB_FUNCTIONS)),
});

/** Null for what no worker sends: the job itself has written it. */
export function dataFromJson(sent: unknown): JobData | null {
  if (!fits(SENT, sent)) return null;
  const { policy, has, ...data } = sent as SentData;
  const { retries } = policy;
  const limit = retries?.limit === null ? Number.POSITIVE_INFINITY : retries?.limit;
  const kept = retries && { ...retries, ...(limit !== undefined && { limit }) };
  return { ...data, policy: { ...policy, retries: kept as Policy['retries'] }, has: new Set(has) };
}

type Sound = Extract<Checked, { readonly ok: true }>;
type Unsound = Extract<Checked, { readonly ok: false }>;

// Params are checked by the part that keeps them.
const sound = exactly<Sound>({ ok: yes, params: anything, lock: v.nullable(text) });
const unsound = exactly<Unsound>({ ok: no, issues: list(text) });

/** The values of answers, by the type of the call. */
export const ANSWERS = {
  check: list(v.lazy((one) => (isFields(one) && one.ok === true ? sound : unsound))),
  next: v.nullable(be('an instant', (at) => isInstant(Date.parse(String(at))))),
  hook: v.nullable(decision),
  inspect: SENT,
} satisfies Readonly<Record<Call['type'], Schema>>;
