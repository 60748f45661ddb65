// The lines of a run's log: what one is, as it is kept, and which of them are asked for. The same wherever logs are
// kept.
import type { LogLine } from '../run/view.ts';
import { isInstant, isoOf } from '../support/clock.ts';
import { be, json, object, oneOf, text, whole } from '../support/schema.ts';
import type { ReadLog } from './logs.ts';

/** A `LogKind` of store/log-format. */
export const RUN_LOG = {
  schema: object({
    at: be('an instant', (at) => typeof at === 'string' && isInstant(Date.parse(at))),
    level: oneOf(['debug', 'info', 'warn', 'error']),
    stream: oneOf(['log', 'stdout', 'stderr']),
    attempt: whole(0),
    text,
    fields: json,
  }),
  remark: (said: string, beside?: LogLine): LogLine => {
    const { at = isoOf(0), attempt = 1 } = beside ?? {};
    return { at, level: 'warn', stream: 'log', attempt, text: said, fields: null };
  },
};

export function chosen<T extends { readonly line: LogLine }>(
  lines: readonly T[],
  { last, attempt }: ReadLog,
): readonly T[] {
  const fitting =
    attempt === undefined ? lines : lines.filter(({ line }) => line.attempt === attempt);
  return last === undefined ? fitting : fitting.slice(Math.max(0, fitting.length - last));
}
