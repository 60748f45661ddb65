// A line that the daemon itself adds to the log of a run.
import type { LogLine } from '../run/view.ts';
import { isoOf } from '../support/clock.ts';

export const ownLine = (
  now: number,
  attempt: number,
  level: LogLine['level'],
  text: string,
): LogLine => ({ at: isoOf(now), level, stream: 'log', attempt, text, fields: null });
