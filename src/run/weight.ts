// About how many bytes of memory a run takes, told from a look at some of it: for bounds, where a part of them is as
// good as all, and looking at every value of a run would cost more than the bound is worth.
import type { Json } from '../support/json.ts';
import { MAX_VALUE_BYTES } from '../support/limits.ts';
import type { Run } from './run.ts';

const OF_A_RUN = 500;
const OF_A_VALUE = 16;
/** A list or object is taken to go on as it begins. */
const LOOKED_AT = 16;
/** So many values in all; what nests further is taken to be as large as a value may be. */
const MOST_LOOKS = 500;

export function weightOf({ params, state, life }: Run): number {
  const looks = { left: MOST_LOOKS };
  let bytes = OF_A_RUN + roughBytes(params, looks);
  if (state.name === 'done') bytes += roughBytes(state.output, looks);
  if (!life) return bytes;
  const { checkpoint, steps, output } = life;
  for (const value of [checkpoint, output]) bytes += roughBytes(value ?? null, looks);
  // Steps are unlike each other, and there are few of them.
  for (const value of Object.values(steps ?? {})) bytes += roughBytes(value, looks);
  return bytes;
}

function roughBytes(value: Json, looks: { left: number }): number {
  if (typeof value === 'string') return OF_A_VALUE + value.length;
  if (value === null || typeof value !== 'object') return OF_A_VALUE;
  const parts = Array.isArray(value) ? value : Object.values(value);
  let bytes = OF_A_VALUE;
  for (const part of parts.slice(0, LOOKED_AT)) {
    if (--looks.left < 0) return MAX_VALUE_BYTES;
    bytes += roughBytes(part, looks);
  }
  return bytes * Math.max(1, parts.length / LOOKED_AT);
}
