// A run as it is read from a file. A checksum says that it is what was written, and nothing says that it makes sense: a
// hand has edited it, it came in an import, another version wrote it. A run that makes no sense is set aside: in its
// place stands a settled run with the reason. A settled one stays as it was. Any other has failed, because it is
// unknown whether it has ended, so that it does not start again by itself and a person can look.
import * as v from 'valibot';
import type { Json } from '../support/json.ts';
import { MAX_JOB_NAME, MAX_RUN_ID } from '../support/limits.ts';
import {
  anything,
  type Fields,
  faultOf,
  fits,
  flag,
  instant,
  isFields,
  json,
  list,
  mapOf,
  milliseconds,
  number,
  numberBetween,
  object,
  oneOf,
  type Schema,
  text,
  textUpTo,
  variant,
  whole,
} from '../support/schema.ts';
import { weightOfValue } from '../support/weight.ts';
import {
  asideOf,
  isSettled,
  isSettledName,
  type Life,
  type Origin,
  OUTCOME_NAMES,
  type Run,
  type RunError,
  type RunState,
  STATE_NAMES,
  type StateName,
} from './run.ts';
import { Steps, type StepValues } from './steps.ts';

export const RUN_ID = whole(1, MAX_RUN_ID);
/** One more than the most retries is no safe integer any more. */
const ATTEMPTS = v.nullable(numberBetween(0, 2 * Number.MAX_SAFE_INTEGER));
const JOB = textUpTo(MAX_JOB_NAME);
const ERROR = object({ name: text, message: text, stack: text });

const due = { dueAt: instant, waitMs: v.optional(milliseconds) };
const settled = { dueAt: instant, settledAt: instant, aside: v.optional(text) };
const STATES: Readonly<Record<StateName, Schema>> = {
  scheduled: object(due),
  waiting: object({ ...due, for: oneOf(['runs', 'result']) }),
  queued: object(due),
  running: object(due),
  done: object({ ...settled, output: json }),
  failed: object({ ...settled, error: ERROR }),
  aborted: object({ ...settled, reason: text }),
};

export const TYPED_COMMAND = object({ argv: list(text), cwd: text });

const ORIGIN = {
  command: v.optional(TYPED_COMMAND),
  key: v.optional(text),
  parent: v.optional(RUN_ID),
  after: v.optional(list(RUN_ID)),
  schedule: v.optional(text),
  lock: v.optional(text),
  retries: v.optional(v.nullable(whole(0))),
  timeoutMs: v.optional(numberBetween(0, Number.MAX_SAFE_INTEGER)),
  maxAttempts: v.optional(ATTEMPTS),
  trace: v.optional(object({ traceparent: text, tracestate: v.nullable(text) })),
};

const ATTEMPT = object({
  number: whole(0),
  startedAt: instant,
  pid: whole(0),
  host: v.optional(text),
  worker: v.optional(text),
  endedAt: v.optional(instant),
  outcome: v.optional(oneOf(OUTCOME_NAMES)),
  error: v.optional(ERROR),
  exitCode: v.optional(number),
  signal: v.optional(text),
});

/** Each by itself: together they may be deeper by one level than any of them. */
export const STEP_VALUES = mapOf(json as Schema<Json>);

const LIFE = object({
  attempt: whole(0),
  maxAttempts: ATTEMPTS,
  startedAt: instant,
  attempts: list(ATTEMPT),
  renewedAfter: v.optional(whole(0)),
  losses: v.optional(whole(0)),
  dropped: v.optional(whole(0)),
  initialized: v.optional(flag),
  checkpoint: v.optional(json),
  rows: v.optional(whole(0)),
  rowBytes: v.optional(whole(0)),
  // Steps that were read before are not looked through again with each step that is added.
  steps: v.optional(v.lazy((value) => (value instanceof Steps ? anything : STEP_VALUES))),
  progress: v.optional(object({ percent: numberBetween(0, 100), text: v.nullable(text) })),
  taken: v.optional(
    object({
      attempt: whole(0),
      take: whole(1),
      worker: text,
      heardAt: instant,
      until: instant,
    }),
  ),
  output: v.optional(json),
  abort: v.optional(text),
  abortGraceMs: v.optional(milliseconds),
});

const RUN = object({
  id: RUN_ID,
  job: JOB,
  params: json,
  priority: number,
  createdAt: instant,
  state: variant('name', STATES),
  origin: v.nullable(object(ORIGIN)),
  life: v.nullable(LIFE),
});

/** The run, or what stands in its place; what is wrong, where it has no number that could name it. */
export function readRun(raw: unknown): Run | string {
  const wrong = faultOf(RUN, raw) ?? misfitOf(raw as Run);
  if (wrong === null) {
    const run = raw as Run;
    if (run.life) takenIn(run.life);
    return run;
  }
  return isFields(raw) && fits(RUN_ID, raw.id) ? setAside(raw, raw.id, wrong) : wrong;
}

