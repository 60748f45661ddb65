// Seeds that once showed a fault, each with what it showed: they are played again at every test.
export const SEEDS: readonly (readonly [seed: number, steps: number, showed: string])[] = [
  [1, 120, 'a retried run began before the one that it waits for was over'],
  [2, 120, 'a claim that could not be written was tried again without a pause'],
  [5, 120, '"queued" was told after "running"'],
  [14, 120, 'a request that was accepted was answered with the refusal of a later one'],
];
