// The ids of the runs that a request made, as they are kept with it and stand in a stream.

/**
 * Ids in their order; neighbours, as a batch gets them, are the first of them and how many they are. Ten thousand
 * batches of a thousand would be 80 MB, and as much text in every manifest.
 */
export type Ids = readonly (number | readonly [first: number, count: number])[];

export function packed(ids: readonly number[]): Ids {
  const ranges: [first: number, count: number][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last && id === last[0] + last[1]) last[1]++;
    else ranges.push([id, 1]);
  }
  return ranges.map(([first, count]) => (count === 1 ? first : [first, count]));
}

export const unpacked = (ids: Ids): number[] =>
  ids.flatMap((one) =>
    typeof one === 'number' ? one : Array.from({ length: one[1] }, (_, i) => one[0] + i),
  );