/** The same of what was kept where nothing else can have written it: it is not looked at once more. */
export function keptRun(raw: unknown): Run {
  const run = raw as Run;
  if (run.life) takenIn(run.life);
  return run;
}

/** The life of a run that was read a moment ago and is not shared yet: its steps become what they are in memory. */
function takenIn(life: Life): Life {
  const steps: unknown = life.steps;
  if (steps === undefined || steps instanceof Steps) return life;
  return Object.assign(life, { steps: Steps.of(steps as StepValues) ?? undefined });
}

/** Fields that are right by themselves and do not fit each other. */
function misfitOf({ id, state, origin, life }: Run): string | null {
  if (state.name === 'running' && !life?.attempts.length)
    return 'life.attempts is empty, and the run is running';
  const after = origin?.after ?? [];
  // Only earlier runs can be waited for, so none can wait for itself by any way round.
  const later = after.find((other) => other >= id);
  if (later !== undefined) return `origin.after names run ${later}, which is no earlier one`;
  if (state.name === 'waiting' && state.for === 'runs' && after.length === 0)
    return 'origin.after is empty, and the run waits for runs';
  return null;
}

function setAside(raw: Fields, id: number, why: string): Run {
  const state = isFields(raw.state) ? raw.state : {};
  const createdAt = sound<number>(raw.createdAt, instant, sound(state.settledAt, instant, 0));
  const life = fits(LIFE, raw.life) ? closed(takenIn(raw.life as Life)) : null;
  return {
    id,
    job: sound(raw.job, JOB, 'unknown'),
    params: sound(raw.params, json, {}),
    priority: sound(raw.priority, number, 1),
    createdAt,
    state: asideState(state, createdAt, why),
    origin: soundOrigin(raw.origin, id),
    life,
  };
}

const sound = <T>(value: unknown, schema: Schema, otherwise: T): T =>
  fits(schema, value) ? (value as T) : otherwise;

function asideState(state: Fields, createdAt: number, why: string): RunState {
  const name = sound<StateName>(state.name, oneOf(STATE_NAMES), 'failed');
  const settledAt = sound<number>(state.settledAt, instant, createdAt);
  const common = { dueAt: sound(state.dueAt, instant, createdAt), settledAt, aside: why };
  const message = `${why}: it was set aside and may have ended. Look what it did, then: jobrun retry`;
  const error: RunError = { name: 'StateDamaged', message, stack: '' };
  if (name === 'done') return { name, ...common, output: sound(state.output, json, null) };
  if (name === 'aborted') return { name, ...common, reason: sound(state.reason, text, '') };
  return {
    name: 'failed',
    ...common,
    error: isSettledName(name) ? sound(state.error, ERROR, error) : error,
  };
}

function soundOrigin(origin: unknown, id: number): Origin | null {
  if (!isFields(origin)) return null;
  const sure = Object.entries(ORIGIN).filter(
    ([name, schema]) => origin[name] !== undefined && fits(schema, origin[name]),
  );
  const { after, ...kept }: Origin = Object.fromEntries(sure.map(([name]) => [name, origin[name]]));
  const earlier = after?.filter((other) => other < id) ?? [];
  return { ...kept, ...(earlier.length > 0 && { after: earlier }) };
}

/** The end of an attempt that was under way is unknown. */
function closed(life: Life): Life {
  const last = life.attempts.at(-1);
  if (!last || last.outcome !== undefined) return life;
  const ended = { ...last, endedAt: last.endedAt ?? last.startedAt, outcome: 'lost' as const };
  return { ...life, attempts: life.attempts.with(-1, ended) };
}

/** The run as a person has checked it: settled as it stands. */
export function acknowledged(run: Run): Run {
  if (asideOf(run) === null) return run;
  const { aside: _, ...state } = run.state as RunState & { aside?: string };
  return { ...run, state };
}

// A large settled run without its values. Lists are ordered and filtered without them, and a page of a thousand runs
// may be larger than the heap. So a large run that nothing changes any more is held light, and read whole when it is
// shown.

/** A page of a thousand runs that are not large takes 16 MB at most. */
export const LARGE_BYTES = 16 * 1024;

/** Returns a run without its values; null if it is not large, not settled, or makes no sense. */
export function lightOf(raw: unknown): Run | null {
  // Most runs that a start reads are waiting. They are not weighed for this.
  if (!saysSettled(raw) || weightOfValue(raw) <= LARGE_BYTES) return null;
  const run = readRun(raw);
  return run === raw && typeof run !== 'string' && isSettled(run) ? withoutValues(run) : null;
}

/** The run without its params, its output and all that it has saved. */
export function withoutValues(run: Run): Run {
  const { state, life } = run;
  return {
    ...run,
    params: null,
    state: state.name === 'done' ? { ...state, output: null } : state,
    life: life && withoutSaved(life),
  };
}

const saysSettled = (raw: unknown): boolean =>
  isFields(raw) && isFields(raw.state) && raw.state.settledAt !== undefined;

function withoutSaved({ checkpoint: _c, steps: _s, output: _o, ...rest }: Life): Life {
  return rest;
}
