// From a request for runs to drafts that an engine can take in: the job exists and is sound, params fit its schema, the
// runs to wait for are there. The same rules hold for the command line, the library and a job that emits. `force` says
// what may differ: from code, a job may be named before it exists.
import {
  type Catalog,
  checksParams,
  isBuiltIn,
  type JobEntry,
  policyOf,
} from '../../catalog/catalog.ts';
import type { Accepted } from '../../engine/engine.ts';
import { withLimit } from '../../run/retries.ts';
import type { Draft, Due, Origin, Run, Trace } from '../../run/run.ts';
import { attemptTrace, type TraceRules, traceOf } from '../../run/trace.ts';
import { waitOf } from '../../run/waits.ts';
import { JobrunError, toJobrunError } from '../../support/errors.ts';
import { checkJson, type Json } from '../../support/json.ts';
import { MAX_BATCH } from '../../support/limits.ts';
import type { Context } from './command.ts';
import { findJob, JobLookup } from './job-lookup.ts';
import { getRun } from './named.ts';
import { checked, wrong } from './options.ts';
import { withTexts } from './params.ts';
import type { AcceptedView } from './replies.ts';
import { RUN, type RunRequest } from './run-options.ts';
import { inTurns } from './several.ts';
import { notTyped } from './typed-command.ts';
import { viewerOfAccepted } from './views.ts';

/** One draft or error for each request, in order. `parent` is the run that asked. */
export async function draftsOf(
  requests: readonly (RunRequest | JobrunError)[],
  context: Context,
  now: number,
  parent?: Run,
): Promise<(Draft | JobrunError)[]> {
  if (requests.length > MAX_BATCH) throw wrong('the batch', `a list of at most ${MAX_BATCH}`);
  const { clock, catalog } = context;
  const jobs = new JobLookup(context);
  // Most are found to be right without a wait: a promise for each of a thousand costs as much as its check.
  const prepared = await allOf(
    await inTurns(clock, requests, (one) =>
      one instanceof JobrunError ? one : orError(() => prepare(one, catalog, jobs)),
    ),
  );
  const sound = prepared.some(isToCheck) ? await checkParams(prepared, catalog) : prepared;
  return allOf(
    await inTurns(clock, sound, (one) =>
      one instanceof JobrunError ? one : orError(() => finish(one, context, now, parent)),
    ),
  );
}

type Soon<T> = T | Promise<T>;

const allOf = <T>(values: readonly Soon<T>[]): Soon<T[]> =>
  values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as T[]);

/** Checks a run that is asked for in a batch: what is wrong with it stands in its place. */
export function runOf(raw: unknown): RunRequest | JobrunError {
  try {
    return checked(RUN, raw);
  } catch (error) {
    return asError(error);
  }
}

/** The draft of a single request; throws what is wrong with it. `parent` is the run that asked. */
export async function draftOf(
  request: RunRequest,
  context: Context,
  now: number,
  parent?: Run,
): Promise<Draft> {
  const [draft] = await draftsOf([request], context, now, parent);
  if (draft === undefined || draft instanceof JobrunError) throw draft;
  return draft;
}

interface Prepared {
  readonly request: RunRequest;
  readonly entry: JobEntry | null;
  readonly params: Json;
  readonly lock: string | null;
}

function orError<T>(make: () => Soon<T>): Soon<T | JobrunError> {
  try {
    const made = make();
    return made instanceof Promise ? made.catch(asError) : made;
  } catch (error) {
    return asError(error);
  }
}

function asError(error: unknown): JobrunError {
  if (error instanceof JobrunError) return error;
  throw error;
}

function prepare(request: RunRequest, catalog: Catalog, jobs: JobLookup): Soon<Prepared> {
  const { job, force = false } = request;
  const known = catalog.find(job);
  if (known?.state === 'ok') return withParams(request, known);
  return jobs.entry(job, force).then((entry) => withParams(request, entry));
}

function withParams(request: RunRequest, entry: JobEntry | null): Prepared {
  if (isBuiltIn(entry) && request.command === undefined) throw notTyped();
  const params = paramsOf(request, entry);
  checkJson(params, 'params');
  return { request, entry, params, lock: null };
}

function paramsOf({ params = {}, texts }: RunRequest, entry: JobEntry | null): Json {
  if (texts === undefined) return params;
  const schema = entry?.state === 'ok' ? entry.data.schema : null;
  return withTexts(params, texts, schema);
}

/** Params checked, with defaults filled in, in one call for each job: a thousand lines are not a thousand calls. */
async function checkParams(
  prepared: readonly (Prepared | JobrunError)[],
  catalog: Catalog,
): Promise<readonly (Prepared | JobrunError)[]> {
  const byJob = new Map<string, Prepared[]>();
  for (const one of prepared) {
    if (!isToCheck(one)) continue;
    const { job } = one.request;
    const group = byJob.get(job);
    if (group) group.push(one);
    else byJob.set(job, [one]);
  }
  const results = new Map<Prepared, Prepared | JobrunError>();
  for (const [job, group] of byJob) {
    const checked = await checkJob(job, group, catalog);
    group.forEach((one, i) => {
      results.set(one, checked[i] ?? one);
    });
  }
  return prepared.map((one) => (one instanceof JobrunError ? one : (results.get(one) ?? one)));
}

