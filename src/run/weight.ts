// Estimates the heap that a run takes, for every bound of memory.
import { weightOfValue } from '../support/weight.ts';
import type { Run } from './run.ts';

const OF_A_RUN = 200;

/** A larger run is not kept here, so that its memory is free once it has ended. */
const SMALL_BYTES = 4096;

/** A run that changes is weighed for the memory bound, and again for its place in an order. */
let last: { readonly run: Run; readonly bytes: number } | null = null;

export function weightOf(run: Run): number {
  if (last?.run === run) return last.bytes;
  const bytes = bytesOf(run);
  if (bytes <= SMALL_BYTES) last = { run, bytes };
  return bytes;
}

function bytesOf({ params, state, origin, life }: Run): number {
  let bytes = OF_A_RUN + weightOfValue(params) + (life?.steps?.bytes ?? 0);
  for (const part of [state, origin, life])
    for (const name in part)
      if (name !== 'steps') bytes += weightOfValue(part[name as keyof typeof part]);
  return bytes;
}
