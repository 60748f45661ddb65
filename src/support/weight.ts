// Estimates the heap that a value takes, for every bound of memory. It visits the whole value: a large field behind
// many small ones must count. The length of the JSON says too little: V8 takes 1 byte for a character, 21 for one of
// `[{},{}]`.

/** A pointer to a value. A small integer is stored in its place. */
export const POINTER = 8;
const OF_A_NUMBER = 16;
export const OF_A_TEXT = 24;
export const OF_A_LIST = 48;
export const OF_AN_OBJECT = 56;
/** A field with its name: less where many objects share their shape, somewhat more where each has another one. */
export const OF_A_FIELD = 48;
/** Shorter texts count as two bytes a character: a search for a wide one would cost more than it saves. */
const SHORT = 64;
const WIDE = /[^\0-\xff]/;
/** Weights above this are cached. Most values are smaller, and cost less to visit again. */
const FEW_BYTES = 4096;

/** A run keeps its params through every change. */
const known = new WeakMap<object, number>();

/** A value in any JSON, with the pointer to it. */
export function weightOfValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return POINTER + bytesOf(value);
  const before = known.get(value);
  if (before !== undefined) return before;
  const bytes = POINTER + bytesOf(value);
  if (bytes > FEW_BYTES) known.set(value, bytes);
  return bytes;
}

/** Excludes the pointer to the value. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string')
    return OF_A_TEXT + (value.length > SHORT && !WIDE.test(value) ? 1 : 2) * value.length;
  if (typeof value === 'number') return (value | 0) === value ? 0 : OF_A_NUMBER;
  if (value === null || typeof value !== 'object') return 0;
  return Array.isArray(value) ? bytesOfList(value) : bytesOfObject(value);
}

function bytesOfList(list: readonly unknown[]): number {
  let bytes = OF_A_LIST + POINTER * list.length;
  for (const value of list) bytes += bytesOf(value);
  return bytes;
}

function bytesOfObject(object: object): number {
  let bytes = OF_AN_OBJECT;
  for (const name in object) bytes += OF_A_FIELD + bytesOf(object[name as keyof typeof object]);
  return bytes;
}
