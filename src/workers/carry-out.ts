// One attempt inside its worker, from the assignment to the outcome. The first ending counts: what the function
// returned or threw, an error that nothing caught, or that nothing is left which could resolve.
import type { StandardSchema } from '../catalog/job.ts';
import type { Decision, Outcome } from '../run/outcome.ts';
import type { Due } from '../run/run.ts';
import { waitOf } from '../run/waits.ts';
import { withTrace } from '../support/active-trace.ts';
import { durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { isMissing, lackOf } from './lacks.ts';
import { isLoaded, isOutdated, type LoadedJob, loadJob } from './loader.ts';
import { fileOf } from './messages.ts';
import { RunContext } from './run-context.ts';
import type { RunScope } from './scope.ts';
import {
  callbackOf,
  isFatal,
  isOfStoppedChild,
  isPending,
  retryAtOf,
  toRunError,
} from './thrown.ts';
import { instantOf, survivesJson, toJson } from './values.ts';

export async function carryOut(scope: RunScope): Promise<Outcome> {
  const { assignment } = scope;
  const { trace } = assignment;
  const file = fileOf(assignment);
  const ctx = new RunContext(scope, 'attempt');
  let job: LoadedJob | null = null;
  // Edited a moment ago, before the daemon could replace this process: the run goes to a new one.
  if (!isLoaded(file) && isOutdated()) return { kind: 'stopped' };
  try {
    const loaded = await loadJob(file);
    job = loaded;
    if (assignment.reportStart) await scope.channel.started(scope.run);
    const params = await paramsFor(job, assignment.params);
    if (!assignment.initialized && job.initialize) {
      await ctx.initialized(await withTrace(trace, () => loaded.initialize?.(params, ctx)));
    }
    return outcomeOf(await withTrace(trace, () => loaded.run(params, ctx)));
  } catch (thrown) {
    return failureOf(thrown, job, scope, ctx);
  }
}

function outcomeOf(value: unknown): Outcome {
  if (isPending(value)) return { kind: 'pending' };
  const again = callbackOf(value);
  if (again === null) return { kind: 'returned', output: toJson(value, 'the output') };
  const { output, ...due } = again;
  if (output === undefined) return { kind: 'callback', ...due };
  return { kind: 'callback', ...due, output: toJson(output, 'the output') };
}

async function failureOf(
  first: unknown,
  job: LoadedJob | null,
  scope: RunScope,
  ctx: RunContext,
): Promise<Outcome> {
  const { thrown, due } = againAt(first, scope.clock.now());
  const error = toRunError(thrown);
  if (due !== null) return { kind: 'callback', ...due, error };
  if (job === null)
    return {
      kind: 'threw',
      error,
      unloaded: true,
      ...(isMissing(first) && { missing: true }),
    };
  const lacks = lackOf(first, fileOf(scope.assignment));
  // The daemon looks whether that is still so before it counts as a failure.
  if (lacks) return { kind: 'threw', error, lacks };
  const fatal = isFatal(thrown) ? { fatal: true } : {};
  const stopped = isOfStoppedChild(thrown) ? { childStopped: true } : {};
  // An attempt that was told to end has its ending already: the daemon asks `onError` where that matters.
  const asks = job.onError && !scope.signal.aborted;
  const decision = asks ? await decide(job, thrown, scope, ctx) : undefined;
  return {
    kind: 'threw',
    error,
    ...fatal,
    ...stopped,
    ...(decision === undefined ? {} : { decision }),
  };
}

/** The time of a RetryAt that was thrown; where that makes no sense, this is what went wrong instead. */
function againAt(thrown: unknown, now: number): { thrown: unknown; due: Due | null } {
  try {
    return { thrown, due: retryAtOf(thrown, now) };
  } catch (refused) {
    return { thrown: refused, due: null };
  }
}

/** Asks `onError`. Its own failure is told in the log and decides nothing. */
export async function decide(
  job: LoadedJob | null,
  thrown: unknown,
  scope: RunScope,
  ctx: RunContext,
): Promise<Decision | undefined> {
  try {
    return decisionOf(await job?.onError?.(thrown as Error, ctx), scope.clock.now());
  } catch (error) {
    scope.log('error', 'log', `onError failed: ${toRunError(error).stack}`);
    return undefined;
  }
}

function decisionOf(value: unknown, now: number): Decision | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'dismiss') return 'dismiss';
  const { retry } = value as { retry?: { in?: unknown; at?: unknown } };
  if (retry?.at !== undefined) return { retryAt: instantOf(retry.at) };
  if (retry?.in !== undefined) {
    const { dueAt, waitMs } = waitOf(now, durationMs(retry.in, 'retry.in'));
    return { retryAt: dueAt, waitMs };
  }
  const hint = "Return { retry: { in: '5m' } }, { retry: { at: date } }, 'dismiss' or nothing.";
  throw new JobrunError('bad-request', 'onError returned something that is no decision', hint);
}

// -------------------------------------------------------------------------------- the params of a run as its job gets
// them
//
// A schema may make values that JSON does not hold: a Date, a Set, a BigInt. Such a run keeps its params as they were
// given, and each attempt has the schema make them again. All other params are kept as the schema made them once, with
// its defaults: what it makes of those a second time is not used.

export async function paramsFor(job: LoadedJob, kept: Json): Promise<unknown> {
  if (!job.params || givesJson(job.params)) return kept;
  const result = await job.params['~standard'].validate(kept);
  return result.issues || survivesJson(result.value) ? kept : result.value;
}

/** By schema: asking takes longer than a small run. */
const known = new WeakMap<StandardSchema, boolean>();

/** True where JSON Schema describes all that the schema gives. */
function givesJson(schema: StandardSchema): boolean {
  let gives = known.get(schema);
  if (gives === undefined) {
    gives = describe(schema, 'output') !== null;
    known.set(schema, gives);
  }
  return gives;
}

/** Options of zod and arktype: a part that JSON Schema has no words for is described as anything. */
export const ANYTHING = {
  unrepresentable: 'any',
  fallback: (part: { readonly base: unknown }): unknown => part.base,
} as const;

/** JSON Schema has no word for a default of Infinity. */
const boundless = (value: unknown): null | undefined =>
  typeof value === 'number' && !Number.isFinite(value) ? null : undefined;

/** JSON Schema of what a schema takes or gives, or null where the validator has none for all of it. */
export function describe(
  schema: StandardSchema | undefined,
  side: 'input' | 'output',
  libraryOptions?: typeof ANYTHING,
): Json {
  const makers = schema?.['~standard']?.jsonSchema;
  try {
    const made = makers?.[side]?.({
      target: 'draft-2020-12',
      ...(libraryOptions && { libraryOptions }),
    });
    return toJson(made, 'the schema', boundless);
  } catch {
    // A transform, a Date: such a validator checks well and says that it cannot be described.
    return null;
  }
}
