// Reads what came over the pipe of a worker. The pipe is open in the job's own process: what a job, or a library in it,
// writes to descriptor 3 by mistake or on purpose must not reach the daemon as a message with holes. So every field is
// looked at, and a message has no other ones.
import type { Death, Decision, Outcome } from '../run/outcome.ts';
import type { RunError } from '../run/run.ts';
import { isInstant } from '../support/clock.ts';
import { type Json, mostBytes } from '../support/json.ts';
import {
  MAX_JSON_DEPTH,
  MAX_LOG_TEXT,
  MAX_RESULT_BYTES,
  MAX_RESULT_ROWS,
  MAX_VALUE_BYTES,
} from '../support/limits.ts';
import type { Answer, FromWorker } from './messages.ts';

/**
 * `noise` is what means nothing to the daemon: some program logs there. `forged` is what means something, and no worker
 * says it.
 */
export function readMessage(raw: unknown): FromWorker | 'noise' | 'forged' {
  const { type } = raw as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGES, type)) return 'noise';
  return MESSAGES[type as FromWorker['type']](raw) ? (raw as FromWorker) : 'forged';
}

type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

type OptionalKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];
/** A check for each field of the type, so that one which is added there does not compile before it is added here. */
type Needed<T> = { readonly [K in Exclude<keyof T, OptionalKeys<T>>]: Check };
type May<T> = { readonly [K in OptionalKeys<T>]: Check };

/** Texts are cut by the worker, and say how much was left out. */
const MAX_TEXT = MAX_LOG_TEXT + 200;

const any: Check = () => true;
const yes: Check = (value) => value === true;
const boolean: Check = (value) => typeof value === 'boolean';
const string: Check = (value) => typeof value === 'string';
const text: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT;
const number: Check = (value) => typeof value === 'number' && value >= 0;
const upTo =
  (most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
const whole = upTo(Number.MAX_SAFE_INTEGER);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

/** As `checkJson`, which refuses the same in the worker. */
const json: Check = (value) => {
  if (value === undefined) return false;
  const most = mostBytes(value as Json);
  if (most <= MAX_VALUE_BYTES) return true;
  return most !== Infinity && Buffer.byteLength(JSON.stringify(value)) <= MAX_VALUE_BYTES;
};

/** They hold the params of a request, and are checked where they are read. */
const options: Check = (value) =>
  value !== undefined && mostBytes(value as Json, MAX_JSON_DEPTH + 20) !== Infinity;

/** Exactly the fields of the type; optional ones may be missing. */
function shape<T>(needs: Needed<T>, may: May<T>): Check {
  const required: Fields = needs;
  const optional: Fields = may;
  const needed = Object.entries(required);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const fields = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of needed)
      if (fields[name] === undefined || !check(fields[name])) return false;
    const names = Object.keys(fields);
    if (names.length === needed.length) return true;
    return names.every(
      (name) =>
        Object.hasOwn(required, name) ||
        (Object.hasOwn(optional, name) && optional[name]?.(fields[name])),
    );
  };
}

const error = shape<RunError>({ name: text, message: text, stack: text }, {});
const retry = shape<Exclude<Decision, string>>({ retryAt: isInstant }, { waitMs: number });
const decision: Check = (value) => value === 'dismiss' || retry(value);

type Ended<Kind extends Outcome['kind']> = Omit<Extract<Outcome, { kind: Kind }>, keyof Death>;

/** Of those that a job comes to by itself. */
const OUTCOMES: Readonly<Record<string, Check>> = {
  returned: shape<Ended<'returned'>>({ kind: any, output: json }, {}),
  threw: shape<Ended<'threw'>>(
    { kind: any, error },
    { fatal: boolean, unloaded: boolean, missing: boolean, childStopped: boolean, decision },
  ),
  callback: shape<Ended<'callback'>>(
    { kind: any, dueAt: isInstant },
    { waitMs: number, output: json, error },
  ),
  pending: shape<Ended<'pending'>>({ kind: any }, {}),
  stopped: shape<Ended<'stopped'>>({ kind: any }, {}),
};

const outcome: Check = (value) => {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  return (
    typeof kind === 'string' && Object.hasOwn(OUTCOMES, kind) && OUTCOMES[kind]?.(value) === true
  );
};

type Said<Type extends FromWorker['type']> = Extract<FromWorker, { type: Type }>;

const line = shape<Said<'log'>['line']>(
  {
    at: text,
    level: oneOf('debug', 'info', 'warn', 'error'),
    stream: oneOf('log', 'stdout', 'stderr'),
    text,
    fields: json,
  },
  {},
);

const good = shape<Extract<Answer, { ok: true }>>({ ok: yes, value: any }, {});
const bad = shape<Extract<Answer, { ok: false }>>(
  { ok: oneOf(false), code: string, message: string, hint: string },
  {},
);
const answer: Check = (value) => good(value) || bad(value);

const run = { type: any, run: whole };
const runs: Check = (value) => Array.isArray(value) && value.every(whole);
const call = { type: any, call: whole };

const MESSAGES: { readonly [Type in FromWorker['type']]: Check } = {
  ready: shape<Said<'ready'>>({ type: any }, {}),
  started: shape<Said<'started'>>({ type: any, runs }, {}),
  loading: shape<Said<'loading'>>(call, {}),
  result: shape<Said<'result'>>({ ...call, answer }, {}),
  outcome: shape<Said<'outcome'>>(
    { ...run, outcome },
    { tainted: yes, changed: yes, company: yes, timers: yes },
  ),
  progress: shape<Said<'progress'>>({ ...run, percent: number, text: orNull(text) }, {}),
  log: shape<Said<'log'>>({ ...run, line }, {}),
  row: shape<Said<'row'>>({ ...run, n: upTo(MAX_RESULT_ROWS), row: json }, {}),
  extend: shape<Said<'extend'>>({ ...run, ms: number }, {}),
  save: shape<Said<'save'>>(
    { ...run, call: whole },
    {
      checkpoint: json,
      rows: upTo(MAX_RESULT_ROWS),
      rowBytes: upTo(MAX_RESULT_BYTES),
      initialized: yes,
      step: shape<NonNullable<Said<'save'>['step']>>({ name: string, value: json }, {}),
    },
  ),
  emit: shape<Said<'emit'>>({ ...run, call: whole, job: string, params: json, options }, {}),
};
