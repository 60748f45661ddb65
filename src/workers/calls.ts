// The questions to job code outside of its attempts: to be read, to check params, to name the next time, to be told of
// an ending. Each call is answered; an error of the job's is an answer too.

import type { Checked } from '../catalog/catalog.ts';
import { dataToJson, readDefinition } from '../catalog/definition.ts';
import type { StandardIssue, StandardSchema } from '../catalog/job.ts';
import { type Clock, isoOf, within } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { HOOK_TIMEOUT_MS, MAX_LOCK_LENGTH } from '../support/limits.ts';
import { seenTime } from '../support/seen-time.ts';
import { ANYTHING, decide, describe } from './carry-out.ts';
import { loadProblem } from './load-problem.ts';
import { type LoadedJob, loadExport, loadJob } from './loader.ts';
import { type Call, fileOf } from './messages.ts';
import { RunContext } from './run-context.ts';
import type { RunScope } from './scope.ts';
import { errorOf, toRunError } from './thrown.ts';
import { instantOf, survivesJson, toJson } from './values.ts';

type CallOf<Type extends Call['type']> = Extract<Call, { readonly type: Type }>;

/** Reads one file. Rejects with a `broken-job` whose message is what people are shown. */
export async function inspect(call: CallOf<'inspect'>, clock: Clock): Promise<Json> {
  const { file } = call.file;
  try {
    const raw = await inTime(loadExport(file), call.timeoutMs, clock, () => {
      const time = showDuration(call.timeoutMs);
      return new JobrunError(
        'broken-job',
        `never finished loading (${time})`,
        'See its top-level await.',
      );
    });
    const data = readDefinition(raw, call.defaults);
    return dataToJson({ ...data, schema: data.schema ?? schemaOf(raw) });
  } catch (error) {
    throw new JobrunError('broken-job', loadProblem(file, error), 'Fix the file.', error);
  }
}

/** It was sound when it was read: a package may be missing for the moment, and no defect of ours. */
async function getJob(file: string): Promise<LoadedJob> {
  try {
    return await loadJob(file);
  } catch (error) {
    throw new JobrunError('broken-job', loadProblem(file, error), 'Fix the file.', error);
  }
}

/** JSON Schema of the params where the validator can make one. A field that it cannot describe may be anything. */
function schemaOf(raw: unknown): Json {
  const schema = (raw as { params?: StandardSchema }).params;
  return describe(schema, 'input') ?? describe(schema, 'input', ANYTHING) ?? null;
}

export async function check(call: CallOf<'check'>, clock: Clock): Promise<readonly Checked[]> {
  const job = await getJob(call.file);
  const late = (): JobrunError =>
    new JobrunError(
      'bad-params',
      'the validator never finished',
      'Look at `params` in the job file.',
    );
  const all = Promise.all(call.list.map((params) => checkOne(job, params)));
  return inTime(all, HOOK_TIMEOUT_MS, clock, late);
}

export async function checkOne(job: LoadedJob, given: Json): Promise<Checked> {
  try {
    const result = await job.params?.['~standard'].validate(given);
    if (result?.issues) return { ok: false, issues: result.issues.map(issueText) };
    // Values that JSON would not bring back are kept as they were given, and made again in the worker (`carry-out.ts`).
    const params = result && survivesJson(result.value) ? toJson(result.value, 'params') : given;
    return { ok: true, params, lock: lockOf(job, result ? result.value : given) };
  } catch (error) {
    return { ok: false, issues: [toRunError(error).message] };
  }
}

function lockOf(job: LoadedJob, params: unknown): string | null {
  if (!job.lock) return null;
  const lock: unknown = job.lock(params);
  if (typeof lock === 'string' && lock.length > MAX_LOCK_LENGTH) {
    const message = `lock gave a text of ${lock.length} characters: at most ${MAX_LOCK_LENGTH} are kept`;
    throw new JobrunError('broken-job', message, 'Name what is locked: an id, a path.');
  }
  if (typeof lock === 'string' && lock !== '') return lock;
  if (lock === undefined || lock === null) return null;
  throw new JobrunError('broken-job', 'lock must give a text', 'Return a text from `lock`.');
}

/** `to: is required`, `items.0.price: must be a number`. */
function issueText(issue: StandardIssue): string {
  const keys = (issue.path ?? []).map((key) => String(typeof key === 'object' ? key.key : key));
  return keys.length > 0 ? `${keys.join('.')}: ${issue.message}` : issue.message;
}

export async function next(call: CallOf<'next'>, clock: Clock): Promise<string | null> {
  const job = await getJob(call.file);
  const late = (): JobrunError =>
    new JobrunError('broken-job', 'nextRun never finished', 'Look at what `nextRun` waits for.');
  const at = await inTime(Promise.resolve(job.nextRun?.(call.last)), HOOK_TIMEOUT_MS, clock, late);
  return at === null || at === undefined ? null : isoOf(instantOf(at));
}

export async function hook(call: CallOf<'hook'>, scope: RunScope): Promise<Json> {
  const job = await getJob(fileOf(call.assignment));
  const ctx = new RunContext(scope, 'hook');
  const error = errorOf(call.error ?? { name: 'Error', message: '', stack: '' });
  const late = (): JobrunError =>
    new JobrunError('broken-job', `${call.hook} never finished`, 'Fix the job file.');
  const work = async (): Promise<Json> => {
    if (call.hook === 'onError') return ((await decide(job, error, scope, ctx)) ?? null) as Json;
    if (call.hook === 'onStale') await job.onStale?.(ctx);
    if (call.hook === 'onDone') await job.onDone?.(call.output ?? null, ctx);
    if (call.hook === 'onFailed') await job.onFailed?.(error, ctx);
    return null;
  };
  try {
    return await inTime(work(), HOOK_TIMEOUT_MS, scope.clock, late);
  } catch (thrown) {
    const { stack } = toRunError(thrown);
    if (thrown instanceof JobrunError && !/^\s+at /m.test(stack)) throw thrown;
    // Its author has nothing but the logs to find out by: they get the stack.
    throw new JobrunError('broken-job', stack, 'Fix the job file.', thrown);
  } finally {
    scope.flush();
    scope.over = true;
  }
}

const inTime = <T>(work: Promise<T>, ms: number, clock: Clock, late: () => Error): Promise<T> =>
  within(seenTime(clock), work, ms, () => Promise.reject(late()));