const isToCheck = (one: Prepared | JobrunError): one is Prepared =>
  !(one instanceof JobrunError) && hasCheck(one.entry);

const hasCheck = (entry: JobEntry | null): boolean =>
  entry?.state === 'ok' && checksParams(entry.data);

async function checkJob(
  job: string,
  group: readonly Prepared[],
  catalog: Catalog,
): Promise<(Prepared | JobrunError)[]> {
  try {
    const checked = await catalog.check(
      job,
      group.map((one) => one.params),
    );
    return group.map((one, i) => {
      const result = checked[i];
      if (result?.ok) return madeAnew(one, result.params, result.lock);
      return badParams(job, result?.issues ?? []);
    });
  } catch (error) {
    return group.map(() => toJobrunError(error));
  }
}

/** With what a schema made of the params: as much to be checked as what came from outside. */
function madeAnew(one: Prepared, params: Json, lock: string | null): Prepared | JobrunError {
  try {
    checkJson(params, 'params');
    return { ...one, params, lock };
  } catch (error) {
    return asError(error);
  }
}

function badParams(job: string, issues: readonly string[]): JobrunError {
  const message = [`params of ${job} do not fit`, ...issues].join('\n');
  return new JobrunError('bad-params', message, `See what it takes: jobrun jobs ${job}`);
}

/** Checks params for a run of a job that is there already; null where nothing checks them. */
export async function checkedParams(
  job: string,
  params: Json,
  catalog: Catalog,
): Promise<{ readonly params: Json; readonly lock: string | null }> {
  checkJson(params, 'params');
  const entry = await findJob(job, catalog);
  if (!hasCheck(entry)) return { params, lock: null };
  const [sound] = await checkJob(job, [{ request: { job }, entry, params, lock: null }], catalog);
  if (sound === undefined || sound instanceof JobrunError) throw sound;
  return sound;
}

function finish(
  one: Prepared,
  context: Context,
  now: number,
  parent: Run | undefined,
): Soon<Draft> {
  const { after = [] } = one.request;
  const draft = finished(one, now, parent, context.config.trace);
  if (after.length === 0) return draft;
  return Promise.all(after.map((id) => getRun(id, context))).then(() => draft);
}

function finished(one: Prepared, now: number, parent: Run | undefined, rules: TraceRules): Draft {
  const { request, entry, params } = one;
  const policy = policyOf(entry);
  const draft: Draft = {
    // The catalog's own text, which all runs of the job share: a million of them wait in memory.
    job: entry?.name ?? request.job,
    params,
    priority: request.priority ?? policy.priority,
    ...(dueOf(request, now) ?? { dueAt: null }),
    origin: originOf(one, parent, rules),
  };
  return withLimit(draft, policy);
}

function originOf(
  { request, lock }: Prepared,
  parent: Run | undefined,
  rules: TraceRules,
): Origin | null {
  const { command, key, retries, timeoutMs, after = [], traceparent, tracestate } = request;
  const trace = traceOf(traceparent, tracestate) ?? (parent ? ofAttempt(parent, rules) : null);
  const origin = {
    ...(command && { command }),
    ...(key !== undefined && { key }),
    ...(retries !== undefined && { retries }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(after.length > 0 && { after }),
    ...(lock !== null && { lock }),
    ...(parent !== undefined && { parent: parent.id }),
    ...(trace !== null && { trace }),
  };
  return Object.keys(origin).length > 0 ? origin : null;
}

/** The attempt is the caller of its emits. */
function ofAttempt(parent: Run, rules: TraceRules): Trace {
  const { traceparent, tracestate } = attemptTrace(parent, rules);
  return { traceparent, tracestate };
}

/** When it is to run; null where neither a time nor a delay is given. */
export function dueOf(
  { inMs, dueAt }: Pick<RunRequest, 'inMs' | 'dueAt'>,
  now: number,
): Due | null {
  if (inMs !== undefined) return waitOf(now, inMs);
  return dueAt === undefined ? null : { dueAt };
}

/**
 * Takes a single run in: it is durable when this resolves, and shown as it was then. A repeated request is not refused
 * because its job has changed since: only then is it looked for before the engine does, which is rare.
 */
export async function acceptOne(
  draftOf: () => Draft | Promise<Draft>,
  context: Context,
  now: number,
): Promise<AcceptedView> {
  let draft: Draft;
  try {
    draft = await draftOf();
  } catch (error) {
    const again = await acceptedBefore(1, context, now);
    if (again?.[0]) return viewOfAccepted(again[0], context);
    throw error;
  }
  const [accepted] = await context.engine.accept([draft], now, { request: context.request });
  if (!accepted) throw new JobrunError('internal', 'a run was lost', 'Please report this.');
  return viewOfAccepted(accepted, context);
}

const viewOfAccepted = async (accepted: Accepted, context: Context): Promise<AcceptedView> =>
  (await viewerOfAccepted([accepted.run.job], context))(accepted);

/** The reply to this very request, if it came before with as many runs and all of them still exist. */
export async function acceptedBefore(
  count: number,
  { engine, request }: Context,
  now: number,
): Promise<readonly Accepted[] | null> {
  const again = request === undefined ? null : await engine.answered(request, now);
  return again?.length === count ? again : null;
}
