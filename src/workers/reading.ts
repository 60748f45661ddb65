// Reads what came over the pipe of a worker. The pipe is open in the job's own process: what a job, or a library in it,
// writes to descriptor 3 by mistake or on purpose must not reach the daemon as a message with holes. So every field is
// looked at, and a message has no other ones.
import * as v from 'valibot';
import type { Death, Decision, Outcome } from '../run/outcome.ts';
import type { RunError } from '../run/run.ts';
import { type Json, mostBytes } from '../support/json.ts';
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
  fits,
  flag,
  instant,
  isFields,
  list,
  oneOf,
  type Schema,
  strict,
  text,
  variant,
  whole,
} from '../support/schema.ts';
import type { Answer, FromWorker } from './messages.ts';

/**
 * `noise` is what means nothing to the daemon: some program logs there. `forged` is what means something, and no worker
 * says it.
 */
export function readMessage(raw: unknown): FromWorker | 'noise' | 'forged' {
  const { type } = raw as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGES, type)) return 'noise';
  return fits(MESSAGES[type as FromWorker['type']], raw) ? (raw as FromWorker) : 'forged';
}

/** Exactly the fields of a type, each with its schema: one which is added there does not compile before it is added here. */
const exactly = <T>(entries: { readonly [K in keyof T]-?: Schema }): Schema => strict(entries);

/** Texts are cut by the worker, and say how much was left out. */
const MAX_TEXT = MAX_LOG_TEXT + 200;

const yes = be('true', (value) => value === true);
const cut = be(
  'a text as the worker cuts it',
  (value) => typeof value === 'string' && value.length <= MAX_TEXT,
);
const positive = be('a number from 0', (value) => typeof value === 'number' && value >= 0);

/** As `checkJson`, which refuses the same in the worker. */
const small = be('JSON of at most 1 MB', (value) => {
  if (value === undefined) return false;
  const most = mostBytes(value as Json);
  if (most <= MAX_VALUE_BYTES) return true;
  return most !== Infinity && Buffer.byteLength(JSON.stringify(value)) <= MAX_VALUE_BYTES;
});

/** They hold the params of a request, and are checked where they are read. */
const options = be(
  'JSON',
  (value) => value !== undefined && mostBytes(value as Json, MAX_JSON_DEPTH + 20) !== Infinity,
);

const error = exactly<RunError>({ name: cut, message: cut, stack: cut });
const retry = exactly<Exclude<Decision, string>>({
  retryAt: instant,
  waitMs: v.optional(positive),
});
const decision = v.lazy((value) => (value === 'dismiss' ? text : retry));

type Ended<Kind extends Outcome['kind']> = Omit<Extract<Outcome, { kind: Kind }>, keyof Death>;

/** Of those that a job comes to by itself. */
const outcome = variant('kind', {
  returned: exactly<Ended<'returned'>>({ kind: text, output: small }),
  threw: exactly<Ended<'threw'>>({
    kind: text,
    error,
    fatal: v.optional(flag),
    unloaded: v.optional(flag),
    missing: v.optional(flag),
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
  ok: be('false', (value) => value === false),
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
    step: v.optional(exactly<NonNullable<Said<'save'>['step']>>({ name: text, value: small })),
  }),
  emit: exactly<Said<'emit'>>({ ...run, call: whole(0), job: text, params: small, options }),
};
