// Turns a job file into data with every default filled in, or into one error that names the field. Runs in the worker
// that loaded the file, so that odd objects of job code (getters, proxies) never reach the daemon.
import { types } from 'node:util';
import * as v from 'valibot';
import { checkCron } from '../run/cron.ts';
import {
  BACKOFFS,
  CATCH_UPS,
  DEFAULT_POLICY,
  DEFAULT_RETRIES,
  ISOLATIONS,
  OVERLAPS,
  type Policy,
} from '../run/policy.ts';
import type { Config } from '../support/config.ts';
import { JobrunError, type Problem } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { schemaFault } from '../support/json-schema.ts';
import { HOUR, MB, MIN_EVERY_MS } from '../support/limits.ts';
import {
  anything,
  be,
  duration,
  type Fields,
  flag,
  isFields,
  numberBetween,
  object,
  oneOf,
  type Read,
  read,
  size,
  someTime,
  strict,
  text,
  whole,
  zone,
} from '../support/schema.ts';
import { processZone } from '../support/zone-names.ts';
import { JOB_FUNCTIONS, type JobData, type JobFunction, type Recurrence } from './catalog.ts';
import { misfitIn } from './json-fit.ts';

/** Below it Node itself does not start. */
const LEAST_MEMORY_MB = 16;

const memory = v.pipe(
  size(`a size from ${LEAST_MEMORY_MB}MB such as '512MB' or '2GB'`, LEAST_MEMORY_MB * MB),
  v.transform((bytes) => Math.round(bytes / MB)),
);

/** Infinity stands for no limit. */
const limit = (least: number) =>
  be<number>(
    `a whole number from ${least}`,
    (value) =>
      value === Number.POSITIVE_INFINITY ||
      (Number.isSafeInteger(value) && (value as number) >= least),
  );

const RETRIES = {
  limit: v.optional(limit(0)),
  delay: v.optional(duration, DEFAULT_RETRIES.delayMs),
  backoff: v.optional(oneOf(BACKOFFS), DEFAULT_RETRIES.backoff),
  factor: v.optional(numberBetween(1, 1000), DEFAULT_RETRIES.factor),
  maxDelay: v.optional(duration, DEFAULT_RETRIES.maxDelayMs),
  jitter: v.optional(numberBetween(0, 1), DEFAULT_RETRIES.jitter),
};
const manyRetries = strict(RETRIES, {
  place: 'fields',
  wanted: `a number, or an object with ${Object.keys(RETRIES).join(', ')}`,
});
const justRetries = v.pipe(
  limit(0),
  v.transform((limit) => v.parse(manyRetries, { limit })),
);

const DATA = {
  description: v.nullish(text, null),
  group: v.nullish(text, null),
  priority: v.optional(whole(Number.MIN_SAFE_INTEGER), DEFAULT_POLICY.priority),
  concurrency: v.nullish(limit(1), null),
  rateLimit: v.nullish(strict({ limit: whole(1), per: someTime }, { place: 'fields' }), null),
  retries: v.optional(v.lazy((value) => (typeof value === 'number' ? justRetries : manyRetries))),
  timeout: v.nullish(someTime, null),
  lockTime: v.nullish(someTime, null),
  every: v.nullish(someTime, null),
  cron: v.nullish(text, null),
  timezone: v.nullish(zone, null),
  catchUp: v.optional(oneOf(CATCH_UPS), 'once'),
  overlap: v.optional(oneOf(OVERLAPS), 'skip'),
  autostart: v.optional(flag, false),
  keep: v.optional(
    strict({
      done: v.optional(duration, DEFAULT_POLICY.keepDoneMs),
      failed: v.optional(duration, DEFAULT_POLICY.keepFailedMs),
    }),
    {},
  ),
  isolation: v.optional(oneOf(ISOLATIONS), DEFAULT_POLICY.isolation),
  memory: v.nullish(memory, null),
  grace: v.optional(duration, DEFAULT_POLICY.graceMs),
};
const data = object(DATA);
type Data = Read<typeof data>;

// Nothing would step through a generator: its body would never run.
const method = v.pipe(
  be('a function', (value) => typeof value === 'function'),
  v.check(
    (value) => !types.isGeneratorFunction(value),
    ' must be a plain or async function, not a generator (function*)\nLeave out the star. Report rows with ctx.result(row), and steps with ctx.step(name, fn).',
  ),
);
const isStandard = (value: unknown): boolean =>
  typeof (value as { '~standard'?: { validate?: unknown } } | null)?.['~standard']?.validate ===
  'function';
const validator = v.pipe(
  be('a Standard Schema validator (zod, valibot, arktype, …)', isStandard),
  v.rawCheck(({ dataset, addIssue }) => {
    const misfit = dataset.typed ? misfitIn(dataset.value) : null;
    if (misfit === null) return;
    const message = ` is ${misfit.kind}, which JSON cannot hold\n${misfit.hint}`;
    const steps = misfit.path.map(stepTo);
    const [first, ...more] = steps;
    addIssue({ message, ...(first && { path: [first, ...more] }) });
  }),
);
/** Valibot reads the key alone. */
const stepTo = (key: string | number) =>
  ({ type: 'object', origin: 'value', input: {}, key: key as string, value: null }) as const;

