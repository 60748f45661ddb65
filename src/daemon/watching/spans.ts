// An attempt that has ended, and each step that it took, as a span in the JSON of OTLP, with the fields that
// OpenTelemetry's own exporter writes. They tell how it went and how it failed, and never params, outputs or lines of
// the log.
import type { Change } from '../../engine/engine.ts';
import { begunAttempts } from '../../run/attempts.ts';
import type { Attempt, Run } from '../../run/run.ts';
import {
  idsOf,
  joinedBy,
  readTraceparent,
  type SpanIds,
  stepIdOf,
  type TraceRules,
} from '../../run/trace.ts';

type Value = { stringValue: string } | { intValue: number } | { boolValue: boolean };
export interface Attribute {
  readonly key: string;
  readonly value: Value;
}

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly droppedAttributesCount: 0;
  readonly events: readonly object[];
  readonly droppedEventsCount: 0;
  readonly status: { readonly code: number; readonly message?: string };
  readonly links: readonly object[];
  readonly droppedLinksCount: 0;
  readonly flags: number;
}

const [INTERNAL, CONSUMER] = [1, 5];
const [UNSET, ERROR] = [0, 2];
/** The parent is known to be in another process. */
const [HAS_IS_REMOTE, IS_REMOTE] = [0x100, 0x200];
const FAILURES: readonly string[] = ['threw', 'timeout', 'stale', 'lost'];

/** The span of the attempt that has ended with this change; null where none has. */
export function spanOf({ prev, run }: Change, rules: TraceRules): Span | null {
  const attempt = run.life?.attempts.at(-1);
  const hasEnded = prev?.state.name === 'running' && run.state.name !== 'running';
  if (!attempt || !hasEnded || attempt.endedAt === undefined) return null;
  const number = begunAttempts(run);
  const { traceId, spanId, flags } = idsOf(run, number, rules);
  const caller = joinedBy(run, number, rules.join);
  const parent = readTraceparent(caller?.traceparent);
  return {
    ...{ traceId, spanId },
    ...(parent && { parentSpanId: parent.spanId }),
    ...(caller?.tracestate && { traceState: caller.tracestate }),
    ...{ name: `process ${run.job}`, kind: CONSUMER },
    ...between(attempt.startedAt, attempt.endedAt),
    attributes: attributes(attributesOf(run, prev, attempt)),
    events: exceptionsOf(attempt),
    status: statusOf(attempt),
    links: parent ? [] : linksOf(run, number, rules),
    ...NONE_DROPPED,
    flags: Number.parseInt(flags, 16) | HAS_IS_REMOTE | (parent ? IS_REMOTE : 0),
  };
}

/** The span of a step that the attempt under way has taken: a child of the attempt's own. */
export function spanOfStep(run: Run, { name, ms, endedAt }: Step, rules: TraceRules): Span {
  const number = begunAttempts(run);
  const { traceId, spanId: parentSpanId, flags } = idsOf(run, number, rules);
  const state = joinedBy(run, number, rules.join)?.tracestate;
  return {
    ...{ traceId, spanId: stepIdOf(run, number, name), parentSpanId },
    ...(state && { traceState: state }),
    ...{ name: `step ${name}`, kind: INTERNAL },
    ...between(endedAt - ms, endedAt),
    attributes: attributes({
      'messaging.message.id': String(run.id),
      'jobrun.attempt': run.life?.attempts.at(-1)?.number,
    }),
    ...{ events: [], status: { code: UNSET }, links: [] },
    ...NONE_DROPPED,
    flags: Number.parseInt(flags, 16) | HAS_IS_REMOTE,
  };
}

interface Step {
  readonly name: string;
  readonly ms: number;
  readonly endedAt: number;
}

const NONE_DROPPED = {
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
} as const;

const between = (
  startedAt: number,
  endedAt: number,
): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> => ({
  startTimeUnixNano: nanosOf(startedAt),
  endTimeUnixNano: nanosOf(Math.max(startedAt, endedAt)),
});

export const attributes = (
  values: Readonly<Record<string, string | number | undefined>>,
): readonly Attribute[] =>
  Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return { key, value: typeof value === 'number' ? { intValue: value } : { stringValue: value } };
  });

function attributesOf(
  run: Run,
  prev: Run,
  { number, startedAt, outcome, error }: Attempt,
): Record<string, string | number | undefined> {
  const isFailure = FAILURES.includes(outcome ?? '');
  return {
    'messaging.system': 'jobrun',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': run.job,
    'messaging.message.id': String(run.id),
    'jobrun.attempt': number,
    'jobrun.outcome': outcome,
    'jobrun.schedule': run.origin?.schedule,
    'jobrun.start_delay_ms': Math.max(0, startedAt - Math.max(prev.state.dueAt, run.createdAt)),
    'error.type': isFailure ? (error?.name ?? outcome) : undefined,
  };
}

function exceptionsOf({ error, endedAt = 0 }: Attempt): readonly object[] {
  if (!error) return [];
  const { name, message, stack } = error;
  return [
    {
      attributes: attributes({
        'exception.type': name,
        'exception.message': message,
        'exception.stacktrace': stack === '' ? undefined : stack,
      }),
      name: 'exception',
      timeUnixNano: nanosOf(endedAt),
      droppedAttributesCount: 0,
    },
  ];
}

const statusOf = ({ outcome, error }: Attempt): Span['status'] =>
  FAILURES.includes(outcome ?? '')
    ? { code: ERROR, ...(error && { message: error.message }) }
    : { code: UNSET };

/** To the caller, and to the attempt before. */
function linksOf(run: Run, number: number, rules: TraceRules): readonly object[] {
  const caller = readTraceparent(run.origin?.trace?.traceparent);
  const before = number > 1 ? idsOf(run, number - 1, rules) : null;
  return [caller, before].flatMap((one) => (one ? linkTo(one) : []));
}

const linkTo = ({ traceId, spanId, flags }: SpanIds): object => ({
  attributes: [],
  ...{ spanId, traceId },
  droppedAttributesCount: 0,
  flags: Number.parseInt(flags, 16) | HAS_IS_REMOTE | IS_REMOTE,
});

const nanosOf = (ms: number): string => `${Math.round(ms * 1000)}000`;
