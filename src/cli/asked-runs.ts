// Runs as a program asks for them: with the trace that it is in, and many of them as the lines of a batch.
import type { BatchLine } from '../commands/shared/batch.ts';
import { take } from '../commands/shared/options.ts';
import { requestFromCode } from '../commands/shared/run-options.ts';
import { activeTrace } from '../support/active-trace.ts';
import { toJobrunError } from '../support/errors.ts';
import { anything, fields, list } from '../support/schema.ts';
import { optionsJson, toJson } from '../workers/values.ts';

/** Asked for within a span of the caller, the run belongs to its trace. */
export const traced = <Asked extends { readonly traceparent?: string }>(asked: Asked): Asked =>
  asked.traceparent === undefined ? { ...activeTrace(), ...asked } : asked;

const many = list(anything);

/** Returns the lines of a batch; a run that cannot be asked for has its error in its place. */
export const linesOf = (runs: unknown): readonly BatchLine[] =>
  take(many, runs, 'runs').map(lineOf);

function lineOf(one: unknown, i: number): BatchLine {
  const line = i + 1;
  try {
    const { job, params = {}, ...options } = take(fields, one, 'a run');
    const given = toJson(params, 'the params');
    return {
      line,
      run: traced(requestFromCode(job as string, given, optionsJson(options), 'run')),
    };
  } catch (error) {
    return { line, error: toJobrunError(error).toJSON() };
  }
}
