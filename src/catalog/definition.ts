// What a job file says becomes data with every default filled in, or one error that names the field. Runs in the
// worker that loaded the file, so that odd objects of job code (getters, proxies) never reach the daemon.
import { types } from 'node:util';
import { checkCron } from '../run/cron.ts';
import { DEFAULT_POLICY, DEFAULT_RETRIES, type Policy, type RetryPolicy } from '../run/policy.ts';
import { CATCH_UPS, OVERLAPS } from '../run/slot-policy.ts';
import type { Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { MIN_EVERY_MS } from '../support/limits.ts';
import { processZone, zoneNamed } from '../support/zones.ts';
import type { JobData, JobFunction, Recurrence } from './catalog.ts';
import * as read from './fields.ts';

type Fields = read.Fields;

const DATA_FIELDS = [
  'description',
  'group',
  'priority',
  'concurrency',
  'rateLimit',
  'retries',
  'timeout',
  'lockTime',
  'every',
  'cron',
  'timezone',
  'catchUp',
  'overlap',
  'autostart',
  'keep',
  'isolation',
  'memory',
  'grace',
] as const;
const FUNCTIONS: readonly JobFunction[] = [
  'params',
  'lock',
  'initialize',
  'nextRun',
  'onError',
  'onStale',
  'onDone',
  'onFailed',
];
const RULES = ['every', 'cron', 'nextRun'] as const;

type Given = Pick<Config, 'defaults' | 'keep'>;

/** The defaults of all jobs as the config has them: `defaults`, `keep` and `timezone`. */
export function defaultsOf(config: Given & Pick<Config, 'timezone'>): Fields {
  return {
    // Asked for with the first definition that is read: finding it out takes longer than many a command.
    get timezone() {
      return config.timezone;
    },
    ...givenDefaults(config),
  };
}

/** Throws `broken-job` or `bad-time` where `defaults` or `keep` are what no job may have. */
export function checkDefaults({ defaults, keep }: Given): void {
  dataOf({}, { keep: timesOf(keep) });
  read.fieldsOf(defaults, 'defaults', DATA_FIELDS);
  try {
    dataOf({}, defaults);
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    throw new JobrunError(error.code, `defaults: ${error.message}`, error.hint, error);
  }
}

function givenDefaults({ defaults, keep }: Given): Fields {
  const given = defaults.keep;
  return { ...defaults, keep: { ...timesOf(keep), ...(typeof given === 'object' ? given : {}) } };
}

const timesOf = ({ done, failed }: Given['keep']): Fields => ({
  ...(done !== undefined && { done }),
  ...(failed !== undefined && { failed }),
});

/**
 * Reads the default export of a job file. `params` is a validator, the other functions are only noted.
 *
 * @param defaults data fields that stand in where the job says nothing
 * @throws JobrunError `broken-job` or `bad-time` that names the field and what is accepted
 */
export function readDefinition(raw: unknown, defaults: Fields): JobData {
  const definition = typeof raw === 'function' ? { run: raw } : raw;
  if (raw === undefined || raw === null) throw noDefinition('there is no default export');
  if (typeof definition !== 'object' || Array.isArray(definition)) {
    throw noDefinition('the default export is neither a job nor a function');
  }
  const fields = read.fieldsOf(definition, 'the job', [...DATA_FIELDS, ...FUNCTIONS, 'run']);
  if (typeof fields.run !== 'function') throw read.wrongField('run', 'a function', fields.run);
  refuseGenerator('run', fields.run);
  for (const name of FUNCTIONS) checkFunction(name, fields[name]);
  return dataOf(fields, defaults);
}

/** Reads `jobs/<name>.json`, the options of a command job: data fields only. */
export function readOptions(raw: unknown, defaults: Fields): JobData {
  return dataOf(read.fieldsOf(raw, 'the option file', DATA_FIELDS), defaults);
}

function noDefinition(problem: string): JobrunError {
  const message = `${problem}: write \`export default defineJob({ run() { … } })\``;
  return new JobrunError(
    'broken-job',
    message,
    'Files that are no jobs have names that begin with "_".',
  );
}

function checkFunction(name: JobFunction, value: unknown): void {
  if (value === undefined) return;
  if (name !== 'params') {
    if (typeof value !== 'function') throw read.wrongField(name, 'a function', value);
    refuseGenerator(name, value);
    return;
  }
  const standard = (value as { '~standard'?: { validate?: unknown } } | null)?.['~standard'];
  if (typeof standard?.validate === 'function') return;
  throw read.wrongField(name, 'a Standard Schema validator (zod, valibot, arktype, …)', value);
}

/** Nothing would step through it: its body would never run. */
function refuseGenerator(name: string, value: unknown): void {
  if (!types.isGeneratorFunction(value)) return;
  const wanted = 'a plain or async function';
  throw new JobrunError(
    'broken-job',
    `${name} must be ${wanted}, not a generator (function*)`,
    'Leave out the star. Report rows with ctx.result(row), and steps with ctx.step(name, fn).',
    { field: name },
  );
}

function dataOf(own: Fields, defaults: Fields): JobData {
  const general = read.fieldsOf(defaults, 'defaults', DATA_FIELDS);
  const has = FUNCTIONS.filter((name) => own[name] !== undefined && own[name] !== null);
  const fields: Fields = { ...general, ...definedOf(own) };
  return {
    description: read.text(fields.description, 'description'),
    group: read.text(fields.group, 'group'),
    policy: policyOf(fields, own, general),
    autostart: read.flag(fields.autostart, 'autostart'),
    recurrence: recurrenceOf(own, general),
    schema: null,
    has: new Set(has),
  };
}

const definedOf = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function policyOf(fields: Fields, own: Fields, general: Fields): Policy {
  const keep = mergedObject('keep', own, general, ['done', 'failed']);
  const kept = (name: 'done' | 'failed', fallback: number): number =>
    keep[name] === undefined ? fallback : read.duration(keep[name], `keep.${name}`);
  const { priority, grace } = fields;
  return {
    priority:
      priority === undefined
        ? DEFAULT_POLICY.priority
        : read.wholeNumber(priority, 'priority', Number.MIN_SAFE_INTEGER),
    concurrency: read.limit(fields.concurrency, 'concurrency'),
    rateLimit: rateLimitOf(fields.rateLimit),
    retries: retriesOf(own, general),
    timeoutMs: read.someTime(fields.timeout, 'timeout'),
    lockTimeMs: read.someTime(fields.lockTime, 'lockTime'),
    graceMs: grace === undefined ? DEFAULT_POLICY.graceMs : read.duration(grace, 'grace'),
    isolation: read.oneOf(
      fields.isolation,
      'isolation',
      ['process', 'shared', 'fresh'],
      DEFAULT_POLICY.isolation,
    ),
    memoryMb: read.memoryMb(fields.memory, 'memory'),
    keepDoneMs: kept('done', DEFAULT_POLICY.keepDoneMs),
    keepFailedMs: kept('failed', DEFAULT_POLICY.keepFailedMs),
  };
}

/** A field that is an object: what the job leaves out of it comes from the defaults. */
function mergedObject(
  name: string,
  own: Fields,
  general: Fields,
  known: readonly string[],
): Fields {
  const part = (value: unknown): Fields =>
    value === undefined ? {} : read.fieldsOf(value, name, known);
  return { ...part(general[name]), ...part(own[name]) };
}

function rateLimitOf(value: unknown): Policy['rateLimit'] {
  if (value === undefined || value === null) return null;
  const fields = read.fieldsOf(value, 'rateLimit', ['limit', 'per']);
  const perMs = read.someTime(fields.per, 'rateLimit.per');
  if (perMs === null) throw read.wrongField('rateLimit.per', 'a duration', fields.per);
  return { limit: read.wholeNumber(fields.limit, 'rateLimit.limit', 1), perMs };
}

const RETRY_FIELDS = ['limit', 'delay', 'backoff', 'factor', 'maxDelay', 'jitter'] as const;

function retriesOf(own: Fields, general: Fields): RetryPolicy | null {
  if (own.retries === undefined && general.retries === undefined) return null;
  const fields = mergedObject(
    'retries',
    { retries: asObject(own.retries) },
    { retries: asObject(general.retries) },
    RETRY_FIELDS,
  );
  const { limit, factor, jitter } = fields;
  const ms = (name: 'delay' | 'maxDelay', fallback: number): number =>
    fields[name] === undefined ? fallback : read.duration(fields[name], `retries.${name}`);
  return {
    limit: limit === undefined ? DEFAULT_RETRIES.limit : retryLimit(limit),
    delayMs: ms('delay', DEFAULT_RETRIES.delayMs),
    backoff: read.oneOf(
      fields.backoff,
      'retries.backoff',
      ['fixed', 'linear', 'exponential'],
      DEFAULT_RETRIES.backoff,
    ),
    factor:
      factor === undefined
        ? DEFAULT_RETRIES.factor
        : read.numberBetween(factor, 'retries.factor', 1, 1000),
    maxDelayMs: ms('maxDelay', DEFAULT_RETRIES.maxDelayMs),
    jitter:
      jitter === undefined
        ? DEFAULT_RETRIES.jitter
        : read.numberBetween(jitter, 'retries.jitter', 0, 1),
  };
}

function asObject(retries: unknown): unknown {
  if (typeof retries === 'number') return { limit: retries };
  if (retries === undefined || typeof retries === 'object') return retries;
  const wanted = `a number, or an object with ${RETRY_FIELDS.join(', ')}`;
  throw read.wrongField('retries', wanted, retries);
}

const retryLimit = (value: unknown): number =>
  value === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : read.wholeNumber(value, 'retries', 0);

/** A job's own rule stands in place of one in the defaults, and brings nothing of it along. */
function recurrenceOf(own: Fields, general: Fields): Recurrence | null {
  const given = RULES.filter((name) => own[name] !== undefined && own[name] !== null);
  if (given.length > 1) {
    const message = `${given.join(' and ')} exclude each other`;
    throw new JobrunError('broken-job', message, 'Keep one of them.', { field: given[0] });
  }
  const name = given[0] ?? RULES.find((rule) => general[rule] !== undefined);
  if (name === undefined) return null;
  const merged: Fields = { ...general, ...definedOf(own) };
  return {
    rule: ruleOf(name, merged),
    catchUp: read.oneOf(merged.catchUp, 'catchUp', CATCH_UPS, 'once'),
    overlap: read.oneOf(merged.overlap, 'overlap', OVERLAPS, 'skip'),
  };
}

function ruleOf(name: (typeof RULES)[number], fields: Fields): Recurrence['rule'] {
  if (name === 'nextRun') return { kind: 'nextRun' };
  if (name === 'every') {
    const ms = read.someTime(fields.every, 'every') ?? MIN_EVERY_MS;
    return { kind: 'every', everyMs: Math.max(ms, MIN_EVERY_MS) };
  }
  const cron = read.text(fields.cron, 'cron') ?? '';
  const given = read.text(fields.timezone, 'timezone');
  const timezone = given === null ? processZone(process.env) : zoneNamed(given, 'timezone');
  read.inField('cron', () => checkCron(cron, timezone));
  return { kind: 'cron', cron, timezone };
}

/** JobData as JSON, to go from the worker to the daemon: a set becomes a list, no limit becomes null. */
export function dataToJson(data: JobData): Json {
  const { retries } = data.policy;
  const limit = retries?.limit === Number.POSITIVE_INFINITY ? null : retries?.limit;
  const policy = { ...data.policy, retries: retries ? { ...retries, limit } : null };
  return JSON.parse(JSON.stringify({ ...data, policy, has: [...data.has] })) as Json;
}

export function dataFromJson(json: Json): JobData {
  const data = json as unknown as Omit<JobData, 'has'> & { readonly has: readonly JobFunction[] };
  const { retries } = data.policy;
  const limit = retries?.limit ?? Number.POSITIVE_INFINITY;
  const policy = { ...data.policy, retries: retries ? { ...retries, limit } : null };
  return { ...data, policy, has: new Set(data.has) };
}
