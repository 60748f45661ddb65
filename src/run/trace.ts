// The trace that a run belongs to (W3C Trace Context), and the context of each of its attempts. A run keeps the context
// that it was asked for in. The ids of an attempt are made of the run and of how many attempts have begun, so each
// daemon that tells of it tells the same ones, over restarts and on every host, and nothing more has to be kept.
//
// The first attempt is a part of the caller's trace where it begins soon enough. A trace that goes on for days can be
// shown by no tool, so every later attempt begins a trace of its own.
import { hash } from 'node:crypto';
import { MINUTE } from '../support/limits.ts';
import { begunAttempts } from './attempts.ts';
import type { Run, Trace } from './run.ts';

/** The trace that an attempt hands on to what it calls. */
export interface AttemptTrace extends Trace {
  readonly baggage: string;
}

/** `trace` of the config, as far as it decides what an attempt is told. */
export interface TraceRules {
  /** The first attempt of a run joins the trace of its caller where it begins within this time. */
  readonly join: number;
  /** The share of the traces that begin here and are sent, from 0 to 1. Default: all. */
  readonly sample?: number | undefined;
}

const USUAL: TraceRules = { join: MINUTE };

const PARENT =
  /^(?!ff)([\da-f]{2})-((?!0{32})[\da-f]{32})-((?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/;
const MOST_TEXT = 512;

export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

/** Null for what is malformed: a trace that is lost is no reason to refuse a run. */
export function readTraceparent(text: unknown): SpanIds | null {
  if (typeof text !== 'string' || text.length > MOST_TEXT) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = PARENT.exec(text) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return null;
  return { traceId, spanId, flags };
}

/** The trace of what came from outside; null where it is malformed. A state that is malformed is dropped alone. */
export function traceOf(traceparent: unknown, tracestate?: unknown): Trace | null {
  const ids = readTraceparent(traceparent);
  if (!ids) return null;
  const isState =
    typeof tracestate === 'string' &&
    tracestate.length <= MOST_TEXT &&
    /^[!-~][ -~]*=[ -~]*$/.test(tracestate);
  return { traceparent: textOf(ids), tracestate: isState ? tracestate : null };
}

/** The context of the attempt that began last. */
export function attemptTrace(run: Run, rules = USUAL): AttemptTrace {
  const number = begunAttempts(run);
  const caller = joinedBy(run, number, rules.join);
  return {
    traceparent: textOf(idsOf(run, number, rules)),
    tracestate: caller?.tracestate ?? null,
    baggage: `jobrun.job=${run.job},jobrun.run=${run.id},jobrun.attempt=${number}`,
  };
}

/**
 * The ids of an attempt by its place among those that have begun, from 1. In the caller's trace the caller has decided
 * whether it is sampled; for a trace that begins here its own id decides, so that all who are told of it do the same.
 */
export function idsOf(run: Run, number: number, { join, sample = 1 } = USUAL): SpanIds {
  const own = hashOf(run, number);
  const spanId = own.slice(...OF_A_SPAN);
  const caller = readTraceparent(joinedBy(run, number, join)?.traceparent);
  if (caller) return { traceId: caller.traceId, spanId, flags: caller.flags };
  const traceId = own.slice(0, 32);
  const isSampled = Number.parseInt(traceId.slice(-13), 16) < sample * 16 ** 13;
  return { traceId, spanId, flags: isSampled ? SAMPLED : LEFT_OUT };
}

/** The id of the span of one step of an attempt. */
export const stepIdOf = (run: Run, number: number, name: string): string =>
  hashOf(run, number, name).slice(...OF_A_SPAN);

const OF_A_SPAN = [32, 48] as const;

/** In one call: a `Hash` object for each attempt costs the collector of garbage more than the hash itself. */
const hashOf = ({ id, job, createdAt }: Run, number: number, ...more: readonly string[]): string =>
  hash('sha256', [id, job, createdAt, number, ...more].join(' '));

/** The trace that an attempt is a part of; null for one that begins a trace of its own. */
export function joinedBy(
  { origin, createdAt, life }: Run,
  number: number,
  joinMs: number,
): Trace | null {
  const trace = origin?.trace;
  const first = life?.attempts[0];
  if (!trace || number !== 1 || !first) return null;
  return first.startedAt - createdAt <= joinMs ? trace : null;
}

const SAMPLED = '01';
const LEFT_OUT = '00';

const textOf = ({ traceId, spanId, flags }: SpanIds): string => `00-${traceId}-${spanId}-${flags}`;
