// Estimates the heap that a run takes, for every bound of memory.
import { weightOfValue } from '../support/weight.ts';
import type { Run } from './run.ts';

const OF_A_RUN = 200;

export function weightOf({ params, state, origin, life }: Run): number {
  let bytes = OF_A_RUN + weightOfValue(params) + (life?.steps?.bytes ?? 0);
  for (const part of [state, origin, life])
    for (const name in part)
      if (name !== 'steps') bytes += weightOfValue(part[name as keyof typeof part]);
  return bytes;
}