const FUNCTIONS = {
  params: v.optional(validator),
  lock: v.optional(method),
  initialize: v.optional(method),
  nextRun: v.optional(method),
  onError: v.optional(method),
  onStale: v.optional(method),
  onDone: v.optional(method),
  onFailed: v.optional(method),
} satisfies Readonly<Record<JobFunction, unknown>>;

// By their names: what they hold is looked at once the defaults stand in where they say nothing.
const NAMED = Object.fromEntries(Object.keys(DATA).map((name) => [name, v.optional(anything)]));
/** The fields that most jobs have, and the place of the others. */
const COMMON = ['run', 'params', 'retries', 'timeout', 'cron', 'every', 'concurrency'];

function someFields(known: readonly string[]): string {
  const some = COMMON.filter((name) => known.includes(name));
  const more = known.length - some.length;
  return `Known are: ${some.join(', ')} and ${more} more: see "All fields" in docs/writing-jobs.md.`;
}

const REFUSED = { place: 'fields', otherwise: someFields } as const;
const job = strict({ ...NAMED, ...FUNCTIONS, run: method }, REFUSED);
const options = strict(NAMED, REFUSED);

// An external job has no function that does the work, and none that begins it.
const { initialize: _, ...HOOKS } = FUNCTIONS;
const yes = be<true>('true', (value) => value === true);
const jsonSchema = v.pipe(
  be<Fields>('JSON Schema, or a Standard Schema validator', isFields),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? schemaFault(dataset.value) : null;
    if (fault !== null) addIssue({ message: `: ${fault}` });
  }),
);
const paramsOfExternal = v.lazy((value) => (isStandard(value) ? validator : jsonSchema));
const external = strict(
  { ...NAMED, ...HOOKS, external: yes, params: v.optional(paramsOfExternal) },
  REFUSED,
);
const externalOptions = strict(
  { ...NAMED, external: yes, params: v.optional(jsonSchema) },
  REFUSED,
);

/** The fields that a job may have, but for `external`. */
export const FIELD_NAMES: readonly string[] = [...Object.keys({ ...NAMED, ...FUNCTIONS }), 'run'];

const wrongIn =
  (whole: string) =>
  ({ path, place, says, hint }: Problem): JobrunError => {
    // The author of the file sees the message alone.
    const meant = hint && `: ${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, '')}`;
    const message = `${place || whole}${says}${meant}`;
    return new JobrunError('broken-job', message, 'Fix it there.', { field: path });
  };

/**
 * The field that an error in a definition is about (`retries.delay`), or null: its line in the file can be looked for.
 */
export function fieldOf(error: unknown): string | null {
  const cause = (error as { cause?: { field?: unknown } | null } | null)?.cause;
  return typeof cause?.field === 'string' ? cause.field : null;
}

/** The defaults of all jobs as the config has them: `defaults`, `keep` and `timezone`. */
export function defaultsOf(config: Pick<Config, 'defaults' | 'keep' | 'timezone'>): Fields {
  const { done, failed } = config.keep;
  return {
    // Asked for with the first definition that is read: finding it out takes longer than many a command.
    get timezone() {
      return config.timezone;
    },
    ...config.defaults,
    keep: merged(definedOf({ done, failed }), config.defaults.keep),
  };
}

/** Throws `broken-job` or `bad-time` where `defaults` are what no job may have. */
export function checkDefaults({ defaults }: Pick<Config, 'defaults'>): void {
  read(options, defaults, wrongIn('defaults'));
  try {
    dataOf({}, defaults);
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    throw new JobrunError(error.code, `defaults: ${error.message}`, error.hint, error);
  }
}

/**
 * Reads the default export of a job file. `params` is a validator, the other functions are only noted.
 *
 * @param defaults data fields that stand in where the job says nothing
 * @throws JobrunError `broken-job` or `bad-time` that names the field and what is accepted
 */
export function readDefinition(raw: unknown, defaults: Fields): JobData {
  if (raw === undefined || raw === null) throw noDefinition('there is no default export');
  const definition = typeof raw === 'function' ? { run: raw } : raw;
  if (!isFields(definition))
    throw noDefinition('the default export is neither a job nor a function');
  if ('external' in definition && definition.external !== false)
    return externalData(read(external, definition, wrongIn('the job')), defaults);
  const { external: _, ...own } = definition;
  return dataOf(read(job, own, wrongIn('the job')), defaults);
}

/** Reads `jobs/<name>.json` of an external job: the data fields, and the params as JSON Schema. */
export const readExternalOptions = (raw: unknown, defaults: Fields): JobData =>
  externalData(read(externalOptions, raw, wrongIn('the job')), defaults);

