// Whether a value that came from outside (a file that was edited by hand, a stream from another machine) is a run or a
// schedule. What passes can be taken in; what a later version adds to the same fields passes too.
import type { Json } from '../support/json.ts';
import { MAX_JOB_NAME } from '../support/limits.ts';
import { isSettledName, type Run, STATE_NAMES, type StateName } from './run.ts';
import type { Schedule } from './schedule.ts';
import { CATCH_UPS, type CatchUp, OVERLAPS, type Overlap } from './slot-policy.ts';

type Fields = Readonly<Record<string, unknown>>;

export function isRun(value: unknown): value is Run {
  if (!isObject(value)) return false;
  const { id, job, priority, createdAt, state, origin, life } = value;
  return (
    Number.isSafeInteger(id) &&
    (id as number) > 0 &&
    isName(job) &&
    'params' in value &&
    isNumber(priority) &&
    isNumber(createdAt) &&
    isState(state) &&
    (origin === null || isOrigin(origin)) &&
    (life === null ? state.name !== 'running' : isLife(life))
  );
}

export function isSchedule(value: unknown): value is Schedule {
  if (!isObject(value) || !isObject(value.rule)) return false;
  const { name, job, source, rule, catchUp, overlap, paused, createdAt, nextAt, lastAt } = value;
  const known =
    rule.kind === 'nextRun' ||
    (rule.kind === 'every' && isNumber(rule.everyMs)) ||
    (rule.kind === 'cron' && isText(rule.cron) && isText(rule.timezone));
  return (
    known &&
    isText(name) &&
    isName(job) &&
    (source === 'job' || source === 'made') &&
    'params' in value &&
    CATCH_UPS.includes(catchUp as CatchUp) &&
    OVERLAPS.includes(overlap as Overlap) &&
    typeof paused === 'boolean' &&
    isNumber(createdAt) &&
    [nextAt, lastAt].every((at) => at === null || isNumber(at)) &&
    isNumber(value.skipped)
  );
}

function isState(value: unknown): value is Run['state'] {
  if (!isObject(value) || !STATE_NAMES.includes(value.name as StateName)) return false;
  if (!isNumber(value.dueAt)) return false;
  const name = value.name as StateName;
  if (isSettledName(name) && !isNumber(value.settledAt)) return false;
  switch (name) {
    case 'waiting':
      return value.for === 'runs' || value.for === 'result';
    case 'done':
      return 'output' in value;
    case 'failed':
      return isObject(value.error) && isText(value.error.name) && isText(value.error.message);
    case 'aborted':
      return isText(value.reason);
    case 'scheduled':
    case 'queued':
    case 'running':
      return true;
  }
}

const isOrigin = (value: unknown): boolean =>
  isObject(value) &&
  (value.after === undefined ||
    (Array.isArray(value.after) && value.after.every((id) => Number.isSafeInteger(id)))) &&
  ['key', 'schedule', 'lock'].every((name) => value[name] === undefined || isText(value[name]));

const isLife = (value: unknown): boolean =>
  isObject(value) &&
  isNumber(value.attempt) &&
  isNumber(value.startedAt) &&
  Array.isArray(value.attempts) &&
  value.attempts.every((one) => isObject(one) && isNumber(one.number) && isNumber(one.startedAt));

const isObject = (value: unknown): value is Fields & { readonly [key: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isName = (value: unknown): boolean =>
  isText(value) && value !== '' && value.length <= MAX_JOB_NAME;
