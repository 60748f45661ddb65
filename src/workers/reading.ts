// Reads what came over the pipe of a worker. The pipe is open in the job's own process: what a job, or a library in it,
// writes to descriptor 3 by mistake or on purpose must not reach the daemon as a message with holes. So every field is
// looked at, and a message has no other ones.
import { isInstant } from '../support/clock.ts';
import { type Json, mostBytes } from '../support/json.ts';
import {
  MAX_JSON_DEPTH,
  MAX_LOG_TEXT,
  MAX_RESULT_BYTES,
  MAX_RESULT_ROWS,
  MAX_VALUE_BYTES,
} from '../support/limits.ts';
import type { FromWorker } from './messages.ts';

/**
 * `noise` is what means nothing to the daemon: some program logs there. `forged` is what means something, and no worker
 * says it.
 */
export function readMessage(raw: unknown): FromWorker | 'noise' | 'forged' {
  const { type } = raw as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGES, type)) return 'noise';
  return MESSAGES[type]?.(raw) ? (raw as FromWorker) : 'forged';
}

type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

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

/** Exactly these fields; optional ones may be missing. */
function shape(required: Fields, optional: Fields = {}): Check {
  const needed = Object.entries(required);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const fields = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of needed) if (!check(fields[name])) return false;
    for (const name of Object.keys(fields)) {
      if (Object.hasOwn(required, name)) continue;
      if (!Object.hasOwn(optional, name) || !optional[name]?.(fields[name])) return false;
    }
    return true;
  };
}

const error = shape({ name: text, message: text, stack: text });
const due: Fields = { dueAt: isInstant };
const wait: Fields = { waitMs: number };
const retry = shape({ retryAt: isInstant }, wait);
const decision: Check = (value) => value === 'dismiss' || retry(value);

/** Of those that a job comes to by itself. */
const OUTCOMES: Readonly<Record<string, Check>> = {
  returned: shape({ kind: any, output: json }),
  threw: shape(
    { kind: any, error },
    { fatal: boolean, unloaded: boolean, childStopped: boolean, decision },
  ),
  callback: shape({ kind: any, ...due }, { ...wait, output: json, error }),
  pending: shape({ kind: any }),
  stopped: shape({ kind: any }),
};

const outcome: Check = (value) => {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  return (
    typeof kind === 'string' && Object.hasOwn(OUTCOMES, kind) && OUTCOMES[kind]?.(value) === true
  );
};

const line = shape({
  at: text,
  level: oneOf('debug', 'info', 'warn', 'error'),
  stream: oneOf('log', 'stdout', 'stderr'),
  text,
  fields: json,
});

const good = shape({ ok: yes, value: any });
const bad = shape({ ok: oneOf(false), code: string, message: string, hint: string });
const answer: Check = (value) => good(value) || bad(value);

const run: Fields = { type: any, run: whole };
const call: Fields = { type: any, call: whole };

const MESSAGES: Readonly<Record<string, Check>> = {
  ready: shape({ type: any }),
  began: shape(run),
  loading: shape(call),
  result: shape({ ...call, answer }),
  outcome: shape({ ...run, outcome }, { tainted: yes, changed: yes, company: yes }),
  progress: shape({ ...run, percent: number, text: orNull(text) }),
  log: shape({ ...run, line }),
  row: shape({ ...run, n: upTo(MAX_RESULT_ROWS), row: json }),
  extend: shape({ ...run, ms: number }),
  save: shape(
    { ...run, call: whole },
    {
      checkpoint: json,
      rows: upTo(MAX_RESULT_ROWS),
      rowBytes: upTo(MAX_RESULT_BYTES),
      initialized: yes,
      step: shape({ name: string, value: json }),
    },
  ),
  emit: shape({ ...run, call: whole, job: string, params: json, options }),
};