function externalData(own: Fields, defaults: Fields): JobData {
  const { params, ...rest } = own;
  const schema = params === undefined || isStandard(params) ? null : jsonOf(params);
  const data = dataOf(schema === null ? own : rest, defaults);
  const lockTimeMs = data.policy.lockTimeMs ?? EXTERNAL_LOCK_MS;
  return { ...data, external: true, schema, policy: { ...data.policy, lockTimeMs } };
}

/** A job decides how long its own worker may be silent; a worker outside must be given up at some time. */
const EXTERNAL_LOCK_MS = HOUR;

const jsonOf = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

/** Reads `jobs/<name>.json`, the options of a command job: data fields only. */
export const readOptions = (raw: unknown, defaults: Fields): JobData =>
  dataOf(read(options, raw, wrongIn('the option file')), defaults);

function noDefinition(problem: string): JobrunError {
  const message = `${problem}: write \`export default defineJob({ run() { … } })\``;
  return new JobrunError(
    'broken-job',
    message,
    'Files that are no jobs have names that begin with "_".',
  );
}

function dataOf(own: Fields, general: Fields): JobData {
  const fields: Fields = {
    ...general,
    ...definedOf(own),
    keep: merged(general.keep, own.keep),
    retries: mergedRetries(general.retries, own.retries),
  };
  const found = read(data, fields, wrongIn('the job'));
  return {
    description: found.description,
    group: found.group,
    policy: policyOf(found),
    autostart: found.autostart,
    external: false,
    recurrence: recurrenceOf(own, fields, found),
    schema: null,
    has: new Set(JOB_FUNCTIONS.filter((name) => own[name] !== undefined)),
  };
}

const definedOf = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** A field that is an object: what the job leaves out of it comes from the defaults. */
function merged(general: unknown, own: unknown): unknown {
  if (own === undefined) return general;
  return isFields(general) && isFields(own) ? { ...general, ...own } : own;
}

function mergedRetries(general: unknown, own: unknown): unknown {
  if (general === undefined) return own;
  const asObject = (retries: unknown): unknown =>
    typeof retries === 'number' ? { limit: retries } : retries;
  return merged(asObject(general), asObject(own));
}

function policyOf(found: Data): Policy {
  const { concurrency, rateLimit, retries, keep } = found;
  return {
    priority: found.priority,
    concurrency: concurrency === Number.POSITIVE_INFINITY ? null : concurrency,
    rateLimit: rateLimit && { limit: rateLimit.limit, perMs: rateLimit.per },
    retries: retries
      ? {
          ...(retries.limit !== undefined && { limit: retries.limit }),
          delayMs: retries.delay,
          backoff: retries.backoff,
          factor: retries.factor,
          maxDelayMs: retries.maxDelay,
          jitter: retries.jitter,
        }
      : null,
    timeoutMs: found.timeout,
    lockTimeMs: found.lockTime,
    graceMs: found.grace,
    isolation: found.isolation,
    memoryMb: found.memory,
    keepDoneMs: keep.done,
    keepFailedMs: keep.failed,
  };
}

const RULES = ['every', 'cron', 'nextRun'] as const;

/** A job's own rule stands in place of one in the defaults, and brings nothing of it along. */
function recurrenceOf(own: Fields, merged: Fields, found: Data): Recurrence | null {
  const isGiven = (fields: Fields) => (name: string) =>
    fields[name] !== undefined && fields[name] !== null;
  const given = RULES.filter(isGiven(own));
  if (given.length > 1) {
    const message = `${given.join(' and ')} exclude each other`;
    throw new JobrunError('broken-job', message, 'Keep one of them.', { field: given[0] });
  }
  const name = given[0] ?? RULES.find(isGiven(merged));
  const { catchUp, overlap } = found;
  return name === undefined ? null : { rule: ruleOf(name, found), catchUp, overlap };
}

function ruleOf(name: (typeof RULES)[number], { every, cron, timezone }: Data): Recurrence['rule'] {
  if (name === 'nextRun') return { kind: 'nextRun' };
  if (name === 'every') return { kind: 'every', everyMs: Math.max(every ?? 0, MIN_EVERY_MS) };
  const rule = { kind: name, cron: cron ?? '', timezone: timezone ?? processZone(process.env) };
  try {
    checkCron(rule.cron, rule.timezone);
    return rule;
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    throw new JobrunError(error.code, error.message, error.hint, { field: 'cron' });
  }
}

/**
 * JobData as JSON, to go from the worker to the daemon (workers/reading.ts reads it there): a set becomes a list, and
 * retries without end a limit of null.
 */
export function dataToJson(data: JobData): Json {
  const { retries } = data.policy;
  const limit = retries?.limit === Number.POSITIVE_INFINITY ? null : retries?.limit;
  const policy = { ...data.policy, retries: retries ? { ...retries, limit } : null };
  return jsonOf({ ...data, policy, has: [...data.has] });
}
